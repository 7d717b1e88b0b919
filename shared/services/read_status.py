"""The read side: one upload, history, refused rows, audit trail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Any, Literal

from pydantic import ValidationError

from shared.domain import object_keys
from shared.domain.audit import AuditAct, AuditEvent
from shared.domain.correction import is_completed
from shared.domain.identity import Identity
from shared.domain.refused import RefusedRow
from shared.domain.upload import Totals, Undone, Upload, UploadState
from shared.errors import RequestRefused, cursor_refused
from shared.services.corrected_rows import corrected_by, corrections_of
from shared.services.ports import AuditLog, Clock, Objects, Page, Uploads

_DOWNLOAD_SECONDS = 300
_PAGE_BYTES = 4_000_000
_ROW_BYTES = 1_500_000
"""Of refused rows within an answer; a function's may have six megabytes."""

_CHARACTERS_SHOWN = (10_000, 1_000, 50)
_CELLS_SHOWN = 1_000
"""Of a row that is too long: ever fewer characters of a cell, until it fits."""

_SAMPLE_ROWS = 5
_SAMPLE_ERRORS = 20
_SAMPLE_CHARACTERS = 200

_MESSAGES = {
    UploadState.AWAITING_UPLOAD: "Waiting for the file.",
    UploadState.SCANNING: "The file has arrived and is being checked.",
    UploadState.QUEUED: "The file is fine and waits for its turn.",
    UploadState.PLANNING: "Reading the file's structure.",
    UploadState.REVIEWING: "Read, and waiting for you: look at the preview, then confirm it.",
    UploadState.IMPORTING: "Importing the records.",
    UploadState.FINISHING: "Settling the totals.",
    UploadState.CANCELLING: "Cancelling: what is going in at this moment is waited for.",
    UploadState.UNDOING: "Taking the records of this upload out of the table.",
    UploadState.CANCELLED: "The import was cancelled.",
}


_INTERNAL = (
    *("objectKey", "source", "parts", "refusedRowsKey", "qualityReportKey"),
    *("options", "plan", "plannedIn", "generation", "confirmation"),
)
"""Members of an upload that the API does not show, or shows in a form of its own."""


def find_upload(identity: Identity, upload_id: str, uploads: Uploads) -> Upload:
    """The tenant's upload; raises RequestRefused 404, also for what is another's."""
    upload = uploads.get(identity.tenant_id, upload_id)
    if upload is None:
        raise RequestRefused("There is no upload of this id.", status=404, code="upload_not_found")
    return upload


def show_upload(upload: Upload) -> dict[str, Any]:
    """An upload as the API shows it."""
    view = upload.model_dump(mode="json", by_alias=True, exclude={"tenant_id", "request_digest", "state"})
    for internal in _INTERNAL:
        view.pop(internal)
    if upload.totals:
        view["totals"]["unprocessed"] = upload.totals.unprocessed
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


def show_corrections(upload: Upload, uploads: Uploads) -> dict[str, Any]:
    """The corrections of an upload as they are now, and how many of its refused rows are in by them.

    A correction that has expired has no status any more.
    """
    there = {correction.upload_id: correction for correction in corrections_of(upload, uploads)}
    completed = [correction.totals for correction in there.values() if is_completed(correction)]
    return {
        "corrections": [
            entry.model_dump(mode="json", by_alias=True)
            | {"status": found.state.status if (found := there.get(entry.upload_id)) else None}
            for entry in upload.corrections
        ],
        "correctedRecords": sum(totals.imported + totals.duplicates for totals in completed if totals),
    }


def show_status(upload: Upload, *, uploads: Uploads, objects: Objects, now: datetime) -> dict[str, Any]:
    """An upload with its first errors, and how far it is: what the status route answers and live connections tell."""
    return {
        "upload": show_upload(upload)
        | show_corrections(upload, uploads)
        | {"errors": sample_of_errors(upload, objects)},
        "progress": show_progress(upload, uploads, now),
    }


def _message(upload: Upload) -> str:
    if upload.state is UploadState.UNDOING:
        return _MESSAGES[upload.state]
    if upload.undone:
        return _undone_message(upload.undone)
    if upload.failure:
        dry = " This was a dry run: no record was written." if upload.options.dry_run else ""
        return upload.failure.message + dry
    totals = upload.totals
    if totals is None:
        return _MESSAGES[upload.state]
    done = "would be imported; this was a dry run" if upload.options.dry_run else "imported"
    message = f"{totals.imported:,} of {totals.records:,} records {done}"
    if upload.state is UploadState.CANCELLED:
        message = f"The import was cancelled. {message}"
    if totals.duplicates:
        message += f", {totals.duplicates:,} were there already"
    if totals.refused:
        message += f", {totals.refused:,} refused"
    return message + "."


def _undone_message(undone: Undone) -> str:
    message = f"Undone: the {undone.removed:,} records of this upload have left the table"
    if undone.removed == undone.recorded:
        return message + "."
    return message + f"; {undone.recorded:,} had gone in, and the others were no longer there."


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


def refused_rows(upload: Upload, limit: int, cursor: str | None, objects: Objects) -> Page[dict[str, Any]]:
    """A page of the refused rows as the API shows them, in the file's order: at most `limit`, fewer of long ones.

    A cursor is `{chunk}:{byte}`, the place behind the last row; raises RequestRefused 422 for any other text.
    """
    chunk, start = _place(cursor)
    prefix = object_keys.refused_prefix(upload.tenant_id, upload.upload_id)
    first = object_keys.refused_rows(upload.tenant_id, upload.upload_id, chunk)
    header = upload.plan.header if upload.plan else []
    items: list[dict[str, Any]] = []
    size = 0
    for key in objects.keys(prefix, start_after=first[: -len(".jsonl")]):
        offset = start if key == first else 0
        for line in _lines(objects, key, offset):
            shown = _shown(_refused_row(line), header) if len(items) < limit else {}
            size += answer_size(shown)
            if len(items) == limit or (items and size > _PAGE_BYTES):
                return Page(items, f"{int(key.removeprefix(prefix)[: -len('.jsonl')])}:{offset}")
            offset += len(line)
            items.append(shown)
    return Page(items, None)


def with_corrections(
    rows: list[dict[str, Any]], upload: Upload, uploads: Uploads, objects: Objects
) -> list[dict[str, Any]]:
    """Refused rows as the API shows them, each with the id of the completed correction that has brought it in."""
    found = corrected_by([row["row"] for row in rows], upload, uploads, objects)
    return [row | {"correctedBy": found.get(row["row"])} for row in rows]


def sample_of_errors(upload: Upload, objects: Objects) -> list[dict[str, Any]]:
    """What is wrong with the first refused rows, for the status of an upload that has ended; none before."""
    if upload.refused_rows_key is None:
        return []
    rows = refused_rows(upload, _SAMPLE_ROWS, None, objects).items
    errors = [error for row in rows for error in row["errors"]][:_SAMPLE_ERRORS]
    return [error | {"value": error["value"] and _cut(error["value"], _SAMPLE_CHARACTERS)} for error in errors]


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


@dataclass(frozen=True, slots=True)
class Download:
    """A URL that downloads a file, until it expires."""

    url: str
    expires_at: datetime


def refused_rows_download(
    upload: Upload,
    form: Literal["csv", "xlsx"],
    identity: Identity,
    *,
    objects: Objects,
    audit: AuditLog,
    clock: Clock,
) -> Download:
    """The way to all refused rows as a file; a workbook is made when it is asked for the first time.

    Raises RequestRefused 404 or 409 while there are none, and 422 for what no workbook can hold.
    """
    if not upload.state.ended:
        raise RequestRefused(
            "The import is still running; the file of refused rows is made when it ends.",
            status=409,
            code="import_running",
        )
    if upload.refused_rows_key is None:
        raise RequestRefused("No row of this file was refused.", status=404, code="no_refused_rows")
    key = _kept_workbook(upload, objects) if form == "xlsx" else upload.refused_rows_key
    event = AuditEvent(
        at=clock(),
        event=AuditAct.REFUSED_ROWS_DOWNLOADED,
        actor=identity.user_id,
        correlation_id=upload.correlation_id,
        details={"format": form},
    )
    audit.add(upload.tenant_id, upload.upload_id, event)
    expires_at = clock() + timedelta(seconds=_DOWNLOAD_SECONDS)
    name = f"refused-rows-{upload.upload_id}.{form}"
    return Download(objects.sign_download(key, file_name=name, seconds=_DOWNLOAD_SECONDS), expires_at)


def _kept_workbook(upload: Upload, objects: Objects) -> str:
    from shared.services.refused_workbook import keep_workbook  # noqa: PLC0415 (openpyxl is slow to import)

    return keep_workbook(upload, objects)


def answer_size(document: dict[str, Any]) -> int:
    """The bytes of a document within a function's answer, at most: JSON in JSON, all beyond ASCII escaped."""
    return len(json.dumps(json.dumps(document, ensure_ascii=False)))


def _shown(row: RefusedRow, header: list[str]) -> dict[str, Any]:
    """A refused row as the API shows it; one that is too long for that with its texts cut, and `truncated`."""
    shown = show_refused_row(row, header)
    for characters in _CHARACTERS_SHOWN:
        if answer_size(shown) <= _ROW_BYTES:
            return shown
        errors = [
            replace(e, value=e.value and _cut(e.value, characters), error=_cut(e.error, characters))
            for e in row.errors[:_CELLS_SHOWN]
        ]
        cells = [_cut(cell, characters) for cell in row.cells[:_CELLS_SHOWN]]
        cut = row.model_copy(update={"cells": cells, "errors": errors})
        shown = show_refused_row(cut, header[:_CELLS_SHOWN]) | {"truncated": True}
    return shown


def _cut(text: str, characters: int) -> str:
    return text if len(text) <= characters else f"{text[:characters]}… (cut, of {len(text):,} characters)"


def show_refused_row(row: RefusedRow, header: list[str]) -> dict[str, Any]:
    """A refused row with all of its cells; one that could not be cut into cells has its raw text as `record`."""
    are_cells = len(row.cells) > 1 or len(header) == 1
    names = [*header, *(f"Column {position}" for position in range(len(header) + 1, len(row.cells) + 1))]
    return {
        "row": row.row,
        "record": dict(zip_longest(names, row.cells, fillvalue="")) if are_cells else row.cells[0],
        "errors": [{"row": row.row, **error} for error in row.model_dump(mode="json")["errors"]],
    }
