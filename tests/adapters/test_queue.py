"""The queue and the rate limiter count exactly, however many ask at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.adapters.dynamodb_jobs import DynamoJobQueue
from shared.adapters.dynamodb_rate_limits import DynamoRateLimiter
from shared.domain.job import Job
from shared.domain.upload import Priority
from shared.services.dispatch_jobs import dispatch_jobs, sweep_jobs, sweep_tenants, wake_jobs
from shared.services.ports import Claim, ExecutionState, JobPlace
from tests.contract.cloud import Cloud

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def job(name: str, minute: int = 0, priority: Priority = Priority.NORMAL, tenant: str = "tenant-a") -> Job:
    return Job(
        job_id=name,
        tenant_id=tenant,
        correlation_id="c",
        priority=priority,
        created_at=START + timedelta(minutes=minute),
    )


def claim(queue: DynamoJobQueue, one: Job) -> Claim:
    return queue.claim(one, queue.slots())


def ids(jobs: Iterable[Job]) -> list[str]:
    return [one.job_id for one in jobs]


class Started:
    """Executions that are only remembered; those in `ended` have ended."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.ended: set[str] = set()

    def start(self, name: str, payload: dict[str, Any]) -> None:
        """Remember it."""
        assert name in (payload["uploadId"], f"{payload['uploadId']}-{payload['attempt']}")
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


def dispatch(queue: DynamoJobQueue, executions: Started, *, slots: int, announced: Iterable[Job] = ()) -> list[str]:
    return dispatch_jobs(announced=announced, queue=queue, executions=executions, slots=slots)


def test_a_tenants_urgent_jobs_come_first_then_its_old_ones(queue: DynamoJobQueue) -> None:
    """By priority, then by age, and one that has waited long enough before what is urgent."""
    for one in (
        job("b", 2),
        job("low", 0, Priority.LOW),
        job("a", 1),
        job("high", 6, Priority.HIGH),
        job("late", 31, Priority.HIGH),
    ):
        queue.enqueue(one)
    assert ids(queue.heads(["tenant-a"], 10)) == ["a", "high", "b", "low", "late"]


def test_a_job_is_queued_once(queue: DynamoJobQueue) -> None:
    """Also when it has run already."""
    queue.enqueue(job("a"))
    assert claim(queue, job("a")) is Claim.CLAIMED
    queue.enqueue(job("a"))
    assert queue.waiting() == []
    queue.release("a", 1)
    queue.enqueue(job("a"))
    assert queue.waiting() == []
    assert queue.get("a") == (job("a"), JobPlace.ENDED)
    assert queue.get("b") is None


def test_a_job_that_ended_or_died_can_have_another_attempt(queue: DynamoJobQueue) -> None:
    """A person retries it; one that waits or runs has no use for it."""
    again = [job("a").model_copy(update={"attempt": n}) for n in range(4)]
    queue.enqueue(again[1])
    queue.enqueue(again[2])
    assert [one.attempt for one in queue.waiting()] == [1]
    claim(queue, again[1])
    queue.enqueue(again[2])
    assert [one.attempt for one in queue.running()] == [1]
    queue.bury("a", 1, "internal_error", START)
    assert [one.attempt for one in queue.dead()] == [1]
    queue.enqueue(again[2])
    assert [(one.attempt, one.tries) for one in queue.waiting()] == [(2, 1)]
    assert queue.dead() == []
    queue.release("a", 1)
    assert [one.attempt for one in queue.waiting()] == [2]  # what comes late of the first one ends it no more
    queue.release("a", 2)
    queue.enqueue(again[3])
    assert [one.execution_name for one in queue.waiting()] == ["a-3"]


def test_one_that_waits_can_be_ended(queue: DynamoJobQueue) -> None:
    """A person cancels it."""
    queue.enqueue(job("a"))
    queue.release("a", 1)
    assert dispatch(queue, Started(), slots=1, announced=[job("a")]) == []


def test_a_tenant_with_many_files_does_not_hold_up_another(queue: DynamoJobQueue) -> None:
    """They take turns, and who comes late has the first turn among those that had theirs."""
    for n in range(6):
        queue.enqueue(job(f"many-{n}", n))
    executions = Started()
    assert dispatch(queue, executions, slots=2) == ["many-0", "many-1"]
    queue.enqueue(job("one", 60, tenant="tenant-b"))
    queue.enqueue(job("low", 59, Priority.LOW, tenant="tenant-c"))
    for name in ("many-0", "many-1"):
        queue.release(name, 1)
        dispatch(queue, executions, slots=2)
    assert executions.names == ["many-0", "many-1", "one", "low"]


def test_slots_are_never_exceeded_and_each_job_runs_once(queue: DynamoJobQueue) -> None:
    """Eight dispatchers at once, three slots, twelve jobs of three tenants, over and over: each is started once."""
    for n in range(12):
        queue.enqueue(job(f"job-{n:02}", n, tenant=f"tenant-{n % 3}"))
    executions = Started()
    most = 0
    while len(executions.names) < 12:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: dispatch(queue, executions, slots=3), range(8)))
        running = ids(queue.running())
        assert running
        most = max(most, len(running))
        assert queue.slots().held == len(running)
        queue.release(running[0], 1)
        queue.release(running[0], 1)
    assert most == 3
    assert sorted(executions.names) == [f"job-{n:02}" for n in range(12)]


def test_a_job_that_the_listing_does_not_have_yet_is_started(queue: DynamoJobQueue) -> None:
    """The index lags behind the table; the stream's event brings the job itself, among the others in its place."""
    for one in (job("older", 1), job("newer", 5)):
        queue.enqueue(one)
    executions = Started()

    class Lagging(DynamoJobQueue):
        """A queue whose listing is always late."""

        def heads(self, tenant_ids: Iterable[str], limit: int) -> list[Job]:
            """Nothing yet of the older one."""
            return [one for one in queue.heads(tenant_ids, limit) if one.job_id != "older"]

    late = Lagging(queue._client, table=queue._table, retention_days=90)  # noqa: SLF001
    assert dispatch(late, executions, slots=1, announced=[job("older", 1)]) == ["older"]
    assert dispatch(late, executions, slots=5, announced=[job("older", 1)]) == ["newer"]


def test_a_listing_that_still_has_what_was_started_is_looked_through(queue: DynamoJobQueue) -> None:
    """Behind more jobs that others have just taken than are looked at in one go."""
    taken = [job(f"taken-{n:02}", n) for n in range(15)]
    for one in (*taken, job("left", 20)):
        queue.enqueue(one)

    class Lagging(DynamoJobQueue):
        """A queue whose listing is of the beginning."""

        def heads(self, tenant_ids: Iterable[str], limit: int) -> list[Job]:
            """All of them in order."""
            del tenant_ids
            return [*taken, job("left", 20)][:limit]

    for one in taken:
        claim(queue, one)
    late = Lagging(queue._client, table=queue._table, retention_days=90)  # noqa: SLF001
    assert dispatch(late, Started(), slots=20) == ["left"]


def test_the_sweep_starts_what_never_began_and_ends_what_is_gone(queue: DynamoJobQueue) -> None:
    """A dispatcher that died behind its claim, and an execution stopped by hand."""
    executions = Started()
    for name in ("never-began", "gone", "runs"):
        queue.enqueue(job(name))
        claim(queue, job(name))
    executions.names += ["gone", "runs"]
    executions.ended.add("gone")
    failed = Failed()
    mended = sweep_jobs(queue=queue, executions=executions, fail_step=failed)
    assert sorted(mended) == ["gone", "never-began"]
    assert executions.names[-1] == "never-began"
    assert failed.uploads == ["gone"]


def test_the_sweep_finds_tenants_that_were_lost_and_forgets_those_without_jobs(queue: DynamoJobQueue) -> None:
    """A tenant is kept for a while, since its job may not be in the listing yet."""
    queue.enqueue(job("a"))
    queue.add_tenant("tenant-b")
    known = queue.tenants()
    queue.forget_tenant("tenant-a", known["tenant-a"])
    now = datetime.now(UTC)
    assert sweep_tenants(queue=queue, clock=lambda: now) == 1
    assert queue.tenants().keys() == {"tenant-a", "tenant-b"}
    assert dispatch(queue, Started(), slots=1) == ["a"]
    sweep_tenants(queue=queue, clock=lambda: now + timedelta(minutes=10))
    assert queue.tenants() == {}


def test_a_tenant_that_has_a_new_job_is_not_forgotten(queue: DynamoJobQueue) -> None:
    """One that came between the look and the forgetting has set another mark."""
    queue.add_tenant("tenant-a")
    seen = queue.tenants()["tenant-a"]
    queue.enqueue(job("a"))
    queue.forget_tenant("tenant-a", seen)
    assert queue.tenants().keys() == {"tenant-a"}


def test_a_delayed_attempt_frees_its_slot_and_comes_back_when_it_is_due(queue: DynamoJobQueue) -> None:
    """Under the next attempt's name, and once, however often both are repeated."""
    queue.enqueue(job("a"))
    executions = Started()
    dispatch(queue, executions, slots=1)
    due = START + timedelta(hours=1)
    for _ in range(2):
        queue.delay(job("a"), due, "TransientError")
    assert (queue.slots().held, queue.running(), queue.waiting()) == (0, [], [])
    assert wake_jobs(queue=queue, clock=lambda: due - timedelta(seconds=1)) == []
    assert wake_jobs(queue=queue, clock=lambda: due) == ["a"]
    [again] = queue.waiting()
    assert (again.attempt, again.tries) == (2, 2)
    assert dispatch(queue, executions, slots=1, announced=[job("a")]) == ["a"]
    assert executions.names == ["a", "a-2"]
    queue.delay(job("a"), due, "TransientError")
    assert queue.slots().held == 1


def test_a_dead_job_stays_for_people_and_holds_no_slot(queue: DynamoJobQueue) -> None:
    """Until somebody ends it; one that ended does not come back as dead."""
    queue.enqueue(job("a"))
    claim(queue, job("a"))
    for _ in range(2):
        queue.bury("a", 1, "internal_error", START)
    assert queue.slots().held == 0
    assert queue.get("a") == (job("a"), JobPlace.DEAD)
    queue.release("a", 1)
    queue.bury("a", 1, "internal_error", START)
    assert queue.dead() == []


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
