"""The import engine by itself: plan and chunks from a file on disk, into a real table, in one process or several."""

from __future__ import annotations

import gc
import multiprocessing
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, cast

from shared.adapters.postgres import DatabaseAddress, Postgres
from shared.adapters.postgres_records import PostgresRecords
from shared.columnar.reader import TableReader
from shared.domain.plan import Chunk, ImportPlan
from shared.domain.upload import SourceObject, Totals, Upload, UploadOptions, UploadState
from shared.services.draft_plan import make_plan
from shared.services.load_chunk import load_chunk
from shared.services.ports import Objects, Uploads

NOW = datetime(2027, 1, 1, tzinfo=UTC)


class FileOnDisk:
    """The port `Objects`, as far as loading uses it: one file that is read, and refused rows that are written."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def open_range(self, _: SourceObject, start: int, end: int) -> Iterator[BinaryIO]:
        """Stream a range of the file."""
        with self._path.open("rb") as stream:
            stream.seek(start)
            yield cast("BinaryIO", _Window(stream, end - start))

    def write(self, key: str, data: bytes, content_type: str) -> None:
        """Written to nowhere."""


class _Window:
    def __init__(self, stream: BinaryIO, length: int) -> None:
        self._stream = stream
        self._left = length

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        return data

    def readline(self, size: int = -1) -> bytes:
        line = self._stream.readline(min(size, self._left) if size >= 0 else self._left)
        self._left -= len(line)
        return line


class NoProgress:
    """The port `Uploads`, as far as loading uses it."""

    def add_progress(self, upload: Upload, chunk_index: int, totals: Totals) -> None:
        """Nobody watches."""


@dataclass(frozen=True, slots=True)
class Job:
    """A file to import, planned."""

    path: Path
    upload: Upload
    plan: ImportPlan
    chunks: tuple[Chunk, ...]

    def again(self) -> Job:
        """The same file as another upload."""
        upload_id = str(uuid.uuid4())
        return replace(
            self,
            upload=self.upload.model_copy(update={"upload_id": upload_id}),
            plan=self.plan.model_copy(update={"upload_id": upload_id}),
        )


def upload_of(size: int, **options: Any) -> Upload:
    """An upload of a file of so many bytes, which is planned and loaded without a word of it being kept."""
    return Upload(
        tenant_id="tenant",
        upload_id=str(uuid.uuid4()),
        created_at=NOW,
        created_by="bench",
        correlation_id="bench",
        request_digest="",
        state=UploadState.IMPORTING,
        file_name="source",
        file_size=size,
        mime_type="text/csv",
        object_key="source",
        options=UploadOptions(work_unit_id="unit", **{"import_type": "csv"} | options),
        source=SourceObject(key="source", version_id="1", etag="", size=size),
    )


def planned(path: Path, chunk_bytes: int) -> Job:
    """Plan a CSV file."""
    upload = upload_of(path.stat().st_size)
    draft = make_plan(upload, cast("Objects", FileOnDisk(path)), chunk_bytes)
    return Job(path, upload, draft.plan, tuple(draft.chunks))


_SECONDS = 280
"""What a worker has for a chunk."""


def load(address: DatabaseAddress, job: Job, chunk: Chunk) -> Totals:
    """Load one chunk as a worker does."""
    return load_chunk(
        job.upload,
        chunk,
        _reader(job),
        uploads=cast("Uploads", NoProgress()),
        objects=cast("Objects", FileOnDisk(job.path)),
        records=_records(address),
        seconds_left=lambda: _SECONDS,
    )


_readers: dict[str, TableReader] = {}


def _reader(job: Job) -> TableReader:
    """What reads a job, kept between its chunks."""
    if job.plan.upload_id not in _readers:
        _readers.clear()
        _readers[job.plan.upload_id] = TableReader(job.plan, NOW)
    return _readers[job.plan.upload_id]


@cache
def _records(address: DatabaseAddress) -> PostgresRecords:
    return PostgresRecords(Postgres(lambda: address))


@contextmanager
def workers(address: DatabaseAddress, count: int) -> Iterator[Any]:
    """A pool of worker processes that have imported everything and are connected."""
    with multiprocessing.get_context("spawn").Pool(count, _warm, (address,)) as pool:
        pool.map(_peak, range(count * 4), chunksize=1)
        yield pool


def _warm(address: DatabaseAddress) -> None:
    gc.freeze()  # as the function does
    _records(address).ledger("tenant", str(uuid.uuid4()))


def _peak(_: int) -> float:
    """The process's peak RSS in MB (of `getrusage` a process inherits its parent's)."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def load_all(pool: Any, address: DatabaseAddress, job: Job) -> Totals:
    """Load a job's chunks, each in whichever worker is free."""
    totals = pool.starmap(load, [(address, job, chunk) for chunk in job.chunks], chunksize=1)
    names = Totals.model_fields
    return Totals(**{name: sum(getattr(one, name) for one in totals) for name in names})


def peak_megabytes(address: DatabaseAddress, job: Job) -> float:
    """The peak RSS of one worker that loads all of a job."""
    with workers(address, 1) as pool:
        load_all(pool, address, job)
        return float(pool.apply(_peak, (0,)))
