"""A text's records do not depend on its encoding, its line ends or its packing."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.plan import Dialect
from shared.formats import text_lines
from shared.formats.compression import open_gzip
from shared.formats.delimited import LineTooLong, TextRecord, read_records, read_text_records
from shared.formats.text_lines import line_ends, read_lines

ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "cp850", "shift_jis", "gb18030"]
LINE_ENDS = ["\n", "\r\n", "\r"]

cell = st.text(alphabet=st.sampled_from('ab1 ,;"\n|'), max_size=8)
table = st.lists(st.lists(cell, min_size=2, max_size=4), min_size=1, max_size=20)


def written(rows: list[list[str]], line_end: str) -> str:
    out = io.StringIO(newline="")
    plain = csv.writer(out, lineterminator=line_end)
    quoting = csv.writer(out, lineterminator=line_end, quoting=csv.QUOTE_ALL)
    for row in rows:  # the writer leaves line feeds bare where lines end otherwise
        (quoting if any("\n" in text for text in row) else plain).writerow(row)
    return out.getvalue()


def records_of(data: bytes, encoding: str, delimiter: str = ",") -> list[TextRecord]:
    return list(read_text_records(read_lines(io.BytesIO(data), encoding), delimiter))


@given(rows=table, encoding=st.sampled_from(ENCODINGS), line_end=st.sampled_from(LINE_ENDS), packed=st.booleans())
def test_a_table_is_the_same_in_every_encoding_and_with_every_line_end(
    rows: list[list[str]], encoding: str, line_end: str, *, packed: bool
) -> None:
    """Quoted delimiters, quotes and line feeds come back as they were, also out of an archive."""
    rows = [["head", "er"], ["x", "y"], *([text.rstrip("\n") + "." for text in row] for row in rows)]
    data = written(rows, line_end).encode(encoding)
    stream = open_gzip(io.BytesIO(gzip.compress(data)), limit=1 << 20) if packed else io.BytesIO(data)
    feeds = sum(text.count("\n") for row in rows for text in row)
    if line_end == "\r" and feeds >= len(rows):
        return  # nothing tells which of the two ends the lines
    records = list(read_text_records(read_lines(stream, encoding), ","))
    assert [record.cells for record in records] == rows
    assert records[-1].line == len(rows) + feeds - sum(text.count("\n") for text in rows[-1])


@given(
    text=st.text(alphabet='ab,;"\n\r\tü–\x0b\x85\u2028', max_size=60), encoding=st.sampled_from(["utf-16", "gb18030"])
)
def test_text_is_read_by_the_rules_for_bytes(text: str, encoding: str) -> None:
    """Whatever the text: the same records on the same lines, malformed for the same reasons."""
    text = "a\nb\n" * text.count("\r") + text  # line feeds end its lines
    by_bytes = read_records(io.BytesIO(text.encode()), Dialect(encoding="utf-8", delimiter=","))
    expected = [(record.line, record.cells, record.malformed) for record in by_bytes]
    by_text = records_of(text.encode(encoding), encoding)
    assert [(record.line, record.cells, record.malformed) for record in by_text] == expected
    assert not any(record.end for record in by_text)


@given(
    text=st.text(alphabet="aü\n\r", max_size=40),
    encoding=st.sampled_from(ENCODINGS[:6]),
    block=st.integers(1, 9),
)
def test_lines_do_not_depend_on_the_blocks_they_are_read_in(text: str, encoding: str, block: int) -> None:
    """A CRLF across the border of two blocks is one line end, and a character is one character."""
    text = "x\r\r\r" * 9 + text if text.startswith("a") else "x\n" * 30 + text
    data = text.encode(encoding)
    whole = list(read_lines(io.BytesIO(data), encoding))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_lines, "HEAD_BYTES", 4 * block + 16)
        assert list(read_lines(io.BytesIO(data), encoding)) == whole
    assert "".join(whole) == text
    assert whole == list(io.StringIO(text, newline="" if text.startswith("x\r") else "\n"))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030"])
def test_a_byte_order_mark_is_no_part_of_the_first_header(encoding: str) -> None:
    """Whoever takes it off; a second one is text."""
    mark = "" if encoding in ("utf-8-sig", "utf-16") else "\ufeff"
    name = {"utf-8-sig": "utf-8"}.get(encoding, encoding)
    assert list(read_lines(io.BytesIO(f"{mark}a;b\n".encode(encoding)), name)) == ["a;b\n"]


@pytest.mark.parametrize(
    ("head", "ends"),
    [
        (b"a;b\n1;2\n", "lf"),
        (b"a;b\r\n1;2\r\n", "lf"),
        (b"a;b\r1;2\r", "cr"),
        (b'a;b\r1;"x\ny\nz"\r', "cr"),
        (b'a;b\n1;"x\ry\rz"\n', "lf"),
        (b'a;b\n1;2\r3\n5" pipe;1\n', "lf"),
        (b'"a\rb";"c\rd\r', "cr"),
        (b"a;b", "lf"),
        (b"a;b\r", "lf"),
        (b"", "lf"),
    ],
)
def test_how_lines_end_is_told_from_what_is_not_quoted(head: bytes, ends: str) -> None:
    """A lone CR ends the lines of a file in which line feeds do not."""
    assert line_ends(head) == ends


@pytest.mark.parametrize("line_end", ["\n", "\r"])
def test_a_line_without_end_is_refused_before_it_fills_the_memory(line_end: str) -> None:
    """Reading stops at the limit and names the line."""
    start = io.BytesIO(f"a,b{line_end}1,2{line_end}".ljust(text_lines.HEAD_BYTES // 2, "x").encode("utf-16-le"))

    class Endless(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            return start.read(size) or "x".encode("utf-16-le") * (size // 2)

    with pytest.raises(LineTooLong, match="line 3"):
        list(read_lines(Endless(), "utf-16-le"))  # type: ignore[arg-type]


def test_bytes_that_are_no_text_stop_the_reading() -> None:
    """Nothing is replaced."""
    with pytest.raises(UnicodeDecodeError):
        list(read_lines(io.BytesIO(b"a\n\x00\xd8"), "utf-16-le"))


def test_lines_are_not_held() -> None:
    """The first record is there before the second block is read."""
    stream = io.BytesIO("a;b\n".encode("utf-16-le") * 1_000_000)
    records: Iterator[TextRecord] = read_text_records(read_lines(stream, "utf-16-le"), ";")
    next(records)
    assert stream.tell() == text_lines.HEAD_BYTES
