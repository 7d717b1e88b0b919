"""A job: an upload's place in the queue."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from shared.domain.upload import Priority, Upload, Value

_RANK = {Priority.HIGH: 0, Priority.NORMAL: 1, Priority.LOW: 2}


class Job(Value):
    """One upload that waits for a slot, or holds one. `job_id` is the upload's id: one job an upload."""

    job_id: str
    tenant_id: str
    correlation_id: str
    priority: Priority
    created_at: datetime
    attempt: int = Field(default=1, ge=1)

    @property
    def execution_name(self) -> str:
        """What the execution of this attempt is called: no two of a name run, and none is started again."""
        return self.job_id if self.attempt == 1 else f"{self.job_id}-{self.attempt}"

    @property
    def queue_order(self) -> str:
        """Sorts the queue: by priority, then by age."""
        return f"{_RANK[self.priority]}#{self.created_at.isoformat()}#{self.job_id}"


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
