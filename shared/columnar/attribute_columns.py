"""Columns that map to no field → one column of JSON objects."""

from __future__ import annotations

import json
from collections.abc import Mapping

import polars as pl

_ESCAPES = {chr(code): json.dumps(chr(code))[1:-1] for code in (*range(0x20), ord('"'), ord("\\"))}
_SPECIAL = r'["\\\x00-\x1f]'


def attributes(frame: pl.DataFrame, names: Mapping[int, str]) -> pl.Series:
    """The JSON object of each row: `names` by column position, with the cells that are not empty."""
    if not names:
        return pl.Series(["{}"]).new_from_index(0, frame.height)
    columns = [str(position) for position in names]
    special = frame.select(pl.col(columns).str.contains(_SPECIAL).any())
    members = [
        _member(str(position), name, escape=bool(special.get_column(str(position)).any()))
        for position, name in names.items()
    ]
    return frame.select(
        pl.concat_str(pl.lit("{"), pl.concat_str(members).str.strip_suffix(","), pl.lit("}"))
    ).to_series()


def _member(column: str, name: str, *, escape: bool) -> pl.Expr:
    cell = pl.col(column)
    value = cell.str.replace_many(_ESCAPES) if escape else cell
    start = json.dumps(name, ensure_ascii=False)
    return pl.concat_str(pl.lit(f'{start}:"'), value, pl.lit('",')).fill_null("")
