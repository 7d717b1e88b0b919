"""S3 ObjectCreated under incoming/: decide whether the object may be read."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_plus

from aws_lambda_powertools.utilities.data_classes import S3Event
from aws_lambda_powertools.utilities.typing import LambdaContext

from shared import wiring
from shared.observability import instrumented, logger
from shared.services.scan_upload import scan_upload
from shared.settings import get_settings


@instrumented(correlation_id_path=None)
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Scan each object of the event; a failure is raised, and Lambda delivers the event again."""
    del context
    for record in S3Event(event).records:
        key = unquote_plus(record.s3.get_object.key)  # S3 encodes the keys in its events as in a form
        outcome = scan_upload(
            key,
            record.s3.get_object.version_id,
            uploads=wiring.uploads(),
            audit=wiring.uploads(),
            objects=wiring.objects(),
            queue=wiring.queue(),
            clock=wiring.clock,
            scanner=wiring.scanner(),
            settings=get_settings(),
        )
        logger.info("object scanned", key=key, outcome=outcome.value)
