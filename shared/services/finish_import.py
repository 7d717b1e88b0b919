"""End an import: settle the totals from the ledger, gather the refused rows, free the slot."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime
from itertools import chain

from shared.domain import object_keys
from shared.domain.audit import AuditAct, AuditEvent
from shared.domain.headers import added_by_us, cells_of_the_file
from shared.domain.refused import CODES_COLUMN, REASONS_COLUMN, ROW_COLUMN, RefusedRow, guard_formula
from shared.domain.upload import Failure, Totals, Upload, UploadState
from shared.errors import AccountingError
from shared.services.failures import INTERNAL_ERROR, too_many_errors
from shared.services.ports import Clock, JobQueue, Objects, Records, Uploads
from shared.services.quality_report import write_quality_report
from shared.services.refused_lines import refused_lines


def finish_import(
    upload: Upload, *, uploads: Uploads, objects: Objects, records: Records, queue: JobQueue, clock: Clock
) -> Totals:
    """Settle an upload whose chunks are all in. Harmless when repeated.

    Raises AccountingError when the ledger does not hold every record that planning counted, and UploadRejected where
    planning found that it has to stop.
    """
    if not upload.state.ended:
        totals = _settled(upload, records)
        ended = _event(upload, AuditAct.LOAD_ENDED, clock(), totals)
        upload = uploads.move(upload, UploadState.FINISHING, ended)
        to = UploadState.COMPLETED_WITH_ERRORS if totals.refused else UploadState.COMPLETED
        completed = _event(upload, AuditAct.IMPORT_COMPLETED, clock(), totals)
        key, _ = write_refused_rows(upload, objects) if totals.refused else (None, 0)
        report = write_quality_report(upload.model_copy(update={"state": to, "totals": totals}), objects)
        upload = uploads.move(
            upload,
            to,
            completed,
            totals=totals,
            refused_rows_key=key,
            quality_report_key=report,
            ended_at=clock(),
        )
    records.close(upload.tenant_id, upload.upload_id, upload.attempt)
    records.forget(upload.tenant_id, upload.upload_id)
    queue.release(upload.upload_id, upload.attempt)
    return upload.totals or Totals()


def _settled(upload: Upload, records: Records) -> Totals:
    ledger = records.ledger(upload.tenant_id, upload.upload_id)
    plan = upload.plan
    if plan and plan.stopped:
        raise too_many_errors(upload.options)
    if plan is None or (ledger.chunks, ledger.totals.processed) != (plan.chunks, plan.records):
        raise AccountingError(
            f"the ledger has {ledger.chunks} chunks and {ledger.totals.processed} records of upload "
            f"{upload.upload_id}; planned were {plan and plan.chunks} and {plan and plan.records}"
        )
    return ledger.totals


def fail_import(
    upload: Upload,
    failure: Failure,
    *,
    uploads: Uploads,
    objects: Objects,
    records: Records,
    queue: JobQueue,
    clock: Clock,
) -> Failure:
    """Leave an upload failed, with what had gone in until then counted, and free its slot. Harmless when repeated.

    A job whose file is not to blame stays in the queue as a dead letter.

    Loads of other chunks may still be under way: the upload is closed first, so that what is counted stays true.
    """
    if not upload.state.ended:
        totals, key = _closed(upload, objects, records)
        failed = _event(upload, AuditAct.IMPORT_FAILED, clock(), totals, **failure.model_dump(by_alias=True))
        ending = {"failure": failure, "totals": totals}
        report = write_quality_report(upload.model_copy(update={"state": UploadState.FAILED, **ending}), objects)
        upload = uploads.move(
            upload,
            UploadState.FAILED,
            failed,
            **ending,
            refused_rows_key=key,
            quality_report_key=report,
            ended_at=clock(),
        )
    if upload.failure is not None and upload.failure.code == INTERNAL_ERROR:
        error = f"{INTERNAL_ERROR}, supportId {upload.failure.support_id}"
        queue.bury(upload.upload_id, upload.attempt, error, clock())
    else:
        queue.release(upload.upload_id, upload.attempt)
    return upload.failure or failure


def cancel_import(
    upload: Upload, *, uploads: Uploads, objects: Objects, records: Records, queue: JobQueue, clock: Clock
) -> Totals:
    """Leave an upload that is being cancelled cancelled, with what had gone in counted, and free its slot.

    Harmless when repeated. Nothing goes in any more once it is closed, so its execution, where it has one, ends at its
    next step, and is led here as well.
    """
    if upload.state is UploadState.CANCELLING:
        totals, key = _closed(upload, objects, records)
        cancelled = upload.model_copy(update={"state": UploadState.CANCELLED, "totals": totals})
        report = write_quality_report(cancelled, objects) if upload.plan else None
        upload = uploads.move(
            upload,
            UploadState.CANCELLED,
            _event(upload, AuditAct.IMPORT_CANCELLED, clock(), totals),
            totals=totals,
            refused_rows_key=key,
            quality_report_key=report,
            ended_at=clock(),
        )
    queue.release(upload.upload_id, upload.attempt)
    return upload.totals or Totals()


def _closed(upload: Upload, objects: Objects, records: Records) -> tuple[Totals, str | None]:
    """Let nothing more in; where the records are that were read until then, and the key of the refused ones."""
    loaded = records.close(upload.tenant_id, upload.upload_id, upload.attempt).totals
    planned = upload.plan.records if upload.plan else 0
    key, refused = write_refused_rows(upload, objects)
    return loaded.model_copy(update={"records": planned, "refused": refused}), key


def write_refused_rows(upload: Upload, objects: Objects) -> tuple[str | None, int]:
    """Write all refused rows as one CSV in the original columns, with row, codes and reasons in front.

    Those columns of an earlier download that came back give way to the new ones.

    Returns its key, None where no row was refused, and how many were.

    The file is meant to be fixed and uploaded again: the added columns are ignored then, and the apostrophes that
    keep a spreadsheet from running cells as formulas are taken away. The columns stand in front, so that a row with
    more cells than the header keeps them all.
    """
    header = upload.plan.header if upload.plan else []
    added = added_by_us(header)
    key = object_keys.refused_rows_csv(upload.tenant_id, upload.upload_id)
    rows = _all_refused(upload, objects)
    first = next(rows, None)
    if first is None:
        return None, 0
    with objects.open_write(key, "text/csv; charset=utf-8") as out:
        text = io.TextIOWrapper(out, encoding="utf-8-sig", newline="", write_through=True)
        writer = csv.writer(text)
        writer.writerow(
            [ROW_COLUMN, CODES_COLUMN, REASONS_COLUMN, *map(guard_formula, cells_of_the_file(header, added))]
        )
        count = 0
        for row in chain((first,), rows):
            count += 1
            cells = cells_of_the_file(row.cells, added)
            writer.writerow([row.row, row.codes, guard_formula(row.reasons), *map(guard_formula, cells)])
        text.detach()
    return key, count


def _all_refused(upload: Upload, objects: Objects) -> Iterator[RefusedRow]:
    return map(RefusedRow.model_validate_json, refused_lines(upload, objects))


def _event(upload: Upload, act: AuditAct, at: datetime, totals: Totals, **details: object) -> AuditEvent:
    return AuditEvent(
        at=at,
        event=act,
        correlation_id=upload.correlation_id,
        details={**details, "totals": totals.model_dump(by_alias=True)},
    )
