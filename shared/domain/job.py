"""A job: an upload's place in the queue."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from pydantic import Field

from shared.domain.upload import Priority, Upload, Value

OVERTAKEN_FOR = {
    Priority.HIGH: timedelta(0),
    Priority.NORMAL: timedelta(minutes=5),
    Priority.LOW: timedelta(minutes=30),
}
"""How much later than a job of this priority a high one of its tenant may come and still go before it.

So jobs age: behind that time nothing that comes is more urgent, and low never starves.
"""

_LONGEST_WAIT = timedelta(hours=1)


class Job(Value):
    """One upload that waits for a slot, or holds one. `job_id` is the upload's id: one job an upload."""

    job_id: str
    tenant_id: str
    correlation_id: str
    priority: Priority
    created_at: datetime
    attempt: int = Field(default=1, ge=1)
    first_attempt: int = Field(
        default=1, ge=1, description="The one that a person asked for; those behind it are ours."
    )

    @property
    def execution_name(self) -> str:
        """What the execution of this attempt is called: no two of a name run, and none is started again."""
        return self.job_id if self.attempt == 1 else f"{self.job_id}-{self.attempt}"

    @property
    def tries(self) -> int:
        """How many attempts there have been since a person asked for it, this one counted."""
        return self.attempt - self.first_attempt + 1

    @property
    def urgency(self) -> tuple[datetime, str]:
        """Sorts jobs, the most urgent first: by when they were queued, and how long that priority lets others by.

        It never changes while a job waits, so a sorted index is all the ageing there is.
        """
        return self.created_at + OVERTAKEN_FOR[self.priority], self.job_id


def job_of(upload: Upload) -> Job:
    """The job of an upload's present attempt."""
    return Job(
        job_id=upload.upload_id,
        tenant_id=upload.tenant_id,
        correlation_id=upload.correlation_id,
        priority=upload.options.priority,
        created_at=upload.created_at,
        attempt=upload.attempt,
    )


def wait_before(tries: int, shortest: timedelta, random: Callable[[], float]) -> timedelta:
    """How long a job waits when so many tries were in vain: any time up to `shortest`, then twice and four times that.

    An outage ends for all jobs at once; drawn from the whole span (`random` gives 0 to 1), they do not come back at
    once. The span is never more than an hour.
    """
    doublings: int = 2 ** min(tries - 1, 20)
    return min(shortest * doublings, max(_LONGEST_WAIT, shortest)) * random()
