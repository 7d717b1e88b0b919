"""The input that every step of the state machine gets, and what it stands for."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict

from shared.domain.plan import Chunk
from shared.domain.upload import Upload, Value
from shared.errors import StateConflict
from shared.services.ports import Uploads


class ImportTask(Value):
    """A step's input; `chunk` is there for the loading step, `error` for the failing one.

    `attempt` is the one that the step belongs to.
    """

    model_config = ConfigDict(extra="ignore")

    tenant_id: str
    upload_id: str
    correlation_id: str
    attempt: int = 1
    chunk: Chunk | None = None
    error: dict[str, Any] | None = None

    def upload(self, uploads: Uploads) -> Upload:
        """The upload as it is now; raises StateConflict when it is gone, and when another attempt has begun."""
        upload = uploads.get(self.tenant_id, self.upload_id)
        if upload is None:
            raise StateConflict(f"upload {self.upload_id} does not exist")
        if upload.attempt != self.attempt:
            raise StateConflict(f"upload {self.upload_id} is at attempt {upload.attempt} and not at {self.attempt}")
        return upload
