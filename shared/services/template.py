"""The template: an empty table to fill in, generated from the record model and its rules alone."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal
from zipfile import ZipFile

from shared.columnar.record_fields import RECORD_FIELDS, Kind, RecordField
from shared.domain.number_style import DIGITS, PLACES
from shared.domain.problems import Severity
from shared.domain.record import Headers, ProductionRecord, api_name
from shared.domain.rules import RULES, AtMost
from shared.formats.template_workbook import CellCheck, TemplateColumn, write_template

_FILE_NAME = "manufacturing-data-template"
_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_DATED = "docProps/core.xml"
_TAG = re.compile(r'"[^"]*"')
_MOST = 10**DIGITS - 1
_LEAST_POSITIVE = 10**-PLACES


@dataclass(frozen=True, slots=True)
class Template:
    """A file to hand out; the tag is that of its content, whatever the moment that it was made at."""

    file_name: str
    content_type: str
    data: bytes
    tag: str

    @property
    def etag(self) -> str:
        """The header `ETag`; weak, because two workbooks of the same content differ in a date."""
        return f'W/"{self.tag}"'

    def is_tagged(self, if_none_match: str) -> bool:
        """Whether the header `If-None-Match` says that the caller has it."""
        return if_none_match.strip() == "*" or f'"{self.tag}"' in _TAG.findall(if_none_match)


@cache
def make_template(form: Literal["csv", "xlsx"]) -> Template:
    """The template in a format; made once for a process."""
    columns = template_columns()
    data = _csv(columns) if form == "csv" else write_template(columns)
    tag = hashlib.sha256(data if form == "csv" else _content(data)).hexdigest()[:16]
    return Template(f"{_FILE_NAME}.{form}", _TYPES[form], data, tag)


def _content(workbook: bytes) -> bytes:
    """What tells a workbook from another: its parts, but for the one with the date."""
    with ZipFile(io.BytesIO(workbook)) as package:
        return repr([(part.filename, part.CRC) for part in package.infolist() if part.filename != _DATED]).encode()


def _csv(columns: tuple[TemplateColumn, ...]) -> bytes:
    """The header alone, with the mark by which Excel knows UTF-8."""
    text = io.StringIO(newline="")
    csv.writer(text).writerow([column.name for column in columns])
    return text.getvalue().encode("utf-8-sig")


def template_columns() -> tuple[TemplateColumn, ...]:
    """The columns in the record's order, under the API's names, which problems and answers use as well."""
    return tuple(_column(field) for field in RECORD_FIELDS.values())


def _column(field: RecordField) -> TemplateColumn:
    info = ProductionRecord.model_fields[field.name]
    if not info.description or not info.examples:
        raise TypeError(f"the field {field.name} wants a description and an example")
    [headers] = [marker for marker in info.metadata if isinstance(marker, Headers)]
    rules = [rule.message for rule in RULES if rule.field == field.name]
    return TemplateColumn(
        name=api_name(field.name),
        required=field.required,
        meaning=info.description,
        writing=" ".join([_WRITING[field.kind](field), *(f"{message}." for message in rules)]),
        example=info.examples[0],
        aliases=headers.names,
        as_text=field.kind in (Kind.TEXT, Kind.TIMESTAMP),
        check=_check(field),
    )


def _number(field: RecordField) -> str:
    bound = "above 0" if field.positive else "of 0 or more"
    return f"A number {bound}, with up to {PLACES} decimal places and {DIGITS} digits before them."


_WRITING: dict[Kind, Callable[[RecordField], str]] = {
    Kind.TEXT: lambda field: f"Text of up to {field.max_length} characters.",
    Kind.TIMESTAMP: lambda _: (
        "Date and time with the time zone, such as 2026-03-01T14:30:00+01:00. Without one it is read in the timeZone "
        "that is given with the upload, and refused where none is given."
    ),
    Kind.NUMBER: _number,
    Kind.RATIO: lambda _: "A fraction of one, such as 0.85, or a percentage with its sign, such as 85%.",
}


def _check(field: RecordField) -> CellCheck | None:
    """What Excel can check while a cell is written."""
    if field.kind is Kind.TIMESTAMP:
        return None
    if field.kind is Kind.TEXT:
        return CellCheck("textLength", 1, field.max_length, f"At most {field.max_length} characters fit here.")
    if field.kind is Kind.NUMBER:
        return CellCheck("decimal", _LEAST_POSITIVE if field.positive else 0, _MOST, _number(field))
    [limit] = [rule for rule in RULES if isinstance(rule, AtMost) and rule.field == field.name]
    message = f"{limit.message}: write a fraction of one, such as 0.85, or a percentage with its sign, such as 85%."
    return CellCheck("decimal", 0, float(limit.limit), message, warning=limit.severity is Severity.WARNING)
