"""Problems as data: each has a stable code, a severity and a sentence that says what to do.

`ROW_PROBLEMS` are about one row, `FILE_PROBLEMS` about a file as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """An error keeps its row out; a warning is counted and the row goes in."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a row.

    `field` is the record field's API name, None for the row as a whole; `value` the text as it stood in the file;
    `error` a sentence for people.
    """

    field: str | None
    value: str | None
    code: str
    error: str
    severity: Severity = Severity.ERROR


ROW_PROBLEMS: dict[str, str] = {
    "required": "A value is required here",
    "text_too_long": "At most {max_length} characters fit here",
    "text_has_nul": "The text holds a NUL character, which no database text can; remove it",
    "number_unreadable": "This is no number; write it like 1234.5",
    "number_has_comma": "The comma may divide decimals or thousands; write {decimal} or {thousands}",
    "number_too_precise": "At most {places} decimal places fit here",
    "number_too_large": "The number is too large; at most {digits} digits fit before the point",
    "number_too_small": "The number must be {minimum} or more",
    "number_not_positive": "The number must be greater than {minimum}",
    "ratio_ambiguous": "In this column of {scale} the value may mean {first} or {second}; write it with a % sign",
    "timestamp_unreadable": (
        "This is no timestamp that can be read without guessing; write it like 2026-03-01T14:30:00+01:00"
    ),
    "timestamp_impossible": "There is no such date or time",
    "timestamp_out_of_range": "The year must be between {first} and {last}",
    "timestamp_without_zone": (
        "The timestamp has no time zone; write it like 2026-03-01T14:30:00+01:00, or give timeZone with the upload"
    ),
    "timestamp_in_gap": "Clocks were set forward over this local time; it was read as {choice}",
    "timestamp_in_fold": "This local time came twice when clocks were set back; the first one, {choice}, was taken",
    "row_malformed": "The row cannot be cut into cells: {reason}",
    "row_too_few_cells": (
        "The row has {cells} cells where the header has {columns}; add the missing ones, empty if there is nothing"
    ),
    "row_too_many_cells": (
        "The row has {cells} cells where the header has {columns}; quote a cell that holds the delimiter"
    ),
}
"""Sentences by code, but for those of the business rules, which stand with the rules."""

FILE_PROBLEMS: dict[str, str] = {
    "file_empty": "The file is empty. Send a file with a header line and at least one row.",
    "file_no_records": "The file has a header but no rows.",
    "file_too_large": "The file has {size:,} bytes; at most {limit:,} are taken. Split it.",
    "file_size_mismatch": "The file has {size:,} bytes where {declared:,} were announced. Upload it again.",
    "file_not_text": "The file is {what}, not a CSV file. Save the table as CSV (UTF-8) and upload that.",
    "file_not_scanned": "The file has not been checked yet. Upload it again.",
    "file_encoding_unknown": "The file's text is neither UTF-8 nor Windows-1252. Save it as CSV (UTF-8).",
    "file_line_too_long": "Line {line} is longer than a megabyte, so this is no table. Check the file's line ends.",
    "file_header_unreadable": (
        "Line {line}, where the header should be, cannot be read as one. Put the column names there."
    ),
    "file_columns_missing": (
        "No column of the file is {missing}. Its columns are {found}. Rename one, or give the value with the upload "
        "as a default."
    ),
    "file_column_twice": "The columns “{first}” and “{second}” both mean {field}. Rename or remove one of them.",
    "workbook_unreadable": (
        "The workbook cannot be read. Open it in Excel or LibreOffice, save it again as .xlsx, and upload that."
    ),
    "workbook_encrypted": "The workbook is protected with a password. Save it without one and upload that.",
    "workbook_too_complex": (
        "Reading the workbook takes more memory or time than it may. Remove what is not data (cells far from the "
        "table, other sheets), split it, or save the sheet as CSV (UTF-8)."
    ),
    "workbook_sheet_too_large": (
        "The sheet “{sheet}” spans {rows:,} rows × {columns:,} columns. Delete what stands far from the table, or "
        "save the sheet as CSV (UTF-8)."
    ),
    "workbook_no_sheet": "The workbook has no visible sheet with anything in it. Unhide the sheet, or name it.",
    "sheet_not_found": "The workbook has no sheet “{sheet}”. Its sheets are {found}.",
    "file_column_and_default": "{field} is both a column (“{column}”) and a default. Give it one way.",
}


def row_problem(code: str, *, field: str | None = None, value: str | None = None, **values: object) -> Problem:
    """A row's problem by its code; `values` fill the sentence."""
    return Problem(field, value, code, ROW_PROBLEMS[code].format(**values))


def file_problem(code: str, **values: object) -> str:
    """The sentence of a file's problem; `values` fill it."""
    return FILE_PROBLEMS[code].format(**values)
