"""POST /api/import/manufacturing-data: start an upload."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from shared import wiring
from shared.domain.identity import Permission
from shared.http_api import BASE, answer, correlation_id, identify, new_http_api, text_body
from shared.observability import instrumented, logger
from shared.services.start_upload import StartedUpload, rate_limit_headers, start_upload
from shared.settings import get_settings

app = new_http_api()


@app.post(BASE)
def post_upload() -> Response[str]:
    """Answer 201 with the upload's ids, where to follow it, and the presigned POST."""
    correlation = correlation_id(app)
    identity = identify(app, Permission.IMPORT)
    started = start_upload(
        text_body(app),
        identity,
        idempotency_key=app.current_event.headers.get("idempotency-key"),
        correlation_id=correlation,
        uploads=wiring.uploads(),
        profiles=wiring.profiles(),
        limiter=wiring.limiter(),
        objects=wiring.objects(),
        settings=get_settings(),
        clock=wiring.clock,
    )
    logger.info("upload started", upload_id=started.upload.upload_id, repeated=started.allowance is None)
    headers = rate_limit_headers(started.allowance) if started.allowance else {}
    return answer(HTTPStatus.CREATED, _show(started), headers)


def _show(started: StartedUpload) -> dict[str, Any]:
    upload, post, expires_at = started.upload, started.post, started.post_expires_at
    return {
        "success": True,
        "uploadId": upload.upload_id,
        "jobId": upload.upload_id,
        "status": upload.state.status,
        "message": "Send the file to upload.url as multipart/form-data: every field of upload.fields, then `file`."
        if post
        else "The file has arrived already; follow tracking.statusUrl.",
        "tracking": {"statusUrl": f"{BASE}?uploadId={upload.upload_id}", "websocketUrl": None},
        "upload": {
            "method": "POST",
            "url": post.url,
            "fields": post.fields,
            "expiresAt": expires_at.isoformat() if expires_at else None,
        }
        if post
        else None,
    }


@instrumented(correlation_id_path=None)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer an API Gateway request (payload format 2.0)."""
    return app.resolve(event, context)
