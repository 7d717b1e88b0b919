"""How fast other formats are read, converted and checked on one core, up to the rows that COPY would take."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from io import BytesIO
from typing import BinaryIO, cast

import openpyxl

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


def xlsx_rows_per_second(rows: int) -> float:
    """Of a workbook, in seconds of one core: those of the process that reads it among them."""
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Data")
    for number, row in enumerate(rows_of_file(rows)):
        if not number:
            sheet.append(list(row))
        moment = datetime.fromisoformat(row["timestamp"]).replace(tzinfo=None)
        sheet.append([moment, *list(row.values())[1:]])
    data = BytesIO()
    book.save(data)
    return _rate(data.getvalue(), rows, import_type="excel", time_zone="UTC")


def _rate(data: bytes, rows: int, **options: str) -> float:
    objects = cast("Objects", InMemory(data))
    began = _processor_seconds()
    draft = make_plan(upload_of(len(data), **options), objects, Settings.model_fields["chunk_bytes"].default)
    reader = TableReader(draft.plan, NOW)
    read = sum(part.accepted for chunk in draft.chunks for part in read_chunk(chunk, draft.plan, reader, objects))
    if read != rows:
        raise AssertionError(f"{read} of {rows} rows were read")
    return rows / (_processor_seconds() - began)


def _processor_seconds() -> float:
    """Of this process and of those that it has started and that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
