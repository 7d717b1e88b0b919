"""Give an import that was stopped by what passes another attempt, some time later."""

from __future__ import annotations

from datetime import timedelta
from random import random

from shared.domain.audit import AuditAct, AuditEvent
from shared.domain.job import wait_before
from shared.domain.upload import TRIED_AGAIN_FROM, Upload, UploadState
from shared.services.failures import passes
from shared.services.import_task import ImportTask
from shared.services.ports import Clock, JobPlace, JobQueue, Uploads


def try_again_later(
    task: ImportTask, *, uploads: Uploads, queue: JobQueue, clock: Clock, attempts: int, shortest: timedelta
) -> bool:
    """Queue the next attempt after a failed one and free its slot; False where the failed one was the last.

    It follows what may be gone by then, and `attempts` of them in all since a person asked for it: an outage that
    Step Functions' own retries do not outlast. What was loaded stays in the ledger, and the next attempt loads the
    rest. Harmless when repeated, also between the moves of the upload and of the job: the upload's comes first, so a
    failure step that died there is known by the upload's attempt.
    """
    upload, found = uploads.get(task.tenant_id, task.upload_id), queue.get(task.upload_id)
    if upload is None or found is None:
        return False
    job, place = found
    if upload.attempt == task.attempt and _is_worth_another(upload, task, uploads):
        if (place, job.attempt) != (JobPlace.RUNNING, task.attempt) or job.tries >= attempts:
            return False
        failed = _event(upload, task, clock)
        upload = uploads.move(upload, UploadState.QUEUED, failed, attempt=task.attempt + 1)
    if upload.attempt <= task.attempt:
        return False
    if job.attempt == task.attempt:
        due = clock() + wait_before(job.tries, shortest, random)
        queue.delay(job, due, _name(task))
    return True


def _is_worth_another(upload: Upload, task: ImportTask, uploads: Uploads) -> bool:
    return upload.state in TRIED_AGAIN_FROM and passes(task.error or {}, uploads.last_fault(upload))


def _event(upload: Upload, task: ImportTask, clock: Clock) -> AuditEvent:
    return AuditEvent(
        at=clock(),
        event=AuditAct.ATTEMPT_FAILED,
        correlation_id=upload.correlation_id,
        details={"attempt": task.attempt, "error": _name(task)},
    )


def _name(task: ImportTask) -> str:
    return str((task.error or {}).get("Error", ""))
