"""Survey a workbook: the sheet with the records is staged, for it cannot be cut by byte range."""

from __future__ import annotations

import shutil
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import chain
from pathlib import Path

from shared.columnar.evidence import CellStyles, TextNumbers
from shared.domain import object_keys
from shared.domain.headers import ColumnMapping
from shared.domain.problems import FileProblem
from shared.domain.upload import Decision, SourceObject, Upload
from shared.errors import UploadRejected
from shared.formats.delimited import TextRecord
from shared.formats.preamble import totals_below
from shared.formats.tables import TextTable
from shared.formats.typed_rows import TypedRows
from shared.formats.workbook import WorkbookLimits, WorkbookRows, read_workbook
from shared.services.choices import AS_PROFILE, Choices, Chosen
from shared.services.ports import Objects
from shared.services.staging import STAGED_DIALECT, stage_tables
from shared.services.survey_text import shape_of_header, table_decisions
from shared.services.tally import LAST_RECORDS, Survey, Tally, columns_of, last_records, open_source
from shared.services.text_reading import find_header
from shared.services.typed_tables import text_table


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
    read = partial(read_workbook, path, known=choices.known_headers, limits=WorkbookLimits())
    try:
        return read(sheet=sheet)
    except UploadRejected as refusal:
        if refusal.code != "sheet_not_found":
            raise
        choices.leave_open(FileProblem(refusal.code, refusal.message))
        return read(sheet=None)


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
        profile = choices.profile_of(find_header(_records(workbook), choices).header.cells)
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
        batches = iter(workbook)
        ahead: list[TypedRows] = []
        start = find_header(_records(_remembered(batches, ahead)), choices)
        header = start.header.cells
        chosen = choices.complete(header)
        texts = TextNumbers(choices.fields_of)
        texts.watch(header)
        mapping = columns_of(header, chosen, choices)
        if mapping.ignored:
            header, mapping = _named(header, chosen, choices)
        tally = Tally(STAGED_DIALECT, shape_of_header(header, numbered=True), mapping, texts.by_position)
        below = (rows.below(start.header.line) for rows in chain(ahead, batches))
        tail = _Tail((text_table(rows, len(header), texts, commas) for rows in below), mapping)
        prefix = object_keys.parts_prefix(upload.tenant_id, upload.upload_id, upload.attempt)
        chunks = list(stage_tables(_seen(tail.tables(), tally), objects, prefix=prefix, part_bytes=chunk_bytes))
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


def _remembered(batches: Iterable[TypedRows], memory: list[TypedRows]) -> Iterator[TypedRows]:
    for rows in batches:
        memory.append(rows)
        yield rows


def _records(batches: Iterable[TypedRows]) -> Iterator[TextRecord]:
    return chain.from_iterable(rows.records() for rows in batches)


def _seen(tables: Iterable[TextTable], tally: Tally) -> Iterator[TextTable]:
    for table in tables:
        tally.see_table(table)
        yield table


class _Tail:
    """Tables of records but for the totals and footers at their end, which are known once they have ended."""

    def __init__(self, tables: Iterable[TextTable], mapping: ColumnMapping) -> None:
        self._tables = tables
        self._mapping = mapping
        self.totals: tuple[TextRecord, ...] = ()

    def tables(self) -> Iterator[TextTable]:
        """The tables; those that have the last records are held back until the end is seen."""
        held: deque[TextTable] = deque()
        records = 0
        for table in self._tables:
            held.append(table)
            records += table.records
            while records - held[0].records >= LAST_RECORDS:
                records -= held[0].records
                yield held.popleft()
        last = [record for table in held for record in last_records(table)]
        self.totals = totals_below(last[-LAST_RECORDS:], self._mapping.columns)
        lines = [record.line for record in self.totals]
        yield from (table.without(lines) for table in held)


def _named(header: list[str], chosen: Chosen, choices: Choices) -> tuple[list[str], ColumnMapping]:
    """The header of refused rows that come back, without the columns to the right that have no name.

    They hold what rows have too much, and must not become columns of the file.
    """
    named = header[: shape_of_header(header).fewest]
    return named, columns_of(named, chosen, choices)
