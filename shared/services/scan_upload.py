"""Scan an uploaded object: may it be read? Then its version is pinned and a job queued, else it is quarantined."""

from __future__ import annotations

import uuid
from contextlib import suppress
from datetime import timedelta
from enum import Enum
from typing import Any

from shared.domain import object_keys
from shared.domain.audit import AuditAct, AuditEvent
from shared.domain.job import job_of
from shared.domain.problems import file_problem
from shared.domain.upload import Failure, MalwareScan, SourceObject, Upload, UploadState
from shared.domain.verdict import Verdict
from shared.errors import StateConflict, UploadRejected
from shared.formats.content_type import content_problem
from shared.services.check_structure import check_structure
from shared.services.ports import AuditLog, Clock, JobQueue, Objects, Scanner, Uploads
from shared.settings import Settings

_HEAD_BYTES = 65_536
_PATIENCE = timedelta(minutes=30)
"""How long after the file came a verdict may be in coming; it takes a minute or two."""

_WRONG_CONTENT = {"csv": "file_not_text", "json": "file_not_json", "excel": "file_not_workbook"}


class ScanOutcome(Enum):
    """What became of an S3 event."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    WAITING = "waiting"
    IGNORED = "ignored"


def upload_of(key: str, uploads: Uploads) -> Upload | None:
    """The upload whose file an object is; None for any other object."""
    owner = object_keys.parse_incoming(key)
    upload = uploads.get(owner.tenant_id, owner.upload_id) if owner else None
    return upload if upload and upload.object_key == key else None


def scan_upload(
    key: str,
    version_id: str | None,
    *,
    uploads: Uploads,
    audit: AuditLog,
    objects: Objects,
    queue: JobQueue,
    scanner: Scanner | None,
    settings: Settings,
    clock: Clock,
) -> ScanOutcome:
    """Decide on the object that an S3 event names; `version_id` is None where the event has none.

    Where the scanner has not said anything yet, it is `WAITING`, and somebody must have the scan done again.

    S3 delivers an event at least once and in any order: one whose key matches no upload that awaits its file
    is ignored, and a repeated one finds its work done. The version is pinned before it is looked at, so that of two
    that come at once the same one is decided on and imported.
    """
    upload = upload_of(key, uploads)
    if upload is None:
        return ScanOutcome.IGNORED
    if upload.state is UploadState.QUEUED:
        queue.enqueue(job_of(upload))  # the first delivery may have died between the move and this
        return _note_if_other(upload, version_id, audit, clock)
    if upload.state not in (UploadState.AWAITING_UPLOAD, UploadState.SCANNING):
        _delete_what_stays_out(upload, version_id, objects)
        return _note_if_other(upload, version_id, audit, clock)
    source = objects.describe(key, version_id)
    if source is None:
        return ScanOutcome.IGNORED
    with suppress(StateConflict):
        received = _event(upload, AuditAct.FILE_RECEIVED, clock, size=source.size, versionId=source.version_id)
        upload = uploads.move(upload, UploadState.SCANNING, received, source=source, received_at=clock())
        if upload.source == source:
            return _decide(
                upload,
                source,
                uploads=uploads,
                objects=objects,
                queue=queue,
                scanner=scanner,
                settings=settings,
                clock=clock,
            )
    return _note_if_other(upload, source.version_id, audit, clock)


def _decide(
    upload: Upload,
    source: SourceObject,
    *,
    uploads: Uploads,
    objects: Objects,
    queue: JobQueue,
    scanner: Scanner | None,
    settings: Settings,
    clock: Clock,
) -> ScanOutcome:
    scan: MalwareScan | None = None
    try:
        _check(upload, source, objects, settings.max_file_size)
        if scanner is not None:
            verdict = scanner.scan(source)
            if verdict is None:
                _refuse_if_too_late(upload, clock)
                return ScanOutcome.WAITING
            verdict = verdict.held_to(clock(), settings.scanner_definitions_days)
            scan = verdict.scan
            _refuse_unless_clean(verdict)
    except UploadRejected as problem:
        _reject(upload, source, problem, scan, uploads=uploads, objects=objects, clock=clock)
        return ScanOutcome.REJECTED
    told = {"versionId": source.version_id, "etag": source.etag, **_told(scan)}
    accepted = _event(upload, AuditAct.FILE_ACCEPTED, clock, **told)
    upload = uploads.move(upload, UploadState.QUEUED, accepted, malware_scan=scan, accepted_at=clock())
    queue.enqueue(job_of(upload))
    return ScanOutcome.ACCEPTED


def give_up_scan(key: str, version_id: str | None, *, uploads: Uploads, objects: Objects, clock: Clock) -> ScanOutcome:
    """Refuse an object whose scan failed for the last time, whatever the reason: who was not scanned goes nowhere."""
    upload = upload_of(key, uploads)
    if upload is None:
        return ScanOutcome.IGNORED
    if upload.state not in (UploadState.AWAITING_UPLOAD, UploadState.SCANNING):
        return ScanOutcome.IGNORED
    source = upload.source or objects.describe(key, version_id)
    if source is None:
        return ScanOutcome.IGNORED
    _reject(upload, source, _scan_failed(), None, uploads=uploads, objects=objects, clock=clock)
    return ScanOutcome.REJECTED


def _reject(
    upload: Upload,
    source: SourceObject,
    problem: UploadRejected,
    scan: MalwareScan | None,
    *,
    uploads: Uploads,
    objects: Objects,
    clock: Clock,
) -> None:
    """Put the file away, and leave its upload failed."""
    objects.copy(source, object_keys.quarantine(source.key))
    failure = Failure(code=problem.code, message=problem.message, support_id=uuid.uuid4().hex[:12])
    told = {"code": failure.code, "supportId": failure.support_id, **_told(scan)}
    rejected = _event(upload, AuditAct.FILE_REJECTED, clock, **told)
    uploads.move(upload, UploadState.FAILED, rejected, failure=failure, ended_at=clock(), malware_scan=scan)
    objects.delete(source)


def _check(upload: Upload, source: SourceObject, objects: Objects, limit: int) -> None:
    if source.size == 0:
        raise UploadRejected(file_problem("file_empty"), code="file_empty")
    if source.size > limit:
        raise UploadRejected(file_problem("file_too_large", size=source.size, limit=limit), code="file_too_large")
    if source.size != upload.file_size:
        message = file_problem("file_size_mismatch", size=source.size, declared=upload.file_size)
        raise UploadRejected(message, code="file_size_mismatch")
    with objects.open_range(source, 0, min(source.size, _HEAD_BYTES)) as stream:
        head = stream.read()
    import_type = upload.options.import_type
    if what := content_problem(head, import_type):
        code = _WRONG_CONTENT[import_type]
        raise UploadRejected(file_problem(code, what=what), code=code)
    check_structure(upload, source, head, objects)


def _refuse_if_too_late(upload: Upload, clock: Clock) -> None:
    if upload.received_at and clock() - upload.received_at > _PATIENCE:
        raise _scan_failed()


def _refuse_unless_clean(verdict: Verdict) -> None:
    if verdict.threat:
        raise UploadRejected(file_problem("file_infected", threat=verdict.threat[:100]), code="file_infected")
    if verdict.unscanned:
        raise _scan_failed()


def _scan_failed() -> UploadRejected:
    return UploadRejected(file_problem("file_scan_failed"), code="file_scan_failed")


def _told(scan: MalwareScan | None) -> dict[str, Any]:
    """What looked for malware, as an audit event has it."""
    return {"malwareScan": scan.model_dump(mode="json", by_alias=True)} if scan else {}


def _delete_what_stays_out(upload: Upload, version_id: str | None, objects: Objects) -> None:
    """Delete what was rejected, where the delivery that did so died before this, and what came after a cancelling."""
    if upload.source is None and upload.state is UploadState.CANCELLED:
        if late := objects.describe(upload.object_key, version_id):
            objects.delete(late)
    elif upload.source and any(objects.keys(object_keys.quarantine(upload.object_key))):
        objects.delete(upload.source)


def _note_if_other(upload: Upload, version_id: str | None, audit: AuditLog, clock: Clock) -> ScanOutcome:
    """Leave a trace when the event is of another version than the one that was scanned."""
    if version_id and (upload.source is None or version_id != upload.source.version_id):
        event = _event(upload, AuditAct.LATE_OBJECT_IGNORED, clock, versionId=version_id)
        audit.add(upload.tenant_id, upload.upload_id, event)
    return ScanOutcome.IGNORED


def _event(upload: Upload, act: AuditAct, clock: Clock, **details: object) -> AuditEvent:
    return AuditEvent(at=clock(), event=act, correlation_id=upload.correlation_id, details=details)
