"""Files that cannot be cut by byte range → parts in S3 that can be loaded as chunks, with the rows' own numbers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

import polars as pl

from shared.domain.plan import Chunk, Dialect
from shared.formats.delimited import LONGEST_CELL, TextRecord
from shared.formats.tables import ROW, TextTable
from shared.services.ports import Objects

STAGED_DIALECT = Dialect(encoding="utf-8", delimiter=",")

_LINE_END = "\r\n"
"""With it writers quote a cell with a lone CR."""

_PIECES = 8
"""A part is made of about so many pieces of tables, so that much larger than asked for it may become."""


def stage(records: Iterable[TextRecord], objects: Objects, *, prefix: str, part_bytes: int) -> Iterator[Chunk]:
    """Write the records, but for the blank ones, to parts of about `part_bytes`; give each part as a chunk.

    Every part is CSV as `formats.tables.Shape` describes it for `numbered` files. Memory is bounded by a part.
    """
    parts = _Parts(objects, prefix, part_bytes)
    for record in records:
        if not record.blank:
            parts.current.add(record)
            yield from parts.stored_when_full()
    yield from parts.stored()


def stage_tables(tables: Iterable[TextTable], objects: Objects, *, prefix: str, part_bytes: int) -> Iterator[Chunk]:
    """As `stage`, for records that are in tables already."""
    parts = _Parts(objects, prefix, part_bytes)
    for table in tables:
        if table.odd:
            for record in table.in_order():
                parts.current.add(record)
                yield from parts.stored_when_full()
        else:
            for rows in _pieces(table.frame, part_bytes // _PIECES):
                parts.current.add_rows(rows)
                yield from parts.stored_when_full()
    yield from parts.stored()


def _pieces(frame: pl.DataFrame, size: int) -> Iterator[pl.DataFrame]:
    """The rows in pieces of about `size` bytes."""
    return frame.iter_slices(max(1, frame.height * size // max(1, int(frame.estimated_size()))))


def _short_pieces(text: str) -> list[str]:
    """The text in pieces that are read back: what lacks a closing quote is longer than a cell may be."""
    return [text[start : start + LONGEST_CELL] for start in range(0, len(text), LONGEST_CELL)] or [""]


class _Parts:
    def __init__(self, objects: Objects, prefix: str, size: int) -> None:
        self._objects = objects
        self._prefix = prefix
        self._size = size
        self._index = 0
        self.current = _Part()

    def stored_when_full(self) -> Iterator[Chunk]:
        """The current part, if it has its size."""
        return self.stored() if self.current.size >= self._size else iter(())

    def stored(self) -> Iterator[Chunk]:
        """The current part, if it has any records; the next one is begun. A repeat writes the same."""
        part = self.current
        if not part.records:
            return
        key = f"{self._prefix}{self._index:06}.csv"
        data = part.data()
        self._objects.write(key, data, "text/csv; charset=utf-8")
        yield Chunk(
            index=self._index, start=0, end=len(data), first_line=part.first_line, records=part.records, part=key
        )
        self._index += 1
        self.current = _Part()


class _Part:
    def __init__(self) -> None:
        self._text = io.StringIO()
        self._writer = csv.writer(self._text, lineterminator=_LINE_END)
        self.first_line = 0
        self.records = 0

    @property
    def size(self) -> int:
        """In characters."""
        return self._text.tell()

    def add(self, record: TextRecord) -> None:
        """Add a record."""
        if record.malformed:
            self._writer.writerow([-record.line, record.malformed, *_short_pieces(record.cells[0])])
        else:
            self._writer.writerow([record.line, *record.cells])
        self.first_line = self.first_line or record.line
        self.records += 1

    def add_rows(self, frame: pl.DataFrame) -> None:
        """Add the rows of a table's frame."""
        if not frame.height:
            return
        self._text.write(frame.write_csv(include_header=False, line_terminator=_LINE_END))
        self.first_line = self.first_line or frame.item(0, ROW)
        self.records += frame.height

    def data(self) -> bytes:
        """The part as it is stored."""
        return self._text.getvalue().encode()
