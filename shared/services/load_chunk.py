"""Load a chunk: stream its bytes, read and check its records, and put the good ones into Postgres, once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, BinaryIO

from shared.columnar.quality import quality_of
from shared.columnar.reader import ReadRows, TableReader
from shared.columnar.rows import shape_of
from shared.domain import object_keys
from shared.domain.plan import Chunk, ImportPlan
from shared.domain.quality import Quality
from shared.domain.upload import Totals, Upload, UploadState
from shared.errors import AccountingError, OutOfTime, StateConflict, TransientError
from shared.formats.blocks import read_blocks
from shared.formats.tables import TextTable, read_table
from shared.services.ports import ChunkCount, ChunkLoad, Objects, Records, SecondsLeft, Uploads
from shared.services.quality_report import keep_quality

if TYPE_CHECKING:
    import polars as pl

_FIRST_BATCH_BYTES = 512 << 10
_LEAST_BATCH_BYTES = 1 << 20


def load_chunk(
    upload: Upload,
    chunk: Chunk,
    reader: TableReader,
    *,
    uploads: Uploads,
    objects: Objects,
    records: Records,
    seconds_left: SecondsLeft,
) -> Totals:
    """Load one chunk and count it; harmless when repeated, also at the same time. Memory is bounded by the chunk.

    `reader` reads the upload's tables; it is made once for all of its chunks.

    When no seconds are left the chunk is rolled back: only whole chunks are ever in, and the next attempt loads it.

    Raises OutOfTime then, and AccountingError when the chunk does not hold the records that planning counted, and
    when the plan is not that of the upload and of the version that was scanned; StateConflict for a chunk that is not
    in, once the upload is no longer being imported.
    """
    plan = reader.plan
    if (plan.tenant_id, plan.upload_id, plan.source) != (upload.tenant_id, upload.upload_id, upload.source):
        raise AccountingError("The plan is not that of the file that was scanned.")
    totals = records.loaded(upload.tenant_id, upload.upload_id, chunk.index)
    if totals is None:
        if upload.state is not UploadState.IMPORTING:
            raise StateConflict(f"upload {upload.upload_id} is {upload.state}; chunk {chunk.index} is not loaded")
        totals = _load_in_time(_load(upload, chunk, reader, objects, seconds_left), records)
    uploads.add_progress(upload, chunk.index, totals)
    return totals


def _load_in_time(load: ChunkLoad, records: Records) -> Totals:
    """Load it; a failure for want of time is told from others, since a second attempt has no more of it."""
    try:
        return records.load(load)
    except TransientError as error:
        if load.seconds_left() > 0:
            raise
        raise OutOfTime(
            f"Chunk {load.chunk_index} was not loaded in the time that there is; nothing of it is in"
        ) from error


def _load(upload: Upload, chunk: Chunk, reader: TableReader, objects: Objects, seconds_left: SecondsLeft) -> ChunkLoad:
    plan, options = reader.plan, reader.plan.options
    return ChunkLoad(
        tenant_id=plan.tenant_id,
        work_unit_id=options.work_unit_id,
        upload_id=plan.upload_id,
        chunk_index=chunk.index,
        correlation_id=upload.correlation_id,
        rows=LoadedChunk(chunk, reader, objects, seconds_left),
        seconds_left=seconds_left,
        deduplicate=options.deduplicate,
        identity=options.identity or "key",
        dry_run=options.dry_run,
        attempt=upload.attempt,
    )


class LoadedChunk:
    """The port `ChunkRows`: the rows of a chunk, read while they are taken and kept for being taken again."""

    def __init__(self, chunk: Chunk, reader: TableReader, objects: Objects, seconds_left: SecondsLeft) -> None:
        self._chunk = chunk
        self._seconds_left = seconds_left
        self._plan = reader.plan
        self._objects = objects
        self._reading = _one_ahead(self._read_all(reader))
        self._read: list[ReadRows] = []
        self._quality = Quality()

    def batches(self) -> Iterator[pl.DataFrame]:
        """The accepted rows; raises OutOfTime when no seconds are left for more of them."""
        for read in self._read:
            yield read.texts
        for read in self._reading:
            if self._seconds_left() <= 0:
                raise OutOfTime(f"Chunk {self._chunk.index} was not read in the time that there is")
            self._read.append(read)
            yield read.texts

    def _read_all(self, reader: TableReader) -> Iterator[ReadRows]:
        """The batches; behind the last one, the statistics are made, while that one is still on its way to Postgres."""
        reads: list[ReadRows] = []
        for read in read_chunk(self._chunk, reader, self._objects):
            reads.append(read)
            yield read
        self._quality = quality_of(reads, self._plan)

    def seal(self) -> ChunkCount:
        """Keep the findings; they follow from the pinned bytes and the plan alone, so a repeat writes the same.

        Raises AccountingError as `load_chunk` does.
        """
        for _ in self.batches():  # those that nobody asked for
            pass
        count = ChunkCount(
            accepted=sum(read.accepted for read in self._read),
            refused=sum(len(read.refused) for read in self._read),
            warned=sum(read.warned for read in self._read),
            span=(span.first.at, span.last.at) if (span := self._quality.span) else None,
        )
        if count.accepted + count.refused != self._chunk.records:
            raise AccountingError(
                f"chunk {self._chunk.index} holds {count.accepted + count.refused} records where planning counted "
                f"{self._chunk.records}"
            )
        keep_findings(self._read, self._quality, self._chunk, self._plan, self._objects)
        return count


def read_chunk(chunk: Chunk, reader: TableReader, objects: Objects) -> Iterator[ReadRows]:
    """Read the records of a chunk, a batch at a time, as its bytes come."""
    return map(reader.read, read_tables(chunk, reader.plan, objects))


def read_tables(chunk: Chunk, plan: ImportPlan, objects: Objects) -> Iterator[TextTable]:
    """The records of a chunk as texts, a batch at a time, as its bytes come."""
    shape, dialect = shape_of(plan), plan.dialect
    start, line = (0, _NOT_THE_FIRST) if chunk.part else (chunk.start, chunk.first_line)
    with _open(chunk, plan, objects) as stream:
        for block in read_blocks(stream, dialect, _batch_sizes(chunk.end - chunk.start), start=start, line=line):
            yield read_table(block.data, dialect, shape, line=block.line)


def _batch_sizes(left: int) -> Iterator[int]:
    """How many bytes are read at once, of so many in all.

    Columns pay by their length. But Postgres has nothing to do until the first batch is read, and alone the last one
    to put in while nothing is left to read: both are small, and those between grow and shrink.
    """
    size = _FIRST_BATCH_BYTES
    while True:
        yield size
        left -= size
        size = max(_LEAST_BATCH_BYTES, min(2 * size, left // 2))


def _open(chunk: Chunk, plan: ImportPlan, objects: Objects) -> AbstractContextManager[BinaryIO]:
    if chunk.part:
        return objects.open_read(chunk.part)
    return objects.open_range(plan.source, chunk.start, chunk.end)


_NOT_THE_FIRST = 2
"""Line of a staged part, whose records bring their own: it starts no file, so it may start with any character."""


def keep_findings(
    reads: Sequence[ReadRows], quality: Quality, chunk: Chunk, plan: ImportPlan, objects: Objects
) -> None:
    """Keep the statistics of a chunk, and its refused rows if there are any."""
    keep_quality(quality, plan.tenant_id, plan.upload_id, chunk.index, objects)
    refused = [row for read in reads for row in read.refused]
    if refused:
        key = object_keys.refused_rows(plan.tenant_id, plan.upload_id, chunk.index)
        lines = b"".join(row.model_dump_json().encode() + b"\n" for row in refused)
        objects.write(key, lines, "application/x-ndjson")


def _one_ahead(batches: Iterator[ReadRows]) -> Iterator[ReadRows]:
    """The same batches; while one is used, the next is read."""
    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as pool:
        coming = pool.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = pool.submit(next, batches, None)
            yield batch
