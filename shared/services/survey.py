"""Survey a file: read it through once, learn how it is written, count its records, and cut it into chunks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from typing import BinaryIO

from shared.columnar.evidence import FileEvidence
from shared.domain.headers import ColumnMapping, HeaderProblem, map_headers
from shared.domain.plan import Chunk, Dialect
from shared.domain.problems import file_problem
from shared.domain.record import field_name
from shared.domain.upload import Decision, SourceObject, Upload, UploadOptions
from shared.errors import UploadRejected
from shared.formats.blocks import read_blocks
from shared.formats.delimited import LineTooLong, TextRecord, find_delimiter, read_records
from shared.formats.encoding import find_encoding
from shared.formats.tables import Shape, TextTable, read_table
from shared.services.ports import Objects

MAX_HEADER_CHARACTERS = 32_768
"""Longer than any real header (91 columns of the source system have about 1,500), and fits a status item."""

_HEAD_BYTES = 262_144


@dataclass(frozen=True, slots=True)
class Survey:
    """What one pass over a file found. `options` are the caller's, completed by the profile."""

    header: list[str]
    mapping: ColumnMapping
    options: UploadOptions
    dialect: Dialect
    shape: Shape
    evidence: FileEvidence
    chunks: list[Chunk]
    decisions: list[Decision]

    @property
    def records(self) -> int:
        """How many records the file has."""
        return sum(chunk.records for chunk in self.chunks)


def survey_file(upload: Upload, source: SourceObject, objects: Objects, chunk_bytes: int) -> Survey:
    """Read the file twice as a stream, for its encoding and for its records; memory does not grow with it.

    Raises UploadRejected for a file that cannot be imported.
    """
    with _readable():
        dialect, decisions = _find_dialect(source, upload.options, objects)
        header = _read_header(source, dialect, objects)
        mapping = _map(header.cells, upload.options)
        shape = Shape(columns=len(header.cells), fewest=_named_columns(header.cells), trailing=True)
        evidence = FileEvidence(mapping.columns)
        tally = _Tally(dialect, shape, evidence)
        with objects.open_range(source, header.end, source.size) as stream:
            chunks = list(tally.cut(stream, header.end, header.line_after, chunk_bytes))
    if not chunks:
        raise UploadRejected(file_problem("file_no_records"), code="file_no_records")
    return Survey(
        header=header.cells,
        mapping=mapping,
        options=upload.options,
        dialect=dialect,
        shape=replace(shape, trailing=tally.trailing),
        evidence=evidence,
        chunks=chunks,
        decisions=decisions,
    )


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except LineTooLong as error:
        message = file_problem("file_line_too_long", line=error.line)
        raise UploadRejected(message, code="file_line_too_long") from error
    except UnicodeDecodeError as error:  # the pinned version cannot change, so this is a codec at odds with itself
        message = file_problem("file_encoding_unknown")
        raise UploadRejected(message, code="file_encoding_unknown") from error


def _find_dialect(source: SourceObject, options: UploadOptions, objects: Objects) -> tuple[Dialect, list[Decision]]:
    with objects.open_range(source, 0, source.size) as stream:
        encoding = find_encoding(stream)
    if encoding is None:
        raise UploadRejected(file_problem("file_encoding_unknown"), code="file_encoding_unknown")
    decisions = [Decision(subject="encoding", choice=encoding.name, evidence=encoding.evidence)]
    if options.delimiter:
        return Dialect(encoding=encoding.name, delimiter=options.delimiter), decisions
    delimiter = find_delimiter(_head(source, objects), encoding.name)
    shown = repr(delimiter.delimiter)[1:-1]
    decisions.append(Decision(subject="delimiter", choice=shown, evidence=delimiter.evidence))
    return Dialect(encoding=encoding.name, delimiter=delimiter.delimiter), decisions


def _head(source: SourceObject, objects: Objects) -> BinaryIO:
    """The first whole lines of the file."""
    with objects.open_range(source, 0, min(source.size, _HEAD_BYTES)) as stream:
        head = stream.read()
    return BytesIO(head if len(head) == source.size else head[: head.rfind(b"\n") + 1] or head)


@dataclass(frozen=True, slots=True)
class _Header:
    """The record with the column names; it ends at byte `end`, and `line_after` begins there."""

    cells: list[str]
    end: int
    line_after: int


def _read_header(source: SourceObject, dialect: Dialect, objects: Objects) -> _Header:
    with objects.open_range(source, 0, source.size) as stream:
        records = (record for record in read_records(stream, dialect) if not record.blank)
        record = next(records, None)
        if record is None:
            raise UploadRejected(file_problem("file_empty"), code="file_empty")
        if record.malformed or sum(map(len, record.cells)) > MAX_HEADER_CHARACTERS:
            message = file_problem("file_header_unreadable", line=record.line)
            raise UploadRejected(message, code="file_header_unreadable")
        return _Header(record.cells, record.end, record.line + _lines_of(record))


def _lines_of(record: TextRecord) -> int:
    return 1 + sum(cell.count("\n") for cell in record.cells)


def _map(header: list[str], options: UploadOptions) -> ColumnMapping:
    defaults = {field_name(name): text for name, text in options.defaults.items()}
    given = {column: field_name(name) if name else None for column, name in options.mapping.items()}
    mapping = map_headers(header, defaults, given)
    if isinstance(mapping, HeaderProblem):
        raise UploadRejected(mapping.message, code=mapping.code)
    return mapping


def _named_columns(header: list[str]) -> int:
    """The columns up to the last one with a name."""
    return max(position for position, name in enumerate(header, start=1) if name.strip())


class _Tally:
    """Counts a file's records, and notes what they say of how the file is written."""

    def __init__(self, dialect: Dialect, shape: Shape, evidence: FileEvidence) -> None:
        self._dialect = dialect
        self._shape = shape
        self._evidence = evidence
        self._records = 0
        self._trailing = 0

    @property
    def trailing(self) -> bool:
        """A delimiter behind the last cell is the file's style where every record has one, and else a slip."""
        return self._trailing == self._records

    def cut(self, stream: BinaryIO, start: int, line: int, size: int) -> Iterator[Chunk]:
        """The chunks of the rest of a file."""
        index = 0
        for block in read_blocks(stream, self._dialect, size, start=start, line=line):
            table = read_table(block.data, self._dialect, self._shape, line=block.line)
            self._see(table)
            if table.records:
                yield Chunk(index=index, start=block.start, end=block.end, first_line=block.line, records=table.records)
                index += 1

    def _see(self, table: TextTable) -> None:
        self._evidence.see(table)
        self._records += table.records
        self._trailing += table.trailing
