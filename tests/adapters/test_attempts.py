"""An import that an outage stops is tried again later, a number of times, and each attempt is what it says."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.adapters.dynamodb_jobs import DynamoJobQueue
from shared.adapters.dynamodb_uploads import DynamoUploads
from shared.domain.audit import AuditAct, AuditEvent
from shared.domain.job import Job
from shared.domain.upload import Upload, UploadState
from shared.errors import StateConflict
from shared.services.dispatch_jobs import payload_of, wake_jobs
from shared.services.import_task import ImportTask
from shared.services.ports import JobPlace
from shared.services.try_again import try_again_later

_CHUNK_FAILED = "States.ExceedToleratedFailureThreshold"
_LATER = datetime.fromisoformat("2026-03-02T12:00:00+00:00")
_IMPORTING = [UploadState.SCANNING, UploadState.QUEUED, UploadState.PLANNING, UploadState.IMPORTING]
_ACTS = {
    UploadState.SCANNING: AuditAct.FILE_RECEIVED,
    UploadState.QUEUED: AuditAct.FILE_ACCEPTED,
    UploadState.PLANNING: AuditAct.IMPORT_STARTED,
    UploadState.IMPORTING: AuditAct.IMPORT_PLANNED,
}


class Died(Exception):
    """What a test lets happen in the place of a call."""


def job_of(upload: Upload) -> Job:
    return Job(
        job_id=upload.upload_id,
        tenant_id=upload.tenant_id,
        correlation_id="c",
        priority=upload.options.priority,
        created_at=upload.created_at,
        attempt=upload.attempt,
    )


def event(upload: Upload, act: AuditAct) -> AuditEvent:
    return AuditEvent(at=upload.created_at, event=act, correlation_id="c")


class Running:
    """An upload that is being imported, and its job, which holds a slot."""

    def __init__(self, uploads: DynamoUploads, queue: DynamoJobQueue, upload: Upload, state: UploadState) -> None:
        self.uploads = uploads
        self.queue = queue
        uploads.create(upload, event(upload, AuditAct.UPLOAD_REQUESTED))
        for to in _IMPORTING[: _IMPORTING.index(state) + 1]:
            upload = uploads.move(upload, to, event(upload, _ACTS[to]))
        self.queue.enqueue(job_of(upload))
        self.started = upload
        self.claim()

    def claim(self) -> None:
        """Give the waiting job a slot."""
        [waiting] = self.queue.waiting()
        self.queue.claim(waiting, self.queue.slots())

    def fail(self, error: str = "TransientError", *, attempt: int = 1, attempts: int = 3, queue: Any = None) -> bool:
        """Take the failure step's decision; whether another attempt follows."""
        payload = payload_of(job_of(self.started)) | {"attempt": attempt, "error": {"Error": error, "Cause": ""}}
        return try_again_later(
            ImportTask.model_validate(payload),
            uploads=self.uploads,
            queue=queue or self.queue,
            clock=lambda: _LATER + timedelta(seconds=attempt),
            attempts=attempts,
            shortest=timedelta(minutes=1),
        )

    @property
    def upload(self) -> Upload:
        """The upload as it is now."""
        found = self.uploads.get(self.started.tenant_id, self.started.upload_id)
        assert found
        return found

    @property
    def place(self) -> tuple[int, JobPlace]:
        """Attempt and place of the job."""
        found = self.queue.get(self.started.upload_id)
        assert found
        return found[0].attempt, found[1]


@pytest.fixture
def running(uploads: DynamoUploads, queue: DynamoJobQueue, upload: Upload) -> Running:
    """An import that loads chunks."""
    return Running(uploads, queue, upload, UploadState.IMPORTING)


@pytest.mark.parametrize("state", _IMPORTING[1:])
def test_an_outage_at_any_step_is_followed_by_another_attempt(
    uploads: DynamoUploads, queue: DynamoJobQueue, upload: Upload, state: UploadState
) -> None:
    """Also where the first step was never reached. The slot is free, and the job is due within the wait's span."""
    running = Running(uploads, queue, upload, state)
    assert running.fail()
    assert (running.upload.state, running.upload.attempt) == (UploadState.QUEUED, 2)
    assert running.place == (2, JobPlace.DELAYED)
    assert queue.slots().held == 0
    assert wake_jobs(queue=queue, clock=lambda: _LATER + timedelta(seconds=61)) == [upload.upload_id]
    assert wake_jobs(queue=queue, clock=lambda: _LATER + timedelta(seconds=61)) == []


def test_attempts_have_a_limit(running: Running) -> None:
    """The last one is told that none follows; what it leaves is for the dead letters."""
    for attempt in (1, 2):
        assert running.fail(attempt=attempt)
        wake_jobs(queue=running.queue, clock=lambda: _LATER + timedelta(hours=1))
        running.claim()
    assert not running.fail(attempt=3)
    assert (running.upload.attempt, running.place) == (3, (3, JobPlace.RUNNING))


@pytest.mark.parametrize("error", ["UploadRejected", "AccountingError", "ExecutionLost", "States.TaskFailed"])
def test_what_another_attempt_cannot_change_is_not_tried_again(running: Running, error: str) -> None:
    """A file that is to blame, a bug, an execution that somebody stopped."""
    assert not running.fail(error)
    assert (running.upload.state, running.place) == (UploadState.IMPORTING, (1, JobPlace.RUNNING))


@pytest.mark.parametrize(
    ("faults", "again"),
    [
        ([], True),
        (["ValueError", "TransientError"], True),
        (["TransientError", "AccountingError"], False),
    ],
)
def test_a_chunks_fault_is_what_its_load_ended_with(running: Running, faults: list[str], again: bool) -> None:
    """The Map state says only that there was one; one that no load could tell of was Lambda's own."""
    for fault in faults:
        running.uploads.note_fault(running.upload, fault)
    assert running.fail(_CHUNK_FAILED) is again


def test_a_failure_step_that_died_half_way_is_finished_by_the_next(running: Running) -> None:
    """Between the upload's move and the job's: the upload's attempt tells. A third time changes nothing."""

    class Dying(DynamoJobQueue):
        """A queue that cannot be reached at the wrong moment."""

        def delay(self, job: Job, due: datetime, error: str) -> None:
            """Die."""
            raise Died(job, due, error)

    dying = Dying(running.queue._client, table=running.queue._table, retention_days=90)  # noqa: SLF001
    with pytest.raises(Died):
        running.fail(queue=dying)
    assert (running.upload.attempt, running.place) == (2, (1, JobPlace.RUNNING))
    assert running.fail("ExecutionLost")
    assert (running.upload.attempt, running.place) == (2, (2, JobPlace.DELAYED))
    assert running.fail()
    assert (running.upload.attempt, running.place) == (2, (2, JobPlace.DELAYED))


def test_a_late_event_of_an_earlier_attempt_changes_nothing(running: Running) -> None:
    """Neither a step that reads the upload now, nor one that has read it before."""
    before = running.upload
    assert running.fail()
    task = ImportTask.model_validate(payload_of(job_of(before)))
    with pytest.raises(StateConflict):
        task.upload(running.uploads)
    for state in (UploadState.PLANNING, UploadState.FAILED, UploadState.FINISHING, UploadState.QUEUED):
        with pytest.raises(StateConflict):
            running.uploads.move(before, state, event(before, AuditAct.LOAD_ENDED))
    assert running.fail("AccountingError")
    assert (running.upload.state, running.upload.attempt) == (UploadState.QUEUED, 2)


def test_no_late_scan_moves_an_import_back(running: Running) -> None:
    """Only the next attempt leads back to the queue."""
    with pytest.raises(StateConflict):
        running.uploads.move(running.upload, UploadState.QUEUED, event(running.upload, AuditAct.FILE_ACCEPTED))
    assert running.upload.state is UploadState.IMPORTING


@pytest.mark.parametrize("end", [UploadState.FAILED, UploadState.CANCELLING])
def test_an_upload_that_has_ended_is_not_tried_again(running: Running, end: UploadState) -> None:
    """Somebody cancelled it while the database was away."""
    ended = running.uploads.move(running.upload, end, event(running.upload, AuditAct.IMPORT_FAILED))
    assert not running.fail()
    assert running.upload == ended
