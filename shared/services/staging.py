"""Files that cannot be cut by byte range → parts in S3 that can be loaded as chunks, with the rows' own numbers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from shared.domain.plan import Chunk, Dialect
from shared.services.ports import Objects

STAGED_DIALECT = Dialect(encoding="utf-8", delimiter=",")
_WRITTEN_AS_THEY_ARE = frozenset({str, int, float, type(None)})


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A row of a file: `line` is its number as a person sees it, `values` its cells as the format has them.

    `malformed` says why a row could not be cut into cells; `values` then holds its raw text alone.
    """

    line: int
    values: list[object]
    malformed: str | None = None

    @property
    def blank(self) -> bool:
        """True for a row without anything in it."""
        return not any(value is not None and not (isinstance(value, str) and not value.strip()) for value in self.values)


def stage(rows: Iterable[SourceRow], objects: Objects, *, prefix: str, part_bytes: int) -> Iterator[Chunk]:
    """Write the rows, but for the blank ones, to parts of about `part_bytes`; give each part as a chunk.

    Every part is UTF-8 CSV as `formats.tables.Shape` describes for `numbered` files. Memory is bounded by a part.
    """
    part = _Part()
    index = 0
    for row in rows:
        if row.blank:
            continue
        part.add(row)
        if part.size >= part_bytes:
            yield part.store(objects, index, prefix)
            part, index = _Part(), index + 1
    if part.records:
        yield part.store(objects, index, prefix)


class _Part:
    def __init__(self) -> None:
        self._text = io.StringIO()
        # A cell with a lone CR must be quoted, so the line end has one.
        self._writer = csv.writer(self._text, lineterminator="\r\n")
        self._first_line = 0
        self.records = 0

    @property
    def size(self) -> int:
        """In characters."""
        return self._text.tell()

    def add(self, row: SourceRow) -> None:
        """Add a row."""
        if row.malformed:
            self._writer.writerow([-row.line, row.malformed, *row.values])
        else:
            self._writer.writerow([row.line, *map(written, row.values)])
        self._first_line = self._first_line or row.line
        self.records += 1

    def store(self, objects: Objects, index: int, prefix: str) -> Chunk:
        """Write the part; a repeat writes the same."""
        key = f"{prefix}{index:06}.csv"
        data = self._text.getvalue().encode()
        objects.write(key, data, "text/csv; charset=utf-8")
        return Chunk(
            index=index, start=0, end=len(data), first_line=self._first_line, records=self.records, part=key
        )


def written(value: object) -> object:
    """A value as the staged text has it: a number with a decimal point, a date as ISO 8601, an absent one empty."""
    if type(value) in _WRITTEN_AS_THEY_ARE:
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}" if abs(value.adjusted()) < _LONG else str(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat(sep=" ") if isinstance(value, datetime) else value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    return value


_LONG = 40
