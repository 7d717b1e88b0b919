"""What surveying a file finds, and the tally that is kept of its records, whatever its format."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import repeat
from typing import BinaryIO

from shared.columnar.evidence import FileEvidence
from shared.domain.headers import ColumnMapping, HeaderProblem, map_headers, map_what_can_be
from shared.domain.number_style import NumberEvidence
from shared.domain.plan import Chunk, Dialect
from shared.domain.problems import FileProblem
from shared.domain.record import field_name
from shared.domain.upload import Decision, SourceObject, UploadOptions
from shared.errors import UploadRejected
from shared.formats.blocks import read_blocks
from shared.formats.compression import MAX_UNPACKED_BYTES, open_gzip
from shared.formats.delimited import TextRecord
from shared.formats.preamble import MOST_TOTALS_ROWS, totals_below
from shared.formats.tables import Shape, TextTable, read_table
from shared.services.choices import Choices, Chosen, given_fields
from shared.services.ports import Objects

LAST_RECORDS = MOST_TOTALS_ROWS * 3
"""So many are looked at for totals and footers."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What reading a file through has found."""

    header: list[str]
    mapping: ColumnMapping
    dialect: Dialect
    shape: Shape
    evidence: FileEvidence
    chunks: list[Chunk]
    decisions: list[Decision]
    chosen: Chosen
    written: Dialect | None = None
    """How a text file is written; `dialect` is how its chunks are read."""

    @property
    def records(self) -> int:
        """How many records the file has."""
        return sum(chunk.records for chunk in self.chunks)


def rejected(problem: FileProblem) -> UploadRejected:
    """The exception for a file's problem."""
    return UploadRejected(problem.message, code=problem.code)


@contextmanager
def open_source(source: SourceObject, objects: Objects, *, packed: bool) -> Iterator[BinaryIO]:
    """The bytes of a file from the first on, unpacked."""
    with objects.open_range(source, 0, source.size) as stream:
        yield open_gzip(stream, limit=MAX_UNPACKED_BYTES) if packed else stream


def map_columns(header: list[str], options: UploadOptions) -> ColumnMapping:
    """Map the columns as the caller says and as they are named; raises UploadRejected where that cannot be."""
    defaults = {field_name(name): text for name, text in options.defaults.items()}
    mapping = map_headers(header, defaults, given_fields(options))
    if isinstance(mapping, HeaderProblem):
        raise UploadRejected(mapping.message, code=mapping.code)
    return mapping


def columns_of(header: list[str], chosen: Chosen, choices: Choices) -> ColumnMapping:
    """The columns' mapping by what holds for the file; for a preview also where it leaves a question."""
    try:
        return map_columns(header, chosen.options)
    except UploadRejected as refusal:
        choices.leave_open(FileProblem(refusal.code, refusal.message))
        return map_what_can_be(header, given_fields(chosen.options))


class Tally:
    """Counts a file's records, and notes what they say of how the file is written."""

    def __init__(
        self,
        dialect: Dialect,
        shape: Shape,
        mapping: ColumnMapping,
        texts: Mapping[int, NumberEvidence] | None = None,
    ) -> None:
        self.mapping = mapping
        self.evidence = FileEvidence(mapping.columns, texts)
        self._dialect = dialect
        self._shape = replace(shape, trailing=True)
        self._records = 0
        self._trailing = 0
        self._last: deque[TextRecord] = deque(maxlen=LAST_RECORDS)

    @property
    def shape(self) -> Shape:
        """A delimiter behind the last cell is the file's style where every record has one, and else a slip."""
        return replace(self._shape, trailing=self._trailing == self._records)

    def cut(self, stream: BinaryIO, start: int, line: int, size: int) -> Iterator[Chunk]:
        """The chunks of the rest of a file."""
        index = 0
        for block in read_blocks(stream, self._dialect, repeat(size), start=start, line=line):
            records = self.see(block.data, block.line)
            if records:
                yield Chunk(index=index, start=block.start, end=block.end, first_line=block.line, records=records)
                index += 1

    def see(self, data: bytes, line: int) -> int:
        """Take whole records into account; return how many they are."""
        table = read_table(data, self._dialect, self._shape, line=line)
        self.see_table(table)
        return table.records

    def see_table(self, table: TextTable) -> None:
        """Take records into account."""
        self.evidence.see(table)
        self._records += table.records
        self._trailing += table.trailing
        self._last.extend(last_records(table))

    def totals(self) -> tuple[TextRecord, ...]:
        """The totals and footers at the end of what was seen."""
        return totals_below(self._last, self.mapping.columns)


def last_records(table: TextTable) -> list[TextRecord]:
    """The records of a table at its end, at most `LAST_RECORDS`."""
    end = TextTable(table.frame.tail(LAST_RECORDS), table.odd[-LAST_RECORDS:])
    return end.in_order()[-LAST_RECORDS:]
