"""A refused row: what stood in the file, and why it did not go in."""

from __future__ import annotations

import re

from pydantic import Field

from shared.domain.problems import Problem
from shared.domain.upload import Value

ROW_COLUMN = "linefeed:row"
CODES_COLUMN = "linefeed:codes"
REASONS_COLUMN = "linefeed:reasons"
"""What the download adds in front of the original columns; ignored when the file comes back."""


class RefusedRow(Value):
    """`row` is the line, counted from 1, on which the record starts; `cells` stand as in the file.

    A row that could not be cut into cells has its raw text as its only cell.
    """

    row: int
    cells: list[str]
    errors: list[Problem] = Field(description="All that is wrong with it, at least one of severity error.")


_FORMULA = re.compile(r"'*[=+\-@\t\r]")
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
