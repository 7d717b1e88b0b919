"""How fast other formats are read, converted and checked on one core, up to the rows that COPY would take."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import BinaryIO, cast

from bench.engine import NOW, upload_of
from bench.files import rows_of_file
from shared.columnar.reader import TableReader
from shared.domain.upload import SourceObject
from shared.services.load_chunk import read_chunk
from shared.services.plan_import import make_plan
from shared.services.ports import Objects
from shared.settings import Settings


class InMemory:
    """The port `Objects`, as far as planning and reading use it: one file, and what is staged."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._staged: dict[str, bytes] = {}

    @contextmanager
    def open_range(self, _: SourceObject, start: int, end: int) -> Iterator[BinaryIO]:
        """Stream a range of the file."""
        yield BytesIO(self._data[start:end])

    @contextmanager
    def open_read(self, key: str) -> Iterator[BinaryIO]:
        """Stream what was staged."""
        yield BytesIO(self._staged[key])

    def write(self, key: str, data: bytes, content_type: str) -> None:
        """Stage."""
        del content_type
        self._staged[key] = data


def json_rows_per_second(rows: int) -> float:
    """Of a JSON array of records, in seconds of one core."""
    records = [dict(row) for row in rows_of_file(rows)]
    return _rate(json.dumps(records).encode(), rows, import_type="json")


def _rate(data: bytes, rows: int, **options: str) -> float:
    objects = cast("Objects", InMemory(data))
    began = time.process_time()
    draft = make_plan(upload_of(len(data), **options), objects, Settings.model_fields["chunk_bytes"].default)
    reader = TableReader(draft.plan, NOW)
    read = sum(part.accepted for chunk in draft.chunks for part in read_chunk(chunk, draft.plan, reader, objects))
    if read != rows:
        raise AssertionError(f"{read} of {rows} rows were read")
    return rows / (time.process_time() - began)
