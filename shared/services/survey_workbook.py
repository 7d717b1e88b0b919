"""Survey a workbook: the sheet with the records is staged, for it cannot be cut by byte range."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

from shared.columnar.evidence import CellStyles, TextNumbers
from shared.domain import object_keys
from shared.domain.headers import ColumnMapping
from shared.domain.upload import Decision, SourceObject, Upload, UploadOptions
from shared.errors import UploadRejected
from shared.formats.delimited import TextRecord
from shared.formats.workbook import CellValue, WorkbookLimits, WorkbookRows, read_workbook
from shared.services.choices import AS_PROFILE, Choices
from shared.services.ports import Objects
from shared.services.staging import STAGED_DIALECT, stage
from shared.services.survey_text import Tail, shape_of_header, table_decisions
from shared.services.tally import Survey, Tally, map_columns, open_source
from shared.services.text_reading import find_header

Row = tuple[int, tuple[CellValue, ...]]


def survey_workbook(
    upload: Upload, choices: Choices, source: SourceObject, objects: Objects, chunk_bytes: int
) -> Survey:
    """Copy the workbook to the disk and read it once; a second time where texts in numbers prove a decimal comma."""
    with tempfile.TemporaryDirectory(prefix="workbook-") as folder:
        path = Path(folder) / "workbook"
        with open_source(source, objects, packed=False) as stream, path.open("wb") as copy:
            shutil.copyfileobj(stream, copy)
        workbook, usual = _open(path, choices)
        commas: frozenset[int] = frozenset()
        while True:
            survey = _survey(workbook, usual, upload, choices, objects, chunk_bytes, commas)
            styles = survey.evidence.decide(survey.chosen.options, survey.chosen.profile)
            wanted = frozenset(styles.comma_columns if isinstance(styles, CellStyles) else ())
            if wanted <= commas:
                return survey
            commas = wanted
            workbook = _read(path, usual or choices.options.sheet, choices)


def _read(path: Path, sheet: str | None, choices: Choices) -> WorkbookRows:
    return read_workbook(path, sheet=sheet, known=choices.known_headers, limits=WorkbookLimits())


def _open(path: Path, choices: Choices) -> tuple[WorkbookRows, str | None]:
    """The workbook at the sheet that the caller names or that suits best; and the sheet that a profile has for it.

    That one is taken where the workbook has several sheets and its header is the profile's; of a profile that the
    caller names, it is taken as it is.
    """
    workbook = _read(path, choices.options.sheet, choices)
    there = {_sheet_key(name) for name in (workbook.sheet, *workbook.others)} if workbook.others else set()
    names = [name for profile in choices.profiles if (name := profile.sheet) and _sheet_key(name) in there]
    if not names:
        return workbook, None
    workbook.close()
    for name in dict.fromkeys(names):
        if choices.options.profile is not None or _is_of_profile(path, name, choices):
            return _read(path, name, choices), name
    return _read(path, None, choices), None


def _is_of_profile(path: Path, sheet: str, choices: Choices) -> bool:
    """True when the sheet's header makes the profile hold that has this sheet."""
    with suppress(UploadRejected), _read(path, sheet, choices) as workbook:
        profile = choices.profile_of(find_header(_texts(iter(workbook)), choices).header.cells)
        return profile is not None and profile.sheet == sheet
    return False


def _sheet_key(name: str) -> str:
    return name.strip().casefold()


def _survey(
    opened: WorkbookRows,
    usual_sheet: str | None,
    upload: Upload,
    choices: Choices,
    objects: Objects,
    chunk_bytes: int,
    commas: frozenset[int],
) -> Survey:
    with opened as workbook:
        rows = iter(workbook)
        ahead: list[Row] = []
        start = find_header(_texts(_remembered(rows, ahead)), choices)
        header = start.header.cells
        chosen = choices.complete(header)
        texts = TextNumbers(choices.fields_of)
        texts.watch(header)
        mapping = map_columns(header, chosen.options)
        if mapping.ignored:
            header, mapping = _named(header, chosen.options)
        below = (row for row in chain(ahead, rows) if row[0] > start.header.line)
        tail = Tail(_fitted(_seen(below, texts, commas), header, mapping), mapping)
        prefix = object_keys.parts_prefix(upload.tenant_id, upload.upload_id)
        chunks = list(stage(tail.records(), objects, prefix=prefix, part_bytes=chunk_bytes))
    tally = Tally(STAGED_DIALECT, shape_of_header(header, numbered=True), mapping, texts.by_position)
    for chunk in chunks:
        with objects.open_read(str(chunk.part)) as stream:
            tally.see(stream.read(), chunk.first_line)
    return Survey(
        header=header,
        mapping=mapping,
        dialect=STAGED_DIALECT,
        shape=tally.shape,
        evidence=tally.evidence,
        chunks=chunks,
        decisions=[_sheet(workbook, usual_sheet), *table_decisions(start, tail.totals)],
        chosen=chosen,
    )


def _sheet(workbook: WorkbookRows, usual: str | None) -> Decision:
    evidence = f"{AS_PROFILE}; {workbook.evidence}" if usual else workbook.evidence
    return Decision(subject="sheet", choice=workbook.sheet, evidence=evidence)


def _remembered(rows: Iterator[Row], memory: list[Row]) -> Iterator[Row]:
    for row in rows:
        memory.append(row)
        yield row


def _texts(rows: Iterator[Row]) -> Iterator[TextRecord]:
    return (TextRecord(number, 0, [_text(value) for value in values]) for number, values in rows)


def _seen(rows: Iterator[Row], texts: TextNumbers, commas: frozenset[int]) -> Iterator[TextRecord]:
    """The rows as texts; numbers with a decimal point, but for the columns in `commas`."""
    for number, values in rows:
        numbers = frozenset([i for i, value in enumerate(values) if type(value) in (int, float)])
        texts.see(values, numbers)
        cells = [_text(value) for value in values]
        for position in commas & numbers:
            cells[position] = cells[position].replace(".", ",")
        yield TextRecord(number, 0, cells)


def _named(header: list[str], options: UploadOptions) -> tuple[list[str], ColumnMapping]:
    """The header of refused rows that come back, without the columns to the right that have no name.

    They hold what rows have too much, and must not become columns of the file.
    """
    named = header[: shape_of_header(header).fewest]
    return named, map_columns(named, options)


def _fitted(records: Iterator[TextRecord], header: list[str], mapping: ColumnMapping) -> Iterator[TextRecord]:
    """The rows; those of refused rows that come back without the empty cells behind the last column."""
    return (_without_end(record, len(header)) for record in records) if mapping.ignored else records


def _without_end(record: TextRecord, columns: int) -> TextRecord:
    width = max((i for i, cell in enumerate(record.cells, start=1) if cell and not cell.isspace()), default=0)
    return record._replace(cells=record.cells[: max(width, columns)])


def _text(value: CellValue) -> str:
    """A cell as a person would write it for sure: numbers with a point, dates as ISO 8601, durations as h:mm:ss."""
    if isinstance(value, str):
        return value
    written = _WRITTEN.get(type(value))
    return written(value) if written else repr(value)


def _duration(value: timedelta) -> str:
    hours, rest = divmod(value, timedelta(hours=1))
    return f"{hours}:{rest // timedelta(minutes=1):02}:{rest % timedelta(minutes=1) / timedelta(seconds=1):02.0f}"


_WRITTEN: dict[type, Callable[[Any], str]] = {
    type(None): lambda _: "",
    bool: lambda value: "true" if value else "false",
    datetime: lambda value: value.isoformat(sep=" "),
    date: date.isoformat,
    time: time.isoformat,
    timedelta: _duration,
}
