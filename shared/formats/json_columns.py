"""Rows of JSON records → columns of texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import polars as pl

from shared.formats.delimited import TextRecord
from shared.formats.json_records import JsonRecords
from shared.formats.json_values import JsonRow, Value
from shared.formats.typed_rows import TypedColumn, TypedRows, column_of_texts, constant

_FIRST_ROWS = 100
_BATCH_ROWS = 2_000
_BATCH_CELLS = 60_000


def typed_rows(records: JsonRecords) -> Iterator[TypedRows]:
    """The rows in batches. Each has the columns that are known by then."""
    rows = iter(records)
    size = _FIRST_ROWS
    while batch := list(islice(rows, size)):
        width = len(records.columns)
        yield _typed(batch, width)
        size = max(1, min(_BATCH_ROWS, _BATCH_CELLS // max(1, width)))


def _typed(rows: Sequence[JsonRow], width: int) -> TypedRows:
    odd = [TextRecord(row.line, 0, [str(row.values[0])], row.malformed) for row in rows if row.malformed]
    whole = [row for row in rows if not row.malformed] if odd else rows
    lines = pl.Series([row.line for row in whole], dtype=pl.Int64)
    if not whole:
        return TypedRows(lines, [], odd)
    cells = zip(*(_padded(row.values, width) for row in whole), strict=True)
    numbers = {row.numbers for row in whole}
    always, sometimes = frozenset.intersection(*numbers), frozenset.union(*numbers)
    columns = []
    for position, values in enumerate(cells):
        texts, no_numbers = _column(values)
        marks = no_numbers
        if position in always:
            marks = constant(True, len(whole))
        elif position in sometimes:
            marks = pl.Series([position in row.numbers for row in whole], dtype=pl.Boolean)
        columns.append(TypedColumn(texts, marks))
    return TypedRows(lines, columns, odd)


def _padded(values: list[Value], width: int) -> list[Value]:
    return values if len(values) == width else [*values, *[None] * (width - len(values))]


def _column(values: Sequence[Value]) -> TypedColumn:
    try:
        return column_of_texts(values)  # type: ignore[arg-type]  # mostly there is nothing else
    except TypeError:
        return column_of_texts([_CONSTANTS[value] if isinstance(value, bool) else value for value in values])


_CONSTANTS = {True: "true", False: "false"}
