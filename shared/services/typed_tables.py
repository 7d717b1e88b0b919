"""Tables of files that know numbers from texts (workbooks, JSON), and what the texts say of how numbers are written."""

from __future__ import annotations

import polars as pl

from shared.columnar.evidence import TextNumbers
from shared.formats.tables import TextTable, cut_table
from shared.formats.typed_rows import TypedRows


def text_table(rows: TypedRows, columns: int, texts: TextNumbers, commas: frozenset[int]) -> TextTable:
    """The rows as texts in so many columns; numbers have a decimal point, but for the columns in `commas`.

    `texts` takes the cells into account.
    """
    frame = rows.frame()
    for position, cells in enumerate(rows.columns):
        texts.see(position, cells)
        if position in commas:
            text = pl.col(str(position))
            with_comma = text.str.replace(".", ",", literal=True)
            frame = frame.with_columns(pl.when(pl.lit(cells.numbers)).then(with_comma).otherwise(text))
    table = cut_table(frame, columns)
    return TextTable(table.frame, [*table.odd, *rows.odd])
