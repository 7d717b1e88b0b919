"""Find the uploads that a lost event has left where they are, and put them right."""

from __future__ import annotations

import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from shared.domain.audit import AuditAct, AuditEvent
from shared.domain.job import job_of
from shared.domain.parts import KEPT_FOR
from shared.domain.problems import file_problem
from shared.domain.upload import RETRIED_WITHIN, Failure, Upload, UploadState
from shared.errors import StateConflict
from shared.services.dispatch_jobs import payload_of
from shared.services.failures import PREVIEW_EXPIRED
from shared.services.ports import Clock, JobPlace, JobQueue, Objects, ScanStep, Step, Uploads

_LOOKED_AT = 200
"""Of each state in one sweep; those that are put right are not there at the next."""

_EVENT_COMES_WITHIN = timedelta(minutes=3)
_SCAN_ENDS_WITHIN = timedelta(minutes=10)
"""With the two times that Lambda tries it again."""

_STEP_FOLLOWS_WITHIN = timedelta(minutes=5)
_UNDO_ENDS_WITHIN = timedelta(minutes=20)
_SENDING_TAKES = timedelta(hours=1)
"""A file that was begun to be sent while its URL worked may still be on its way."""

_QUIET = {
    UploadState.AWAITING_UPLOAD: _EVENT_COMES_WITHIN,
    UploadState.SCANNING: _SCAN_ENDS_WITHIN,
    UploadState.QUEUED: _STEP_FOLLOWS_WITHIN,
    UploadState.PLANNING: _STEP_FOLLOWS_WITHIN,
    UploadState.REVIEWING: RETRIED_WITHIN,
    UploadState.IMPORTING: _STEP_FOLLOWS_WITHIN,
    UploadState.FINISHING: _STEP_FOLLOWS_WITHIN,
    UploadState.CANCELLING: _STEP_FOLLOWS_WITHIN,
    UploadState.UNDOING: _UNDO_ENDS_WITHIN,
}
"""For how long an upload may stay in a state before it is looked at; most are where they should be."""


class Mending(Enum):
    """What was done for an upload."""

    SCANNED = "its scan is done again"
    GIVEN_UP = "it has failed: its file never came"
    QUEUED = "its job is queued"
    FAILED = "the failure step is taken"
    CANCELLED = "its cancelling goes on"
    EXPIRED = "it is cancelled: nobody has confirmed its preview"
    UNDONE = "its undoing goes on"


@dataclass(frozen=True, slots=True)
class UploadSweep:
    """The sweep and what it needs."""

    uploads: Uploads
    objects: Objects
    queue: JobQueue
    scan_step: ScanStep
    fail_step: Step
    undo_step: Step
    clock: Clock
    upload_url_seconds: int

    def run(self) -> dict[str, Mending]:
        """Put right what can be; upload id → what was done. Harmless when repeated, and beside what it repeats."""
        mended: dict[str, Mending] = {}
        for upload in [one for state, quiet in _QUIET.items() for one in self._unmoved(state, quiet)]:
            with suppress(StateConflict):  # it has moved since
                if mending := self._mend(upload):
                    mended[upload.upload_id] = mending
        return mended

    def _unmoved(self, state: UploadState, quiet: timedelta) -> list[Upload]:
        return self.uploads.unmoved(state, self.clock() - quiet, _LOOKED_AT)

    def _mend(self, upload: Upload) -> Mending | None:
        if upload.state is UploadState.AWAITING_UPLOAD:
            return self._look_for_the_file(upload)
        if upload.state is UploadState.SCANNING:
            return self._scan_again(upload)
        if upload.state is UploadState.REVIEWING:
            return self._end_review(upload)
        if upload.state is UploadState.CANCELLING:
            self.fail_step.take(payload_of(job_of(upload)))
            return Mending.CANCELLED
        if upload.state is UploadState.UNDOING:
            self.undo_step.take(payload_of(job_of(upload)))
            return Mending.UNDONE
        return self._look_for_the_job(upload)

    def _look_for_the_file(self, upload: Upload) -> Mending | None:
        """One that is there came without an event; one that is not there cannot come any more when its URL is old."""
        if self.objects.describe(upload.object_key, None):
            return self._scan_again(upload)
        sent_for = KEPT_FOR if upload.parts else timedelta(seconds=self.upload_url_seconds)
        url_works_until = upload.created_at + sent_for
        if self.clock() < url_works_until + _SENDING_TAKES:
            return None
        self._end(upload, UploadState.FAILED, AuditAct.FILE_NOT_RECEIVED, "file_not_received")
        return Mending.GIVEN_UP

    def _end_review(self, upload: Upload) -> Mending:
        """The preview itself is about to be deleted. Its slot is free, or else the dispatcher's sweep frees it."""
        days = RETRIED_WITHIN.days
        self._end(upload, UploadState.CANCELLED, AuditAct.PREVIEW_EXPIRED, PREVIEW_EXPIRED, days=days)
        return Mending.EXPIRED

    def _end(self, upload: Upload, state: UploadState, act: AuditAct, code: str, **values: object) -> None:
        failure = Failure(code=code, message=file_problem(code, **values), support_id=uuid.uuid4().hex[:12])
        told = {"code": failure.code, "supportId": failure.support_id}
        at = self.clock()
        event = AuditEvent(at=at, event=act, correlation_id=upload.correlation_id, details=told)
        self.uploads.move(upload, state, event, failure=failure, ended_at=at)

    def _scan_again(self, upload: Upload) -> Mending:
        """The version that was pinned, or else the newest.

        That ends by itself: a scan that keeps failing, or that waits for its verdict for too long, refuses the file.
        """
        self.scan_step.take(upload.object_key, upload.source.version_id if upload.source else None)
        return Mending.SCANNED

    def _look_for_the_job(self, upload: Upload) -> Mending | None:
        """One that waits or runs is the dispatcher's to look after."""
        found = self.queue.get(upload.upload_id)
        job, place = found or (None, JobPlace.ENDED)
        if place in (JobPlace.WAITING, JobPlace.RUNNING, JobPlace.DELAYED):
            return None
        if upload.state is UploadState.QUEUED and (job is None or job.attempt < upload.attempt):
            self.queue.enqueue(job_of(upload))
            return Mending.QUEUED
        self.fail_step.take(payload_of(job_of(upload)) | {"error": {"Error": "ExecutionLost"}})
        return Mending.FAILED
