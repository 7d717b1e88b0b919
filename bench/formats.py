"""How fast other formats are read, converted and checked on one core, up to the rows that COPY would take."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO, cast

import ijson
from python_calamine import CalamineWorkbook

from bench.engine import NOW, upload_of
from bench.files import json_file, xlsx_file
from shared.columnar.reader import TableReader
from shared.domain.upload import SourceObject
from shared.services.draft_plan import make_plan
from shared.services.load_chunk import read_chunk
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


@dataclass(frozen=True, slots=True)
class Rates:
    """Rows in a second of one core: ours, up to the rows that COPY would take, and those of a peer that only reads."""

    ours: float
    peer: float

    @property
    def ratio(self) -> float:
        """Ours to the peer's."""
        return self.ours / self.peer


def json_rates(rows: int) -> Rates:
    """Of a JSON array of records; the peer is ijson with its C backend."""
    data = json_file(rows)

    def read() -> int:
        return sum(1 for _ in ijson.items(BytesIO(data), "item"))

    return _rates(data, rows, read, import_type="json")


def xlsx_rates(rows: int) -> Rates:
    """Of a workbook; ours counts the process that reads it too. The peer is python-calamine."""
    data = xlsx_file(rows)

    def read() -> int:
        workbook = CalamineWorkbook.from_filelike(BytesIO(data))
        return sum(1 for _ in workbook.get_sheet_by_index(0).iter_rows()) - 1

    return _rates(data, rows, read, import_type="excel", time_zone="UTC")


def _rates(data: bytes, rows: int, read: Callable[[], int], **options: str) -> Rates:
    def load() -> int:
        objects = cast("Objects", InMemory(data))
        draft = make_plan(upload_of(len(data), **options), objects, Settings.model_fields["chunk_bytes"].default)
        reader = TableReader(draft.plan, NOW)
        return sum(part.accepted for chunk in draft.chunks for part in read_chunk(chunk, reader, objects))

    return Rates(ours=_rate(load, rows), peer=_rate(read, rows))


def _rate(work: Callable[[], int], rows: int) -> float:
    began = _processor_seconds()
    if (found := work()) != rows:
        raise AssertionError(f"{found} of {rows} rows were read")
    return rows / (_processor_seconds() - began)


def _processor_seconds() -> float:
    """Of this process and of those that it has started and that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
