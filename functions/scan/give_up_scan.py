"""The end of a scan that Lambda has tried for the last time: the destination of its failures."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_plus

from aws_lambda_powertools.utilities.data_classes import S3Event
from aws_lambda_powertools.utilities.typing import LambdaContext

from shared import wiring
from shared.observability import instrumented, logger
from shared.services.scan_upload import give_up_scan


@instrumented(correlation_id_path=None)
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Refuse each object of the event that could not be dealt with; `requestPayload` has it as S3 sent it."""
    del context
    for record in S3Event(event["requestPayload"]).records:
        key = unquote_plus(record.s3.get_object.key)
        outcome = give_up_scan(
            key,
            record.s3.get_object.version_id,
            uploads=wiring.uploads(),
            objects=wiring.objects(),
            clock=wiring.clock,
        )
        logger.error("scan given up", key=key, outcome=outcome.value, error=event.get("responsePayload"))
