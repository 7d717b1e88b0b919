"""The parts of a large file: POST …/{uploadId}/parts signs URLs, GET lists what has come, POST …/complete ends it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from shared import wiring
from shared.domain.identity import Permission
from shared.http_api import BASE, answer, correlation_id, identify, new_http_api, text_body
from shared.observability import instrumented, logger
from shared.services.read_status import show_upload
from shared.services.send_parts import complete_parts, sign_parts, stored_parts
from shared.settings import get_settings

app = new_http_api()


@app.post(f"{BASE}/<upload_id>/parts")
def post_parts(upload_id: str) -> Response[str]:
    """Answer 200 with a URL for each part that is asked for."""
    correlation_id(app)
    identity = identify(app, Permission.IMPORT)
    signed = sign_parts(
        text_body(app),
        upload_id,
        identity,
        uploads=wiring.uploads(),
        objects=wiring.objects(),
        clock=wiring.clock,
        seconds=get_settings().upload_url_seconds,
    )
    parts = [{"partNumber": part.number, "size": part.size, "url": part.url} for part in signed.parts]
    return answer(HTTPStatus.OK, {"parts": parts, "expiresAt": signed.expires_at.isoformat()})


@app.get(f"{BASE}/<upload_id>/parts")
def get_parts(upload_id: str) -> Response[str]:
    """Answer 200 with the parts that have come."""
    correlation_id(app)
    identity = identify(app, Permission.IMPORT)
    stored = stored_parts(upload_id, identity, uploads=wiring.uploads(), objects=wiring.objects())
    parts = [{"partNumber": part.number, "size": part.size, "etag": part.etag} for part in stored]
    return answer(HTTPStatus.OK, {"parts": parts})


@app.post(f"{BASE}/<upload_id>/complete")
def post_complete(upload_id: str) -> Response[str]:
    """Answer 200 once the parts are one file."""
    correlation_id(app)
    identity = identify(app, Permission.IMPORT)
    upload = complete_parts(upload_id, identity, uploads=wiring.uploads(), objects=wiring.objects())
    logger.info("parts put together", upload_id=upload.upload_id)
    return answer(HTTPStatus.OK, {"success": True, "upload": show_upload(upload)})


@instrumented(correlation_id_path=None)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer an API Gateway request (payload format 2.0)."""
    return app.resolve(event, context)
