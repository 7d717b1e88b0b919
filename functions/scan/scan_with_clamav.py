"""ClamAV in a container: what it says of one version of an object. `scan_upload` asks, where SCANNER is `clamav`."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from shared import wiring
from shared.domain.upload import SourceObject
from shared.observability import instrumented, logger


@instrumented(correlation_id_path=None)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer the verdict on the `SourceObject` that the event is."""
    del context
    source = SourceObject.model_validate(event)
    verdict = wiring.clamav_engine().scan(source)
    logger.info("object scanned", key=source.key, verdict=verdict.model_dump(mode="json"))
    return verdict.model_dump(mode="json", by_alias=True)
