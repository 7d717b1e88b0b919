"""The table is found between its titles and its totals, and no record is taken for either."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.problems import FileProblem
from shared.formats.delimited import find_text_delimiter, read_text_records
from shared.formats.preamble import MOST_TOTALS_ROWS, TableStart, find_table, totals_below

HEADER = "timestamp;machineName;shift;goodParts;rejectParts"
ROW = "2026-03-01 06:00;P1;Early;98;2"
COLUMNS = ("timestamp", "machine_name", "shift", "good_parts", "reject_parts")


def start(text: str, known: frozenset[str] = frozenset()) -> TableStart | FileProblem:
    return find_table(read_text_records(text.splitlines(keepends=True), ";"), known)


def header_line(text: str, known: frozenset[str] = frozenset()) -> int:
    table = start(text, known)
    assert isinstance(table, TableStart), table
    return table.header.line


@pytest.mark.parametrize(
    "above",
    [
        "",
        "\n\n;;;;\n",
        "OEE report\n\n",
        "OEE report;;;;\nPlant:;South\n",
        "Werk;Süd\nSchicht;Früh\nOEE;\n",
        "Zeitraum:;01.03.2026;bis;31.03.2026\n",
        "Created;2026-03-01 07:15\n",
        "2026-03\n",
        '"Report of ""Line 3""\nfor March"\n',
        '"an odd" title\n',
        "Production;;Quality;;\n",
    ],
)
def test_titles_above_the_header_are_passed_over(above: str) -> None:
    """Whatever they hold, and the evidence says so."""
    text = above + HEADER + "\n" + f"{ROW}\n" * 3
    table = start(text)
    assert isinstance(table, TableStart)
    assert table.header.cells == HEADER.split(";")
    assert table.header.line == above.count("\n") + 1
    assert [record.cells for record in table.ahead] == [ROW.split(";")] * 3
    assert f"line {table.header.line}" in table.evidence
    assert not any(";" in title.cells[0] for title in table.titles)


@pytest.mark.parametrize("line", ["sep=;", "SEP=;", '"sep=;"', "sep=;;;"])
def test_a_line_that_names_the_delimiter_is_no_header(line: str) -> None:
    """It dictates the delimiter, and is no title either."""
    lines = [f"{line}\n", "Datum;Maschine\n", *["2026-03-01;a,b,c,d\n"] * 3]
    assert find_text_delimiter(lines).delimiter == ";"
    table = start("".join(lines))
    assert isinstance(table, TableStart)
    assert (table.header.line, table.titles) == (2, ())


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_that_a_file_names_is_taken(delimiter: str) -> None:
    """Though another one cuts its rows into more cells."""
    other = ";" if delimiter == "," else ","
    lines = [f"sep={delimiter}\r\n", *[f"a{delimiter}b{other}b{other}b{other}b\r\n"] * 9]
    choice = find_text_delimiter(lines)
    assert (choice.delimiter, "sep=" in choice.evidence) == (delimiter, True)


def test_a_header_of_names_that_are_given_is_known() -> None:
    """The caller's mapping says what the file's columns are called."""
    text = f"Bericht\nLinie 3\nZeit-A;Ort_B;C\n{ROW}\n"
    assert header_line(text) == 1
    assert header_line(text, frozenset({"zeit a", "OrtB"})) == 3


def test_the_first_row_is_the_header_where_none_is_better() -> None:
    """What its columns mean is for the mapping to refuse."""
    assert header_line("\ncolour;taste\nred;sweet\n") == 2


def test_a_row_that_may_be_a_record_is_no_title() -> None:
    """A file without a header, and another one with a header behind it: nothing is passed over in silence."""
    assert header_line(f"{ROW}\n{ROW}\n{HEADER}\n{ROW}\n{ROW}\n") == 1


def test_a_record_whose_texts_are_names_of_fields_is_no_header() -> None:
    """Downtime by material, quality and process."""
    row = "2026-03-01 06:00;P1;Material;Quality;Process;5"
    assert header_line(f"a;b;c;d;e;f\n{row}\n{row}\n") == 1


def test_a_header_that_comes_again_is_a_row() -> None:
    """The first one counts."""
    assert header_line(f"{HEADER}\n{ROW}\n{HEADER}\n{ROW}\n") == 1


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "file_empty"),
        ("\n;;\n \n", "file_empty"),
        ("sep=;\n", "file_empty"),
        ('"a"b;c\n', "file_header_unreadable"),
    ],
)
def test_a_file_without_a_header_says_what_is_wrong(text: str, code: str) -> None:
    """As a problem with a code."""
    problem = start(text)
    assert isinstance(problem, FileProblem)
    assert problem.code == code


def test_looking_for_the_header_reads_the_start_alone() -> None:
    """However long the file is; what was read is given back."""
    lines = iter([f"{HEADER}\n", *[f"{ROW}\n"] * 1000])
    table = find_table(read_text_records(lines, ";"))
    assert isinstance(table, TableStart)
    assert len(table.ahead) + sum(1 for _ in lines) == 1000


cell = st.sampled_from(["", " ", "Total", "P1", "5", "2026-03-01", "goodParts", "Datum", "sep=;", "OEE", "1,5"])


@given(st.lists(st.lists(cell, min_size=1, max_size=5).map(";".join), max_size=20))
def test_each_row_is_title_header_or_record(lines: list[str]) -> None:
    """None is lost, whatever stands in the file."""
    text = "".join(f"{line}\n" for line in lines)
    filled = [record for record in read_text_records(text.splitlines(keepends=True), ";") if not record.blank]
    table = start(text)
    if isinstance(table, TableStart):
        seen = [*table.titles, table.header, *(record for record in table.ahead if not record.blank)]
        assert seen in (filled, filled[1:])
        assert seen == filled or filled[0].cells[0].startswith("sep=")


def below(*rows: str) -> list[str]:
    records = list(read_text_records([f"{row}\n" for row in (ROW, *rows)], ";"))
    return [";".join(record.cells) for record in totals_below(records, COLUMNS)]


@pytest.mark.parametrize(
    "row",
    [
        "Total;;;98;2",
        "Grand Total:;;;98;2",
        "TOTALS",
        "Summe Schicht 1;;;98;2",
        ";Summe;;98;2",
        ";;Gesamt;98;2",
        "Total;Total;;98;2",
        "Soma;;;98;2",
        "Total geral;;;98;2",
        "Average;;;49,0;1,0",
        "Mittelwert;;;49,0;1,0",
        "Durchschnitt;;;49;1",
        "Report generated at 2026-03-01 07:00",
        "Generated by MES 4.2, page 1;;;;",
        "Erstellt am 01.03.2026",
        "Ende der Liste",
        "*** End of report ***",
        "(12 rows affected)",
        "Seite 1 von 1",
    ],
)
def test_totals_and_footers_at_the_end_are_no_records(row: str) -> None:
    """In each language that plants write them, alone or with blank lines about them."""
    assert below(row) == [row]
    assert below("", row, "", ";;;;") == [row]


@pytest.mark.parametrize(
    "row",
    [
        ROW,
        "2026-03-01 06:00;Total;;98;2",
        "2026-03-01 06:00;;Total;98;2",
        "Total;P1;;98;2",
        ";P1;Total;98;2",
        ";;;98;2",
        ";Total Clean Station;;98;2",
        ";;Average Joe;98;2",
        ";Printed by Voxel;;98;2",
        "Totally wrong;;;98;2",
        "Thu PrePack AM;;;98;2",
        "Report;;;98;2",
        '"Total"x;;;98;2',
    ],
)
def test_what_may_be_a_record_is_kept(row: str) -> None:
    """A value as timestamp or machine, no label, or a label that may be a name."""
    assert below(row) == []


def test_totals_within_the_data_are_rows() -> None:
    """Only those at the very end are below the data."""
    assert below("Total;;;98;2", ROW) == []
    assert below("Total;;;98;2", ROW, "Summe;;;98;2", "Ende der Liste") == ["Summe;;;98;2", "Ende der Liste"]


def test_many_totals_are_none() -> None:
    """A table of totals is something else."""
    assert len(below(*["Total;;;98;2"] * MOST_TOTALS_ROWS)) == MOST_TOTALS_ROWS
    assert below(*["Total;;;98;2"] * (MOST_TOTALS_ROWS + 1)) == []
