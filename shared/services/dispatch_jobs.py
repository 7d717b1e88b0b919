"""Give the free slots to the waiting jobs, and start an execution for each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from shared.domain.job import Job
from shared.services.ports import Claim, Executions, ExecutionState, JobQueue, Step

_LOOK_AHEAD = 25


def dispatch_jobs(*, announced: Iterable[Job], queue: JobQueue, executions: Executions, slots: int) -> list[str]:
    """Start as many waiting jobs as there are free slots; return their ids.

    `announced` are jobs that were just queued: the queue's listing may lag behind and not have them yet. Slot and
    job change in one step, and the execution bears the upload's id, so that any number of dispatchers at once start
    each job once.
    """
    started: list[str] = []
    fresh = {job.job_id: job for job in announced}
    while waiting := {job.job_id: job for job in queue.waiting(_LOOK_AHEAD)} | fresh:
        claims = []
        for job in sorted(waiting.values(), key=lambda job: job.queue_order):
            claim = queue.claim(job, slots)
            claims.append(claim)
            if claim is Claim.FULL:
                return started
            if claim is Claim.CLAIMED:
                executions.start(job.execution_name, _payload(job))
                started.append(job.job_id)
        if Claim.CLAIMED not in claims:  # the listing lags behind: they all have their slots
            break
        fresh = {}
    return started


def sweep_jobs(*, queue: JobQueue, executions: Executions, fail_step: Step) -> list[str]:
    """Put right the slots whose execution never began or has gone; return the jobs' ids.

    A dispatcher may die between claiming a slot and starting the execution: it is started now. An execution that
    was stopped by hand, or whose failure step failed, has left its upload and its slot as they were: the failure
    step is taken for it.
    """
    mended: list[str] = []
    for job in queue.running():
        state = executions.state(job.execution_name)
        if state is ExecutionState.ABSENT:
            executions.start(job.execution_name, _payload(job))
        elif state is ExecutionState.ENDED:
            fail_step.take(_payload(job) | {"error": {"Error": "ExecutionLost"}})
        else:
            continue
        mended.append(job.job_id)
    return mended


def _payload(job: Job) -> dict[str, Any]:
    return {"tenantId": job.tenant_id, "uploadId": job.job_id, "correlationId": job.correlation_id}
