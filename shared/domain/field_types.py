"""The types of a record's fields: how a cell's text becomes a value, and which SQL type keeps it.

Text is read exactly or not at all: a reading that would need a guess is an error that names the choices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BeforeValidator, Field, ValidationInfo

from shared.domain.column_evidence import Ambiguity, is_slip
from shared.domain.number_style import DIGITS, PLACES, POINT, NumberStyle, plain_form, read_number, written
from shared.domain.problems import Problem, refuse
from shared.domain.timestamp_style import read_timestamp
from shared.domain.upload import DateOrder, RatioScale

_MICRO = Decimal(1).scaleb(-PLACES)


@dataclass(frozen=True, slots=True)
class SqlType:
    """Marks a field with the column type that keeps it."""

    name: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What was decided or given for reading a file's cells.

    `zone` is for timestamps that carry none. `ratio_scale` and `number_style` are by field name; a field without a
    scale holds fractions, one without a style has a decimal point and no thousands separator. `date_order` is None
    where nothing was decided, so that a date without a time is refused. `now` is what the future begins after. In a
    `workbook` a text like `#N/A` is a formula's error.
    """

    zone: ZoneInfo | None
    ratio_scale: Mapping[str, RatioScale]
    number_style: Mapping[str, NumberStyle]
    date_order: DateOrder | None
    now: datetime
    workbook: bool = False


@dataclass(slots=True)
class RowContext:
    """What pydantic carries along while it reads a row; `warnings` takes what was read by a stated choice."""

    reading: Reading
    warnings: list[Problem]


ERROR_CELLS = frozenset(
    {"#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A", "#GETTING_DATA", "#SPILL!", "#CALC!"}
)
"""What a cell shows whose formula failed (ECMA-376, part 1, 18.18.11, and Excel's later ones)."""


def _read_text(value: Any, info: ValidationInfo) -> Any:
    """Text stays as it is, character by character, with its leading zeros and its spaces."""
    if not isinstance(value, str):
        return value
    if "\x00" in value:
        raise refuse("text_has_nul")
    _refuse_error(value, info)
    return value


def _refuse_error(value: str, info: ValidationInfo) -> None:
    if value in ERROR_CELLS and info.context and info.context.reading.workbook:
        raise refuse("cell_is_error", error=value)


def _style(info: ValidationInfo) -> NumberStyle:
    styles: Mapping[str | None, NumberStyle] = info.context.reading.number_style if info.context else {}
    return styles.get(info.field_name, POINT)


def _read_quantity(value: Any, info: ValidationInfo) -> Any:
    if not isinstance(value, str):
        return value
    _refuse_error(value, info)
    return read_number(value, _style(info))


def _read_ratio(value: Any, info: ValidationInfo) -> Any:
    """A ratio as a fraction of one: `%` says so for a cell, the column's scale for the others.

    A cell that fits the column's scale badly is refused, because the other scale may have been meant.
    """
    if not isinstance(value, str):
        return value
    _refuse_error(value, info)
    text, style = value.strip(), _style(info)
    if text.endswith("%"):
        return _percent(read_number(text[:-1], style))
    number = read_number(text, style)
    times_hundred = f"{written(number * 100, style)}%"
    scale = info.context.reading.ratio_scale.get(info.field_name) if info.context else None
    if scale == "percent":
        if 0 < number <= 1:
            raise refuse("ratio_ambiguous", scale="percents", first=f"{text}%", second=times_hundred)
        return _percent(number)
    if number >= _NO_FRACTION:
        raise refuse("ratio_ambiguous", scale="fractions", first=f"{text}%", second=times_hundred)
    return number


_NO_FRACTION = 10
"""Ten times the standard performance: beyond anything real, so a percent in a column of fractions."""


def _percent(number: Decimal) -> Decimal:
    return (number / 100).quantize(_MICRO)


@dataclass(slots=True)
class _Sizes:
    """How many numbers look like fractions of one, how many like percents, and the largest of them all.

    `between` of the small ones are above 1, which of fractions only performance is.
    """

    small: int = 0
    between: int = 0
    large: int = 0
    largest: Decimal = Decimal(0)


class RatioEvidence:
    """What a column of ratios holds, seen cell by cell, to decide its scale for the whole column.

    Cells with `%` speak for themselves. Of the others those up to 2 look like fractions of one (performance goes
    above 1) and the larger ones like percents; the majority decides, and the row of a cell that fits badly is refused.
    But where fractions stand among percents in more than slips, 1.05 may be either: then the column is ambiguous.
    Zeros look like both. Cells are counted under either decimal mark, as the column's style may be decided after them.
    """

    def __init__(self) -> None:
        self._sizes = {style.decimal: _Sizes() for style in _EITHER_STYLE}

    def see(self, text: str, count: int = 1) -> None:
        """Take a cell into account, or a cell that the column has `count` times.

        What is no number is left to the row's own check.
        """
        for style in _EITHER_STYLE:
            plain = plain_form(text, style)
            if plain is not None:
                number = Decimal(plain)
                large = number > _LARGEST_SMALL
                small = number > 0 and not large
                self._count(style, int(small) * count, int(small and number > 1) * count, int(large) * count, number)

    def add(self, *, small: int, between: int, large: int, largest: Decimal) -> None:
        """Count plain cells (digits with at most one point) in bulk.

        `small` are those above 0 and up to 2, `between` those of them that are above 1, `large` those above 2.
        """
        for style in _EITHER_STYLE:
            self._count(style, small, between, large, largest)

    def _count(self, style: NumberStyle, small: int, between: int, large: int, largest: Decimal) -> None:
        sizes = self._sizes[style.decimal]
        sizes.small += small
        sizes.between += between
        sizes.large += large
        sizes.largest = max(sizes.largest, min(largest, _NO_RATIO))

    def scale(self, style: NumberStyle) -> RatioScale | None:
        """The scale that the numbers read in `style` show, but for slips; None where they leave it open."""
        sizes = self._sizes[style.decimal]
        fewer, more = sorted((sizes.small, sizes.large))
        if not more or not is_slip(fewer, more):
            return None
        return "percent" if sizes.large > sizes.small else "fraction"

    def decide(
        self, style: NumberStyle, given: RatioScale | None, usual: RatioScale | None = None
    ) -> tuple[RatioScale, str] | Ambiguity:
        """The scale, given or by the majority of the numbers read in `style`, and the evidence in a sentence.

        `usual` is what a profile has; it holds where both scales are seen and neither in slips alone, or none is.
        """
        sizes = self._sizes[style.decimal]
        shown = self.scale(style)
        if not (given or shown or usual) and 0 < sizes.between < sizes.small < sizes.large:
            fractions = sizes.small - sizes.between
            counts = {"fractions": fractions, "percents": sizes.large, "between": sizes.between}
            return Ambiguity("column_ratio_mixed", {name: str(count) for name, count in counts.items()})
        scale: RatioScale = given or shown or usual or ("percent" if sizes.large > sizes.small else "fraction")
        reason = ""
        if given:
            reason = "; given by the caller"
        elif usual and shown is None:
            reason = "; as the profile has it"
        elif usual and shown != usual:
            reason = f"; so not {usual}, which the profile has"
        return scale, (
            f"{sizes.small} values of 0 to {_LARGEST_SMALL}, {sizes.large} above, the largest "
            f"{written(sizes.largest, style)}; cells with % count as such{reason}"
        )


_EITHER_STYLE = (NumberStyle(decimal=".", thousands=","), NumberStyle(decimal=",", thousands="."))
_LARGEST_SMALL = 2
_NO_RATIO = Decimal(10) ** DIGITS
"""Where the largest number stops to be told: `1e999` would fill the sentence."""


def _read_moment(value: Any, info: ValidationInfo) -> Any:
    if not isinstance(value, str):
        return value
    _refuse_error(value, info)
    row = info.context
    moment, warnings = read_timestamp(value, row.reading.zone if row else None, row.reading.date_order if row else None)
    if row:
        row.warnings.extend(warnings)
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
