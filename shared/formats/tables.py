"""Delimited text → a table of text columns, as fast as Polars reads and as strict as `delimited` reads.

Polars' own CSV reader forgives what `delimited.read_records` calls malformed, and drops what it does not expect. So
it gets only text whose structure is shown to be plain: every quote opens or closes a cell, and no line ends in a
lone CR. All other text goes through `read_records`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO, StringIO

import polars as pl

from shared.domain.plan import Dialect
from shared.formats.delimited import CELL_TOO_LONG, LONGEST_CELL, TextRecord, read_records

ROW = "row"
"""The column of a table that has the line on which a record starts."""

SPACES = "".join(letter for letter in map(chr, range(0x3001)) if letter.isspace())
"""What `str.isspace` takes for space, so that all ways agree on which cell is blank."""

_LONGEST_LINE = 1 << 20
_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Shape:
    """How many cells the records of a file have: `columns` in its header, and at least `fewest`.

    A record with fewer has lost some, and nobody knows which; one with more holds a delimiter that should be quoted,
    but for the empty cell behind a `trailing` delimiter, which every record of such a file has.

    In a `numbered` file, which is one that we staged, each record has the row that it comes from in front; a negative
    number marks one that could not be cut into cells, with the reason and the raw text behind it, in pieces that are
    no longer than a cell may be.
    """

    columns: int
    fewest: int
    trailing: bool = False
    numbered: bool = False

    @property
    def most(self) -> int:
        """How many cells a record may have."""
        return self.columns + self.trailing

    def fits(self, cells: list[str]) -> bool:
        """Whether a record may have these cells."""
        return self.fewest <= len(cells) <= self.most and not any(cells[self.columns :])


@dataclass(frozen=True, slots=True)
class TextTable:
    """Records of a file, blank ones left out, in the file's order.

    `frame` has the column `row` (Int64: the line on which a record starts) and text columns named `"0"`, `"1"`, … by
    position, null where a cell is empty or missing. `odd` are the records that do not fit the shape, could not be cut
    into cells, or hold a NUL, which no text in Postgres can. `trailing` of the records in `frame` end with a
    delimiter, where the shape lets them.
    """

    frame: pl.DataFrame
    odd: list[TextRecord]
    trailing: int = 0

    @property
    def records(self) -> int:
        """How many there are."""
        return self.frame.height + len(self.odd)

    def in_order(self) -> list[TextRecord]:
        """All of them as they follow each other in the file."""
        rows = [TextRecord(row[0], 0, [cell or "" for cell in row[1:]]) for row in self.frame.iter_rows()]
        return sorted([*rows, *self.odd], key=lambda record: record.line)

    def without(self, lines: Collection[int]) -> TextTable:
        """Those that do not start on one of the lines."""
        odd = [record for record in self.odd if record.line not in lines]
        return TextTable(self.frame.filter(~pl.col(ROW).is_in(list(lines))), odd, self.trailing)


def read_table(data: bytes, dialect: Dialect, shape: Shape, *, line: int = 1) -> TextTable:
    """The records in `data`: whole records of a file, the first of which starts on `line`.

    Raises LineTooLong and UnicodeDecodeError.
    """
    text = data if dialect.encoding == "utf-8" else data.decode(dialect.encoding).encode()
    if line == 1:
        text = text.removeprefix(_MARK)
    if text and not text.endswith(b"\n"):
        text += b"\n"
    skeleton = plain_structure(text, dialect.delimiter)
    if skeleton is not None:
        table = _plain_table(text, skeleton, dialect.delimiter, shape, line)
        if table is not None:
            return table
    return _strict_table(read_records(BytesIO(data), dialect, offset=int(line > 1), line=line), shape)


def cut_table(frame: pl.DataFrame, columns: int) -> TextTable:
    """The table of a frame, which has its columns, but may have more of them and blank records.

    A record with something in the columns behind the last one is odd, and so is one with a cell that is too long to
    be staged.
    """
    filled, unfit = _without_long_cells(without_blanks(frame))
    kept = filled.columns[: columns + 1]
    surplus = filled.columns[columns + 1 :]
    if not surplus:
        return TextTable(filled, unfit)
    too_many = (
        filled.select(pl.any_horizontal(pl.col(surplus).str.strip_chars_start(SPACES) != ""))
        .to_series()
        .fill_null(False)
    )
    odd = [_without_end(record) for record in TextTable(filled.filter(too_many), []).in_order()]
    return TextTable(filled.filter(~too_many).select(kept), [*unfit, *odd])


def _without_long_cells(frame: pl.DataFrame) -> tuple[pl.DataFrame, list[TextRecord]]:
    """The records whose cells the csv module takes; and the others, malformed as in a text file, with their text."""
    cells = pl.exclude(ROW)
    if (frame.select(pl.max_horizontal(cells.str.len_bytes().max())).item() or 0) <= LONGEST_CELL:
        return frame, []
    long = pl.any_horizontal(cells.str.len_chars() > LONGEST_CELL).fill_null(value=False)
    odd = [
        TextRecord(record.line, 0, [_as_line(record.cells)], CELL_TOO_LONG)
        for record in TextTable(frame.filter(long), []).in_order()
    ]
    return frame.filter(~long), odd


def _as_line(cells: list[str]) -> str:
    out = StringIO()
    csv.writer(out, lineterminator="").writerow(cells)
    return out.getvalue()


def _without_end(record: TextRecord) -> TextRecord:
    """The record up to its last cell that is not blank."""
    width = max(i for i, cell in enumerate(record.cells, start=1) if cell and not cell.isspace())
    return record._replace(cells=record.cells[:width])


def plain_structure(text: bytes, delimiter: str) -> bytes | None:
    """The text without its quoted cells when its structure is plain, None when it is not."""
    if b"\x00" in text or text.startswith(_MARK) or not _lines_are_short(text):
        return None
    skeleton = text
    if b'"' in text:
        skeleton = _quoted_cell(delimiter).sub(b"", text + b"\x00")
        if not skeleton.endswith(b"\x00"):
            return None
        skeleton = skeleton[:-1]
    if b"\r" in skeleton and skeleton.count(b"\r") != skeleton.count(b"\r\n"):
        return None
    return skeleton


def _lines_are_short(text: bytes) -> bool:
    """Whether no line can be longer than two windows; the strict way finds out about the others."""
    starts = range(0, len(text) - _LONGEST_LINE, _LONGEST_LINE)
    return all(text.find(b"\n", start, start + _LONGEST_LINE) >= 0 for start in starts)


@lru_cache
def _quoted_cell(delimiter: str) -> re.Pattern[bytes]:
    """Matches a well-formed quoted cell, or all text from an ill-formed one on.

    A NUL stands behind the text, so that its absence afterwards tells of an ill-formed cell. The quantifiers are
    possessive and an ill-formed cell ends the search: the time is linear, whatever the text.
    """
    mark = re.escape(delimiter.encode())
    cell = rb'(?:(?<=[%b\n]")|(?<=\A"))[^"]*+(?:""[^"]*+)*+"(?=[%b\r\n\x00])' % (mark, mark)
    return re.compile(rb'"(?:%b|.*)' % cell, re.DOTALL)


def _plain_table(text: bytes, skeleton: bytes, delimiter: str, shape: Shape, line: int) -> TextTable | None:
    """The table of plainly structured text; None where one record or another is for the strict way."""
    quoted = len(skeleton) != len(text)
    physical = shape.columns + shape.numbered
    frame = _read_csv(text, delimiter, physical + 1, quoted=quoted)
    longest, held = _cell_bytes(frame)
    if longest > LONGEST_CELL:  # for the strict way to refuse
        return None
    if quoted and b'""' in text:
        frame = frame.with_columns(pl.when(pl.all() != "").then(pl.all()))
    has_last_cells = frame.get_column(str(physical - 1)).null_count() == 0
    mark = delimiter.encode()
    delimiters = skeleton.count(mark) if quoted else _delimiters(text, mark, frame.height, held)
    full = has_last_cells and delimiters == frame.height * (physical - 1)
    widths = None if full else _lines(skeleton).str.count_matches(delimiter, literal=True).cast(pl.Int64) + 1
    if shape.numbered:
        frame = _numbered(frame)
    else:
        lines = _source_lines(frame, line, broken_lines=quoted and text.count(b"\n") > skeleton.count(b"\n"))
        frame = frame.select(lines.alias(ROW), pl.all())
    frame = frame.with_columns(_width=shape.columns if widths is None else widths - shape.numbered)
    fits = _fitting(frame, widths, shape)
    if fits is None:
        return _table(frame, [], shape)
    if quoted:
        return None
    others = zip(frame.get_column(ROW).filter(~fits), _lines(skeleton).filter(~fits), strict=True)
    records = [_odd_record(row, cells.split(delimiter), shape) for row, cells in others]
    return _table(frame.filter(fits), [record for record in records if not record.blank], shape)


def _table(frame: pl.DataFrame, odd: list[TextRecord], shape: Shape) -> TextTable:
    kept = without_blanks(frame.drop(str(shape.columns)))
    trailing = int((kept.get_column("_width") > shape.columns).sum()) if shape.trailing else 0
    return TextTable(kept.drop("_width"), odd, trailing)


def _read_csv(text: bytes, delimiter: str, columns: int, *, quoted: bool) -> pl.DataFrame:
    """One row for each record, blank ones too; cells are cut at `columns`, missing and empty ones are null."""
    schema = dict.fromkeys(map(str, range(columns)), pl.String)
    if not text:
        return pl.DataFrame(schema=schema)
    return pl.read_csv(
        text,
        has_header=False,
        separator=delimiter,
        quote_char='"' if quoted else None,
        schema=schema,
        extra_columns="ignore",
        missing_columns="insert",
    )


def _cell_bytes(frame: pl.DataFrame) -> tuple[int, int]:
    """The bytes of the longest cell, and of all cells together."""
    sizes = pl.all().str.len_bytes()
    longest, held = frame.select(pl.max_horizontal(sizes.max()), pl.sum_horizontal(sizes.sum()).alias("sum")).row(0)
    return longest or 0, held or 0


def _numbered(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with its first column as the rows' numbers, and the others renamed."""
    first, *others = frame.columns
    return frame.select(
        pl.col(first).cast(pl.Int64).alias(ROW), *(pl.col(name).alias(str(i)) for i, name in enumerate(others))
    )


def _source_lines(frame: pl.DataFrame, line: int, *, broken_lines: bool) -> pl.Series:
    """The line on which each record starts; with `broken_lines` there are line feeds within cells."""
    lines = pl.int_range(line, line + frame.height, eager=True)
    if broken_lines:
        within = frame.select(pl.sum_horizontal(pl.all().str.count_matches("\n", literal=True).fill_null(0)))
        lines += within.to_series().cast(pl.Int64).cum_sum().shift(1, fill_value=0)
    return lines


def _delimiters(text: bytes, mark: bytes, records: int, held: int) -> int:
    """How many delimiters a text without quotes has: what cells do not hold of it are line ends and delimiters.

    This takes a tenth of the time of counting them. Where cells were cut it is another number, and no smaller one.
    """
    return (len(text) - held - records - text.count(b"\r")) // len(mark)


def _lines(skeleton: bytes) -> pl.Series:
    """The lines, one for each record, without their ends."""
    lines = pl.read_csv(skeleton, has_header=False, separator="\x00", quote_char=None, schema={"line": pl.String})
    return lines.get_column("line").fill_null("")


def _fitting(frame: pl.DataFrame, widths: pl.Series | None, shape: Shape) -> pl.Series | None:
    """Which records fit the shape; None where all do."""
    if widths is None and not shape.numbered:
        return None
    fits = frame.select(
        pl.col("_width").is_between(shape.fewest, shape.most) & pl.col(str(shape.columns)).is_null() & (pl.col(ROW) > 0)
    ).to_series()
    return None if fits.all() else fits


def without_blanks(frame: pl.DataFrame) -> pl.DataFrame:
    """A table's frame without the records that have nothing but space in their cells."""
    cells = pl.exclude(ROW, "_width")
    blank = cells.is_null() | (cells.str.strip_chars_start(SPACES) == "")
    first = pl.col(frame.columns[1])
    candidates = frame.select((first.is_null() | (first.str.strip_chars_start(SPACES) == "")).any()).item()
    return frame.filter(~pl.all_horizontal(blank)) if candidates else frame


def _odd_record(row: int, cells: list[str], shape: Shape) -> TextRecord:
    return _staged_record(cells) if shape.numbered else TextRecord(row, 0, cells)


def _staged_record(cells: list[str]) -> TextRecord:
    row = int(cells[0])
    return TextRecord(row, 0, cells[1:]) if row > 0 else TextRecord(-row, 0, ["".join(cells[2:])], malformed=cells[1])


def _strict_table(records: Iterable[TextRecord], shape: Shape) -> TextTable:
    rows: list[list[str | None]] = []
    lines: list[int] = []
    odd: list[TextRecord] = []
    trailing = 0
    for record in _staged(records) if shape.numbered else records:
        if record.malformed or not shape.fits(record.cells) or _has_nul(record.cells):
            if record.malformed or not record.blank:
                odd.append(record)
        elif not record.blank:
            cells = record.cells[: shape.columns]
            rows.append([cell or None for cell in cells] + [None] * (shape.columns - len(cells)))
            lines.append(record.line)
            trailing += len(record.cells) > shape.columns
    schema = dict.fromkeys(map(str, range(shape.columns)), pl.String)
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return TextTable(frame.select(pl.Series(ROW, lines, dtype=pl.Int64), pl.all()), odd, trailing)


def _has_nul(cells: list[str]) -> bool:
    return any("\x00" in cell for cell in cells)


def _staged(records: Iterable[TextRecord]) -> Iterator[TextRecord]:
    return (_staged_record(record.cells) for record in records)
