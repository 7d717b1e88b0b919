"""Whose turn it is: nobody starves, and no tenant pays for the number of another's files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.fair_queue import Round
from shared.domain.job import OVERTAKEN_FOR, Job, wait_before
from shared.domain.upload import Priority

START = datetime(2026, 3, 1, 12, tzinfo=UTC)

priorities = st.sampled_from(Priority)
minutes = st.integers(0, 90)


def job(number: int, tenant: str, minute: int = 0, priority: Priority = Priority.NORMAL) -> Job:
    return Job(
        job_id=f"job-{number:04}",
        tenant_id=tenant,
        correlation_id="c",
        priority=priority,
        created_at=START + timedelta(minutes=minute),
    )


def started(waiting: list[Job], turn: Round, count: int) -> tuple[list[Job], Round]:
    """The next jobs to start, and the round behind them; `waiting` loses them."""
    order: list[Job] = []
    for _ in range(count):
        chosen = turn.next_job(waiting)
        if chosen is None:
            break
        waiting.remove(chosen)
        order.append(chosen)
        turn = turn.after(chosen)
    return order, turn


jobs = st.lists(st.tuples(st.sampled_from("abcd"), minutes, priorities), min_size=1, max_size=30).map(
    lambda drawn: [job(n, *one) for n, one in enumerate(drawn)]
)


@given(jobs, st.integers(0, 30))
def test_who_comes_with_one_file_waits_for_one_of_each_other_tenant(waiting: list[Job], before: int) -> None:
    """Whatever the others have, however urgent it is, and whenever in a round it comes."""
    others = {one.tenant_id for one in waiting}
    _, turn = started(waiting, Round(), before)
    waiting.append(job(9999, "newcomer", 1000, Priority.LOW))
    order, _ = started(waiting, turn, len(waiting))
    ahead = [one.tenant_id for one in order[: [one.tenant_id for one in order].index("newcomer")]]
    assert all(ahead.count(tenant) <= 1 for tenant in others)


@given(jobs)
def test_between_two_turns_of_a_tenant_no_other_has_more_than_two(waiting: list[Job]) -> None:
    """The last of one round and the first of the next."""
    order, _ = started(list(waiting), Round(), len(waiting))
    names = [one.tenant_id for one in order]
    for tenant in set(names):
        turns = [place for place, name in enumerate(names) if name == tenant]
        for first, second in pairwise(turns):
            between = names[first + 1 : second]
            assert all(between.count(other) <= 2 for other in set(between))


@given(jobs)
def test_all_that_waits_is_started_once(waiting: list[Job]) -> None:
    """As long as anything waits, something is next."""
    order, _ = started(list(waiting), Round(), 1000)
    assert sorted(one.job_id for one in order) == sorted(one.job_id for one in waiting)


@given(jobs)
def test_a_tenants_jobs_start_by_priority_and_age(waiting: list[Job]) -> None:
    """The more urgent of two that were queued at once goes first, and of one priority the older."""
    order, _ = started(list(waiting), Round(), len(waiting))
    rank = list(Priority)
    for place, first in enumerate(order):
        for second in order[place + 1 :]:
            if first.tenant_id == second.tenant_id:
                assert first.created_at <= second.created_at or rank.index(first.priority) < rank.index(second.priority)


@given(minutes, priorities, minutes, priorities)
def test_no_job_is_overtaken_for_ever(minute: int, priority: Priority, later: int, other: Priority) -> None:
    """By nothing that comes later than its priority lets others by: that is all that ageing has to promise."""
    waits, comes = job(1, "a", minute, priority), job(2, "a", minute + later, other)
    if timedelta(minutes=later) > OVERTAKEN_FOR[priority]:
        assert Round().next_job([waits, comes]) == waits


def test_within_a_round_the_urgent_go_first() -> None:
    """A priority decides between tenants whose turn it is, and buys no second turn."""
    waiting = [
        job(1, "a", 3),
        job(2, "b", 4, Priority.HIGH),
        job(3, "b", 4, Priority.HIGH),
        job(4, "c", 0, Priority.LOW),
    ]
    order, _ = started(waiting, Round(), 4)
    assert [one.job_id for one in order] == ["job-0002", "job-0001", "job-0004", "job-0003"]


@given(st.integers(1, 100), st.floats(0, 1))
def test_waits_grow_by_doubling_and_have_a_limit(tries: int, drawn: float) -> None:
    """Anything up to the span, which is never longer than an hour."""
    wait = wait_before(tries, timedelta(minutes=1), lambda: drawn)
    assert timedelta(0) <= wait <= min(timedelta(minutes=2 ** (min(tries, 30) - 1)), timedelta(hours=1))
    assert wait_before(tries, timedelta(minutes=1), lambda: 1) >= wait
