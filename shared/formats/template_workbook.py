"""The template as a workbook (xlsx): a sheet to fill in, and one that explains its columns."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

RECORDS_SHEET = "Records"
FIELDS_SHEET = "Fields"

_AUTHOR = "Linefeed"
_LAST_ROW = 1_048_576
_TEXT_FORMAT = "@"
_MOST_MESSAGE = 255
_HEADING = Font(name="Calibri", size=11, bold=True)
_REQUIRED_HEADING = Font(name="Calibri", size=11, bold=True, color="FFFFFF")
_FILL = PatternFill("solid", fgColor="E3E8EF")
_REQUIRED_FILL = PatternFill("solid", fgColor="1F4E79")
_FIELDS_HEADER = ("Column", "Required", "What it is", "How to write it", "Example", "Headers that are understood too")
_FIELDS_WIDTHS = (28, 10, 48, 60, 28, 70)


@dataclass(frozen=True, slots=True)
class CellCheck:
    """What a cell is checked for while it is written: a number, or a text's length, within bounds.

    A cell that fails is not taken, or with `warning` taken once the person says so.
    """

    kind: Literal["decimal", "textLength"]
    least: float
    most: float
    message: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class TemplateColumn:
    """A column to fill in; `as_text` keeps Excel from reading what is typed (`000123`) as something else."""

    name: str
    required: bool
    meaning: str
    writing: str
    example: str | float
    aliases: tuple[str, ...]
    as_text: bool
    check: CellCheck | None


def write_template(columns: Sequence[TemplateColumn]) -> bytes:
    """The workbook. Required columns stand out by their colour alone, so that the names stay what is understood."""
    workbook = Workbook()
    workbook.properties.creator = _AUTHOR
    records = workbook.active
    if not isinstance(records, Worksheet):
        raise TypeError("a new workbook has a sheet")
    records.title = RECORDS_SHEET
    _fill_records(records, columns)
    _fill_fields(workbook.create_sheet(FIELDS_SHEET), columns)
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()


def _fill_records(sheet: Worksheet, columns: Sequence[TemplateColumn]) -> None:
    sheet.freeze_panes = "A2"
    for position, column in enumerate(columns, start=1):
        letter = get_column_letter(position)
        cell = sheet.cell(1, position, column.name)
        cell.font, cell.fill = (_REQUIRED_HEADING, _REQUIRED_FILL) if column.required else (_HEADING, _FILL)
        cell.comment = _note(column)
        # The format is the column's and not that of cells, so that an untouched sheet has no rows.
        dimension = sheet.column_dimensions[letter]
        dimension.width = max(len(column.name), len(str(column.example))) + 3
        if column.as_text:
            dimension.number_format = _TEXT_FORMAT
        if column.check:
            validation = _validation(column.name, column.check)
            validation.add(f"{letter}2:{letter}{_LAST_ROW}")
            sheet.add_data_validation(validation)


def _note(column: TemplateColumn) -> Comment:
    required = "Required. " if column.required else ""
    text = f"{required}{column.meaning}\n{column.writing}\nExample: {column.example}"
    return Comment(text, _AUTHOR, height=60 + 20 * (len(text) // 45), width=340)


def _validation(name: str, check: CellCheck) -> DataValidation:
    return DataValidation(
        type=check.kind,
        operator="between",
        formula1=_plain(check.least),
        formula2=_plain(check.most),
        allow_blank=True,
        showErrorMessage=True,
        errorStyle="warning" if check.warning else "stop",
        errorTitle=name[:32],
        error=check.message[:_MOST_MESSAGE],
    )


def _plain(number: float) -> str:
    return f"{number:.6f}".rstrip("0").rstrip(".")


def _fill_fields(sheet: Worksheet, columns: Sequence[TemplateColumn]) -> None:
    sheet.freeze_panes = "B2"
    sheet.append(_FIELDS_HEADER)
    for column in columns:
        required = "yes" if column.required else "no"
        aliases = ", ".join(column.aliases)
        sheet.append([column.name, required, column.meaning, column.writing, column.example, aliases])
    for position, width in enumerate(_FIELDS_WIDTHS, start=1):
        sheet.column_dimensions[get_column_letter(position)].width = width
    for row in sheet.iter_rows():
        for cell in row:
            cell.alignment = Alignment(wrap_text=True, vertical="top", horizontal="left")
            cell.number_format = _TEXT_FORMAT if isinstance(cell.value, str) else cell.number_format
    for cell in sheet[1]:
        cell.font, cell.fill = _HEADING, _FILL
