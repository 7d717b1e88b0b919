"""Rows as they come from the process that parses a workbook → columns of texts; see `workbook_frames`.

A number has the 15 digits that Excel keeps (see `number_text`), a whole one has no point. Dates and times are as in
ISO 8601 with a space between them, durations `h:mm:ss` or `h:mm:ss.sss`; an error cell is its text, such as `#DIV/0!`.
A date with the time 0:00 is a date, because the file does not tell the two apart.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator
from typing import Any

import polars as pl

from shared.formats.typed_rows import TypedColumn, blank_column, column_of_texts, constant
from shared.formats.workbook_frames import (
    BLANK,
    MAX_BATCH_ROWS,
    MIXED,
    NUMBERS,
    SIZE,
    TEXT,
    BadFrame,
    number_text,
    read_json,
)

_SURELY_SHORT = 16
"""A text of at most 15 digits and a point has no more characters."""


def read_columns(payload: bytes) -> tuple[int, list[TypedColumn]]:
    """Read a batch: the number of its rows, and its columns. Raises BadFrame."""
    try:
        doubles_at = SIZE.size + SIZE.unpack_from(payload)[0]
        count, kinds, *columns = read_json(payload[SIZE.size : doubles_at])
        if not 0 < count <= MAX_BATCH_ROWS:
            raise BadFrame("a batch of an odd size")
        doubles = _doubles(memoryview(payload)[doubles_at:], count, kinds.count(NUMBERS))
        read = [_column(kind, column, doubles, count) for kind, column in zip(kinds, columns, strict=True)]
    except (TypeError, ValueError, KeyError, OverflowError, AttributeError, struct.error) as error:
        raise BadFrame("a batch that cannot be read") from error
    if any(len(texts) != count or len(numbers) != count for texts, numbers in read):
        raise BadFrame("columns of different lengths")
    return count, read


def _doubles(data: memoryview, count: int, columns: int) -> Iterator[pl.Series]:
    """The columns of doubles, `count` in each."""
    numbers = array("d")
    numbers.frombytes(data)
    if len(numbers) != count * columns:
        raise BadFrame("doubles that are too few or too many")
    return (pl.Series(numbers[i * count : (i + 1) * count], dtype=pl.Float64) for i in range(columns))


def _column(kind: str, column: Any, doubles: Iterator[pl.Series], count: int) -> TypedColumn:
    if kind == BLANK:
        return blank_column(count)
    if kind == NUMBERS:
        return TypedColumn(_number_texts(next(doubles)), constant(True, count))
    if kind == TEXT:
        return column_of_texts(column)
    if kind == MIXED:
        return column_of_texts(*column)
    raise BadFrame("a column of an odd kind")


def _number_texts(doubles: pl.Series) -> pl.Series:
    """The numbers as `number_text` writes them: Polars' shortest text is that, but where it has many digits or an e."""
    numbers = doubles.fill_nan(None)
    texts = numbers.cast(pl.String).str.strip_suffix(".0")
    others = (texts.str.len_bytes() > _SURELY_SHORT) | texts.str.contains("e", literal=True) | (texts == "-0")
    if not others.any():
        return texts
    where = others.fill_null(value=False).arg_true()
    return texts.scatter(where, [number_text(number) for number in numbers.gather(where)])
