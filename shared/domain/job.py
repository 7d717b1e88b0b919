"""A job: an upload's place in the queue."""

from __future__ import annotations

from datetime import datetime

from shared.domain.upload import Priority, Value

_RANK = {Priority.HIGH: 0, Priority.NORMAL: 1, Priority.LOW: 2}


class Job(Value):
    """One upload that waits for a slot, or holds one. `job_id` is the upload's id: one job an upload."""

    job_id: str
    tenant_id: str
    correlation_id: str
    priority: Priority
    created_at: datetime

    @property
    def queue_order(self) -> str:
        """Sorts the queue: by priority, then by age."""
        return f"{_RANK[self.priority]}#{self.created_at.isoformat()}#{self.job_id}"
