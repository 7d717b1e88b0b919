"""POST /api/import/manufacturing-data: start an upload."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from shared import wiring
from shared.domain.identity import Permission
from shared.domain.parts import KEPT_FOR
from shared.domain.upload import UploadState
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
    upload = started.upload
    message, how = _how_to_send(started)
    return {
        "success": True,
        "uploadId": upload.upload_id,
        "jobId": upload.upload_id,
        "status": upload.state.status,
        "message": message,
        "tracking": {
            "statusUrl": f"{BASE}?uploadId={upload.upload_id}",
            "websocketUrl": get_settings().live_url or None,
        },
        "upload": how,
    }


def _how_to_send(started: StartedUpload) -> tuple[str, dict[str, Any] | None]:
    upload, post, expires_at = started.upload, started.post, started.post_expires_at
    if post and expires_at:
        return (
            "Send the file to upload.url as multipart/form-data: every field of upload.fields, then `file`.",
            {"method": "POST", "url": post.url, "fields": post.fields, "expiresAt": expires_at.isoformat()},
        )
    if upload.parts and upload.state is UploadState.AWAITING_UPLOAD:
        return (
            "Ask upload.partsUrl for the URLs of parts, PUT each part's bytes there, and POST to upload.completeUrl.",
            {
                "method": "MULTIPART",
                "partSize": upload.parts.part_bytes,
                "partCount": upload.parts.count,
                "partsUrl": f"{BASE}/{upload.upload_id}/parts",
                "completeUrl": f"{BASE}/{upload.upload_id}/complete",
                "expiresAt": (upload.created_at + KEPT_FOR).isoformat(),
            },
        )
    return "The file has arrived already; follow tracking.statusUrl.", None


@instrumented(correlation_id_path=None)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer an API Gateway request (payload format 2.0)."""
    return app.resolve(event, context)
