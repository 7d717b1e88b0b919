"""A refused row: what stood in the file, and why it did not go in."""

from __future__ import annotations

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
