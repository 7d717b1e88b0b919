"""Audit events: what was done to an upload, by whom, and why. They are only ever added."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import Field

from shared.domain.upload import Value

SYSTEM = "system"
"""The actor of what nobody asked for by hand."""


class AuditAct(StrEnum):
    """What can happen to an upload."""

    UPLOAD_REQUESTED = "upload_requested"
    FILE_RECEIVED = "file_received"
    FILE_NOT_RECEIVED = "file_not_received"
    FILE_ACCEPTED = "file_accepted"
    FILE_REJECTED = "file_rejected"
    LATE_OBJECT_IGNORED = "late_object_ignored"
    IMPORT_STARTED = "import_started"
    IMPORT_PLANNED = "import_planned"
    PREVIEW_MADE = "preview_made"
    PREVIEW_CONFIRMED = "preview_confirmed"
    PREVIEW_EXPIRED = "preview_expired"
    LOAD_ENDED = "load_ended"
    IMPORT_COMPLETED = "import_completed"
    ATTEMPT_FAILED = "attempt_failed"
    IMPORT_FAILED = "import_failed"
    CANCEL_REQUESTED = "cancel_requested"
    IMPORT_CANCELLED = "import_cancelled"
    RETRY_REQUESTED = "retry_requested"
    UNDO_REQUESTED = "undo_requested"
    IMPORT_UNDONE = "import_undone"
    REFUSED_ROWS_DOWNLOADED = "refused_rows_downloaded"
    CORRECTION_STARTED = "correction_started"


class AuditEvent(Value):
    """One act. `actor` is a user id or `SYSTEM`; `details` holds plain JSON values without floats."""

    at: datetime
    event: AuditAct
    actor: str = SYSTEM
    correlation_id: str
    details: dict[str, Any] = Field(default_factory=dict)
