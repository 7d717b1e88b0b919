"""Columns of numbers and ratios: the texts to store and their values, where both are exact beyond doubt."""

from __future__ import annotations

import re

import polars as pl

from shared.domain.number_style import POINT, NumberStyle
from shared.domain.upload import RatioScale
from shared.formats.tables import SPACES

MICRO = 1_000_000
"""Values are compared as whole millionths."""

_LARGEST = 1e9
_MOST_BYTES = 16
"""So many bytes hold at most 15 significant digits below `_LARGEST`: then a double tells any two numbers apart."""

_LARGEST_RATIO = 10
_MESSY = 100
"""A column is messy when more than one cell in so many is no plain number."""


def read_numbers(text: pl.Series, style: NumberStyle) -> pl.DataFrame:
    """The columns `text` (as Postgres reads it), `value` (Float64), `percent` (a % sign stood there) and `absent`.

    `value` is null where there is no cell, and where it is written in another way than `style`.
    """
    frame = text.alias("text").to_frame()
    if style == POINT:
        plain = frame.select(
            "text",
            value=pl.col("text").cast(pl.Float64, strict=False),
            percent=pl.lit(value=False),
            absent=pl.col("text").is_null(),
        )
        if (plain.get_column("value").null_count() - text.null_count()) * _MESSY <= len(text):
            return plain
    cells = pl.col("text").str.strip_chars(SPACES)
    number = cells.str.strip_suffix("%").str.strip_chars_end(SPACES)
    absent = cells.is_null() | (cells == "")
    return frame.select(
        text=pl.when(~absent).then(number if style == POINT else _with_point(number, style)),
        percent=cells.str.ends_with("%").fill_null(value=False),
        absent=absent,
    ).with_columns(value=pl.col("text").cast(pl.Float64, strict=False))


def _with_point(number: pl.Expr, style: NumberStyle) -> pl.Expr:
    """The number as Postgres reads it, null where it is not in the style; the grammar is `number_style`'s."""
    if style.thousands in _SPELLINGS:
        number = number.str.replace_all(_SPELLINGS[style.thousands], style.thousands)
    mark, group = re.escape(style.decimal), re.escape(style.thousands)
    grouped = f"|(?:[1-9][0-9]{{0,2}}|0[0-9]{{1,2}})(?:{group}[0-9]{{3}})+(?:{mark}[0-9]*)?" if group else ""
    fits = number.str.contains(f"^[+-]?(?:[0-9]+(?:{mark}[0-9]*)?|{mark}[0-9]+{grouped})$")
    bare = number.str.replace_all(style.thousands, "", literal=True) if group else number
    return pl.when(fits).then(bare.str.replace(style.decimal, ".", literal=True))


_SPELLINGS = {" ": "[\u00a0\u2009\u202f]", "'": "\u2019"}


def is_exact(text: pl.Expr, value: pl.Expr, *, positive: bool) -> pl.Expr:
    """Whether a number is within its bounds and has at most six decimal places.

    `value` is the double nearest to the text. It equals a whole number of millionths, divided, exactly when the text
    is that number, because both have at most 15 significant digits.
    """
    bound = value > 0 if positive else value >= 0
    short = text.str.len_bytes() <= _MOST_BYTES
    return (bound & (value < _LARGEST) & short & (divided(micros(value), MICRO) == value)).fill_null(value=False)


def micros(value: pl.Expr) -> pl.Expr:
    """A value in whole millionths, still as a double."""
    return (value * MICRO).round()


def divided(number: pl.Expr, by: int) -> pl.Expr:
    """The double nearest to the quotient; by a single number Polars would multiply with its rounded inverse."""
    return number / (number * 0.0 + by)


def is_clear_ratio(value: pl.Expr, percent: pl.Expr, scale: RatioScale) -> pl.Expr:
    """Whether a ratio fits its column's scale, and is exact in millionths as a fraction."""
    hundredth = (divided((value * 10_000).round(), 10_000) == value) & (value < _LARGEST_RATIO * 100)
    if scale == "percent":
        return hundredth & (percent | (value > 1) | (value == 0))
    return pl.when(percent).then(hundredth).otherwise(value < _LARGEST_RATIO)


def as_fraction(value: pl.Expr, percent: pl.Expr, scale: RatioScale) -> pl.Expr:
    """A clear ratio as a fraction of one."""
    hundredths = divided((value * 10_000).round(), MICRO)
    return hundredths if scale == "percent" else pl.when(percent).then(hundredths).otherwise(value)
