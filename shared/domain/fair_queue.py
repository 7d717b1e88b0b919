"""Whose job is started next: tenants take turns, and each sends the most urgent job that it has.

It is start-time fair queueing with jobs that all count the same, and then a tenant's tag is either the present round's
or the next one's: all there is to remember is who has had a turn in this round.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from shared.domain.job import Job


@dataclass(frozen=True, slots=True)
class Round:
    """In a round each tenant that waits has one turn, also one that comes while it goes on. `served` have had theirs.

    So whoever comes with one file waits for at most one job of each other tenant, however many they have. A priority
    is urgent among the tenant's own jobs, and decides who is first within a round; it buys no further turn.
    """

    served: frozenset[str] = frozenset()

    def next_job(self, heads: Iterable[Job]) -> Job | None:
        """The job to start next; `heads` has at least the most urgent job of every tenant that waits."""
        waiting = list(heads)
        unserved = [job for job in waiting if job.tenant_id not in self.served]
        return min(unserved or waiting, key=lambda job: job.urgency, default=None)

    def after(self, job: Job) -> Round:
        """The round once this job was started; a second turn of its tenant is the first of a new round."""
        return Round(frozenset({job.tenant_id}) if job.tenant_id in self.served else self.served | {job.tenant_id})
