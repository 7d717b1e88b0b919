"""Survey a delimited text file: its encoding, its delimiter, where its table begins and ends."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain, islice

from shared.domain import object_keys
from shared.domain.headers import ColumnMapping
from shared.domain.plan import Chunk, Dialect
from shared.domain.upload import Decision, SourceObject, Upload
from shared.formats.delimited import TextRecord, read_records
from shared.formats.preamble import TableStart, totals_below
from shared.formats.tables import Shape
from shared.services.choices import Choices
from shared.services.ports import Objects
from shared.services.staging import STAGED_DIALECT, stage
from shared.services.tally import LAST_RECORDS, Survey, Tally, columns_of
from shared.services.text_reading import TextFile, TextReading, find_header, find_reading


def survey_text(upload: Upload, choices: Choices, source: SourceObject, objects: Objects, chunk_bytes: int) -> Survey:
    """Read the file once for its encoding and once for its records.

    A file that can be cut behind any line feed is cut; another one is staged to parts.
    """
    text = find_reading(TextFile.look_at(source, objects), choices)
    if text.cuttable:
        return _survey_cuttable(text, choices, chunk_bytes)
    return _survey_staged(text, choices, upload, chunk_bytes)


def _survey_cuttable(text: TextReading, choices: Choices, chunk_bytes: int) -> Survey:
    source, objects = text.file.source, text.file.objects
    with text.open() as records:
        start = find_header(records, choices)
    header = start.header
    chosen = choices.complete(header.cells)
    tally = Tally(text.dialect, shape_of_header(header.cells), columns_of(header.cells, chosen, choices))
    with objects.open_range(source, header.end, source.size) as stream:
        line = header.line + 1 + sum(cell.count("\n") for cell in header.cells)
        chunks = list(tally.cut(stream, header.end, line, chunk_bytes))
    totals = tally.totals()
    return Survey(
        header=header.cells,
        mapping=tally.mapping,
        dialect=text.dialect,
        shape=tally.shape,
        evidence=tally.evidence,
        chunks=_without(totals, chunks, source, text.dialect, objects),
        decisions=[*text.decisions, *table_decisions(start, totals)],
        chosen=chosen,
        written=text.dialect,
    )


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


def _survey_staged(text: TextReading, choices: Choices, upload: Upload, chunk_bytes: int) -> Survey:
    objects = text.file.objects
    with text.open() as records:
        start = find_header(records, choices)
        header = start.header.cells
        chosen = choices.complete(header)
        tally = Tally(STAGED_DIALECT, shape_of_header(header, numbered=True), columns_of(header, chosen, choices))
        tail = Tail(chain(start.ahead, records), tally.mapping)
        prefix = object_keys.parts_prefix(upload.tenant_id, upload.upload_id, upload.attempt)
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
        decisions=[*text.decisions, *table_decisions(start, tail.totals)],
        chosen=chosen,
        written=text.dialect,
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
