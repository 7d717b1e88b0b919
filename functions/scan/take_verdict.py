"""A scan result of GuardDuty, by EventBridge: keep it, and go on with the upload that waits for it."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from shared import wiring
from shared.adapters.guardduty_events import object_verdict
from shared.observability import instrumented, logger
from shared.services.take_verdict import take_verdict
from shared.settings import get_settings


@instrumented(correlation_id_path=None)
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Take the verdict; a failure is raised, and Lambda delivers the event again."""
    del context
    result = object_verdict(event, get_settings().bucket)
    taken = take_verdict(
        result,
        uploads=wiring.uploads(),
        verdicts=wiring.verdicts(),
        scan_step=wiring.scan_step(),
        clock=wiring.clock,
    )
    logger.info("verdict taken", key=result.key, version_id=result.version_id, taken=taken)
