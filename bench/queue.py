"""The queue under ten thousand uploads of a hundred tenants: how long each waits, by the policy that is deployed.

A discrete simulation of one day of work on the slots of the default setting. One tenant drops two thousand files at
once, the others send theirs over the day; what decides is `shared.domain.fair_queue`, as in the dispatcher. Beside it,
on the same uploads: first come first served, and strictly by priority.
"""

from __future__ import annotations

import heapq
import random
import statistics
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from shared.domain.fair_queue import Round
from shared.domain.job import Job
from shared.domain.upload import Priority
from shared.settings import Settings

_SEED = 20260301
_START = datetime(2026, 3, 1, 6, tzinfo=UTC)
_TENANTS, _UPLOADS, _BURST = 100, 10_000, 2_000
_DAY_SECONDS = 8 * 3600.0
_BURST_AT = 3600.0
_BUSY = 0.9
"""Share of the slots' time that the day's imports need: the burst is worked off within the day."""

_PRIORITIES = {Priority.HIGH: 0.1, Priority.NORMAL: 0.6, Priority.LOW: 0.3}


@dataclass(frozen=True, slots=True)
class Arrival:
    """An upload; times are in seconds of the day."""

    at: float
    seconds: float
    job: Job


@dataclass(frozen=True, slots=True)
class Waits:
    """How long the uploads of a group waited for a slot, in seconds."""

    policy: str
    group: str
    median: float
    p95: float
    longest: float


class Policy(Protocol):
    """The jobs that wait, and which of them is next."""

    def add(self, job: Job) -> None:
        """One more waits."""

    def take(self) -> Job | None:
        """The next one, which waits no more; None when none waits."""


class Fair:
    """What is deployed."""

    def __init__(self) -> None:
        self._round = Round()
        self._waiting: dict[str, list[tuple[tuple[datetime, str], Job]]] = defaultdict(list)

    def add(self, job: Job) -> None:
        """Among its tenant's, by urgency."""
        heapq.heappush(self._waiting[job.tenant_id], (job.urgency, job))

    def take(self) -> Job | None:
        """Of the tenant whose turn it is."""
        job = self._round.next_job(waiting[0][1] for waiting in self._waiting.values() if waiting)
        if job is not None:
            heapq.heappop(self._waiting[job.tenant_id])
            self._round = self._round.after(job)
        return job


class InOneLine:
    """First come first served, or the priorities one after the other."""

    def __init__(self, *, by_priority: bool) -> None:
        self._by_priority = by_priority
        self._waiting: list[tuple[int, datetime, str, Job]] = []

    def add(self, job: Job) -> None:
        """Behind all that came before, or behind those of its priority."""
        rank = list(Priority).index(job.priority) if self._by_priority else 0
        heapq.heappush(self._waiting, (rank, job.created_at, job.job_id, job))

    def take(self) -> Job | None:
        """The first of the line."""
        return heapq.heappop(self._waiting)[3] if self._waiting else None


def queue_waits() -> list[Waits]:
    """Let the same uploads through each policy; what the tenant of the burst and all others waited, by priority."""
    arrivals = _arrivals(random.Random(_SEED))  # noqa: S311 - uploads to measure with, and no secret
    policies: dict[str, Policy] = {
        "fair": Fair(),
        "first come": InOneLine(by_priority=False),
        "by priority": InOneLine(by_priority=True),
    }
    return [waits for name, policy in policies.items() for waits in _summed(name, _simulate(arrivals, policy))]


def _arrivals(chance: random.Random) -> list[Arrival]:
    slots = Settings.model_fields["job_concurrency"].default
    mean = _BUSY * slots * _DAY_SECONDS / _UPLOADS
    priorities, weights = list(_PRIORITIES), list(_PRIORITIES.values())

    def arrival(number: int) -> Arrival:
        burst = number < _BURST
        at = _BURST_AT + number * 0.1 if burst else chance.uniform(0, _DAY_SECONDS)
        return Arrival(
            at,
            chance.expovariate(1 / mean),
            Job(
                job_id=f"{number:06}",
                tenant_id="burst" if burst else f"tenant-{chance.randrange(1, _TENANTS):02}",
                correlation_id="",
                priority=chance.choices(priorities, weights)[0],
                created_at=_START + timedelta(seconds=at),
            ),
        )

    return sorted(map(arrival, range(_UPLOADS)), key=lambda one: one.at)


def _simulate(arrivals: list[Arrival], policy: Policy) -> list[tuple[Job, float]]:
    """Each job and the seconds that it waited."""
    by_id = {one.job.job_id: one for one in arrivals}
    ends: list[float] = [0.0] * Settings.model_fields["job_concurrency"].default
    coming = 0
    waits: list[tuple[Job, float]] = []
    while len(waits) < len(arrivals):
        now = ends[0]
        while coming < len(arrivals) and arrivals[coming].at <= now:
            policy.add(arrivals[coming].job)
            coming += 1
        job = policy.take()
        if job is None:  # the slot is idle until the next one comes
            heapq.heapreplace(ends, arrivals[coming].at)
            continue
        waits.append((job, now - by_id[job.job_id].at))
        heapq.heapreplace(ends, now + by_id[job.job_id].seconds)
    return waits


def _summed(policy: str, waited: list[tuple[Job, float]]) -> Iterator[Waits]:
    groups: dict[str, list[float]] = defaultdict(list)
    for job, seconds in waited:
        groups["burst" if job.tenant_id == "burst" else "others"].append(seconds)
        groups[f"{'burst' if job.tenant_id == 'burst' else 'others'}, {job.priority}"].append(seconds)
    for group in sorted(groups):
        waits = groups[group]
        p95 = statistics.quantiles(waits, n=20)[-1]
        yield Waits(policy, group, statistics.median(waits), p95, max(waits))
