"""The moves that a person can make: cancel an upload, retry it, undo it.

Each marks the upload, with its audit event, and leaves to another function what takes time or needs the database. A
request that is repeated is answered as the first one was, and has that function called again in case the first call
was lost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from shared.domain.audit import AuditAct, AuditEvent
from shared.domain.identity import Identity
from shared.domain.job import job_of
from shared.domain.upload import RETRIED_FROM, RETRIED_WITHIN, Upload, UploadState
from shared.errors import RequestRefused, StateConflict, TransientError
from shared.services.dispatch_jobs import payload_of
from shared.services.failures import INTERNAL_ERROR, PREVIEW_EXPIRED
from shared.services.ports import Clock, JobQueue, Step, Uploads
from shared.services.read_status import find_upload

_NOT_IN_THE_QUEUE = (UploadState.AWAITING_UPLOAD, UploadState.SCANNING, UploadState.REVIEWING)
UNDER_WAY = (UploadState.QUEUED, UploadState.PLANNING, UploadState.IMPORTING, UploadState.FINISHING)
_UNDOABLE = (UploadState.COMPLETED, UploadState.COMPLETED_WITH_ERRORS, UploadState.FAILED, UploadState.CANCELLED)
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Change:
    """The upload as the move left it. `pending` says that something is still to come of it."""

    upload: Upload
    pending: bool


def cancel_upload(upload_id: str, identity: Identity, *, uploads: Uploads, fail_step: Step, clock: Clock) -> Change:
    """Cancel an upload in any stage: at once where it is in no queue, else as soon as nothing of it goes in any more.

    What went in until then stays, is counted, and can be undone. Raises RequestRefused: 404, and 409 for an upload
    that has ended otherwise.
    """

    def cancel(upload: Upload) -> Change:
        if upload.state in _NOT_IN_THE_QUEUE:
            event = event_of(AuditAct.IMPORT_CANCELLED, upload, identity, clock)
            return Change(uploads.move(upload, UploadState.CANCELLED, event, ended_at=clock()), pending=False)
        if upload.state in UNDER_WAY:
            event = event_of(AuditAct.CANCEL_REQUESTED, upload, identity, clock)
            upload = uploads.move(upload, UploadState.CANCELLING, event)
        if upload.state is UploadState.CANCELLING:
            fail_step.take(payload_of(job_of(upload)))
        elif upload.state is not UploadState.CANCELLED:
            raise refused(upload, "cancelled")
        return Change(upload, pending=upload.state is UploadState.CANCELLING)

    return as_it_is(upload_id, identity, uploads, cancel)


def retry_upload(upload_id: str, identity: Identity, *, uploads: Uploads, queue: JobQueue, clock: Clock) -> Change:
    """Put an upload that failed by no fault of its file, was cancelled or undone into the queue again.

    The version that was scanned is imported by the plan that was made; chunks that are in are not loaded again. Raises
    RequestRefused: 404, and 409 for an upload that a retry cannot help.
    """

    def retry(upload: Upload) -> Change:
        if upload.state in RETRIED_FROM:
            _require_retry_to_help(upload, clock)
            queue.release(upload.upload_id, upload.attempt)  # the attempt that ended may be about to
            event = event_of(AuditAct.RETRY_REQUESTED, upload, identity, clock, attempt=upload.attempt + 1)
            upload = uploads.restart(upload, event)
        if upload.attempt == 1 or upload.state not in UNDER_WAY:
            raise refused(upload, "retried")
        if upload.state is UploadState.QUEUED:
            queue.enqueue(job_of(upload))
        return Change(upload, pending=True)

    return as_it_is(upload_id, identity, uploads, retry)


def undo_upload(upload_id: str, identity: Identity, *, uploads: Uploads, undo_step: Step, clock: Clock) -> Change:
    """Have all rows of an upload that has ended leave the table.

    Raises RequestRefused: 404, and 409 for an upload that is under way, or that wrote nothing because it was dry.
    """

    def undo(upload: Upload) -> Change:
        if upload.options.dry_run:
            raise _conflict("This was a dry run: it wrote no record, so there is nothing to undo.", "nothing_to_undo")
        if upload.state in _UNDOABLE:
            event = event_of(AuditAct.UNDO_REQUESTED, upload, identity, clock)
            upload = uploads.move(upload, UploadState.UNDOING, event)
        if upload.state is UploadState.UNDOING:
            undo_step.take(payload_of(job_of(upload)))
        elif upload.state is not UploadState.UNDONE:
            raise refused(upload, "undone")
        return Change(upload, pending=upload.state is UploadState.UNDOING)

    return as_it_is(upload_id, identity, uploads, undo)


def as_it_is(upload_id: str, identity: Identity, uploads: Uploads, make: Callable[[Upload], Change]) -> Change:
    """Make a move from the state that the upload has, once more where it was moved meanwhile."""
    for _ in range(_ATTEMPTS):
        try:
            return make(find_upload(identity, upload_id, uploads))
        except StateConflict:
            continue
    raise TransientError("The upload keeps moving")


def _require_retry_to_help(upload: Upload, clock: Clock) -> None:
    if upload.failure and upload.failure.code not in (INTERNAL_ERROR, PREVIEW_EXPIRED):
        raise _conflict(
            "Another attempt would end the same way, because of the file or what was chosen for it: "
            f"{upload.failure.message} Then send it as a new upload.",
            "retry_cannot_help",
        )
    if upload.accepted_at is None:
        raise _conflict("There is no file that was checked; start a new upload.", "no_file_to_retry")
    if upload.planned_at and clock() - upload.planned_at > RETRIED_WITHIN:
        raise _conflict(
            f"An upload can be retried for {RETRIED_WITHIN.days} days; send the file again as a new one.",
            "retry_too_late",
        )


_POSSIBLE = {
    UploadState.AWAITING_UPLOAD: "It waits for its file, and can be cancelled.",
    UploadState.REVIEWING: "Its preview waits to be looked at; it can be confirmed or cancelled.",
    UploadState.CANCELLING: "It is being cancelled; once it is, it can be retried or undone.",
    UploadState.COMPLETED: "Its import has completed, and can be undone.",
    UploadState.COMPLETED_WITH_ERRORS: "Its import has completed, and can be undone.",
    UploadState.FAILED: "Its import has failed, and can be retried or undone.",
    UploadState.CANCELLED: "It was cancelled, and can be retried or undone.",
    UploadState.UNDOING: "Its rows are leaving the table; once they have, it can be retried.",
    UploadState.UNDONE: "Its rows have left the table; it can be retried.",
}


def refused(upload: Upload, what: str) -> RequestRefused:
    """The refusal of a move, which says what is possible."""
    possible = _POSSIBLE.get(upload.state, "It is under way, and can be cancelled.")
    return _conflict(f"The upload cannot be {what} now. {possible}", "move_not_possible")


def _conflict(message: str, code: str) -> RequestRefused:
    return RequestRefused(message, status=409, code=code)


def event_of(act: AuditAct, upload: Upload, identity: Identity, clock: Clock, **details: object) -> AuditEvent:
    """What a person has asked for."""
    return AuditEvent(
        at=clock(), event=act, actor=identity.user_id, correlation_id=upload.correlation_id, details=details
    )
