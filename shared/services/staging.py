"""Files that cannot be cut by byte range → parts in S3 that can be loaded as chunks, with the rows' own numbers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from shared.domain.plan import Chunk, Dialect
from shared.formats.delimited import TextRecord
from shared.services.ports import Objects

STAGED_DIALECT = Dialect(encoding="utf-8", delimiter=",")


def stage(records: Iterable[TextRecord], objects: Objects, *, prefix: str, part_bytes: int) -> Iterator[Chunk]:
    """Write the records, but for the blank ones, to parts of about `part_bytes`; give each part as a chunk.

    Every part is CSV as `formats.tables.Shape` describes it for `numbered` files. Memory is bounded by a part.
    """
    part = _Part()
    index = 0
    for record in records:
        if record.blank:
            continue
        part.add(record)
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

    def add(self, record: TextRecord) -> None:
        """Add a record."""
        marks = [-record.line, record.malformed] if record.malformed else [record.line]
        self._writer.writerow([*marks, *record.cells])
        self._first_line = self._first_line or record.line
        self.records += 1

    def store(self, objects: Objects, index: int, prefix: str) -> Chunk:
        """Write the part; a repeat writes the same."""
        key = f"{prefix}{index:06}.csv"
        data = self._text.getvalue().encode()
        objects.write(key, data, "text/csv; charset=utf-8")
        return Chunk(index=index, start=0, end=len(data), first_line=self._first_line, records=self.records, part=key)
