"""A scan that dies at any step is finished by the event's next delivery."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from shared.adapters.dynamodb_jobs import DynamoJobQueue
from shared.adapters.dynamodb_uploads import DynamoUploads
from shared.adapters.s3_objects import S3Objects
from shared.domain import object_keys
from shared.domain.audit import AuditAct, AuditEvent
from shared.domain.upload import Upload, UploadState
from shared.services.scan_upload import ScanOutcome, scan_upload
from shared.settings import Settings
from tests.contract.cloud import Cloud

UNSCANNED: dict[str, Any] = {"scanner": None, "settings": Settings(max_file_size=1000)}


class Died(Exception):
    """What a test lets happen in the place of a call."""


class Dying:
    """Passes every call on, but dies in the place of one, once."""

    def __init__(self, target: Any, call: str) -> None:
        self._target = target
        self._call: str | None = call

    def __getattr__(self, name: str) -> Any:
        if name == self._call:
            self._call = None
            raise Died(name)
        return getattr(self._target, name)


class Interrupted:
    """Passes every call on, but does something else first where it is this one, once."""

    def __init__(self, target: Any, call: str, meanwhile: Callable[[], None]) -> None:
        self._target = target
        self._call: str | None = call
        self._meanwhile = meanwhile

    def __getattr__(self, name: str) -> Any:
        if name == self._call:
            self._call = None
            self._meanwhile()
        return getattr(self._target, name)


@pytest.fixture
def objects(cloud: Cloud) -> S3Objects:
    """A bucket of the test's own."""
    return S3Objects(cloud.s3, bucket=cloud.bucket())


@pytest.fixture
def scan(uploads: DynamoUploads, queue: DynamoJobQueue, objects: S3Objects, upload: Upload) -> Callable[..., Any]:
    """Sends bytes for a new upload, and scans it twice: the first time, `dies` names where it ends."""
    requested = AuditEvent(at=upload.created_at, event=AuditAct.UPLOAD_REQUESTED, correlation_id="c")

    def run(data: bytes, dies: tuple[str, str]) -> tuple[ScanOutcome, Upload]:
        uploads.create(upload.model_copy(update={"file_size": len(data)}), requested)
        objects.write(upload.object_key, data, "text/csv")
        ports: dict[str, Any] = {"uploads": uploads, "audit": uploads, "objects": objects, "queue": queue}
        dying = ports | {dies[0]: Dying(ports[dies[0]], dies[1])}
        with pytest.raises(Died):
            scan_upload(upload.object_key, None, **dying, clock=lambda: upload.created_at, **UNSCANNED)
        outcome = scan_upload(upload.object_key, None, **ports, clock=lambda: upload.created_at, **UNSCANNED)
        after = uploads.get(upload.tenant_id, upload.upload_id)
        assert after is not None
        return outcome, after

    return run


@pytest.mark.parametrize(
    "dies", [("objects", "describe"), ("uploads", "move"), ("objects", "open_range"), ("queue", "enqueue")]
)
def test_an_accepted_file_is_queued_once(
    scan: Callable[..., Any], queue: DynamoJobQueue, dies: tuple[str, str]
) -> None:
    """With its version pinned."""
    _, upload = scan(b"a,b\n1,2\n", dies)
    assert upload.state is UploadState.QUEUED
    assert upload.source is not None
    assert [job.job_id for job in queue.waiting()] == [upload.upload_id]


@pytest.mark.parametrize("dies", [("objects", "copy"), ("uploads", "move"), ("objects", "delete")])
def test_a_rejected_file_ends_in_quarantine_alone(
    scan: Callable[..., Any], objects: S3Objects, dies: tuple[str, str]
) -> None:
    """And its upload as failed."""
    _, upload = scan(b"PK\x03\x04" + b"\x00" * 20, dies)
    assert (upload.state, upload.failure.code) == (UploadState.FAILED, "file_not_text")
    assert list(objects.keys("")) == [object_keys.quarantine(upload.object_key)]


@pytest.mark.parametrize("call", ["open_range", "copy"])
def test_a_version_that_comes_during_the_scan_is_too_late(
    uploads: DynamoUploads, queue: DynamoJobQueue, objects: S3Objects, upload: Upload, call: str
) -> None:
    """A form that is sent twice makes two versions: the scan of the first decides, whatever the second one is."""
    bad, good = b"PK\x03\x04\x00\x00\x00\x00", b"a,b\n1,2\n"
    requested = AuditEvent(at=upload.created_at, event=AuditAct.UPLOAD_REQUESTED, correlation_id="c")
    uploads.create(upload.model_copy(update={"file_size": len(bad)}), requested)
    versions = []
    for data in (bad, good):
        objects.write(upload.object_key, data, "text/csv")
        stored = objects.describe(upload.object_key, None)
        assert stored
        versions.append(stored.version_id)
    outcomes = []

    def deliver(version: str, objects: Any) -> None:
        ports: dict[str, Any] = {"uploads": uploads, "audit": uploads, "objects": objects, "queue": queue}
        outcomes.append(scan_upload(upload.object_key, version, **ports, clock=lambda: upload.created_at, **UNSCANNED))

    deliver(versions[0], Interrupted(objects, call, lambda: deliver(versions[1], objects)))

    assert outcomes == [ScanOutcome.IGNORED, ScanOutcome.REJECTED]
    after = uploads.get(upload.tenant_id, upload.upload_id)
    assert after is not None
    assert after.source is not None
    assert (after.state, after.source.version_id) == (UploadState.FAILED, versions[0])
    assert queue.waiting() == []
    acts = [event.event for event in uploads.events(upload.tenant_id, upload.upload_id, 20, None).items]
    assert acts.count(AuditAct.LATE_OBJECT_IGNORED) == 1
