"""The queue and the rate limiter count exactly, however many ask at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.adapters.dynamodb_jobs import DynamoJobQueue
from shared.adapters.dynamodb_rate_limits import DynamoRateLimiter
from shared.domain.job import Job
from shared.domain.upload import Priority
from shared.errors import TransientError
from shared.services.dispatch_jobs import dispatch_jobs, sweep_jobs
from shared.services.ports import Claim, ExecutionState
from tests.contract.cloud import Cloud

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def job(name: str, minute: int = 0, priority: Priority = Priority.NORMAL) -> Job:
    return Job(
        job_id=name,
        tenant_id="tenant-a",
        correlation_id="c",
        priority=priority,
        created_at=START + timedelta(minutes=minute),
    )


class Started:
    """Executions that are only remembered; those in `ended` have ended."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.ended: set[str] = set()

    def start(self, name: str, payload: dict[str, str]) -> None:
        """Remember it."""
        assert payload["uploadId"] == name
        self.names.append(name)

    def state(self, name: str) -> ExecutionState:
        """What was remembered of it."""
        if name in self.ended:
            return ExecutionState.ENDED
        return ExecutionState.RUNNING if name in self.names else ExecutionState.ABSENT


class Failed:
    """A failure step that only remembers for which uploads it was taken."""

    def __init__(self) -> None:
        self.uploads: list[str] = []

    def take(self, payload: dict[str, Any]) -> None:
        """Remember it."""
        assert payload["error"] == {"Error": "ExecutionLost"}
        self.uploads.append(payload["uploadId"])


def test_the_urgent_come_first_then_the_old(queue: DynamoJobQueue) -> None:
    """By priority, then by age."""
    for one in (job("b", 2), job("low", 0, Priority.LOW), job("a", 1), job("high", 9, Priority.HIGH)):
        queue.enqueue(one)
    assert [one.job_id for one in queue.waiting(10)] == ["high", "a", "b", "low"]


def test_a_job_is_queued_once(queue: DynamoJobQueue) -> None:
    """Also when it has run already."""
    queue.enqueue(job("a"))
    assert queue.claim(job("a"), 1) is Claim.CLAIMED
    queue.enqueue(job("a"))
    assert queue.waiting(10) == []
    queue.release("a")
    queue.enqueue(job("a"))
    assert queue.waiting(10) == []


def test_slots_are_never_exceeded_and_each_job_runs_once(queue: DynamoJobQueue) -> None:
    """Eight dispatchers at once, three slots, twenty jobs: three run, each started once."""
    for n in range(20):
        queue.enqueue(job(f"job-{n:02}", n))
    executions = Started()

    def dispatch(_: int) -> None:
        try:
            dispatch_jobs(announced=[], queue=queue, executions=executions, slots=3)
        except TransientError:  # two were at the slots in the same moment; the stream delivers again
            return

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(dispatch, range(8)))
    dispatch_jobs(announced=[], queue=queue, executions=executions, slots=3)
    assert sorted(executions.names) == ["job-00", "job-01", "job-02"]
    queue.release("job-01")
    queue.release("job-01")
    assert dispatch_jobs(announced=[], queue=queue, executions=executions, slots=3) == ["job-03"]
    assert {one.job_id for one in queue.running()} == {"job-00", "job-02", "job-03"}


def test_a_job_that_the_listing_does_not_have_yet_is_started(queue: DynamoJobQueue) -> None:
    """The index lags behind the table; the stream's event brings the job itself, among the others in its place."""
    for one in (job("older", 1), job("newer", 5)):
        queue.enqueue(one)
    executions = Started()

    class Lagging(DynamoJobQueue):
        """A queue whose listing is always late."""

        def waiting(self, limit: int) -> list[Job]:
            """Nothing yet of the older one."""
            return [one for one in queue.waiting(limit) if one.job_id != "older"]

    late = Lagging(queue._client, table=queue._table, retention_days=90)  # noqa: SLF001
    assert dispatch_jobs(announced=[job("older", 1)], queue=late, executions=executions, slots=1) == ["older"]
    assert dispatch_jobs(announced=[job("older", 1)], queue=late, executions=executions, slots=5) == ["newer"]


def test_the_sweep_starts_what_never_began_and_ends_what_is_gone(queue: DynamoJobQueue) -> None:
    """A dispatcher that died behind its claim, and an execution stopped by hand."""
    executions = Started()
    for name in ("never-began", "gone", "runs"):
        queue.enqueue(job(name))
        queue.claim(job(name), 5)
    executions.names += ["gone", "runs"]
    executions.ended.add("gone")
    failed = Failed()
    mended = sweep_jobs(queue=queue, executions=executions, fail_step=failed)
    assert sorted(mended) == ["gone", "never-began"]
    assert executions.names[-1] == "never-began"
    assert failed.uploads == ["gone"]


def test_eighty_at_once_and_exactly_ten_admitted(cloud: Cloud, table: Callable[..., str]) -> None:
    """One conditional write each."""
    limiter = DynamoRateLimiter(cloud.dynamodb, table=table("limitKey"), clock=lambda: START)
    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda _: limiter.take("user", 10, 3600), range(80)))
    admitted = [answer for answer in answers if answer.admitted]
    assert len(admitted) == 10
    assert sorted(answer.remaining for answer in admitted) == list(range(10))
    assert {answer.resets_in for answer in answers} == {3600}


def test_the_next_window_starts_anew(cloud: Cloud, table: Callable[..., str]) -> None:
    """And the wait that was told was true."""
    now = START + timedelta(minutes=59)
    limiter = DynamoRateLimiter(cloud.dynamodb, table=table("limitKey"), clock=lambda: now)
    assert limiter.take("user", 1, 3600).admitted
    refused = limiter.take("user", 1, 3600)
    assert (refused.admitted, refused.resets_in) == (False, 60)
    now += timedelta(seconds=refused.resets_in)
    assert limiter.take("user", 1, 3600).admitted
    assert limiter.take("another", 1, 3600).admitted
