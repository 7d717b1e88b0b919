"""The record model compiled to expressions that judge rows: which of their cells are sure, and what these hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import polars as pl

from shared.columnar.number_columns import MICRO, as_fraction, divided, is_clear_ratio, is_exact, micros
from shared.columnar.record_fields import Kind, RecordField
from shared.columnar.rule_columns import broken
from shared.domain.field_types import ERROR_CELLS, Reading
from shared.domain.problems import Severity
from shared.domain.record import OEE_FACTORS
from shared.domain.rules import AnyRule
from shared.formats.tables import SPACES

OEE = "oee_score"

_LARGEST_PRODUCT = 9
"""Of the OEE's factors: above it their whole millionths, multiplied, would not fit 64 bits."""

_AS_WRITTEN = pl.QueryOptFlags.none()
"""Looking for a better plan takes longer than what it would save: the steps are few, and each column is wanted."""

Step = list[pl.Expr]
"""Columns that are made at once, of those that the steps before have made."""


class RowJudge:
    """Judges the rows of one file: its steps are compiled once for all of its tables that look alike.

    `fields` are those that the file gives. With `derive_oee` the OEE is derived where it is not given.
    """

    def __init__(
        self, fields: Sequence[RecordField], reading: Reading, rules: Sequence[AnyRule], *, derive_oee: bool
    ) -> None:
        self._fields = fields
        self._reading = reading
        self._errors = [broken(rule, reading.now) for rule in rules if rule.severity is Severity.ERROR]
        self._warnings = [broken(rule, reading.now) for rule in rules if rule.severity is Severity.WARNING]
        self._derive_oee = derive_oee
        self._compiled: dict[tuple[frozenset[str], bool], list[Step]] = {}

    @property
    def warnings(self) -> list[str]:
        """The codes of the warnings, which are columns of what is judged."""
        return [rule.meta.output_name() for rule in self._warnings]

    def judge(self, cells: pl.DataFrame) -> pl.DataFrame:
        """Judge rows, of which `cells` has each field's texts as `text of …` and values under its name.

        A column of numbers that is not of plain ones comes with `absent of …` and `percent of …`; see `read_numbers`.
        Adds `sure of …` for each field, the warnings by code, and for the row `sure` and `warned`; completes texts and
        values.
        """
        messy = frozenset(spec.name for spec in self._fields if f"absent of {spec.name}" in cells.columns)
        key = messy, self._derive_oee and _lacks_oee(cells)
        if key not in self._compiled:
            self._compiled[key] = [*self._steps(*key)]
        judged = cells.lazy()
        for step in self._compiled[key]:
            judged = judged.with_columns(step)
        return judged.collect(optimizations=_AS_WRITTEN)

    def _steps(self, messy: frozenset[str], derive_oee: bool) -> Iterator[Step]:
        yield [_present(spec) for spec in self._fields if spec.kind is Kind.TEXT]
        yield [expression for spec in self._fields for expression in self._judged(spec, messy=spec.name in messy)]
        yield [pl.all_horizontal(f"sure of {spec.name}" for spec in self._fields).alias("sure")]
        if derive_oee:
            yield from _oee_steps(given=any(spec.name == OEE for spec in self._fields))
        yield [pl.lit(value=False).alias("warned"), *self._errors, *self._warnings]
        unbroken = [~rule.fill_null(value=True) for rule in map(_named, self._errors)]
        decided = [rule.is_not_null() for rule in map(_named, self._warnings)]
        yield [
            pl.all_horizontal("sure", *unbroken, *decided).alias("sure"),
            pl.any_horizontal("warned", *self.warnings).alias("warned"),
        ]

    def _judged(self, spec: RecordField, *, messy: bool) -> Iterable[pl.Expr]:
        """Whether each cell is sure, as `sure of …`; texts and values where they are not final."""
        text, value = pl.col(f"text of {spec.name}"), pl.col(spec.name)
        if spec.kind is Kind.TIMESTAMP:
            return [value.is_not_null().alias(f"sure of {spec.name}")]
        if spec.kind is Kind.TEXT:
            return _judged_text(spec, text, errors=self._reading.workbook)
        absent = pl.col(f"absent of {spec.name}") if messy else text.is_null()
        percent = pl.col(f"percent of {spec.name}") if messy else pl.lit(value=False)
        exact = is_exact(text, value, positive=spec.positive)
        if spec.kind is Kind.NUMBER:
            return [(absent | (exact & ~percent if messy else exact)).alias(f"sure of {spec.name}")]
        scale = self._reading.ratio_scale.get(spec.name, "fraction")
        clear = (exact & is_clear_ratio(value, percent, scale)).fill_null(value=False)
        sure = (absent | clear).alias(f"sure of {spec.name}")
        if scale == "fraction" and not messy:
            return [sure]
        fraction = as_fraction(value, percent, scale)
        as_written = ~percent if scale == "fraction" else pl.lit(value=False)
        return [
            sure,
            fraction.alias(spec.name),
            pl.when(as_written).then(text).otherwise(fraction.cast(pl.String)).alias(f"text of {spec.name}"),
        ]


def _named(rule: pl.Expr) -> pl.Expr:
    return pl.col(rule.meta.output_name())


def _present(spec: RecordField) -> pl.Expr:
    """The text of a cell, null where it is blank."""
    text = pl.col(f"text of {spec.name}")
    return pl.when(text.str.strip_chars_start(SPACES) != "").then(text).alias(f"text of {spec.name}")


def _judged_text(spec: RecordField, text: pl.Expr, *, errors: bool) -> list[pl.Expr]:
    """A text that is not too long is sure; with `errors`, one that is no formula's error."""
    fits = text.str.len_chars() <= spec.max_length
    if errors:
        fits &= ~text.is_in([*ERROR_CELLS])
    fits = fits.fill_null(value=not spec.required)
    return [fits.alias(f"sure of {spec.name}"), text.alias(spec.name)]


def _lacks_oee(cells: pl.DataFrame) -> bool:
    text = f"text of {OEE}"
    return text not in cells.columns or cells.get_column(text).null_count() > 0


def _oee_steps(*, given: bool) -> Iterator[Step]:
    """OEE = availability × performance × quality where it is not given itself, rounded half to even."""
    text, value = pl.col(f"text of {OEE}"), pl.col(OEE)
    if not given:
        yield [pl.lit(None, pl.String).alias(f"text of {OEE}"), pl.lit(None, pl.Float64).alias(OEE)]
    first, second, third = (pl.col(name) for name in sorted(OEE_FACTORS))
    small = pl.col("sure") & (first * second * third < _LARGEST_PRODUCT)
    yield [small.alias("small OEE")]
    one, two, three = (pl.when("small OEE").then(micros(factor)).cast(pl.Int64) for factor in (first, second, third))
    yield [(one * two * three).alias("OEE")]
    unit = MICRO * MICRO
    yield [(pl.col("OEE") // unit).alias("whole OEE"), (pl.col("OEE") % unit * 2).alias("rest of OEE")]
    rest, whole = pl.col("rest of OEE"), pl.col("whole OEE")
    up = (rest > unit) | ((rest == unit) & (whole % 2 == 1))
    yield [divided((whole + up.cast(pl.Int64)).cast(pl.Float64), MICRO).alias("derived OEE")]
    derived, wanted = pl.col("derived OEE"), text.is_null()
    yield [
        pl.when(wanted).then(derived.cast(pl.String)).otherwise(text).alias(f"text of {OEE}"),
        pl.when(wanted).then(derived).otherwise(value).alias(OEE),
        (pl.col("sure") & ~(wanted & ~pl.col("small OEE")).fill_null(value=False)).alias("sure"),
    ]
