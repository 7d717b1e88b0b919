"""Survey a delimited text file: its encoding, its delimiter, where its table begins and ends."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from itertools import chain, islice
from typing import BinaryIO

from shared.domain import object_keys
from shared.domain.headers import ColumnMapping
from shared.domain.plan import Chunk, Dialect
from shared.domain.problems import FileProblem, file_refusal
from shared.domain.upload import Decision, SourceObject, Upload, UploadOptions
from shared.formats.compression import is_gzip
from shared.formats.delimited import (
    DelimiterChoice,
    TextRecord,
    find_delimiter,
    find_text_delimiter,
    read_records,
    read_text_records,
)
from shared.formats.encoding import Encoding, find_encoding
from shared.formats.preamble import TableStart, find_table, totals_below
from shared.formats.tables import Shape
from shared.formats.text_lines import HEAD_BYTES, line_ends, read_lines
from shared.services.ports import Objects
from shared.services.staging import STAGED_DIALECT, stage
from shared.services.tally import LAST_RECORDS, Survey, Tally, map_columns, open_source, rejected

MAX_HEADER_CHARACTERS = 32_768
"""Longer than any real header (91 columns of the source system have about 1,500), and fits a status item."""

_LINES_FOR_DELIMITER = 400


def survey_text(upload: Upload, source: SourceObject, objects: Objects, chunk_bytes: int) -> Survey:
    """Read the file once for its encoding and once for its records.

    A file that can be cut behind any line feed is cut; another one is staged to parts.
    """
    text = _find_text(upload, source, objects)
    if text.cuttable:
        return _survey_cuttable(text, source, objects, chunk_bytes)
    return _survey_staged(text, upload, objects, chunk_bytes)


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
        with open_source(self.source, self.objects, packed=self.packed) as stream:
            yield stream

    @property
    def decisions(self) -> list[Decision]:
        """How the bytes are text."""
        found = [Decision(subject="encoding", choice=self.encoding.name, evidence=self.encoding.evidence)]
        if self.packed:
            found.append(Decision(subject="compression", choice="gzip", evidence="the file's first bytes"))
        return found


def _find_text(upload: Upload, source: SourceObject, objects: Objects) -> _Text:
    with objects.open_range(source, 0, min(source.size, HEAD_BYTES)) as stream:
        head = stream.read()
    packed = is_gzip(head)
    with open_source(source, objects, packed=packed) as stream:
        encoding = find_encoding(stream, upload.options.encoding)
    if isinstance(encoding, FileProblem):
        raise rejected(encoding)
    cuttable = encoding.cuttable and not packed and line_ends(head) == "lf"
    return _Text(source, objects, upload.options, packed, encoding, cuttable)


def _survey_cuttable(text: _Text, source: SourceObject, objects: Objects, chunk_bytes: int) -> Survey:
    with objects.open_range(source, 0, min(source.size, HEAD_BYTES)) as stream:
        head = stream.read()
    lines = BytesIO(head if len(head) == source.size else head[: head.rfind(b"\n") + 1] or head)
    delimiter = text.options.delimiter or find_delimiter(lines, text.encoding.name)
    dialect, decision = _dialect(text, delimiter)
    with text.open() as stream:
        start = find_header(read_records(stream, dialect), text.options)
    header = start.header
    tally = Tally(dialect, shape_of_header(header.cells), map_columns(header.cells, text.options))
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
        decisions=[*text.decisions, decision, *table_decisions(start, totals)],
    )


def _dialect(text: _Text, delimiter: str | DelimiterChoice) -> tuple[Dialect, Decision]:
    choice = DelimiterChoice(delimiter, "given by the caller") if isinstance(delimiter, str) else delimiter
    shown = repr(choice.delimiter)[1:-1]
    decision = Decision(subject="delimiter", choice=shown, evidence=choice.evidence)
    return Dialect(encoding=text.encoding.name, delimiter=choice.delimiter), decision


def find_header(records: Iterable[TextRecord], options: UploadOptions) -> TableStart:
    """The header among the first records; raises UploadRejected where there is none."""
    start = find_table(records, frozenset(options.mapping))
    if isinstance(start, FileProblem):
        raise rejected(start)
    if sum(map(len, start.header.cells)) > MAX_HEADER_CHARACTERS:
        raise rejected(file_refusal("file_header_unreadable", line=start.header.line))
    return start


def shape_of_header(header: list[str], *, numbered: bool = False) -> Shape:
    """A record has at least the cells of the columns up to the last one with a name."""
    named = max((position for position, name in enumerate(header, start=1) if name.strip()), default=0)
    return Shape(columns=len(header), fewest=named, numbered=numbered)


def table_decisions(start: TableStart, totals: tuple[TextRecord, ...]) -> list[Decision]:
    """Where the table begins and ends, for people."""
    found = [Decision(subject="header", choice=f"line {start.header.line}", evidence=start.evidence)]
    if totals:
        lines = ", ".join(str(record.line) for record in totals)
        shown = "; ".join(" ".join(filter(None, record.cells))[:80] for record in totals)
        found.append(Decision(subject="totals and footers", choice=f"left out: line {lines}", evidence=shown))
    return found


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
        start = find_header(records, text.options)
        header = start.header.cells
        tally = Tally(STAGED_DIALECT, shape_of_header(header, numbered=True), map_columns(header, text.options))
        tail = Tail(chain(start.ahead, records), tally.mapping)
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
        decisions=[*text.decisions, decision, *table_decisions(start, tail.totals)],
    )


class Tail:
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
            if len(held) > LAST_RECORDS:
                yield held.popleft()
        self.totals = totals_below(held, self._mapping.columns)
        yield from islice(held, len(held) - len(self.totals))
