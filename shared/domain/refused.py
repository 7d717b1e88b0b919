"""A refused row: what stood in the file, and why it did not go in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pydantic import Field

from shared.domain.problems import Problem, row_problem
from shared.domain.upload import Value

ROW_COLUMN = "linefeed:row"
CODES_COLUMN = "linefeed:codes"
REASONS_COLUMN = "linefeed:reasons"
"""What the download adds in front of the original columns; ignored when the file comes back."""

MISSING_CELL = "linefeed:missing"
"""Stands in a workbook in the first cell that the row does not have, since a workbook has an empty one there."""

CUT_END = " … linefeed:cut"
"""Ends a cell that did not fit a workbook whole."""


class RefusedRow(Value):
    """`row` is the line, counted from 1, on which the record starts; `cells` stand as in the file.

    A row that could not be cut into cells has its raw text as its only cell.
    """

    row: int
    cells: list[str]
    errors: list[Problem] = Field(description="All that is wrong with it, at least one of severity error.")

    @property
    def codes(self) -> str:
        """The codes of all that is wrong with it, in a cell."""
        return " ".join(problem.code for problem in self.errors)

    @property
    def reasons(self) -> str:
        """The sentences of all that is wrong with it, in a cell."""
        return " ".join(problem.error for problem in self.errors)


def unmended(cells: Sequence[str], names: Mapping[int, str]) -> Problem | None:
    """What keeps a row out that comes back in a workbook of refused rows; None where nothing does.

    `names` are what the columns are called in problems, by position.

    A workbook gives every row a cell in every column and has no room for very long ones. So what was missing or had
    to be cut is marked there, and a row that still has a mark was not mended.
    """
    for position, cell in enumerate(cells):
        if cell == MISSING_CELL:
            return row_problem("cell_missing", field=names.get(position), value=cell)
        if cell.endswith(CUT_END):
            return row_problem("cell_cut", field=names.get(position), value=CUT_END.strip())
    return None


_FORMULA = re.compile(r"'*[=+\-@\t\r\n\uFF1D\uFF0B\uFF0D\uFF20]")
"""The last four are the full-width forms of = + - @, which Excel takes for them in some languages."""

_SIGNED_NUMBER = re.compile(r"[+-](\d+([.,]\d*)?|[.,]\d+)\Z", re.ASCII)


def guard_formula(cell: str) -> str:
    """A cell that no spreadsheet runs as a formula: what may be one gets an apostrophe in front.

    `unguard_formula` takes exactly that apostrophe away again. A signed number stays as it is.
    (OWASP, “CSV Injection”.)
    """
    return f"'{cell}" if _FORMULA.match(cell) and not _SIGNED_NUMBER.match(cell) else cell


def unguard_formula(cell: str) -> str:
    """The cell as it was before `guard_formula`."""
    return cell[1:] if cell[:1] == "'" and _FORMULA.match(cell) else cell
