"""The template says what the record model says, and what Excel checks is what the import checks."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from typing import Any

import openpyxl
import pytest
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from shared.domain.field_types import Reading
from shared.domain.headers import ColumnMapping, map_headers
from shared.domain.record import REQUIRED_FIELDS, ProductionRecord, api_name, read_record
from shared.http_api import accepts_json
from shared.services.template import make_template, template_columns
from tests.adapters.conftest import NOW

FIELDS = [*ProductionRecord.model_fields]
NAMES = [api_name(name) for name in FIELDS]


@pytest.fixture
def workbook() -> openpyxl.Workbook:
    """The template as it is handed out."""
    return openpyxl.load_workbook(io.BytesIO(make_template("xlsx").data))


@pytest.fixture
def records(workbook: openpyxl.Workbook) -> Worksheet:
    """The sheet to fill in."""
    sheet = workbook["Records"]
    assert isinstance(sheet, Worksheet)
    return sheet


def letters(sheet: Worksheet) -> dict[str, str]:
    """The columns' names by their letters."""
    return {get_column_letter(number): str(cell.value) for number, cell in enumerate(sheet[1], start=1)}


def checks(sheet: Worksheet) -> dict[str, Any]:
    """What Excel checks in a column, by the column's name."""
    return {letters(sheet)[str(found.sqref).split("2:")[0]]: found for found in sheet.data_validations.dataValidation}


def test_the_header_has_every_field_and_needs_no_mapping(records: Worksheet) -> None:
    """The names are the API's, and the required ones differ by their colour alone."""
    names = [cell.value for cell in records[1]]
    assert names == NAMES
    mapping = map_headers([str(name) for name in names], {})
    assert isinstance(mapping, ColumnMapping)
    assert list(mapping.columns) == FIELDS
    dark = {cell.value for cell in records[1] if cell.fill.fgColor.rgb == "001F4E79"}
    assert dark == {api_name(name) for name in REQUIRED_FIELDS}
    assert records.freeze_panes == "A2"


def test_every_header_cell_explains_its_column(records: Worksheet) -> None:
    """With what it is, how to write it, and an example."""
    for cell, column in zip(records[1], template_columns(), strict=True):
        assert cell.comment is not None
        assert column.meaning in cell.comment.text
        assert column.writing in cell.comment.text
        assert str(column.example) in cell.comment.text


def test_excel_checks_what_the_import_would_refuse(records: Worksheet) -> None:
    """Lengths, numbers below zero, ratios above one; performance above one is asked about and not refused."""
    found = checks(records)
    assert found.keys() == set(NAMES) - {"timestamp"}
    assert (found["machineName"].type, found["machineName"].formula2) == ("textLength", "100")
    assert found["downtimeReason"].formula2 == "500"
    assert (found["goodParts"].type, found["goodParts"].formula1) == ("decimal", "0")
    assert found["cycleTimeSeconds"].formula1 == "0.000001"
    assert (found["quality"].formula1, found["quality"].formula2, found["quality"].errorStyle) == ("0", "1", "stop")
    assert found["performance"].errorStyle == "warning"
    assert all(check.showErrorMessage and check.allowBlank for check in found.values())
    assert all(len(check.error) <= 255 for check in found.values())


def test_identifiers_and_timestamps_are_typed_as_text(records: Worksheet) -> None:
    """Excel would drop the zeros in front of a number, and the zone of a timestamp; numbers stay numbers."""
    formats = {name: records.column_dimensions[letter].number_format for letter, name in letters(records).items()}
    assert {formats[name] for name in ("timestamp", "machineName", "partNumber", "batchNumber")} == {"@"}
    assert {formats[name] for name in ("goodParts", "availability")} == {"General"}
    assert records.max_row == 1


def test_the_second_sheet_explains_every_column(workbook: openpyxl.Workbook) -> None:
    """Also the other headers that are understood."""
    lines = [*workbook["Fields"].iter_rows(values_only=True)]
    assert [line[0] for line in lines[1:]] == NAMES
    assert [line[1] for line in lines[1:]] == ["yes" if name in REQUIRED_FIELDS else "no" for name in FIELDS]
    assert "Ausschuss" in str(dict(zip(NAMES, lines[1:], strict=True))["rejectParts"][5])
    assert all(all(cell not in (None, "") for cell in line) for line in lines)


def test_the_examples_make_a_record_without_a_warning() -> None:
    """Together, as they stand in the model."""
    cells = {name: str(info.examples[0]) for name, info in ProductionRecord.model_fields.items() if info.examples}
    reading = Reading(zone=None, ratio_scale={}, number_style={}, date_order=None, now=NOW)
    record, problems = read_record(cells, reading)
    assert record is not None
    assert problems == ()
    assert cells.keys() == set(FIELDS)


def test_the_csv_has_the_header_alone() -> None:
    """With the mark by which Excel knows UTF-8."""
    assert make_template("csv").data == b"\xef\xbb\xbf" + ",".join(NAMES).encode() + b"\r\n"


def test_the_tag_is_that_of_the_content() -> None:
    """Every process gives the same one, and each format its own."""
    program = "from shared.services.template import make_template; print(make_template('xlsx').etag)"
    other = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()
    template = make_template("xlsx")
    assert template.etag == other != make_template("csv").etag
    for held in (other, f'"x", {other}', other.removeprefix("W/"), "*"):
        assert template.is_tagged(held)
    assert not template.is_tagged("")
    assert not template.is_tagged('"x"')


def test_the_status_function_starts_without_what_writes_workbooks() -> None:
    """What openpyxl takes to import is paid by those that need it, and polars is not in the function's layer."""
    program = (
        "import sys, json; sys.path.insert(0, 'functions/status'); import read_status\n"
        "early = [name for name in ('openpyxl', 'polars') if name in sys.modules]\n"
        "from shared.services.template import make_template; make_template('xlsx')\n"
        "import shared.services.refused_workbook\n"
        "print(json.dumps([early, 'polars' in sys.modules]))"
    )
    environment = {"AWS_DEFAULT_REGION": "eu-central-1", "POWERTOOLS_TRACE_DISABLED": "true", "PYTHONPATH": "."}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    assert json.loads(done.stdout) == [[], False]


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("application/json", True),
        ("application/json, text/plain, */*", True),
        ("text/html, Application/JSON;q=0.5", True),
        ("application/json;q=0, */*", False),
        ("text/html,application/xhtml+xml,*/*;q=0.8", False),
        ("*/*", False),
        ("", False),
        (",;,", False),
    ],
)
def test_json_is_asked_for_by_name(accept: str, expected: bool) -> None:
    """What browsers send when a link is followed does not ask for it."""
    assert accepts_json(accept) is expected
