"""DELETE /api/import/manufacturing-data?uploadId=, POST …/{uploadId}/retry, …/undo and …/confirm: people's moves."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from shared import wiring
from shared.domain.identity import Permission
from shared.errors import RequestRefused
from shared.http_api import BASE, answer, correlation_id, identify, new_http_api, text_body
from shared.observability import instrumented, logger
from shared.services.change_upload import Change, cancel_upload, retry_upload, undo_upload
from shared.services.confirm_preview import confirm_preview
from shared.services.read_status import show_upload

app = new_http_api()


@app.delete(BASE)
def delete_upload() -> Response[str]:
    """Cancel an upload: 200 once it is cancelled, 202 while what goes in at this moment is waited for."""
    correlation_id(app)
    identity = identify(app, Permission.IMPORT)
    upload_id = app.current_event.get_query_string_value("uploadId")
    if not upload_id:
        raise RequestRefused("Say which upload: ?uploadId=….", status=422, code="request_invalid")
    return _shown(
        cancel_upload(upload_id, identity, uploads=wiring.uploads(), fail_step=wiring.fail_step(), clock=wiring.clock)
    )


@app.post(f"{BASE}/<upload_id>/retry")
def post_retry(upload_id: str) -> Response[str]:
    """Put an upload into the queue again: 202."""
    correlation_id(app)
    identity = identify(app, Permission.IMPORT)
    return _shown(retry_upload(upload_id, identity, uploads=wiring.uploads(), queue=wiring.queue(), clock=wiring.clock))


@app.post(f"{BASE}/<upload_id>/undo")
def post_undo(upload_id: str) -> Response[str]:
    """Have the rows of an upload leave the table: 202 while they do, 200 once they have."""
    correlation_id(app)
    identity = identify(app, Permission.IMPORT)
    return _shown(
        undo_upload(upload_id, identity, uploads=wiring.uploads(), undo_step=wiring.undo_step(), clock=wiring.clock)
    )


@app.post(f"{BASE}/<upload_id>/confirm")
def post_confirm(upload_id: str) -> Response[str]:
    """Import an upload as its preview shows it, or with other choices: 202, and repeated 200 once it is in."""
    correlation_id(app)
    identity = identify(app, Permission.IMPORT)
    return _shown(
        confirm_preview(
            upload_id,
            text_body(app),
            identity,
            uploads=wiring.uploads(),
            profiles=wiring.profiles(),
            queue=wiring.queue(),
            clock=wiring.clock,
        )
    )


def _shown(change: Change) -> Response[str]:
    upload = change.upload
    logger.info("upload changed", upload_id=upload.upload_id, state=upload.state)
    status = HTTPStatus.ACCEPTED if change.pending else HTTPStatus.OK
    return answer(status, {"success": True, "upload": show_upload(upload)})


@instrumented(correlation_id_path=None)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer an API Gateway request (payload format 2.0)."""
    return app.resolve(event, context)
