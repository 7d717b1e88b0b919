"""The quality report of an upload: what became of a file's records, and what they look like. For people and programs.

Shares are of one. Numbers are as the record has them: minutes, seconds, ratios as fractions of one.
"""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from shared.domain.problems import ROW_PROBLEMS
from shared.domain.quality import (
    Extreme,
    NameCounts,
    NumberStatistics,
    OeeComparison,
    PeriodCounts,
    Quality,
    RefusalCount,
    TimeSpan,
)
from shared.domain.record import ProductionRecord, api_name
from shared.domain.rules import OEE_RULE, RULES
from shared.domain.upload import Decision, Failure, Totals, Upload, UploadStatus, Value

FENCE = 3.0
"""A value is an outlier beyond the quartiles by more than so many times the distance between them: Tukey's outer
fences (“Exploratory Data Analysis”, 1977), so that what is named is worth a look."""

FEWEST_FOR_FENCES = 20
_MILLION = 1_000_000
_PLACES = 6


class Fate(Value):
    """How many of the file's records went where; they add up: imported + duplicates + refused + unprocessed."""

    records: int
    imported: int
    duplicates: int
    refused: int
    unprocessed: int
    with_warnings: int


class Basis(Value):
    """The records that the statistics are of: those that were read, duplicates among them.

    All but the refusals is of the `accepted` ones. Quartiles and outliers are of a sample of `sampled` rows.
    """

    records: int
    accepted: int
    refused: int
    sampled: int


class Quartiles(Value):
    """The values that a quarter, a half and three quarters of the rows do not exceed, and how far they may be off.

    `relative_error` is what rounding to buckets adds to the sample's own quartiles.
    """

    lower: float
    median: float
    upper: float
    relative_error: float


class Outliers(Value):
    """What lies beyond Tukey's outer fences `low` and `high`.

    `rows` is exact where all rows were sampled, else an estimate, and never less than the examples, which are the most
    extreme rows of all.
    """

    low: float
    high: float
    rows: int
    estimated: bool
    examples: list[Extreme]


class NumberReport(Value):
    """The values of a number's column."""

    lowest: float
    highest: float
    mean: float
    quartiles: Quartiles | None
    outliers: Outliers | None


class FieldReport(Value):
    """A field that the file gives, or that is derived. `column` is the file's name for it, None where it has none."""

    field: str
    column: str | None
    present: int
    missing: int
    missing_share: float
    number: NumberReport | None = None
    shortest: int | None = Field(default=None, description="Characters of the shortest text.")
    longest: int | None = Field(default=None, description="Characters of the longest text.")


class CodeCount(Value):
    """How many rows a problem was found in; `problem` says what it is."""

    code: str
    rows: int
    problem: str


class ColumnRefusals(Value):
    """Rows that were refused for a code in a column; `example` is what stood in the first of them."""

    code: str
    field: str | None
    column: str | None
    rows: int
    first_row: int
    example: str | None
    error: str


class NamedRows(Value):
    """A name and how many rows bear it."""

    name: str
    rows: int


class NamesReport(Value):
    """The names that were seen, the most frequent first.

    `complete` is false where there were more than are counted by name (those are then the first of them by their
    order, not the most frequent ones); `other_rows` bear the others.
    """

    complete: bool
    names: list[NamedRows]
    other_rows: int


class TimeReport(Value):
    """When the records are of; `rows` are counted by `period` in `time_zone`."""

    time_zone: str
    span: TimeSpan | None
    rows: PeriodCounts


class OeeReport(Value):
    """The OEE that the file states beside availability × performance × quality.

    `stated` is false where the file has no OEE of its own; rows without one have it derived, and agree.
    """

    stated: bool
    compared: int
    differing: int
    tolerance: float
    largest_difference: float | None
    largest_difference_row: int | None


class QualityReport(Value):
    """The quality report of an upload that has ended."""

    upload_id: str
    file_name: str
    work_unit_id: str
    created_at: datetime
    status: UploadStatus
    dry_run: bool
    rules_checked: bool
    failure: Failure | None
    totals: Fate
    statistics_of: Basis
    refusals: list[CodeCount]
    refusals_by_column: list[ColumnRefusals]
    further_refusals: int = Field(description="Rows with refusals in columns beyond those that are listed.")
    warnings: list[CodeCount]
    fields: list[FieldReport]
    absent_fields: list[str]
    unmapped_columns: list[str]
    time: TimeReport
    machines: NamesReport
    processes: NamesReport
    oee: OeeReport
    decisions: list[Decision]


def report_of(upload: Upload, quality: Quality) -> QualityReport:
    """The report of an upload that has ended, with its totals and what is known of its records."""
    plan, options = upload.plan, upload.options
    columns = {field: column for column, field in plan.columns.items()} if plan else {}
    fields = [api_name(name) for name in ProductionRecord.model_fields]
    given = columns.keys() | options.defaults.keys()
    return QualityReport(
        upload_id=upload.upload_id,
        file_name=upload.file_name,
        work_unit_id=options.work_unit_id,
        created_at=upload.created_at,
        status=upload.state.status,
        dry_run=options.dry_run,
        rules_checked=options.validate_data,
        failure=upload.failure,
        totals=_fate(upload.totals or Totals()),
        statistics_of=Basis(
            records=quality.records,
            accepted=quality.accepted,
            refused=quality.refusals.rows,
            sampled=quality.sampled,
        ),
        refusals=_by_code(quality.refusals.by_code),
        refusals_by_column=[_by_column(count, columns) for count in _most(quality.refusals.by_column)],
        further_refusals=quality.refusals.others,
        warnings=_by_code(quality.warnings),
        fields=[_field(name, columns.get(name), quality) for name in fields if name in quality.present],
        absent_fields=[name for name in fields if name not in given] if plan else [],
        unmapped_columns=plan.unmapped_columns if plan else [],
        time=TimeReport(time_zone=options.time_zone or "UTC", span=quality.span, rows=quality.periods),
        machines=_names(quality.machines),
        processes=_names(quality.processes),
        oee=_oee(quality.oee, stated=api_name(OEE_RULE.product) in given),
        decisions=plan.decisions if plan else [],
    )


def _fate(totals: Totals) -> Fate:
    return Fate(
        records=totals.records,
        imported=totals.imported,
        duplicates=totals.duplicates,
        refused=totals.refused,
        unprocessed=totals.unprocessed,
        with_warnings=totals.warnings,
    )


def _by_code(counts: dict[str, int]) -> list[CodeCount]:
    found = [CodeCount(code=code, rows=rows, problem=PROBLEM_TITLES.get(code, code)) for code, rows in counts.items()]
    return sorted(found, key=lambda count: (-count.rows, count.code))


PROBLEM_TITLES = {
    **{rule.code: rule.message for rule in RULES},
    "required": "A required value is missing",
    "text_too_long": "The text is too long",
    "text_has_nul": "The text holds a NUL character",
    "number_unreadable": "This is no number",
    "number_has_comma": "The number has a comma in a column of decimal points",
    "number_has_point": "The number has a point in a column of decimal commas",
    "number_too_precise": "The number has too many decimal places",
    "number_too_large": "The number is too large",
    "number_too_small": "The number is too small",
    "number_not_positive": "The number is not greater than zero",
    "ratio_ambiguous": "The ratio may be a fraction or percents",
    "timestamp_unreadable": "This is no timestamp that can be read without guessing",
    "timestamp_impossible": "There is no such date or time",
    "timestamp_not_in_order": "The date is not written in its column's order",
    "timestamp_two_digit_year": "The year has two digits",
    "timestamp_out_of_range": "The year is out of range",
    "timestamp_without_zone": "The timestamp has no time zone",
    "timestamp_cut": "The time is finer than the microseconds that are kept",
    "timestamp_in_gap": "The clocks were set forward over this local time",
    "timestamp_in_fold": "This local time came twice when clocks were set back",
    "row_malformed": "The row cannot be cut into cells",
    "row_too_few_cells": "The row has fewer cells than the header",
    "row_too_many_cells": "The row has more cells than the header",
    "cell_is_error": "The formula in the cell has failed",
    "cell_missing": "A cell that was missing in the file is still marked as missing",
    "cell_cut": "A cell that did not fit a workbook is still cut",
}
"""What a code means without the row's own words."""

if missing := ROW_PROBLEMS.keys() - PROBLEM_TITLES.keys():
    raise TypeError(f"the report has no words for {sorted(missing)}")


def _most(counts: list[RefusalCount]) -> list[RefusalCount]:
    return sorted(counts, key=lambda count: (-count.rows, count.order))


def _by_column(count: RefusalCount, columns: dict[str, str]) -> ColumnRefusals:
    return ColumnRefusals(
        code=count.code,
        field=count.field,
        column=columns.get(count.field or "", count.field),
        rows=count.rows,
        first_row=count.first_row,
        example=count.value,
        error=count.error,
    )


def _field(name: str, column: str | None, quality: Quality) -> FieldReport:
    present, lengths, number = quality.present[name], quality.texts.get(name), quality.numbers.get(name)
    missing = quality.accepted - present
    return FieldReport(
        field=name,
        column=column,
        present=present,
        missing=missing,
        missing_share=round(missing / quality.accepted, _PLACES) if quality.accepted else 0.0,
        number=_number(number, present, everything=quality.sampled == quality.accepted) if number else None,
        shortest=lengths and lengths.shortest,
        longest=lengths and lengths.longest,
    )


def _number(number: NumberStatistics, present: int, *, everything: bool) -> NumberReport:
    sketch = number.sketch
    lower, median, upper = (sketch.quantile(share) for share in (0.25, 0.5, 0.75))
    quartiles = None
    if lower is not None and median is not None and upper is not None:
        quartiles = Quartiles(lower=lower, median=median, upper=upper, relative_error=sketch.relative_error)
    return NumberReport(
        lowest=number.lowest[0].value,
        highest=number.highest[0].value,
        mean=round(number.sum_millionths / present / _MILLION, _PLACES),
        quartiles=quartiles,
        outliers=_outliers(number, quartiles, present, everything=everything) if quartiles else None,
    )


def _outliers(number: NumberStatistics, quartiles: Quartiles, present: int, *, everything: bool) -> Outliers | None:
    """The outliers; None where the values are too few, or too alike, for fences to mean anything."""
    distance = quartiles.upper - quartiles.lower
    sampled = number.sketch.total
    if sampled < FEWEST_FOR_FENCES or distance <= 0:
        return None
    low = round(quartiles.lower - FENCE * distance, _PLACES)
    high = round(quartiles.upper + FENCE * distance, _PLACES)
    examples = [extreme for extreme in number.highest if extreme.value > high]
    examples += [extreme for extreme in number.lowest if extreme.value < low]
    rows = round(number.sketch.outside(low, high) * present / sampled)
    exact = everything and not number.sketch.relative_error
    return Outliers(
        low=low, high=high, rows=max(rows, len(examples)), estimated=not exact and rows > 0, examples=examples
    )


def _names(names: NameCounts) -> NamesReport:
    ordered = sorted(names.counts.items(), key=lambda item: (-item[1], item[0]))
    return NamesReport(
        complete=not names.other_rows,
        names=[NamedRows(name=name, rows=rows) for name, rows in ordered],
        other_rows=names.other_rows,
    )


def _oee(oee: OeeComparison, *, stated: bool) -> OeeReport:
    return OeeReport(
        stated=stated,
        compared=oee.compared,
        differing=oee.differing,
        tolerance=float(OEE_RULE.tolerance),
        largest_difference=None if oee.row is None else oee.largest_millionths / _MILLION,
        largest_difference_row=oee.row,
    )
