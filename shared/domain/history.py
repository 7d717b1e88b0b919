"""Which of a tenant's uploads somebody looks for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared.domain.upload import Upload, UploadState, UploadStatus


@dataclass(frozen=True, slots=True)
class UploadFilter:
    """What an upload must be; what is empty or None is asked of none.

    `search` is found in the file's name, whatever the case. `since` and all that is later, but earlier than `until`.
    """

    statuses: frozenset[UploadStatus] = frozenset()
    search: str = ""
    work_unit_id: str | None = None
    created_by: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def states(self) -> list[UploadState]:
        """The states that the API shows as one of `statuses`."""
        return [state for state in UploadState if state.status in self.statuses]

    def has_name(self, file_name: str) -> bool:
        """Whether a file's name has what is searched."""
        return self.search.casefold() in file_name.casefold()

    def has(self, upload: Upload) -> bool:
        """Whether an upload is one of those."""
        return (
            (not self.statuses or upload.state.status in self.statuses)
            and self.has_name(upload.file_name)
            and self.work_unit_id in (None, upload.options.work_unit_id)
            and self.created_by in (None, upload.created_by)
            and (self.since is None or self.since <= upload.created_at)
            and (self.until is None or upload.created_at < self.until)
        )


ALL_UPLOADS = UploadFilter()
