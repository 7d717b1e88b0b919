"""Give the free slots to the waiting jobs, and start an execution for each."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from shared.domain.job import Job
from shared.errors import TransientError
from shared.services.ports import Claim, Clock, Executions, ExecutionState, JobQueue, Slots, Step

_LOOK_AHEAD = 10
_MOST_OVERTAKEN = 100
_TENANT_IS_KEPT_FOR = timedelta(minutes=2)
"""Since its last job: so long it may take for a job to be written and to be seen in the listing."""


def dispatch_jobs(*, announced: Iterable[Job], queue: JobQueue, executions: Executions, slots: int) -> list[str]:
    """Start as many waiting jobs as there are free slots, each tenant in its turn; return their ids.

    `announced` are jobs that were just queued: the queue's listing may lag behind and not have them yet. Slot and
    job change in one step, and each attempt's execution has a name of its own, so that any number of dispatchers at
    once start each attempt once. Raises TransientError where others keep taking the turn.
    """
    started: list[str] = []
    line = _Line(queue, announced)
    overtaken = 0
    while (seen := queue.slots()).held < slots and (job := line.next_job(seen)):
        claim = queue.claim(job, seen)
        if claim is Claim.OVERTAKEN:
            overtaken += 1
            if overtaken > _MOST_OVERTAKEN:
                raise TransientError("Other dispatchers keep taking the turn")
            continue
        line.drop(job)
        if claim is Claim.CLAIMED:
            executions.start(job.execution_name, payload_of(job))
            started.append(job.job_id)
    return started


class _Line:
    """The waiting jobs as far as they were looked at, and those that are known to wait no more.

    The listing lags behind: a job that was just taken may still be in it, and one that was just queued may not.
    """

    def __init__(self, queue: JobQueue, announced: Iterable[Job]) -> None:
        self._queue = queue
        self._announced = list(announced)
        self._known: dict[str, list[Job]] | None = None
        self._gone: set[str] = set()

    def next_job(self, seen: Slots) -> Job | None:
        """Whose turn it is."""
        if self._known is None:
            tenants = {*self._queue.tenants(), *(job.tenant_id for job in self._announced)}
            self._known = {tenant_id: [] for tenant_id in sorted(tenants)}
            self._look(self._known)
        return seen.round.next_job(jobs[0] for jobs in self._known.values() if jobs)

    def drop(self, job: Job) -> None:
        """It is no longer waiting."""
        self._gone.add(job.execution_name)
        known = self._known or {}
        known[job.tenant_id].remove(job)
        if not known[job.tenant_id]:
            self._look([job.tenant_id])

    def _look(self, tenant_ids: Iterable[str]) -> None:
        known = self._known or {}
        listed = self._queue.heads(list(tenant_ids), _LOOK_AHEAD + len(self._gone))
        jobs = {job.execution_name: job for job in (*self._announced, *listed)}
        for name in jobs.keys() - self._gone:
            if jobs[name] not in known[jobs[name].tenant_id]:
                known[jobs[name].tenant_id].append(jobs[name])
        for tenant_id in tenant_ids:
            known[tenant_id].sort(key=lambda job: job.urgency)


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
            executions.start(job.execution_name, payload_of(job))
        elif state is ExecutionState.ENDED:
            fail_step.take(payload_of(job) | {"error": {"Error": "ExecutionLost"}})
        else:
            continue
        mended.append(job.job_id)
    return mended


def sweep_tenants(*, queue: JobQueue, clock: Clock) -> int:
    """Add the tenants whose jobs wait unknown, and forget those that have none; return how many jobs wait."""
    known = queue.tenants()
    waiting = queue.waiting()
    with_jobs = {job.tenant_id for job in waiting}
    for tenant_id in with_jobs - known.keys():
        queue.add_tenant(tenant_id)
    long_ago = clock() - _TENANT_IS_KEPT_FOR
    for tenant_id, last_job_at in known.items():
        if tenant_id not in with_jobs and last_job_at < long_ago:
            queue.forget_tenant(tenant_id, last_job_at)
    return len(waiting)


def wake_jobs(*, queue: JobQueue, clock: Clock) -> list[str]:
    """Let the delayed jobs that are due wait for a slot again; return their ids."""
    due = queue.delayed(clock())
    for job in due:
        queue.wake(job)
    return [job.job_id for job in due]


def payload_of(job: Job) -> dict[str, Any]:
    """What the execution of an attempt, and each of its steps, is told of it."""
    return {
        "tenantId": job.tenant_id,
        "uploadId": job.job_id,
        "correlationId": job.correlation_id,
        "attempt": job.attempt,
    }
