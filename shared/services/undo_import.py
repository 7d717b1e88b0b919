"""Undo an import: take its rows out of the table again."""

from __future__ import annotations

from shared.domain.audit import AuditAct, AuditEvent
from shared.domain.upload import Undone, Upload, UploadState
from shared.errors import StateConflict
from shared.services.ports import Clock, JobQueue, Records, Uploads


def undo_import(upload: Upload, *, uploads: Uploads, records: Records, queue: JobQueue, clock: Clock) -> Undone:
    """Take the rows of an upload that is being undone out of the table, and say how many they were.

    Its job, where it failed by a fault of ours, is a dead letter no more.

    Harmless when repeated: one that was interrupted goes on where it was. Rows that other uploads found to be
    duplicates of these leave with them. Raises StateConflict for an upload that nobody asked to undo.
    """
    if upload.state is UploadState.UNDOING:
        records.close(upload.tenant_id, upload.upload_id, upload.attempt)
        undone = records.remove(
            upload.tenant_id,
            upload.upload_id,
            work_unit_id=upload.options.work_unit_id,
            attempt=upload.attempt,
        )
        event = AuditEvent(
            at=clock(),
            event=AuditAct.IMPORT_UNDONE,
            correlation_id=upload.correlation_id,
            details=undone.model_dump(by_alias=True),
        )
        queue.release(upload.upload_id, upload.attempt)
        upload = uploads.move(upload, UploadState.UNDONE, event, undone=undone)
    if upload.undone is None:
        raise StateConflict(f"upload {upload.upload_id} is {upload.state}, and not being undone")
    return upload.undone
