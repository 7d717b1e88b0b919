"""The refused rows as a workbook: the CSV's columns and texts, with what is wrong marked.

It is made to be fixed and uploaded again, so what a workbook cannot say is marked in the cells (see
`refused.unmended`): a row that comes back with a mark is refused again, and never imported as something else.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from itertools import islice

from shared.domain import object_keys
from shared.domain.headers import added_by_us, cells_of_the_file
from shared.domain.problems import row_problem
from shared.domain.refused import (
    CODES_COLUMN,
    CUT_END,
    MISSING_CELL,
    REASONS_COLUMN,
    ROW_COLUMN,
    RefusedRow,
    guard_formula,
)
from shared.domain.upload import Upload
from shared.errors import RequestRefused
from shared.formats.refused_sheet import MOST_COLUMNS, Sheet, SheetRow, cell_start, fits_cell, write_workbook
from shared.services.ports import Objects
from shared.services.refused_lines import refused_lines

WORKBOOK_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MOST_ROWS = 50_000
_MOST_CELLS = 2_500_000
_MOST_BYTES = 64 << 20
"""Of rows as they are kept. An answer must be there within 29 seconds, and these bounds take about ten."""

_OURS = (ROW_COLUMN, CODES_COLUMN, REASONS_COLUMN)
_WIDTHS = (14, 24, 70)


def keep_workbook(upload: Upload, objects: Objects) -> str:
    """The key of the workbook of an upload that has ended; it is made unless it was before.

    Raises RequestRefused 422 where the file has more columns than a workbook.
    """
    key = object_keys.refused_rows_xlsx(upload.tenant_id, upload.upload_id)
    if key in objects.keys(key):
        return key
    header = _header(upload)
    if len(header) + len(_OURS) > MOST_COLUMNS:
        raise RequestRefused(
            f"The file has {len(header):,} columns, more than a workbook; take the refused rows as CSV.",
            status=422,
            code="too_many_columns",
        )
    fitting = _count_fitting(refused_lines(upload, objects))
    refused = upload.totals.refused if upload.totals else fitting
    sheet = Sheet(
        # Whoever named a sheet names it again with the same options.
        title=upload.options.sheet or "Refused rows",
        widths=_WIDTHS,
        notice=_notice(fitting, refused) if fitting < refused else None,
        header=[*_OURS, *map(cell_start, map(guard_formula, header))],
    )
    rows = map(RefusedRow.model_validate_json, islice(refused_lines(upload, objects), fitting))
    with tempfile.TemporaryFile() as made:
        write_workbook(made, sheet, sheet_rows(rows, upload))
        made.seek(0)
        with objects.open_write(key, WORKBOOK_TYPE) as out:
            shutil.copyfileobj(made, out)
    return key


def _notice(fitting: int, refused: int) -> str:
    return (
        f"Only the first {fitting:,} of {refused:,} refused rows are in this workbook; the CSV of the refused rows "
        "(format=csv) has all of them."
    )


def _count_fitting(lines: Iterator[bytes]) -> int:
    """How many of the first rows a workbook may have, at least one."""
    rows = cells = size = 0
    for line in lines:
        cells += line.count(b",")  # one behind each cell, or nearly
        size += len(line)
        if rows and (rows == MOST_ROWS or cells > _MOST_CELLS or size > _MOST_BYTES):
            break
        rows += 1
    return rows


def sheet_rows(rows: Iterator[RefusedRow], upload: Upload) -> Iterator[SheetRow]:
    """The rows as the workbook shows them."""
    header = _header(upload)
    added = added_by_us(upload.plan.header if upload.plan else [])
    fields = upload.plan.columns if upload.plan else {}
    positions = {name: position for position, name in enumerate(header)}
    positions |= {field: positions[name] for name, field in fields.items() if name in positions}
    for row in rows:
        marked = {positions[problem.field] for problem in row.errors if problem.field in positions}
        yield _sheet_row(row, cells_of_the_file(row.cells, added), len(header), marked)


def _header(upload: Upload) -> list[str]:
    """The file's own columns."""
    header = upload.plan.header if upload.plan else []
    return cells_of_the_file(header, added_by_us(header))


def _sheet_row(row: RefusedRow, own: list[str], columns: int, marked: set[int]) -> SheetRow:
    """A row of which `own` are the cells; `marked` are positions among them."""
    cells = [*map(guard_formula, own)]
    codes, reasons = [row.codes], [row.reasons]
    cut_positions = _cut(cells)
    marked = marked | cut_positions | set(range(columns, len(cells)))
    if cut_positions:
        codes.append("cell_cut")
        reasons.append(row_problem("cell_cut").error + ".")
    if len(cells) < columns:
        marked.add(len(cells))
        cells.append(MISSING_CELL)
        codes.append("cell_missing")
        reasons.append(row_problem("cell_missing").error + ".")
    cells += [""] * (max(marked, default=0) + 1 - len(cells))
    ours = [str(row.row), " ".join(codes), cell_start(guard_formula(". ".join(reasons)))]
    return SheetRow([*ours, *cells], {position + len(ours) for position in marked})


def _cut(cells: list[str]) -> set[int]:
    """Cut what a workbook cannot hold whole, the row's end too; return where."""
    found: set[int] = set()
    most = MOST_COLUMNS - len(_OURS)
    if len(cells) > most:
        del cells[most:]
        cells[-1] += CUT_END
        found.add(most - 1)
    for position, cell in enumerate(cells):
        if not fits_cell(cell):
            cells[position] = cell_start(cell, CUT_END)
            found.add(position)
    return found
