"""Scan one file with the real service and nothing behind it: `python -m tests.scan_alone FILE NAME TYPE`.

It prints what came of it, for the test that watches this process: with its peak memory in bytes, and the seconds of
a processor that it and its children took, which are the same on a machine that has other things to do.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from local.lambda_host.environment import peak_memory
from shared.domain import object_keys
from shared.domain.upload import SourceObject, Upload, UploadOptions, UploadState
from shared.services.scan_upload import scan_upload
from shared.settings import Settings

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
_ID = "00000000-0000-4000-8000-000000000000"


class _Bucket:
    """A bucket with one object, whose bytes are a file's."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.copies: list[str] = []
        self.asked = 0
        self.deleted = False

    def describe(self, key: str, version_id: str | None) -> SourceObject:
        return SourceObject(key=key, version_id=version_id or "v1", etag="e", size=self._path.stat().st_size)

    @contextmanager
    def open_range(self, source: SourceObject, start: int, end: int) -> Iterator[BinaryIO]:
        assert source.version_id == "v1"
        self.asked += end - start
        with self._path.open("rb") as file:
            file.seek(start)
            yield file if end == self._path.stat().st_size else io.BytesIO(file.read(end - start))

    def copy(self, _source: SourceObject, key: str) -> None:
        self.copies.append(key)

    def delete(self, _source: SourceObject) -> None:
        self.deleted = True


class _Uploads:
    """One upload and its moves."""

    def __init__(self, upload: Upload) -> None:
        self.upload = upload

    def get(self, _tenant_id: str, _upload_id: str) -> Upload:
        return self.upload

    def move(self, _upload: Upload, to: UploadState, _event: object, **changes: object) -> Upload:
        self.upload = self.upload.model_copy(update={"state": to, **changes})
        return self.upload


class _Queue:
    """The jobs that were queued."""

    def __init__(self) -> None:
        self.jobs: list[object] = []

    def enqueue(self, job: object) -> None:
        self.jobs.append(job)


def scan(path: Path, file_name: str, import_type: Any) -> dict[str, Any]:
    """What came of the file at `path`, uploaded under a name."""
    key = object_keys.incoming("tenant-a", _ID, import_type)
    upload = Upload(
        tenant_id="tenant-a",
        upload_id=_ID,
        created_at=NOW,
        created_by="user-1",
        correlation_id="c-1",
        request_digest="d",
        state=UploadState.AWAITING_UPLOAD,
        file_name=file_name,
        file_size=path.stat().st_size,
        mime_type="application/octet-stream",
        object_key=key,
        options=UploadOptions(work_unit_id="unit", import_type=import_type),
    )
    bucket, uploads, queue = _Bucket(path), _Uploads(upload), _Queue()
    ports: dict[str, Any] = {"uploads": uploads, "audit": None, "objects": bucket, "queue": queue}
    outcome = scan_upload(key, "v1", **ports, clock=lambda: NOW, scanner=None, settings=Settings())
    return {
        "outcome": outcome.value,
        "state": uploads.upload.state.value,
        "code": uploads.upload.failure.code if uploads.upload.failure else None,
        "message": uploads.upload.failure.message if uploads.upload.failure else None,
        "copies": bucket.copies,
        "deleted": bucket.deleted,
        "jobs": len(queue.jobs),
        "bytes": bucket.asked,
    }


if __name__ == "__main__":
    found = scan(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
    # Measured here: what the parent is told of a child begins with the parent's own size.
    print(json.dumps(found | {"memory": peak_memory(os.getpid()), "seconds": sum(os.times()[:4])}))  # noqa: T201
