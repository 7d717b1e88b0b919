"""An upload in review holds no slot, goes on when a person says so, once, and by what they chose."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.adapters.dynamodb_jobs import DynamoJobQueue
from shared.adapters.dynamodb_profiles import DynamoProfiles
from shared.adapters.dynamodb_uploads import DynamoUploads
from shared.adapters.s3_objects import S3Objects
from shared.domain import object_keys
from shared.domain.audit import AuditAct, AuditEvent
from shared.domain.identity import Identity, Role
from shared.domain.job import job_of
from shared.domain.plan import ImportPlan
from shared.domain.upload import RETRIED_WITHIN, SourceObject, Upload, UploadOptions, UploadState
from shared.errors import RequestRefused, StateConflict
from shared.services.change_upload import Change, cancel_upload, retry_upload
from shared.services.confirm_preview import confirm_preview
from shared.services.dispatch_jobs import payload_of
from shared.services.import_task import ImportTask
from shared.services.plan_import import plan_import
from shared.services.ports import JobPlace
from shared.services.read_preview import read_preview
from shared.services.sweep_uploads import Mending, UploadSweep
from shared.services.try_again import try_again_later
from tests.adapters.conftest import NOW
from tests.adapters.test_attempts import Died
from tests.adapters.test_sweep_uploads import Taken
from tests.contract.cloud import Cloud

DATA = b"Wann,Wer,Menge\n01/02/2026 10:00,Press 1,5\n"
ANSWERS = {
    "mapping": {"Wann": "timestamp", "Wer": "machineName"},
    "dateOrder": "DMY",
    "timeZone": "UTC",
}
PERSON = Identity(tenant_id="tenant-a", user_id="user-1", role=Role.ENGINEER)


class Reviewed:
    """An upload with a preview, whose file lies in a bucket, in the queue; and what is done with it."""

    def __init__(self, cloud: Cloud, uploads: DynamoUploads, queue: DynamoJobQueue, profiles: DynamoProfiles) -> None:
        self.uploads, self.queue, self.profiles = uploads, queue, profiles
        bucket, key, upload_id = cloud.bucket(), "incoming/tenant-a/u/source.csv", str(uuid.uuid4())
        put = cloud.s3.put_object(Bucket=bucket, Key=key, Body=DATA)
        self.objects = S3Objects(cloud.s3, bucket=bucket)
        self._seconds = 0
        upload = Upload(
            tenant_id="tenant-a", upload_id=upload_id, created_at=NOW, created_by="user-1", correlation_id="c-1",
            request_digest="d", state=UploadState.AWAITING_UPLOAD, file_name="shift.csv", file_size=len(DATA),
            mime_type="text/csv", object_key=key, accepted_at=NOW,
            options=UploadOptions(work_unit_id="unit", import_type="csv", preview=True),
            source=SourceObject(key=key, version_id=put["VersionId"], etag="e", size=len(DATA)),
        )  # fmt: skip
        self.id = upload.upload_id
        uploads.create(upload, self._event(AuditAct.UPLOAD_REQUESTED))
        for state, act in (
            (UploadState.SCANNING, AuditAct.FILE_RECEIVED),
            (UploadState.QUEUED, AuditAct.FILE_ACCEPTED),
        ):
            upload = uploads.move(upload, state, self._event(act))
        queue.enqueue(job_of(upload))

    def clock(self) -> datetime:
        """Each time a second later."""
        self._seconds += 1
        return NOW + timedelta(seconds=self._seconds)

    def _event(self, act: AuditAct) -> AuditEvent:
        return AuditEvent(at=self.clock(), event=act, correlation_id="c-1")

    @property
    def now(self) -> Upload:
        """The upload as it is now."""
        found = self.uploads.get("tenant-a", self.id)
        assert found
        return found

    @property
    def place(self) -> tuple[int, JobPlace]:
        """Attempt and place of the job."""
        found = self.queue.get(self.id)
        assert found
        return found[0].attempt, found[1]

    def claim(self) -> None:
        """Give the waiting job a slot."""
        [waiting] = self.queue.waiting()
        self.queue.claim(waiting, self.queue.slots())

    def plan(self, upload: Upload | None = None, queue: Any = None) -> Upload:
        """Take the first step of the present attempt, or one that has seen the upload before."""
        return plan_import(
            upload or self.now,
            uploads=self.uploads,
            objects=self.objects,
            profiles=self.profiles,
            queue=queue or self.queue,
            clock=self.clock,
            chunk_bytes=1 << 20,
        )

    def review(self) -> Upload:
        """Let it come to its review."""
        self.claim()
        return self.plan()

    def confirm(self, **choices: Any) -> Change:
        """Confirm it as a request does."""
        return confirm_preview(
            self.id, json.dumps(choices), PERSON,
            uploads=self.uploads, profiles=self.profiles, queue=self.queue, clock=self.clock,
        )  # fmt: skip

    def asked(self) -> str | None:
        """The code of the preview's question."""
        problem = read_preview(self.now, self.objects).problem
        return problem.code if problem else None

    def acts(self) -> list[AuditAct]:
        """What happened to it."""
        return [event.event for event in self.uploads.events("tenant-a", self.id, 100, None).items]


@pytest.fixture
def reviewed(cloud: Cloud, table: Callable[..., str], uploads: DynamoUploads, queue: DynamoJobQueue) -> Reviewed:
    """An upload whose turn it is soon."""
    return Reviewed(cloud, uploads, queue, DynamoProfiles(cloud.dynamodb, table=table("tenantId", "profileName")))


def test_a_review_holds_no_slot_and_has_no_plan(reviewed: Reviewed) -> None:
    """Its job has ended; nothing could be loaded by what planning has found."""
    upload = reviewed.review()
    assert (upload.state, upload.plan, upload.planned_at) == (UploadState.REVIEWING, None, None)
    assert (reviewed.queue.slots().held, reviewed.place) == (0, (1, JobPlace.ENDED))
    assert reviewed.asked() == "file_columns_missing"
    assert [*reviewed.objects.keys(f"work/tenant-a/{reviewed.id}/")] == [
        object_keys.preview("tenant-a", reviewed.id, 1)
    ]
    assert not [*reviewed.objects.keys(f"plans/tenant-a/{reviewed.id}/")]


def test_a_planning_that_died_before_the_slot_was_free_is_finished_by_its_repeat(reviewed: Reviewed) -> None:
    """Also twice, and after the person was there first."""

    class Dying(DynamoJobQueue):
        """A queue that cannot be reached at the wrong moment."""

        def release(self, job_id: str, attempt: int) -> None:
            """Die."""
            raise Died(job_id, attempt)

    dying = Dying(reviewed.queue._client, table=reviewed.queue._table, retention_days=90)  # noqa: SLF001
    reviewed.claim()
    with pytest.raises(Died):
        reviewed.plan(queue=dying)
    assert (reviewed.now.state, reviewed.queue.slots().held) == (UploadState.REVIEWING, 1)
    for _ in range(2):
        assert reviewed.plan().state is UploadState.REVIEWING
    assert (reviewed.queue.slots().held, reviewed.acts().count(AuditAct.PREVIEW_MADE)) == (0, 1)
    before = reviewed.now
    reviewed.confirm(**ANSWERS)
    reviewed.claim()
    reviewed.plan(before)
    assert (reviewed.place, reviewed.queue.slots().held) == ((2, JobPlace.RUNNING), 1)


def test_one_that_is_confirmed_before_its_slot_was_free_is_queued(reviewed: Reviewed) -> None:
    """The confirming frees it: a job that still ran would not be taken into the queue."""
    reviewed.claim()
    upload = reviewed.uploads.move(reviewed.now, UploadState.PLANNING, reviewed._event(AuditAct.IMPORT_STARTED))  # noqa: SLF001
    reviewed.uploads.move(upload, UploadState.REVIEWING, reviewed._event(AuditAct.PREVIEW_MADE))  # noqa: SLF001
    reviewed.confirm(**ANSWERS)
    assert (reviewed.place, reviewed.queue.slots().held) == ((2, JobPlace.WAITING), 0)


def test_no_failure_that_comes_late_ends_a_review(reviewed: Reviewed) -> None:
    """Nor tries it again: the execution was lost behind it."""
    upload = reviewed.review()
    task = ImportTask.model_validate(payload_of(job_of(upload)) | {"error": {"Error": "TransientError"}})
    assert not try_again_later(
        task, uploads=reviewed.uploads, queue=reviewed.queue, clock=reviewed.clock, attempts=3, shortest=timedelta(1)
    )
    for state in (UploadState.FAILED, UploadState.IMPORTING, UploadState.QUEUED, UploadState.PLANNING):
        with pytest.raises(StateConflict):
            reviewed.uploads.move(upload, state, reviewed._event(AuditAct.IMPORT_FAILED))  # noqa: SLF001
    assert reviewed.now.state is UploadState.REVIEWING


def test_the_answers_are_what_it_is_planned_by(reviewed: Reviewed) -> None:
    """Given members take the place of those before, the others stay; each planning has a place of its own."""
    reviewed.review()
    reviewed.confirm(mapping=ANSWERS["mapping"], preview=True)
    reviewed.review()
    assert reviewed.asked() == "column_date_ambiguous"
    reviewed.confirm(dateOrder="DMY", timeZone="UTC")
    upload = reviewed.review()
    assert (upload.state, upload.planned_in, upload.attempt) == (UploadState.IMPORTING, 3, 3)
    plan = ImportPlan.model_validate_json(reviewed.objects.read(object_keys.plan("tenant-a", reviewed.id, 3)))
    assert (plan.columns, plan.date_order, plan.options.time_zone) == (
        ["timestamp", "machine_name", "total_parts_produced"],
        "DMY",
        "UTC",
    )
    assert reviewed.place == (3, JobPlace.RUNNING)


def test_a_planning_that_comes_late_changes_no_plan(reviewed: Reviewed) -> None:
    """One of an earlier attempt, which stood still while a person chose otherwise."""

    class Late(DynamoUploads):
        """It has seen the upload being planned."""

        def move(self, upload: Upload, to: UploadState, event: AuditEvent, **changes: object) -> Upload:
            """Know nothing of what came since."""
            if to is UploadState.PLANNING:
                return upload.model_copy(update={"state": to})
            return super().move(upload, to, event, **changes)

    reviewed.review()
    reviewed.confirm(**ANSWERS | {"dateOrder": "MDY", "preview": True})
    stood_still = reviewed.now
    reviewed.review()
    reviewed.confirm(dateOrder="DMY")
    reviewed.review()
    before = {
        key: reviewed.objects.read(key)
        for prefix in ("plans", "work")
        for key in reviewed.objects.keys(f"{prefix}/tenant-a/{reviewed.id}/3/")
    }
    assert len(before) == 2
    known = reviewed.uploads
    late = Late(known._client, uploads_table=known._table, audit_table=known._audit_table, retention_days=90)  # noqa: SLF001
    reviewed.uploads = late
    for preview in (True, False):
        options = stood_still.options.model_copy(update={"preview": preview})
        with pytest.raises(StateConflict):
            reviewed.plan(stood_still.model_copy(update={"options": options}))
    assert {key: reviewed.objects.read(key) for key in before} == before
    assert reviewed.place == (3, JobPlace.RUNNING)


def test_a_plan_stays_for_all_later_attempts(reviewed: Reviewed) -> None:
    """What may have been loaded was cut by it: an attempt that follows neither reviews nor plans anew."""
    reviewed.review()
    reviewed.confirm(**ANSWERS)
    importing = reviewed.review()
    failed = reviewed.uploads.move(importing, UploadState.FAILED, reviewed._event(AuditAct.IMPORT_FAILED))  # noqa: SLF001
    reviewed.queue.release(failed.upload_id, failed.attempt)
    retry_upload(reviewed.id, PERSON, uploads=reviewed.uploads, queue=reviewed.queue, clock=reviewed.clock)
    again = reviewed.review()
    assert (again.state, again.attempt) == (UploadState.IMPORTING, 3)
    assert (again.plan, again.planned_in) == (importing.plan, 2)


def test_without_an_answer_it_is_asked_again(reviewed: Reviewed) -> None:
    """Whoever confirms what cannot be imported is shown the same, and nothing fails."""
    reviewed.review()
    reviewed.confirm()
    assert reviewed.review().state is UploadState.REVIEWING
    assert (reviewed.asked(), reviewed.now.attempt) == ("file_columns_missing", 2)


def test_a_confirming_is_done_once(reviewed: Reviewed) -> None:
    """Repeated it answers the same, whatever came of it meanwhile; another one is refused."""
    reviewed.review()
    for _ in range(3):
        change = reviewed.confirm(**ANSWERS)
        assert (change.upload.attempt, change.pending) == (2, True)
    reviewed.review()
    assert reviewed.confirm(**ANSWERS).upload.state is UploadState.IMPORTING
    with pytest.raises(RequestRefused) as refused:
        reviewed.confirm(dateOrder="MDY")
    assert refused.value.status == 409
    assert reviewed.acts().count(AuditAct.PREVIEW_CONFIRMED) == 1


def test_a_confirming_that_died_half_way_is_finished_by_its_repeat_or_the_sweep(reviewed: Reviewed) -> None:
    """The upload is at its next attempt, and its job is not queued."""
    upload = reviewed.review()
    reviewed.uploads.restart(upload, reviewed._event(AuditAct.PREVIEW_CONFIRMED))  # noqa: SLF001
    assert _sweep(reviewed, timedelta(minutes=6)) == {reviewed.id: Mending.QUEUED}
    assert reviewed.place == (2, JobPlace.WAITING)


def test_a_review_that_nobody_answers_is_cancelled(reviewed: Reviewed) -> None:
    """After as long as its preview is kept, and with a message; until then no sweep touches it."""
    reviewed.review()
    assert _sweep(reviewed, RETRIED_WITHIN) == {}
    assert _sweep(reviewed, RETRIED_WITHIN + timedelta(minutes=1)) == {reviewed.id: Mending.EXPIRED}
    assert reviewed.now.state is UploadState.CANCELLED
    assert reviewed.now.failure
    assert "6 days" in reviewed.now.failure.message
    assert reviewed.acts()[-1] is AuditAct.PREVIEW_EXPIRED
    retry_upload(reviewed.id, PERSON, uploads=reviewed.uploads, queue=reviewed.queue, clock=reviewed.clock)
    assert reviewed.review().state is UploadState.REVIEWING
    assert reviewed.now.failure is None


def test_a_review_is_cancelled_at_once(reviewed: Reviewed) -> None:
    """Without the failure step, for nothing is under way; there is no preview any more."""
    reviewed.review()
    step = Taken()
    change = cancel_upload(reviewed.id, PERSON, uploads=reviewed.uploads, fail_step=step, clock=reviewed.clock)
    assert (change.upload.state, change.pending, step.events) == (UploadState.CANCELLED, False, [])
    with pytest.raises(RequestRefused) as refused:
        reviewed.asked()
    assert (refused.value.status, refused.value.code) == (409, "no_preview")


def _sweep(reviewed: Reviewed, after: timedelta) -> dict[str, Mending]:
    return UploadSweep(
        reviewed.uploads, reviewed.objects, reviewed.queue, Taken(), Taken(), Taken(), lambda: NOW + after, 900
    ).run()
