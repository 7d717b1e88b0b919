"""The types of a record's fields: how a cell's text becomes a value, and which SQL type keeps it.

Text is read exactly or not at all: a reading that would need a guess is an error that names the choices.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BeforeValidator, Field, ValidationInfo
from pydantic_core import PydanticCustomError

from shared.domain.problems import ROW_PROBLEMS, Problem, Severity
from shared.domain.upload import RatioScale

PLACES = 6
DIGITS = 12
_FIRST_YEAR, _LAST_YEAR = 1900, 2199
_MICRO = Decimal(1).scaleb(-PLACES)
_LIMIT = Decimal(10) ** DIGITS

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?\Z", re.ASCII)
_NUMBER_WITH_COMMA = re.compile(r"[+-]?\d*(,\d+)+(\.\d*)?\Z|[+-]?\d+(\.\d+)+,\d*\Z", re.ASCII)
_TIMESTAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)? ?(Z|z|[+-]\d\d(?::?\d\d)?)?\Z", re.ASCII
)
_COMPACT_TIMESTAMP = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)()(Z|z|[+-]\d\d(?::?\d\d)?)?\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class SqlType:
    """Marks a field with the column type that keeps it."""

    name: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What was decided or given for reading a file's cells.

    `zone` is for timestamps that carry none; `ratio_scale` is by field name; `now` is what the future begins after.
    """

    zone: ZoneInfo | None
    ratio_scale: Mapping[str, RatioScale]
    now: datetime


@dataclass(slots=True)
class RowContext:
    """What pydantic carries along while it reads a row; `warnings` takes what was read by a stated choice."""

    reading: Reading
    warnings: list[Problem]


def refuse(code: str, **values: object) -> PydanticCustomError:
    """The error that pydantic carries to the row's problems; `values` fill the sentence of the code."""
    return PydanticCustomError(code, "{sentence}", {"sentence": ROW_PROBLEMS[code].format(**values)})


def _read_text(value: Any) -> Any:
    """Text stays as it is, character by character, with its leading zeros and its spaces."""
    if isinstance(value, str) and "\x00" in value:
        raise refuse("text_has_nul")
    return value


def read_number(text: str) -> Decimal:
    """The number that a text writes with a decimal point; raises PydanticCustomError for any other.

    Up to six decimal places are kept exactly. More of them are refused, except zeros and what a database prints
    of a binary fraction (thirty places and more): that is rounded half-even to six.
    """
    text = text.strip()
    if not _NUMBER.match(text):
        if _NUMBER_WITH_COMMA.match(text):
            raise refuse("number_has_comma", **_readings(text))
        raise refuse("number_unreadable")
    number = Decimal(text)
    if number.copy_abs() >= _LIMIT:
        raise refuse("number_too_large", digits=DIGITS)
    rounded = number.quantize(_MICRO)
    if rounded != number and -number.as_tuple().exponent < _BINARY_TAIL:  # type: ignore[operator]
        raise refuse("number_too_precise", places=PLACES)
    return rounded


_BINARY_TAIL = 15
"""Decimal places from which on a number is a printed binary fraction, not what somebody measured."""


def _readings(text: str) -> dict[str, str]:
    """The two ways in which a number with a comma may have been meant."""
    digits = text.replace(" ", "")
    decimal = digits.replace(".", "").replace(",", ".", 1) if digits.rfind(",") > digits.rfind(".") else digits
    return {"decimal": decimal.replace(",", ""), "thousands": digits.replace(",", "")}


def _read_quantity(value: Any) -> Any:
    return read_number(value) if isinstance(value, str) else value


def _read_ratio(value: Any, info: ValidationInfo) -> Any:
    """A ratio as a fraction of one: `%` says so for a cell, the column's scale for the others.

    A cell that fits the column's scale badly is refused, because the other scale may have been meant.
    """
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.endswith("%"):
        return _percent(read_number(text[:-1]))
    number = read_number(text)
    scale = info.context.reading.ratio_scale.get(info.field_name) if info.context else None
    if scale == "percent":
        if 0 < number <= 1:
            raise refuse("ratio_ambiguous", scale="percents", first=f"{text}%", second=f"{_plain(number * 100)}%")
        return _percent(number)
    if number >= _NO_FRACTION:
        raise refuse("ratio_ambiguous", scale="fractions", first=f"{text}%", second=f"{_plain(number * 100)}%")
    return number


_NO_FRACTION = 10
"""Ten times the standard performance: beyond anything real, so a percent in a column of fractions."""


def _percent(number: Decimal) -> Decimal:
    return (number / 100).quantize(_MICRO)


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"


class RatioEvidence:
    """What a column of ratios holds, seen cell by cell, to decide its scale for the whole column.

    Cells with `%` speak for themselves. Of the others those up to 2 look like fractions of one (performance goes
    above 1) and the larger ones like percents; the majority decides. Zeros look like both.
    """

    def __init__(self) -> None:
        self._small = 0
        self._large = 0
        self._largest = Decimal(0)

    def see(self, text: str) -> None:
        """Take a cell into account; what is no number is left to the row's own check."""
        text = text.strip()
        if not text or text[-1] == "%" or not _NUMBER.match(text):
            return
        number = Decimal(text)
        self._largest = max(self._largest, number)
        if number > _LARGEST_SMALL:
            self._large += 1
        elif number > 0:
            self._small += 1

    def decide(self) -> tuple[RatioScale, str]:
        """The scale, and the evidence in a sentence."""
        scale: RatioScale = "percent" if self._large > self._small else "fraction"
        return scale, (
            f"{self._small} values of 0 to {_LARGEST_SMALL}, {self._large} above, the largest {_plain(self._largest)}; "
            "cells with % count as such"
        )


_LARGEST_SMALL = 2


def read_timestamp(text: str, zone: ZoneInfo | None) -> tuple[datetime, Problem | None]:
    """The moment that a text names, in UTC, and a warning where a daylight-saving change left a choice.

    ISO 8601 with date, time and, where `zone` is None, an offset; also the compact `YYYYMMDDHHMMSS`. A local time in
    a daylight-saving gap is read with the offset from before the change, one in a fold as the first of the two
    (PEP 495, fold=0). Raises PydanticCustomError.
    """
    text = text.strip()
    match = _TIMESTAMP.match(text) or _COMPACT_TIMESTAMP.match(text)
    if match is None:
        raise refuse("timestamp_unreadable")
    year, month, day, hour, minute = (int(part) for part in match.group(1, 2, 3, 4, 5))
    fraction = (match[7] or "").ljust(6, "0")
    if fraction[6:].strip("0"):
        raise refuse("timestamp_unreadable")
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        raise refuse("timestamp_out_of_range", first=_FIRST_YEAR, last=_LAST_YEAR)
    try:
        local = datetime(year, month, day, hour, minute, int(match[6] or 0), int(fraction[:6]))  # noqa: DTZ001
    except ValueError:
        raise refuse("timestamp_impossible") from None
    if match[8]:
        return local.replace(tzinfo=UTC) - _offset(match[8]), None
    if zone is None:
        raise refuse("timestamp_without_zone")
    return _in_zone(local, zone, text)


def _offset(text: str) -> timedelta:
    if text in "Zz":
        return timedelta(0)
    digits = text[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 18 or minutes > 59:  # noqa: PLR2004 (as Postgres and Java have it)
        raise refuse("timestamp_impossible")
    offset = timedelta(hours=hours, minutes=minutes)
    return -offset if text[0] == "-" else offset


def _in_zone(local: datetime, zone: ZoneInfo, text: str) -> tuple[datetime, Problem | None]:
    first, second = local.replace(tzinfo=zone), local.replace(tzinfo=zone, fold=1)
    moment = first.astimezone(UTC)
    if first.utcoffset() == second.utcoffset():
        return moment, None
    code = "timestamp_in_fold" if moment.astimezone(zone).replace(tzinfo=None) == local else "timestamp_in_gap"
    sentence = ROW_PROBLEMS[code].format(choice=moment.astimezone(zone).isoformat())
    return moment, Problem("timestamp", text, code, sentence, Severity.WARNING)


def _read_moment(value: Any, info: ValidationInfo) -> Any:
    if not isinstance(value, str):
        return value
    row = info.context
    moment, warning = read_timestamp(value, row.reading.zone if row else None)
    if warning is not None and row:
        row.warnings.append(warning)
    return moment


Timestamp = Annotated[AwareDatetime, BeforeValidator(_read_moment), SqlType("timestamptz")]
# Constraints stand next to the type: there pydantic checks them itself, far faster than behind a validator.
ShortText = Annotated[str, Field(min_length=1, max_length=100), BeforeValidator(_read_text), SqlType("text")]
LongText = Annotated[str, Field(min_length=1, max_length=500), BeforeValidator(_read_text), SqlType("text")]
Quantity = Annotated[
    Decimal,
    Field(ge=0, max_digits=DIGITS + PLACES, decimal_places=PLACES),
    BeforeValidator(_read_quantity),
    SqlType(f"numeric({DIGITS + PLACES},{PLACES})"),
]
PositiveQuantity = Annotated[
    Decimal,
    Field(gt=0, max_digits=DIGITS + PLACES, decimal_places=PLACES),
    BeforeValidator(_read_quantity),
    SqlType(f"numeric({DIGITS + PLACES},{PLACES})"),
]
Ratio = Annotated[
    Decimal,
    Field(ge=0, max_digits=9, decimal_places=PLACES),
    BeforeValidator(_read_ratio),
    SqlType(f"numeric(9,{PLACES})"),
]
