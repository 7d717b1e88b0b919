"""Survey a file: read it through, learn how it is written, count its records, and cut it into chunks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import chain, islice
from typing import BinaryIO

from shared.columnar.evidence import FileEvidence
from shared.domain import object_keys
from shared.domain.headers import ColumnMapping, HeaderProblem, map_headers
from shared.domain.plan import Chunk, Dialect
from shared.domain.problems import FileProblem, file_refusal
from shared.domain.record import field_name
from shared.domain.upload import Decision, SourceObject, Upload, UploadOptions
from shared.errors import UploadRejected
from shared.formats.blocks import read_blocks
from shared.formats.compression import is_gzip, open_gzip
from shared.formats.delimited import (
    DelimiterChoice,
    LineTooLong,
    TextRecord,
    find_delimiter,
    find_text_delimiter,
    read_records,
    read_text_records,
)
from shared.formats.encoding import Encoding, find_encoding
from shared.formats.preamble import MOST_TOTALS_ROWS, TableStart, find_table, totals_below
from shared.formats.tables import Shape, TextTable, read_table
from shared.formats.text_lines import HEAD_BYTES, line_ends, read_lines
from shared.services.ports import Objects
from shared.services.staging import STAGED_DIALECT, stage

MAX_HEADER_CHARACTERS = 32_768
"""Longer than any real header (91 columns of the source system have about 1,500), and fits a status item."""

MAX_UNPACKED_BYTES = 5 << 30
"""Of a gzip-ed file: as large as a single upload may be."""

_LINES_FOR_DELIMITER = 400
_LAST_RECORDS = MOST_TOTALS_ROWS * 3


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

    @property
    def records(self) -> int:
        """How many records the file has."""
        return sum(chunk.records for chunk in self.chunks)


def survey_file(upload: Upload, source: SourceObject, objects: Objects, chunk_bytes: int) -> Survey:
    """Read a file as a stream, once for its encoding and once for its records; memory does not grow with it.

    A file that can be cut behind any line feed is cut; another one is staged to parts. Raises UploadRejected for a
    file that cannot be imported.
    """
    with _readable():
        text = _find_text(upload, source, objects)
        if text.cuttable:
            survey = _survey_cuttable(text, source, objects, chunk_bytes)
        else:
            survey = _survey_staged(text, upload, objects, chunk_bytes)
    if not survey.chunks:
        raise _rejected(file_refusal("file_no_records"))
    return survey


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except LineTooLong as error:
        raise _rejected(file_refusal("file_line_too_long", line=error.line)) from error
    except UnicodeDecodeError as error:  # the pinned version cannot change, so this is a codec at odds with itself
        raise _rejected(file_refusal("file_encoding_unknown")) from error


def _rejected(problem: FileProblem) -> UploadRejected:
    return UploadRejected(problem.message, code=problem.code)


@dataclass(frozen=True, slots=True)
class _Text:
    """A text file: how its bytes are text, and what the caller says of it."""

    source: SourceObject
    objects: Objects
    options: UploadOptions
    packed: bool
    encoding: Encoding
    cuttable: bool

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """The unpacked bytes from the first on."""
        with _open(self.source, self.objects, packed=self.packed) as stream:
            yield stream

    @property
    def decisions(self) -> list[Decision]:
        """How the bytes are text."""
        found = [Decision(subject="encoding", choice=self.encoding.name, evidence=self.encoding.evidence)]
        if self.packed:
            found.append(Decision(subject="compression", choice="gzip", evidence="the file's first bytes"))
        return found


@contextmanager
def _open(source: SourceObject, objects: Objects, *, packed: bool) -> Iterator[BinaryIO]:
    with objects.open_range(source, 0, source.size) as stream:
        yield open_gzip(stream, limit=MAX_UNPACKED_BYTES) if packed else stream


def _find_text(upload: Upload, source: SourceObject, objects: Objects) -> _Text:
    with objects.open_range(source, 0, min(source.size, HEAD_BYTES)) as stream:
        head = stream.read()
    packed = is_gzip(head)
    with _open(source, objects, packed=packed) as stream:
        encoding = find_encoding(stream, upload.options.encoding)
    if isinstance(encoding, FileProblem):
        raise _rejected(encoding)
    cuttable = encoding.cuttable and not packed and line_ends(head) == "lf"
    return _Text(source, objects, upload.options, packed, encoding, cuttable)


def _survey_cuttable(text: _Text, source: SourceObject, objects: Objects, chunk_bytes: int) -> Survey:
    with objects.open_range(source, 0, min(source.size, HEAD_BYTES)) as stream:
        head = stream.read()
    lines = BytesIO(head if len(head) == source.size else head[: head.rfind(b"\n") + 1] or head)
    delimiter = text.options.delimiter or find_delimiter(lines, text.encoding.name)
    dialect, decision = _dialect(text, delimiter)
    with text.open() as stream:
        start = _find_header(read_records(stream, dialect), text.options)
    header = start.header
    tally = _Tally(dialect, header.cells, _map(header.cells, text.options))
    with objects.open_range(source, header.end, source.size) as stream:
        line = header.line + 1 + sum(cell.count("\n") for cell in header.cells)
        chunks = list(tally.cut(stream, header.end, line, chunk_bytes))
    totals = tally.totals()
    return Survey(
        header=header.cells,
        mapping=tally.mapping,
        dialect=dialect,
        shape=tally.shape,
        evidence=tally.evidence,
        chunks=_without(totals, chunks, source, dialect, objects),
        decisions=[*text.decisions, decision, *_table_decisions(start, totals)],
    )


def _dialect(text: _Text, delimiter: str | DelimiterChoice) -> tuple[Dialect, Decision]:
    choice = DelimiterChoice(delimiter, "given by the caller") if isinstance(delimiter, str) else delimiter
    shown = repr(choice.delimiter)[1:-1]
    decision = Decision(subject="delimiter", choice=shown, evidence=choice.evidence)
    return Dialect(encoding=text.encoding.name, delimiter=choice.delimiter), decision


def _find_header(records: Iterable[TextRecord], options: UploadOptions) -> TableStart:
    start = find_table(records, frozenset(options.mapping))
    if isinstance(start, FileProblem):
        raise _rejected(start)
    if sum(map(len, start.header.cells)) > MAX_HEADER_CHARACTERS:
        raise _rejected(file_refusal("file_header_unreadable", line=start.header.line))
    return start


def _map(header: list[str], options: UploadOptions) -> ColumnMapping:
    defaults = {field_name(name): text for name, text in options.defaults.items()}
    given = {column: field_name(name) if name else None for column, name in options.mapping.items()}
    mapping = map_headers(header, defaults, given)
    if isinstance(mapping, HeaderProblem):
        raise UploadRejected(mapping.message, code=mapping.code)
    return mapping


def _table_decisions(start: TableStart, totals: tuple[TextRecord, ...]) -> list[Decision]:
    found = [Decision(subject="header", choice=f"line {start.header.line}", evidence=start.evidence)]
    if totals:
        lines = ", ".join(str(record.line) for record in totals)
        shown = "; ".join(" ".join(filter(None, record.cells))[:80] for record in totals)
        found.append(Decision(subject="totals and footers", choice=f"left out: line {lines}", evidence=shown))
    return found


class _Tally:
    """Counts a file's records, and notes what they say of how the file is written."""

    def __init__(self, dialect: Dialect, header: list[str], mapping: ColumnMapping, *, numbered: bool = False) -> None:
        named = max((position for position, name in enumerate(header, start=1) if name.strip()), default=0)
        self.mapping = mapping
        self.evidence = FileEvidence(mapping.columns)
        self._dialect = dialect
        self._shape = Shape(columns=len(header), fewest=named, trailing=True, numbered=numbered)
        self._records = 0
        self._trailing = 0
        self._last: deque[TextRecord] = deque(maxlen=_LAST_RECORDS)

    @property
    def shape(self) -> Shape:
        """A delimiter behind the last cell is the file's style where every record has one, and else a slip."""
        return replace(self._shape, trailing=self._trailing == self._records)

    def cut(self, stream: BinaryIO, start: int, line: int, size: int) -> Iterator[Chunk]:
        """The chunks of the rest of a file."""
        index = 0
        for block in read_blocks(stream, self._dialect, size, start=start, line=line):
            records = self.see(block.data, block.line)
            if records:
                yield Chunk(index=index, start=block.start, end=block.end, first_line=block.line, records=records)
                index += 1

    def see(self, data: bytes, line: int) -> int:
        """Take whole records into account; return how many they are."""
        table = read_table(data, self._dialect, self._shape, line=line)
        self.evidence.see(table)
        self._records += table.records
        self._trailing += table.trailing
        self._last.extend(_last_records(table))
        return table.records

    def totals(self) -> tuple[TextRecord, ...]:
        """The totals and footers at the end of what was seen."""
        return totals_below(self._last, self.mapping.columns)


def _last_records(table: TextTable) -> list[TextRecord]:
    rows = table.frame.tail(_LAST_RECORDS).iter_rows()
    fitting = [TextRecord(row[0], 0, [cell or "" for cell in row[1:]]) for row in rows]
    return sorted([*fitting, *table.odd[-_LAST_RECORDS:]], key=lambda record: record.line)[-_LAST_RECORDS:]


def _without(
    totals: tuple[TextRecord, ...], chunks: list[Chunk], source: SourceObject, dialect: Dialect, objects: Objects
) -> list[Chunk]:
    """The chunks up to the first of the totals."""
    if not totals:
        return chunks
    first = totals[0].line
    *kept, last = [chunk for chunk in chunks if chunk.first_line <= first]
    end, records = last.start, 0
    with objects.open_range(source, last.start, last.end) as stream:
        for record in read_records(stream, dialect, offset=last.start, line=last.first_line):
            if record.line >= first:
                break
            end, records = record.end, records + (not record.blank)
    return [*kept, last.model_copy(update={"end": end, "records": records})] if records else kept


def _survey_staged(text: _Text, upload: Upload, objects: Objects, chunk_bytes: int) -> Survey:
    with text.open() as stream:
        lines = list(islice(read_lines(stream, text.encoding.name), _LINES_FOR_DELIMITER))
    written, decision = _dialect(text, text.options.delimiter or find_text_delimiter(lines))
    with text.open() as stream:
        records = read_text_records(read_lines(stream, text.encoding.name), written.delimiter)
        start = _find_header(records, text.options)
        header = start.header.cells
        tally = _Tally(STAGED_DIALECT, header, _map(header, text.options), numbered=True)
        tail = _Tail(chain(start.ahead, records), tally.mapping)
        prefix = object_keys.parts_prefix(upload.tenant_id, upload.upload_id)
        chunks = list(stage(tail.records(), objects, prefix=prefix, part_bytes=chunk_bytes))
    for chunk in chunks:
        with objects.open_read(str(chunk.part)) as stream:
            tally.see(stream.read(), chunk.first_line + 1)
    return Survey(
        header=header,
        mapping=tally.mapping,
        dialect=STAGED_DIALECT,
        shape=tally.shape,
        evidence=tally.evidence,
        chunks=chunks,
        decisions=[*text.decisions, decision, *_table_decisions(start, tail.totals)],
    )


class _Tail:
    """Records but for the totals and footers at their end, which are known once they have ended."""

    def __init__(self, records: Iterable[TextRecord], mapping: ColumnMapping) -> None:
        self._records = records
        self._mapping = mapping
        self.totals: tuple[TextRecord, ...] = ()

    def records(self) -> Iterator[TextRecord]:
        """The records that are not blank; the last ones are held back until the end is seen."""
        held: deque[TextRecord] = deque()
        for record in self._records:
            if not record.blank:
                held.append(record)
            if len(held) > _LAST_RECORDS:
                yield held.popleft()
        self.totals = totals_below(held, self._mapping.columns)
        yield from islice(held, len(held) - len(self.totals))
