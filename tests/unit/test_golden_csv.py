"""The golden files of delimited text are read as the table in their README says."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from shared.domain.headers import ColumnMapping, map_headers
from shared.formats.compression import is_gzip, open_gzip
from shared.formats.delimited import find_text_delimiter, read_text_records
from shared.formats.encoding import Encoding, find_encoding
from shared.formats.preamble import TableStart, find_table, totals_below
from shared.formats.text_lines import line_ends, read_lines

GOLDEN = Path(__file__).parents[1] / "golden" / "csv"
DELIMITERS = {"`;`": ";", "`,`": ",", "tab": "\t", "bar": "|"}


def golden() -> list[dict[str, str]]:
    """The table of the README, a dict for each file."""
    lines = (GOLDEN / "README.md").read_text(encoding="utf-8").splitlines()
    rows = csv.reader([line.strip("| ") for line in lines if line.startswith("|")], delimiter="|")
    header, _, *files = [[cell.strip() for cell in row] for row in rows]
    return [dict(zip(header, row, strict=True)) for row in files]


def test_the_table_names_every_file() -> None:
    """A file without its row would be tested by nothing."""
    assert {f"`{path.name}`" for path in GOLDEN.iterdir()} - {"`README.md`"} == {file["file"] for file in golden()}


@pytest.mark.parametrize("file", golden(), ids=lambda file: file["file"].strip("`"))
def test_golden_files_are_read_as_their_table_says(file: dict[str, str]) -> None:
    """Encoding, delimiter, line ends, header and records, titles and totals left out; no record is malformed."""
    data = (GOLDEN / file["file"].strip("`")).read_bytes()
    if is_gzip(data):
        data = open_gzip(io.BytesIO(data), limit=1 << 20).read()
    encoding = find_encoding(io.BytesIO(data))
    assert isinstance(encoding, Encoding)
    lines = list(read_lines(io.BytesIO(data), encoding.name))
    assert (encoding.name, find_text_delimiter(lines).delimiter) == (file["encoding"], DELIMITERS[file["delimiter"]])
    assert (line_ends(data) == "cr") == (file["line ends"] == "CR")
    table = find_table(read_text_records(lines, DELIMITERS[file["delimiter"]]))
    assert isinstance(table, TableStart)
    assert table.header.line == int(file["header line"])
    mapping = map_headers(table.header.cells, {})
    assert isinstance(mapping, ColumnMapping)
    totals = totals_below(table.ahead, mapping.columns)
    records = [record for record in table.ahead if not record.blank and record not in totals]
    assert (len(records), records[-1].line) == (int(file["records"]), int(file["last record"]))
    assert not any(record.malformed for record in records)
