"""The statistics of the rows that were read, by columns: what `domain.quality` describes, of one chunk.

Each column is looked at a few times as a whole, and only a sample of its values is sorted: measured, 0.4 µs of CPU
time a row of 14 fields, where reading and sending it to Postgres takes 3.5 to 4.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from operator import mul
from typing import TypeVar

import polars as pl

from shared.columnar.number_columns import MICRO
from shared.columnar.reader import SOURCE_ROW, ReadRows
from shared.columnar.record_fields import RECORD_FIELDS, Kind
from shared.domain.plan import ImportPlan
from shared.domain.problems import Problem, Severity
from shared.domain.quality import (
    LONGEST_EXAMPLE,
    LONGEST_SENTENCE,
    MOST_EXTREMES,
    MOST_NAMES,
    SAMPLE_ROWS,
    Extreme,
    Moment,
    NameCounts,
    NumberStatistics,
    OeeComparison,
    PeriodCounts,
    Quality,
    RefusalCount,
    Refusals,
    TextLengths,
    TimeSpan,
)
from shared.domain.record import api_name
from shared.domain.refused import RefusedRow
from shared.domain.rules import OEE_RULE
from shared.domain.value_sketch import MOST_BUCKETS, ValueSketch, joining

Item = TypeVar("Item")

_TIME, _MACHINE, _PROCESS = "timestamp", "machine_name", "process_name"
_SLICES = 8
_FEW = 500
_EXACT_SUM = 2.0**53
_NEAR = 1e-9
"""How near to its tolerance a difference of doubles may be and still count as within it."""

_QUARTER_HOUR_US = 900_000_000
"""Zones are at whole quarters of an hour from UTC, so that a quarter lies within one day of any of them."""

_WORD = 1 << 64
_MIX_ROW, _MIX_TIME, _MIX_AGAIN = 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0xD6E8FEB86659FD93
"""Odd constants of known hashes (Weyl's golden one, xxHash's, rrmxmx's)."""


def quality_of(reads: Sequence[ReadRows], plan: ImportPlan) -> Quality:
    """The statistics of a run of records of a file."""
    refusals = _refusals(row for read in reads for row in read.refused)
    frames = [read.values for read in reads if read.values.height]
    if not frames:
        return Quality(refusals=refusals)
    values = pl.concat(frames, rechunk=True)
    sample = _sample(values, plan)
    machines, machine_lengths = _names(values, _MACHINE)
    processes, process_lengths = _names(values, _PROCESS)
    return Quality(
        accepted=values.height,
        sampled=sample.height,
        warned=sum(read.warned for read in reads),
        warnings=_in_order(sum((read.warnings for read in reads), Counter())),
        refusals=refusals,
        present=_present(values),
        numbers=dict(_numbers(values, sample)),
        texts=_in_order({**dict(_texts(values)), **machine_lengths, **process_lengths}),
        span=_span(values),
        periods=_periods(values.get_column(_TIME), plan.options.time_zone or "UTC"),
        machines=machines,
        processes=processes,
        oee=_oee(values, plan),
    )


def _fields(values: pl.DataFrame, *kinds: Kind) -> list[str]:
    return sorted(name for name in values.columns if name in RECORD_FIELDS and RECORD_FIELDS[name].kind in kinds)


def _present(values: pl.DataFrame) -> dict[str, int]:
    nulls = values.null_count().row(0, named=True)
    return {api_name(name): values.height - nulls[name] for name in sorted(nulls) if name != SOURCE_ROW}


def _sample(values: pl.DataFrame, plan: ImportPlan) -> pl.DataFrame:
    """The numbers of `SAMPLE_ROWS` rows of the whole file or some more, in whichever chunk: by a hash of the row.

    The hash is of row number and time, as some files have many records in one line.
    """
    one_in = plan.records // SAMPLE_ROWS
    numbers = _fields(values, Kind.NUMBER, Kind.RATIO)
    if one_in <= 1:
        return values.select(numbers)
    row, time = (pl.col(name).cast(pl.Int64).reinterpret(signed=False) for name in (SOURCE_ROW, _TIME))
    mixed = row * _word(_MIX_ROW) + time * _word(_MIX_TIME)
    mixed = (mixed ^ (mixed // _word(1 << 32))) * _word(_MIX_AGAIN)
    chosen = values.select(mixed < _word(_WORD // one_in)).to_series()
    return values.select(numbers).filter(chosen)


def _word(number: int) -> pl.Expr:
    return pl.lit(number, pl.UInt64)


def _numbers(values: pl.DataFrame, sample: pl.DataFrame) -> Iterator[tuple[str, NumberStatistics]]:
    names = [name for name in sample.columns if values.get_column(name).null_count() < values.height]
    if not names:
        return
    rows = values.get_column(SOURCE_ROW)
    highest = {name: _highest(values.get_column(name), rows) for name in names}
    negated = values.select(-pl.col(names))
    lowest = {name: _highest(negated.get_column(name), rows) for name in names}
    sums = values.select(_sum_millionths(name, highest[name][0].value * values.height) for name in names).row(0)
    sketches = _sketches(sample.select(names))
    for name, total in zip(names, sums, strict=True):
        yield (
            api_name(name),
            NumberStatistics(
                sum_millionths=int(total), highest=highest[name], lowest=lowest[name], sketch=sketches[name]
            ),
        )


def _sum_millionths(name: str, most: float) -> pl.Expr:
    """The sum, of whole millionths: exact, because doubles hold it or else wider integers do."""
    millionths = (pl.col(name) * float(MICRO) + 0.5).floor()
    return millionths.sum() if most * MICRO < _EXACT_SUM else millionths.cast(pl.Int128).sum()


def _highest(column: pl.Series, rows: pl.Series) -> list[Extreme]:
    """The highest values, of equal ones the earlier rows; the column may be negated, as no value is negative.

    They all reach the least of the maxima of as many slices; what does is little, unless the column is sorted or the
    value is frequent.
    """
    length = -(-len(column) // _SLICES)
    slices = (column.slice(start, length).max() for start in range(0, len(column), length))
    maxima = sorted((one for one in slices if isinstance(one, float)), reverse=True)
    bound = maxima[MOST_EXTREMES - 1] if len(maxima) >= MOST_EXTREMES else column.min()
    reaching = column >= bound
    values, found_rows = column.filter(reaching), rows.filter(reaching)
    if len(values) > _FEW:
        bound = values.top_k(MOST_EXTREMES).min()
        above = values > bound
        at = found_rows.filter(values == bound).bottom_k(MOST_EXTREMES)
        found = [*zip(values.filter(above), found_rows.filter(above), strict=True), *((bound, row) for row in at)]
    else:
        found = [*zip(values.to_list(), found_rows.to_list(), strict=True)]
    found.sort(key=lambda one: (-one[0], one[1]))
    return [Extreme(value=abs(value), row=row) for value, row in found[:MOST_EXTREMES]]


def _sketches(sample: pl.DataFrame) -> dict[str, ValueSketch]:
    """The sketch of each column: its buckets are the runs of equal bits in their order."""
    names = sample.columns
    bits = sample.select(pl.all().abs().reinterpret(dtype=pl.UInt64).sort(nulls_last=True))
    differences = bits.select((pl.all() ^ pl.all().shift(1)).top_k(MOST_BUCKETS).implode()).row(0)
    shifts = [joining([one for one in found if one is not None]) for found in differences]
    runs = bits.select(_runs(name, shift) for name, shift in zip(names, shifts, strict=True)).row(0)
    return {
        name: ValueSketch(
            shift=shift,
            counts={
                bits >> shift: count for bits, count in zip(run["value"], run["len"], strict=True) if bits is not None
            },
        )
        for name, shift, run in zip(names, shifts, runs, strict=True)
    }


def _runs(name: str, shift: int) -> pl.Expr:
    runs = (pl.col(name) & (_WORD - (1 << shift))).rle()
    fields = (runs.struct.field(field).implode().alias(field) for field in ("value", "len"))
    return pl.struct(fields).alias(name)


def _texts(values: pl.DataFrame) -> Iterator[tuple[str, TextLengths]]:
    for name in _fields(values, Kind.TEXT):
        if name not in (_MACHINE, _PROCESS) and (lengths := _lengths(values.get_column(name))):
            yield api_name(name), lengths


def _lengths(texts: pl.Series) -> TextLengths | None:
    lengths = texts.str.len_chars()
    shortest, longest = lengths.min(), lengths.max()
    return None if shortest is None else TextLengths.model_validate({"shortest": shortest, "longest": longest})


def _span(values: pl.DataFrame) -> TimeSpan:
    time, row = pl.col(_TIME), pl.col(SOURCE_ROW)
    first, first_row, last, last_row = values.select(
        time.min().alias("first"),
        row.filter(time == time.min()).min().alias("first row"),
        time.max().alias("last"),
        row.filter(time == time.max()).min().alias("last row"),
    ).row(0)
    return TimeSpan(first=Moment(at=first, row=first_row), last=Moment(at=last, row=last_row))


def _periods(times: pl.Series, zone: str) -> PeriodCounts:
    """Rows by the days of a zone."""
    quarters = (times.cast(pl.Int64) // _QUARTER_HOUR_US).rle().struct.unnest()  # most files are in order of time
    moments = pl.from_epoch(pl.col("value") * _QUARTER_HOUR_US, time_unit="us").dt.replace_time_zone("UTC")
    days = (
        quarters.with_columns(day=moments.dt.convert_time_zone(zone).dt.date().cast(pl.String))
        .group_by("day")
        .agg(pl.col("len").cast(pl.Int64).sum())
        .sort("day")
    )
    return PeriodCounts(counts=dict(days.iter_rows())).bounded()


def _names(values: pl.DataFrame, name: str) -> tuple[NameCounts, dict[str, TextLengths]]:
    """How often each name stands in a column, and how long they are; a column of one name is counted at once."""
    if name not in values.columns:
        return NameCounts(), {}
    column = values.get_column(name).alias("name").drop_nulls()
    if len(column) and (column == column[0]).all():
        counts = pl.DataFrame({"name": column.head(1), "rows": [len(column)]})
    else:
        counts = column.value_counts(name="rows").sort("name")
    lengths = _lengths(counts.get_column("name"))
    kept = dict(counts.head(MOST_NAMES).iter_rows())
    return (
        NameCounts(counts=kept, other_rows=len(column) - sum(kept.values())),
        {api_name(name): lengths} if lengths else {},
    )


def _oee(values: pl.DataFrame, plan: ImportPlan) -> OeeComparison:
    stated = OEE_RULE.product in plan.columns or api_name(OEE_RULE.product) in plan.options.defaults
    if not stated or not {*OEE_RULE.factors, OEE_RULE.product} <= {*values.columns}:
        return OeeComparison()
    product = reduce(mul, (values.get_column(name) for name in OEE_RULE.factors))
    difference = (product - values.get_column(OEE_RULE.product)).abs()
    largest = difference.max()
    if not isinstance(largest, float):
        return OeeComparison()
    near = (difference >= largest - 1 / MICRO).arg_true()
    millionths = (difference.gather(near) * float(MICRO)).round()
    rows = values.get_column(SOURCE_ROW).gather(near).filter(millionths == millionths.max())
    return OeeComparison(
        compared=len(difference) - difference.null_count(),
        differing=int((difference > float(OEE_RULE.tolerance) + _NEAR).sum()),
        largest_millionths=round(largest * MICRO),
        row=min(rows),
    )


def _refusals(refused: Iterable[RefusedRow]) -> Refusals:
    rows = 0
    by_code: dict[str, int] = {}
    by_column: dict[tuple[str, str | None], int] = {}
    examples: dict[tuple[str, str | None], RefusalCount] = {}
    for row in refused:
        rows += 1
        errors = {(e.code, e.field): e for e in row.errors if e.severity is Severity.ERROR}
        for code in {code for code, _ in errors}:
            by_code[code] = by_code.get(code, 0) + 1
        for place, error in errors.items():
            by_column[place] = by_column.get(place, 0) + 1
            known = examples.get(place)
            if known is None or row.row <= known.first_row:
                example = _example(row.row, error)
                examples[place] = min(known or example, example, key=lambda one: one.place)
    counts = (examples[place].model_copy(update={"rows": count}) for place, count in by_column.items())
    return Refusals(rows=rows, by_code=_in_order(by_code)).with_columns(counts)


def _example(row: int, problem: Problem) -> RefusalCount:
    field, value = (text and text[:LONGEST_EXAMPLE] for text in (problem.field, problem.value))
    return RefusalCount(
        code=problem.code, field=field, rows=1, first_row=row, value=value, error=problem.error[:LONGEST_SENTENCE]
    )


def _in_order(values: Mapping[str, Item]) -> dict[str, Item]:
    return {name: values[name] for name in sorted(values)}
