"""A workbook (xlsx, xls, xlsb, ods) → the rows of the sheet that holds the records.

python-calamine parses it in a child process with limits, because a hostile file can abort the process that reads it.
The parent never parses the file: it chooses the sheet by the first rows that the child shows of each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import polars as pl

from shared.domain.headers import normalize_header, recognized_fields
from shared.formats.typed_rows import TypedRows, blank_column
from shared.formats.workbook_process import LoadedSheet, SheetName, WorkbookLimits, WorkbookProcess, rejected

__all__ = ["WorkbookLimits", "WorkbookRows", "read_workbook"]

_MAX_NAMES = 1000


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A sheet that may be the one, and how many fields its best row names, read as a header."""

    name: str
    loaded: LoadedSheet
    fields: int
    header_row: int

    @property
    def rank(self) -> tuple[int, int]:
        return self.fields, self.loaded.rows


class WorkbookRows:
    """The rows of the chosen sheet, in order and once; a context manager, which ends the reading process.

    Those above the first one that is used, and those below the last, do not come.

    `sheet` is the chosen sheet's name, `evidence` a sentence that says why it was chosen, `others` the names of the
    other sheets that might have been.
    """

    def __init__(self, process: WorkbookProcess, chosen: _Candidate, evidence: str, others: Sequence[str] = ()) -> None:
        self.sheet = chosen.name
        self.evidence = evidence
        self.others = others
        self._process = process
        self._loaded = chosen.loaded

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the reading process."""
        self._process.close()

    def __iter__(self) -> Iterator[TypedRows]:
        """The rows. Raises UploadRejected where the workbook cannot be read to its end."""
        before, left = self._loaded.origin
        self._process.send({"stream": True})
        number = before + 1
        for count, columns in self._process.batches(self._loaded.columns):
            lines = pl.int_range(number, number + count, dtype=pl.Int64, eager=True)
            yield TypedRows(lines, [*[blank_column(count)] * left, *columns])
            number += count
        if number != before + 1 + self._loaded.rows:
            raise rejected("workbook_unreadable")


def read_workbook(
    path: Path, *, sheet: str | None, known: frozenset[str] = frozenset(), limits: WorkbookLimits
) -> WorkbookRows:
    """Open the workbook at `path` and choose its sheet; use the answer in a `with`.

    It is the sheet named `sheet`, else the visible one with the row that names the most record fields and headers of
    `known` among its first rows; of equals the longest, then the first.

    Raises UploadRejected (`workbook_…`, `sheet_not_found`) where the workbook cannot be read within `limits`, and
    TransientError where the process that reads it cannot work.
    """
    process = WorkbookProcess(path.resolve(strict=True), limits)
    try:
        sheets = process.sheets()
        indexes = _named(sheets, sheet) if sheet is not None else _visible(sheets)
        best, others = _best(process, sheets, indexes, frozenset(map(normalize_header, known)) - {""}, limits)
        if sheet is None and not best.loaded.rows:
            raise rejected("workbook_no_sheet")  # noqa: TRY301 (the process is to be closed then too)
        evidence = _evidence(best, others, named=sheet is not None)
        return WorkbookRows(process, best, evidence, [other.name for other in others])
    except BaseException:
        process.close()
        raise


def _named(sheets: Sequence[SheetName], name: str) -> list[int]:
    """The sheet of this name, or, as Excel tells names apart, of this name but for case."""
    for key in (str, lambda text: text.strip().casefold()):
        for index, sheet in enumerate(sheets):
            if sheet.cells and key(sheet.name) == key(name):
                return [index]
    found = ", ".join(f"“{sheet.name}”" for sheet in sheets if sheet.cells)
    raise rejected("sheet_not_found", sheet=name, found=found[:_MAX_NAMES])


def _visible(sheets: Sequence[SheetName]) -> list[int]:
    indexes = [index for index, sheet in enumerate(sheets) if sheet.visible and sheet.cells]
    if not indexes:
        raise rejected("workbook_no_sheet")
    return indexes


def _best(
    process: WorkbookProcess,
    sheets: Sequence[SheetName],
    indexes: Sequence[int],
    known: frozenset[str],
    limits: WorkbookLimits,
) -> tuple[_Candidate, list[_Candidate]]:
    """The candidate of the highest rank, which the process then holds, and the others."""
    best: _Candidate | None = None
    others = []
    for index in indexes:
        loaded = process.load(index)
        if loaded.rows * loaded.columns > limits.cells:
            raise rejected(
                "workbook_sheet_too_large", sheet=sheets[index].name, rows=loaded.rows, columns=loaded.columns
            )
        candidate = _Candidate(sheets[index].name, loaded, *_fields_named(loaded, known))
        if best is None or candidate.rank > best.rank:
            process.send({"keep": True})
            best, candidate = candidate, best
        if candidate:
            others.append(candidate)
    if best is None:
        raise rejected("workbook_no_sheet")
    return best, others


def _fields_named(loaded: LoadedSheet, known: frozenset[str]) -> tuple[int, int]:
    """How many fields the likeliest header among the first rows names, and its row number."""
    best = (0, 0)
    for number, row in enumerate(loaded.head, loaded.origin[0] + 1):
        own = {normalize_header(text) for text in row if not recognized_fields((text,))} & known
        fields = recognized_fields(row) + len(own)
        if fields > best[0]:
            best = (fields, number)
    return best


def _evidence(best: _Candidate, others: Sequence[_Candidate], *, named: bool) -> str:
    if named:
        return f"the sheet was named; it has {best.loaded.rows:,} rows"
    if not others:
        return "it is the only visible sheet"
    if not best.fields:
        return f"no visible sheet names a field of the record; this one has the most rows, {best.loaded.rows:,}"
    evidence = f"its row {best.header_row} names {best.fields} fields, the most of {len(others) + 1} visible sheets"
    equals = ", ".join(f"“{other.name}”" for other in others if other.fields == best.fields)
    if equals:
        evidence += f"; as many as {equals[:_MAX_NAMES]} (not read; name a sheet to choose it), which has no more rows"
    return evidence
