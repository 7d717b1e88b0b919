"""Delimited text is cut into the same records however it is cut into chunks."""

from __future__ import annotations

import csv
import io
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.plan import Dialect
from shared.formats import delimited
from shared.formats.delimited import DELIMITERS, LineTooLong, find_delimiter, read_records

COMMA = Dialect(encoding="utf-8", delimiter=",")

cell = st.text(alphabet=st.sampled_from('ab1 ,;"\n\r\tü–'), max_size=8)
table = st.lists(st.lists(cell, min_size=2, max_size=4), min_size=1, max_size=20)


def written(rows: list[list[str]], line_end: str = "\r\n") -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator=line_end, quoting=csv.QUOTE_ALL).writerows(rows)
    return out.getvalue().encode()


@given(rows=table, line_end=st.sampled_from(["\n", "\r\n"]))
def test_what_a_csv_writer_wrote_is_read_back(rows: list[list[str]], line_end: str) -> None:
    """Quoted delimiters, quotes and newlines come back as they were."""
    records = read_records(io.BytesIO(written(rows, line_end)), COMMA)
    assert [record.cells for record in records if not record.blank] == [
        row for row in rows if any(c.strip() for c in row)
    ]


@given(data=st.binary(max_size=300).map(lambda b: b.translate(None, b"\x81\x8d\x8f\x90\x9d")) | table.map(written))
def test_reading_on_from_any_border_finds_the_rest_of_the_records(data: bytes) -> None:
    """Each record's end is a border: reading from there, by offset and line, gives exactly the records behind it."""
    dialect = Dialect(encoding="cp1252", delimiter=",")
    records = list(read_records(io.BytesIO(data), dialect))
    assert (records[-1].end if records else 0) == len(data)
    for index, record in enumerate(records):
        rest = io.BytesIO(data[record.end :])
        next_line = data[: record.end].count(b"\n") + 1
        assert list(read_records(rest, dialect, offset=record.end, line=next_line)) == records[index + 1 :]


notes = st.text(alphabet=st.sampled_from('ab1 ,;|\t"\n.:'), max_size=20) | st.builds(
    lambda sign, count: sign * count, st.sampled_from(list(DELIMITERS)), st.integers(0, 30)
)


@given(
    delimiter=st.sampled_from(list(DELIMITERS)),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    note=notes,
    others=st.lists(notes, max_size=30),
    copies=st.integers(1, 30),
)
def test_the_delimiter_that_a_writer_used_is_found(
    delimiter: str, quoting: Literal[0, 1], note: str, others: list[str], copies: int
) -> None:
    """Whatever else stands in the cells, evenly or not: the header says which it is."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, quoting=quoting)
    writer.writerow(["timestamp", "machineName", "comment, or what was seen; if any"])
    writer.writerows(["2026-03-01 06:00:00", f"Press {n}", note] for n, note in enumerate([note] * copies + others))
    assert find_delimiter(io.BytesIO(out.getvalue().encode()), "utf-8").delimiter == delimiter


def test_row_numbers_are_the_lines_a_person_sees() -> None:
    """A record that spans lines counts by its first one, and the next by the line it stands on."""
    data = b'a,b\n"x\ny",1\n\nz,2\n'
    assert [(r.line, r.blank) for r in read_records(io.BytesIO(data), COMMA)] == [
        (1, False),
        (2, False),
        (4, True),
        (5, False),
    ]


def test_an_inch_mark_inside_a_cell_is_text() -> None:
    """A quote that does not open its cell is no quote."""
    data = b'pipe,5" steel\nbolt,M8\n'
    assert [r.cells for r in read_records(io.BytesIO(data), COMMA)] == [["pipe", '5" steel'], ["bolt", "M8"]]


def test_text_behind_a_closing_quote_makes_one_malformed_record() -> None:
    """The record keeps its raw text and the next one is read as if nothing had been."""
    bad, good = read_records(io.BytesIO(b'"5" pipe",1\nok,2\n'), COMMA)
    assert bad.malformed is not None
    assert "closing quote" in bad.malformed
    assert bad.cells == ['"5" pipe",1']
    assert (good.line, good.cells) == (2, ["ok", "2"])


def test_an_unclosed_quote_at_the_end_is_malformed_not_lost() -> None:
    """The lines that the open quote swallowed are all in the record."""
    *_, last = read_records(io.BytesIO(b'a,b\n1,"open\n2,x\n'), COMMA)
    assert (last.line, last.cells) == (2, ['1,"open\n2,x'])
    assert last.malformed == "a quoted cell is opened and never closed"


def test_a_byte_order_mark_is_no_part_of_the_first_header() -> None:
    """Excel's mark does not stick to the first column's name."""
    [record] = read_records(io.BytesIO(b"\xef\xbb\xbfa,b\n"), COMMA)
    assert record.cells == ["a", "b"]


def test_a_line_without_end_is_refused_before_it_fills_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading stops at the limit and names the line."""
    monkeypatch.setattr(delimited, "MAX_LINE_BYTES", 100)
    with pytest.raises(LineTooLong, match="line 2"):
        list(read_records(io.BytesIO(b"a,b\n" + b"x" * 101), COMMA))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_each_delimiter_is_found(delimiter: str) -> None:
    """The one that cuts the records evenly wins, though others stand in the text."""
    rows = ["time;a,b|c\td".replace(delimiter, " "), "1,5; 2|x\ty".replace(delimiter, " ")]
    text = "\n".join(delimiter.join([row, "x", "y", "z"]) for row in rows * 5)
    assert find_delimiter(io.BytesIO(text.encode()), "utf-8").delimiter == delimiter


def test_decimal_commas_do_not_pass_for_a_delimiter() -> None:
    """A German export's semicolons win over the commas in its numbers."""
    text = "Maschine;Gutmenge;Ausschuss\n" + "P1;10,5;0,25\n" * 20
    choice = find_delimiter(io.BytesIO(text.encode()), "utf-8")
    assert choice.delimiter == ";"
    assert "semicolon" in choice.evidence


def test_titles_may_be_more_than_the_records() -> None:
    """A report of one shift has a page of titles, which no delimiter cuts."""
    titles = "Schichtbericht\nWerk Nord, Halle 3\nStand: 01.03.2026\nErstellt von: MES\n\n"
    text = titles + "Datum;Maschine;Gutmenge\n01.03.2026 06:00;P1;10,5\n"
    choice = find_delimiter(io.BytesIO(text.encode()), "utf-8")
    assert (choice.delimiter, choice.evidence) == (";", "a semicolon cuts 2 of the first 6 records into 3 cells each")


def test_a_delimiter_that_breaks_the_quoting_is_not_chosen() -> None:
    """Many of them inside one quoted cell do not outweigh the one between the cells."""
    assert find_delimiter(io.BytesIO(b'"time","machine","note"\n"1","m","\n;;;1"\n'), "utf-8").delimiter == ","
