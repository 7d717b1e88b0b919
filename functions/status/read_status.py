"""What there is to read: one upload, history, preview, refused rows, quality report, audit trail, and who is asking."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from shared import wiring
from shared.domain.identity import Identity, Permission
from shared.domain.upload import Upload
from shared.errors import RequestRefused
from shared.http_api import BASE, SESSION, accepts_json, answer, correlation_id, identify, new_http_api, page
from shared.observability import instrumented
from shared.services import read_status
from shared.services.upload_filter import read_filter

_DEFAULT_LIMIT = 20
_LARGEST_LIMIT = 200
_MOST_DIGITS = 9

app = new_http_api()


@app.get(BASE)
def get_uploads() -> Response[str]:
    """One upload with its progress where `uploadId` is given, else the tenant's history."""
    correlation_id(app)
    identity = identify(app, Permission.READ)
    uploads = wiring.uploads()
    upload_id = app.current_event.get_query_string_value("uploadId")
    if upload_id:
        upload = read_status.find_upload(identity, upload_id, uploads)
        status = read_status.show_status(upload, uploads=uploads, objects=wiring.objects(), now=wiring.clock())
        return answer(HTTPStatus.OK, status)
    wanted = read_filter(app.current_event.query_string_parameters)
    page = uploads.history(identity.tenant_id, _limit(), _cursor(), wanted)
    listed = [read_status.show_upload(upload) for upload in page.items]
    return answer(HTTPStatus.OK, {"uploads": listed, **_pagination(page.cursor)})


@app.get(SESSION)
def get_session() -> Response[str]:
    """Who is asking and what they may, for a page that shows what there is to do."""
    correlation_id(app)
    identity = identify(app, Permission.READ)
    permissions = [permission for permission in Permission if identity.may(permission)]
    shown = {"user": identity.user_id, "tenant": identity.tenant_id, "role": identity.role, "permissions": permissions}
    return answer(HTTPStatus.OK, shown)


@app.get(f"{BASE}/template")
def get_template() -> Response[Any]:
    """An empty table to fill in, as a workbook or with `format=csv` as CSV."""
    from shared.services.template import make_template  # noqa: PLC0415 (openpyxl is slow to import)

    correlation_id(app)
    identify(app, Permission.READ)
    form = _format("xlsx", "csv")
    template = make_template("csv" if form == "csv" else "xlsx")
    headers = {"ETag": template.etag, "Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff"}
    if template.is_tagged(app.current_event.headers.get("if-none-match") or ""):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    headers["Content-Disposition"] = f'attachment; filename="{template.file_name}"'
    return Response(HTTPStatus.OK, content_type=template.content_type, body=template.data, headers=headers)


@app.get(f"{BASE}/<upload_id>/errors")
def get_refused_rows(upload_id: str) -> Response[str]:
    """The refused rows: a page of them as JSON, or with `format=csv` or `xlsx` the way to a file of all."""
    correlation_id(app)
    identity = identify(app, Permission.READ)
    upload = read_status.find_upload(identity, upload_id, wiring.uploads())
    form = _format("json", "csv", "xlsx")
    if form != "json":
        return _download(upload, "csv" if form == "csv" else "xlsx", identity)
    page = read_status.refused_rows(upload, _limit(), _cursor(), wiring.objects())
    shown = read_status.with_corrections(page.items, upload, wiring.uploads(), wiring.objects())
    columns = upload.plan.header if upload.plan else []
    return answer(HTTPStatus.OK, {"columns": columns, "refusedRows": shown, **_pagination(page.cursor)})


def _download(upload: Upload, form: Literal["csv", "xlsx"], identity: Identity) -> Response[str]:
    """A redirect to the file; the address as JSON for callers that ask for JSON.

    A page's `fetch` would take its Authorization header along to S3, which refuses the request then.
    """
    download = read_status.refused_rows_download(
        upload, form, identity, objects=wiring.objects(), audit=wiring.uploads(), clock=wiring.clock
    )
    body = {"url": download.url, "expiresAt": download.expires_at.isoformat()}
    if accepts_json(app.current_event.headers.get("accept") or ""):
        return answer(HTTPStatus.OK, body)
    return answer(HTTPStatus.FOUND, body, {"Location": download.url})


@app.get(f"{BASE}/<upload_id>/audit")
def get_audit(upload_id: str) -> Response[str]:
    """What was done to an upload, by whom and why, oldest first."""
    correlation_id(app)
    identity = identify(app, Permission.READ)
    upload = read_status.find_upload(identity, upload_id, wiring.uploads())
    page = wiring.uploads().events(upload.tenant_id, upload.upload_id, _limit(), _cursor())
    events = [event.model_dump(mode="json", by_alias=True) for event in page.items]
    return answer(HTTPStatus.OK, {"events": events, **_pagination(page.cursor)})


@app.get(f"{BASE}/<upload_id>/preview")
def get_preview(upload_id: str) -> Response[str]:
    """How the file of an upload is read that waits to be confirmed."""
    from shared.services.read_preview import read_preview  # noqa: PLC0415 (its models are slow to import)

    correlation_id(app)
    identity = identify(app, Permission.READ)
    upload = read_status.find_upload(identity, upload_id, wiring.uploads())
    preview = read_preview(upload, wiring.objects())
    return answer(HTTPStatus.OK, preview.model_dump(mode="json", by_alias=True))


@app.get(f"{BASE}/<upload_id>/report")
def get_report(upload_id: str) -> Response[str]:
    """The quality report of an upload that has ended: as JSON, or with `format=html` as a page."""
    from shared.services.quality_report import read_quality_report  # noqa: PLC0415 (its many models are slow to import)
    from shared.services.report_page import report_page  # noqa: PLC0415
    from shared.services.report_style import CONTENT_SECURITY_POLICY  # noqa: PLC0415

    correlation_id(app)
    identity = identify(app, Permission.READ)
    upload = read_status.find_upload(identity, upload_id, wiring.uploads())
    form = _format("json", "html")
    report = read_quality_report(upload, wiring.objects())
    if form == "html":
        return page(report_page(report), CONTENT_SECURITY_POLICY)
    return answer(HTTPStatus.OK, report.model_dump(mode="json", by_alias=True))


def _format(default: str, *others: str) -> str:
    form = app.current_event.get_query_string_value("format") or default
    if form not in (default, *others):
        known = " or ".join((default, *others))
        raise RequestRefused(f"There is no format “{form[:40]}”; ask for {known}.", status=422, code="format_unknown")
    return form


def _limit() -> int:
    text = app.current_event.get_query_string_value("limit") or str(_DEFAULT_LIMIT)
    if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS and 1 <= int(text) <= _LARGEST_LIMIT:
        return int(text)
    raise RequestRefused(f"limit is a number from 1 to {_LARGEST_LIMIT}.", status=422, code="limit_invalid")


def _cursor() -> str | None:
    return app.current_event.get_query_string_value("cursor") or None


def _pagination(cursor: str | None) -> dict[str, Any]:
    return {"pagination": {"limit": _limit(), "nextCursor": cursor}}


@instrumented(correlation_id_path=None)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer an API Gateway request (payload format 2.0)."""
    return app.resolve(event, context)
