"""The schedule of the safety sweep: put right the uploads that a lost event has left where they are."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from shared import wiring
from shared.observability import instrumented, logger
from shared.services.sweep_uploads import UploadSweep
from shared.settings import get_settings


@instrumented(correlation_id_path=None)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, str]:
    """Sweep; answer what was done for which upload."""
    del event, context
    sweep = UploadSweep(
        uploads=wiring.uploads(),
        objects=wiring.objects(),
        queue=wiring.queue(),
        scan_step=wiring.scan_step(),
        fail_step=wiring.fail_step(),
        undo_step=wiring.undo_step(),
        clock=wiring.clock,
        upload_url_seconds=get_settings().upload_url_seconds,
    )
    mended = {upload_id: mending.value for upload_id, mending in sweep.run().items()}
    for upload_id, mending in mended.items():
        logger.warning("upload put right", upload_id=upload_id, mending=mending)
    return mended
