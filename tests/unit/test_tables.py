"""The fast way of reading delimited text gives what the strict way gives, for any text."""

from __future__ import annotations

import io

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.plan import Dialect
from shared.formats.delimited import DELIMITERS, TextRecord, read_records
from shared.formats.tables import ROW, Shape, TextTable, plain_structure, read_table

COMMA = Dialect(encoding="utf-8", delimiter=",")


def strictly(
    data: bytes, dialect: Dialect, shape: Shape, line: int
) -> tuple[list[tuple[object, ...]], list[TextRecord], int]:
    """What `read_records` says, sorted into what fits the shape and what does not."""
    fitting: list[tuple[object, ...]] = []
    odd: list[TextRecord] = []
    trailing = 0
    for record in read_records(io.BytesIO(data), dialect, offset=int(line > 1), line=line):
        if record.malformed or (not record.blank and not shape.fits(record.cells)):
            odd.append(TextRecord(record.line, 0, record.cells, record.malformed))
        elif not record.blank:
            cells = [cell or None for cell in record.cells[: shape.columns]]
            trailing += len(record.cells) > shape.columns
            fitting.append((record.line, *cells, *[None] * (shape.columns - len(cells))))
    return fitting, odd, trailing


def shown(table: TextTable) -> tuple[list[tuple[object, ...]], list[TextRecord], int]:
    return table.frame.rows(), [TextRecord(r.line, 0, r.cells, r.malformed) for r in table.odd], table.trailing


cells = st.one_of(
    st.text(alphabet='ab1 ,;"\n\r\t\u00a0\x1fä', max_size=5),
    st.sampled_from(["", '""', '"a"', '"a,b"', '"a\nb"', '"a""b"', '"a\r\nb"', 'a"b', '"a"b', " ", '"', "12.5"]),
)
lines = st.lists(cells, min_size=0, max_size=4)
ends = st.sampled_from(["\n", "\r\n", "\n\n", "\r", ""])
texts = st.lists(st.tuples(lines, st.sampled_from(",;"), ends), max_size=8).map(
    lambda parts: "".join(delimiter.join(line) + end for line, delimiter, end in parts)
)


@settings(max_examples=500)
@given(texts, st.sampled_from(sorted(DELIMITERS)), st.integers(1, 4), st.booleans(), st.sampled_from([1, 7]))
def test_any_text_gives_the_records_of_the_strict_reader(
    text: str, delimiter: str, columns: int, trailing: bool, line: int
) -> None:
    """Whatever quotes, line ends, blanks and widths stand in it."""
    dialect = Dialect(encoding="utf-8", delimiter=delimiter)
    shape = Shape(columns=columns, fewest=max(columns - 1, 1), trailing=trailing)
    data = text.encode()
    assert shown(read_table(data, dialect, shape, line=line)) == strictly(data, dialect, shape, line)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a,b\n1,2\n", True),
        ('"a","b ""x""\n"\r\n1,2', True),
        ('5" pipe,2\n', False),
        ('"a"b,2\n', False),
        ('"a,2\n', False),
        ("a\rb,2\n", False),
        ("a,\x00\n", False),
    ],
)
def test_only_plain_structure_goes_the_fast_way(text: str, plain: bool) -> None:
    """Quotes inside a cell, unclosed ones, lone CRs and NULs do not."""
    assert (plain_structure(text.encode(), ",") is not None) is plain


def test_an_unclosed_quote_is_told_in_linear_time() -> None:
    """Eight megabytes of quotes that never close a cell are no work."""
    assert plain_structure(b'x,"a""' * (1 << 20), ",") is None


@pytest.mark.parametrize("text", ['3,a,"b"\n5,"x\n",\n', "3,a,b\n5,x,\n"])
def test_staged_records_bring_their_rows_along(text: str) -> None:
    """The number in front is the row of the source, and no cell."""
    table = read_table(text.encode(), COMMA, Shape(2, 2, numbered=True), line=9)
    assert table.frame.get_column(ROW).to_list() == [3, 5]
    assert table.frame.columns == [ROW, "0", "1"]


@pytest.mark.parametrize("other", ["3,a,b\n", '3,"a",b\n', "3,a\n"])
def test_a_staged_record_that_could_not_be_cut_is_odd(other: str) -> None:
    """Its reason and its raw text stand behind the negative number."""
    table = read_table(f"{other}-5,torn,raw text\n".encode(), COMMA, Shape(2, 1, numbered=True))
    assert (table.records, table.odd) == (2, [TextRecord(5, 0, ["raw text"], "torn")])


def test_other_encodings_are_read_alike() -> None:
    """Windows-1252 text comes out as the same text."""
    table = read_table("Müller;5\n".encode("cp1252"), Dialect(encoding="cp1252", delimiter=";"), Shape(2, 2))
    assert table.frame.select(pl.exclude(ROW)).rows() == [("Müller", "5")]


def test_a_mark_is_dropped_at_the_start_of_the_file_alone() -> None:
    """In the middle of a file it is part of a cell."""
    data = "\ufeffa,b\n".encode()
    assert read_table(data, COMMA, Shape(2, 2)).frame.row(0) == (1, "a", "b")
    assert read_table(data, COMMA, Shape(2, 2), line=2).frame.row(0) == (2, "\ufeffa", "b")


def test_a_record_with_a_nul_is_odd() -> None:
    """No column holds what no text in Postgres can."""
    table = read_table(b"a,b\n1,\x00\n", COMMA, Shape(2, 2))
    assert (table.frame.rows(), [record.line for record in table.odd]) == ([(1, "a", "b")], [2])


@pytest.mark.parametrize("text", ["", "\n", "\n\n  ,\n", ' ,"\n"\n'])
def test_blank_records_are_left_out(text: str) -> None:
    """Nothing but space is no record."""
    assert read_table(text.encode(), COMMA, Shape(2, 1)).records == 0
