"""The sweep finds each kind of loss, and leaves alone what is where it should be."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.adapters.dynamodb_jobs import DynamoJobQueue
from shared.adapters.dynamodb_uploads import DynamoUploads
from shared.adapters.s3_objects import S3Objects
from shared.domain.audit import AuditAct, AuditEvent
from shared.domain.job import job_of
from shared.domain.upload import Upload, UploadState
from shared.services.ports import JobPlace
from shared.services.sweep_uploads import Mending, UploadSweep
from tests.contract.cloud import Cloud

_URL_SECONDS = 900
_ACTS = {
    UploadState.SCANNING: AuditAct.FILE_RECEIVED,
    UploadState.QUEUED: AuditAct.FILE_ACCEPTED,
    UploadState.PLANNING: AuditAct.IMPORT_STARTED,
    UploadState.IMPORTING: AuditAct.IMPORT_PLANNED,
    UploadState.FINISHING: AuditAct.LOAD_ENDED,
}
_UNDER_WAY = list(_ACTS)


def event(upload: Upload, act: AuditAct) -> AuditEvent:
    return AuditEvent(at=upload.created_at, event=act, correlation_id="c")


class Taken:
    """A step that only remembers for what it was taken."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def take(self, *event: Any) -> None:
        """Remember it."""
        self.events.append(event[0] if len(event) == 1 else event)


class Swept:
    """Uploads, and what sweeps them some time after the upload was created."""

    def __init__(self, uploads: DynamoUploads, queue: DynamoJobQueue, objects: S3Objects, upload: Upload) -> None:
        self.uploads, self.queue, self.objects = uploads, queue, objects
        self.scans, self.failures, self.undos = Taken(), Taken(), Taken()
        self.upload = upload
        uploads.create(upload, event(upload, AuditAct.UPLOAD_REQUESTED))

    def move_to(self, state: UploadState) -> Upload:
        """Let the upload be in a state, since it was created."""
        for to in _UNDER_WAY[: _UNDER_WAY.index(state) + 1]:
            self.upload = self.uploads.move(self.upload, to, event(self.upload, _ACTS[to]))
        return self.upload

    def after(self, **time: float) -> dict[str, Mending]:
        """Sweep; what was done."""
        now: datetime = self.upload.created_at + timedelta(**time)
        return UploadSweep(
            self.uploads, self.objects, self.queue, self.scans, self.failures, self.undos, lambda: now, _URL_SECONDS
        ).run()

    @property
    def now(self) -> Upload:
        """The upload as it is now."""
        found = self.uploads.get(self.upload.tenant_id, self.upload.upload_id)
        assert found
        return found


@pytest.fixture
def swept(cloud: Cloud, uploads: DynamoUploads, queue: DynamoJobQueue, upload: Upload) -> Swept:
    """An upload that awaits its file."""
    return Swept(uploads, queue, S3Objects(cloud.s3, bucket=cloud.bucket()), upload)


def test_a_file_that_came_without_an_event_is_scanned(swept: Swept) -> None:
    """Once its event has had the time to come."""
    swept.objects.write(swept.upload.object_key, b"a,b\n1,2\n", "text/csv")
    assert swept.after(minutes=2) == {}
    assert swept.after(minutes=4) == {swept.upload.upload_id: Mending.SCANNED}
    assert swept.scans.events == [(swept.upload.object_key, None)]


def test_an_upload_whose_file_never_came_fails_when_none_can_come(swept: Swept) -> None:
    """Its URL has expired, and what was begun to be sent before has had an hour."""
    assert swept.after(seconds=_URL_SECONDS + 3500) == {}
    assert swept.after(seconds=_URL_SECONDS + 3700) == {swept.upload.upload_id: Mending.GIVEN_UP}
    assert swept.now.state is UploadState.FAILED
    assert swept.now.failure
    assert swept.now.failure.code == "file_not_received"
    assert swept.after(days=1) == {}


def test_a_scan_without_an_end_is_done_again(swept: Swept) -> None:
    """It refuses the file by itself when it fails for the last time, or waits for too long."""
    scanning = swept.move_to(UploadState.SCANNING)
    assert swept.after(minutes=9) == {}
    assert swept.after(minutes=11) == {scanning.upload_id: Mending.SCANNED}
    assert swept.scans.events == [(scanning.object_key, None)]


def test_a_queued_upload_without_a_job_gets_one(swept: Swept) -> None:
    """The scan died between the two, for good."""
    queued = swept.move_to(UploadState.QUEUED)
    assert swept.after(minutes=6) == {queued.upload_id: Mending.QUEUED}
    assert [job.job_id for job in swept.queue.waiting()] == [queued.upload_id]
    assert swept.after(minutes=7) == {}


def test_a_retry_that_died_half_way_is_queued(swept: Swept) -> None:
    """The upload is at its next attempt, and the job is still dead with the one before."""
    swept.queue.enqueue(job_of(swept.upload))
    swept.queue.bury(swept.upload.upload_id, 1, "internal_error", swept.upload.created_at)
    importing = swept.move_to(UploadState.IMPORTING)
    swept.uploads.move(importing, UploadState.QUEUED, event(importing, AuditAct.ATTEMPT_FAILED), attempt=2)
    assert swept.after(minutes=6) == {importing.upload_id: Mending.QUEUED}
    assert [job.execution_name for job in swept.queue.waiting()] == [f"{importing.upload_id}-2"]


@pytest.mark.parametrize("state", _UNDER_WAY[1:])
def test_an_upload_whose_job_has_ended_without_it_is_ended(swept: Swept, state: UploadState) -> None:
    """By the failure step, which knows how."""
    swept.queue.enqueue(job_of(swept.upload))
    swept.queue.release(swept.upload.upload_id, 1)
    moved = swept.move_to(state)
    assert swept.after(minutes=6) == {moved.upload_id: Mending.FAILED}
    [payload] = swept.failures.events
    assert (payload["uploadId"], payload["attempt"], payload["error"]["Error"]) == (moved.upload_id, 1, "ExecutionLost")


@pytest.mark.parametrize("place", [JobPlace.WAITING, JobPlace.RUNNING, JobPlace.DELAYED])
def test_an_upload_that_is_in_the_queue_is_left_alone(swept: Swept, place: JobPlace) -> None:
    """However long it is there: the dispatcher looks after it."""
    job = job_of(swept.upload)
    swept.queue.enqueue(job)
    if place is not JobPlace.WAITING:
        swept.queue.claim(job, swept.queue.slots())
    if place is JobPlace.DELAYED:
        swept.queue.delay(job, job.created_at + timedelta(days=1), "TransientError")
    swept.move_to(UploadState.IMPORTING)
    assert swept.after(days=1) == {}


def test_an_upload_that_has_ended_is_not_looked_at(swept: Swept) -> None:
    """It is in no listing of what is under way."""
    queued = swept.move_to(UploadState.QUEUED)
    swept.uploads.move(queued, UploadState.FAILED, event(queued, AuditAct.IMPORT_FAILED))
    assert swept.after(days=1) == {}
    assert swept.uploads.unmoved(UploadState.CANCELLED, swept.upload.created_at + timedelta(days=1), 10) == []


@pytest.mark.parametrize(
    ("path", "mending", "minutes"),
    [
        ((UploadState.CANCELLING,), Mending.CANCELLED, 6),
        ((UploadState.FAILED, UploadState.UNDOING), Mending.UNDONE, 21),
    ],
)
def test_what_a_person_asked_for_goes_on(
    swept: Swept, path: tuple[UploadState, ...], mending: Mending, minutes: int
) -> None:
    """A cancelling or an undoing whose function has failed for the last time is done again, until it has ended."""
    upload = swept.move_to(UploadState.IMPORTING)
    for state, act in zip(path, (AuditAct.IMPORT_FAILED, AuditAct.UNDO_REQUESTED), strict=False):
        upload = swept.uploads.move(upload, state, event(upload, act))
    assert swept.after(minutes=minutes - 2) == {}
    assert swept.after(minutes=minutes) == {upload.upload_id: mending}
    [taken] = swept.failures.events or swept.undos.events
    assert (taken["uploadId"], taken["attempt"]) == (upload.upload_id, 1)
