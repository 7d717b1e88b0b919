"""Rows of files that know numbers from texts (workbooks, JSON), as columns of texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import polars as pl

from shared.formats.delimited import TextRecord
from shared.formats.tables import ROW


class TypedColumn(NamedTuple):
    """Cells as texts (String), null where one is blank, and which of them were numbers (Boolean).

    A number has a decimal point, whatever people write. What `numbers` says of a blank cell means nothing.
    """

    texts: pl.Series
    numbers: pl.Series


class TypedRows(NamedTuple):
    """Rows in the file's order, blank ones among them: the numbers that they bear (Int64), and their columns.

    `odd` are records that could not be cut into cells, and stand among these.
    """

    lines: pl.Series
    columns: Sequence[TypedColumn]
    odd: Sequence[TextRecord] = ()

    def below(self, line: int) -> TypedRows:
        """Those behind a line."""
        start = int((self.lines <= line).sum())
        cut = [TypedColumn(texts.slice(start), numbers.slice(start)) for texts, numbers in self.columns]
        return TypedRows(self.lines.slice(start), cut, [record for record in self.odd if record.line > line])

    def records(self) -> Iterator[TextRecord]:
        """The rows one by one, without the odd ones."""
        rows = zip(self.lines.to_list(), cells_by_row(self.columns), strict=True)
        return (TextRecord(line, 0, list(cells)) for line, cells in rows)

    def frame(self) -> pl.DataFrame:
        """The rows, without the odd ones, as a `TextTable` has them."""
        texts = [column.texts.alias(str(position)) for position, column in enumerate(self.columns)]
        return pl.DataFrame([self.lines.alias(ROW), *texts])


def column_of_texts(texts: Sequence[str | None], numbers: Sequence[bool] | None = None) -> TypedColumn:
    """A column of texts, "" or None where one is blank; no number is among them unless `numbers` says so.

    Raises TypeError for what is no text.
    """
    read = pl.Series(texts, dtype=pl.String)
    marks = constant(False, len(read)) if numbers is None else pl.Series(numbers, dtype=pl.Boolean)
    return TypedColumn(read.set(read == "", None), marks)


def blank_column(count: int) -> TypedColumn:
    """A column of blank cells."""
    return TypedColumn(pl.Series([None], dtype=pl.String).new_from_index(0, count), constant(False, count))


def constant(value: bool, count: int) -> pl.Series:
    """The same for `count` cells."""
    return pl.Series([value], dtype=pl.Boolean).new_from_index(0, count)  # ten times as fast as `pl.repeat`


def cells_by_row(columns: Sequence[TypedColumn]) -> Iterator[tuple[str, ...]]:
    """The cells row by row, "" where one is blank."""
    return zip(*(column.texts.fill_null("").to_list() for column in columns), strict=True)
