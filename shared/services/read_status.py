"""The read side: one upload, history, refused rows, audit trail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from itertools import zip_longest
from typing import Any

from pydantic import ValidationError

from shared.domain import object_keys
from shared.domain.audit import AuditAct, AuditEvent
from shared.domain.identity import Identity
from shared.domain.refused import RefusedRow
from shared.domain.upload import Totals, Upload, UploadState
from shared.errors import RequestRefused, cursor_refused
from shared.services.ports import AuditLog, Clock, Objects, Page, Uploads

_DOWNLOAD_SECONDS = 300
_PAGE_BYTES = 1_500_000
"""Of refused rows as they are kept; an answer writes them out in full, and a function's may have six megabytes."""

_MESSAGES = {
    UploadState.AWAITING_UPLOAD: "Waiting for the file.",
    UploadState.SCANNING: "The file has arrived and is being checked.",
    UploadState.QUEUED: "The file is fine and waits for its turn.",
    UploadState.PLANNING: "Reading the file's structure.",
    UploadState.IMPORTING: "Importing the records.",
    UploadState.FINISHING: "Settling the totals.",
    UploadState.CANCELLED: "The import was cancelled.",
}


def find_upload(identity: Identity, upload_id: str, uploads: Uploads) -> Upload:
    """The tenant's upload; raises RequestRefused 404, also for what is another's."""
    upload = uploads.get(identity.tenant_id, upload_id)
    if upload is None:
        raise RequestRefused("There is no upload of this id.", status=404, code="upload_not_found")
    return upload


def show_upload(upload: Upload) -> dict[str, Any]:
    """An upload as the API shows it."""
    view = upload.model_dump(mode="json", by_alias=True, exclude={"tenant_id", "request_digest", "state"})
    for internal in ("objectKey", "source", "refusedRowsKey", "qualityReportKey", "options", "plan"):
        view.pop(internal)
    plan = upload.plan
    return view | {
        "jobId": upload.upload_id,
        "status": upload.state.status,
        "stage": upload.state.stage,
        "message": _message(upload),
        **upload.options.model_dump(mode="json", by_alias=True),
        "columns": plan.columns if plan else {},
        "unmappedColumns": plan.unmapped_columns if plan else [],
        "decisions": [decision.model_dump(mode="json") for decision in plan.decisions] if plan else [],
    }


def _message(upload: Upload) -> str:
    if upload.failure:
        return upload.failure.message
    totals = upload.totals
    if totals is None:
        return _MESSAGES[upload.state]
    done = "would be imported; this was a dry run" if upload.options.dry_run else "imported"
    message = f"{totals.imported:,} of {totals.records:,} records {done}"
    if totals.duplicates:
        message += f", {totals.duplicates:,} were there already"
    if totals.refused:
        message += f", {totals.refused:,} refused"
    return message + "."


def show_progress(upload: Upload, uploads: Uploads, now: datetime) -> dict[str, Any]:
    """How far an upload is. `percentage` is of the records, `estimatedTimeRemaining` in seconds or None."""
    counted = upload.totals or (uploads.progress(upload) if upload.plan else Totals())
    records = upload.plan.records if upload.plan else counted.records
    finished = upload.state in (UploadState.COMPLETED, UploadState.COMPLETED_WITH_ERRORS)
    return {
        "totalRecords": records,
        "processedRecords": counted.processed,
        "successfulRecords": counted.imported,
        "failedRecords": counted.refused,
        "duplicates": counted.duplicates,
        "warnings": counted.warnings,
        "unprocessedRecords": records - counted.processed,
        "percentage": 100 if finished else (100 * counted.processed // records if records else 0),
        "currentPhase": upload.state.value,
        "estimatedTimeRemaining": _seconds_left(upload, counted.processed, records, now),
    }


def _seconds_left(upload: Upload, processed: int, records: int, now: datetime) -> int | None:
    if upload.state.ended:
        return 0
    if not processed or upload.import_started_at is None:
        return None
    elapsed = (now - upload.import_started_at).total_seconds()
    return round(elapsed / processed * (records - processed))


def refused_rows(upload: Upload, limit: int, cursor: str | None, objects: Objects) -> Page[RefusedRow]:
    """A page of the refused rows, in the file's order: at most `limit`, and fewer where they are long.

    A cursor is `{chunk}:{byte}`, the place behind the last row; raises RequestRefused 422 for any other text.
    """
    chunk, start = _place(cursor)
    prefix = object_keys.refused_prefix(upload.tenant_id, upload.upload_id)
    first = object_keys.refused_rows(upload.tenant_id, upload.upload_id, chunk)
    header_bytes = sum(map(len, upload.plan.header)) if upload.plan else 0
    items: list[RefusedRow] = []
    size = 0
    for key in objects.keys(prefix, start_after=first[: -len(".jsonl")]):
        offset = start if key == first else 0
        for line in _lines(objects, key, offset):
            size += len(line) + header_bytes
            if len(items) == limit or (items and size > _PAGE_BYTES):
                return Page(items, f"{int(key.removeprefix(prefix)[: -len('.jsonl')])}:{offset}")
            offset += len(line)
            items.append(_refused_row(line))
    return Page(items, None)


def _refused_row(line: bytes) -> RefusedRow:
    try:
        return RefusedRow.model_validate_json(line)
    except ValidationError as error:  # a cursor that leads into the middle of a line was not given by us
        raise cursor_refused() from error


def _lines(objects: Objects, key: str, start: int) -> Iterator[bytes]:
    with objects.open_read(key, start) as stream:
        yield from stream


def _place(cursor: str | None) -> tuple[int, int]:
    if cursor is None:
        return 0, 0
    with suppress(ValueError):
        chunk, start = (int(part) for part in cursor.split(":"))
        if 0 <= chunk < 10**6 and start >= 0:
            return chunk, start
    raise cursor_refused()


def refused_rows_url(upload: Upload, identity: Identity, objects: Objects, audit: AuditLog, clock: Clock) -> str:
    """A URL that downloads the refused rows as CSV; raises RequestRefused 404 or 409 while there are none."""
    if not upload.state.ended:
        raise RequestRefused(
            "The import is still running; the file of refused rows is made when it ends.",
            status=409,
            code="import_running",
        )
    if upload.refused_rows_key is None:
        raise RequestRefused("No row of this file was refused.", status=404, code="no_refused_rows")
    event = AuditEvent(
        at=clock(),
        event=AuditAct.REFUSED_ROWS_DOWNLOADED,
        actor=identity.user_id,
        correlation_id=upload.correlation_id,
    )
    audit.add(upload.tenant_id, upload.upload_id, event)
    name = f"refused-rows-{upload.upload_id}.csv"
    return objects.sign_download(upload.refused_rows_key, file_name=name, seconds=_DOWNLOAD_SECONDS)


def show_refused_row(row: RefusedRow, upload: Upload) -> dict[str, Any]:
    """A refused row as the API shows it; one that could not be cut into cells has its raw text as `record`."""
    header = upload.plan.header if upload.plan else []
    cut = len(row.cells) > 1 or len(header) == 1
    names = [*header, *(f"Column {position}" for position in range(len(header) + 1, len(row.cells) + 1))]
    return {
        "row": row.row,
        "record": dict(zip_longest(names, row.cells, fillvalue="")) if cut else row.cells[0],
        "errors": [{"row": row.row, **error} for error in row.model_dump(mode="json")["errors"]],
    }
