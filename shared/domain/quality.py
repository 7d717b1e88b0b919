"""What the quality report is made from: statistics of some of a file's records, that add up to those of all.

Each of them merges exactly: whatever the chunks and their order, the statistics of the parts, merged, are those of
the whole. Each is bounded, too, and where it cannot hold all it says so: the statistics of a chunk take a few
kilobytes as JSON, a hundred where every column is full of different numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import reduce
from typing import Literal, TypeVar

from pydantic import Field

from shared.domain.upload import Value
from shared.domain.value_sketch import ValueSketch

MOST_NAMES = 200
"""Machines and processes that are counted by name."""

MOST_REFUSALS = 100
"""Pairs of a code and a column that refusals are counted by."""

MOST_EXTREMES = 5
MOST_PERIODS = 400
"""Days that rows are counted by; of more, months, and of more of those, years."""

SAMPLE_ROWS = 10_000
"""So many rows of a file are sketched at least, and twice as many at most: a quartile is then off by less than one
rank in a hundred."""

LONGEST_EXAMPLE = 100
"""Characters of a refused value or a column's name that are kept."""

LONGEST_SENTENCE = 300

Period = Literal["day", "month", "year"]

_COARSER: dict[Period, tuple[Period, int]] = {"day": ("month", 7), "month": ("year", 4)}
"""What comes after a period, and how much of `2026-03-01` names it."""


class NameCounts(Value):
    """How many rows bear a name: of the first `MOST_NAMES` names by their order, and of all others together.

    The first by name, and not the most frequent: so no chunk drops a name that the whole file would keep, and each
    count is exact.
    """

    counts: dict[str, int] = Field(default_factory=dict)
    other_rows: int = 0

    def merged(self, other: NameCounts) -> NameCounts:
        """The counts of both."""
        return first_names(_sum(self.counts, other.counts), self.other_rows + other.other_rows)


def first_names(counts: Mapping[str, int], other_rows: int = 0) -> NameCounts:
    """The counts of the first names, the rest as others; `counts` has those first ones of all rows."""
    kept = {name: counts[name] for name in sorted(counts)[:MOST_NAMES]}
    return NameCounts(counts=kept, other_rows=other_rows + sum(counts.values()) - sum(kept.values()))


class PeriodCounts(Value):
    """Rows by day (`2026-03-01`), or by month or year where the days are too many; in order."""

    period: Period = "day"
    counts: dict[str, int] = Field(default_factory=dict)

    def merged(self, other: PeriodCounts) -> PeriodCounts:
        """The counts of both, by the longer period."""
        one, two = self, other
        while one.period != two.period:
            if one.period == "day" or two.period == "year":
                one = one.coarser()
            else:
                two = two.coarser()
        return PeriodCounts(period=one.period, counts=_sum(one.counts, two.counts)).bounded()

    def coarser(self) -> PeriodCounts:
        """The same rows by the next longer period."""
        period, length = _COARSER[self.period]
        counts: Counter[str] = Counter()
        for name, count in self.counts.items():
            counts[name[:length]] += count
        return PeriodCounts(period=period, counts=dict(counts))

    def bounded(self) -> PeriodCounts:
        """By the shortest period of which there are at most `MOST_PERIODS`."""
        fits = len(self.counts) <= MOST_PERIODS or self.period == "year"
        return self if fits else self.coarser().bounded()


class Extreme(Value):
    """A value and the row of the file that it stands in."""

    value: float
    row: int


class NumberStatistics(Value):
    """The values of a number's column: their sum in millionths, the extreme ones, and a sketch of sampled rows.

    Of equal extremes the earlier rows come first.
    """

    sum_millionths: int = 0
    highest: list[Extreme] = Field(default_factory=list)
    lowest: list[Extreme] = Field(default_factory=list)
    sketch: ValueSketch = ValueSketch()

    def merged(self, other: NumberStatistics) -> NumberStatistics:
        """The statistics of both."""
        highest = sorted([*self.highest, *other.highest], key=lambda extreme: (-extreme.value, extreme.row))
        lowest = sorted([*self.lowest, *other.lowest], key=lambda extreme: (extreme.value, extreme.row))
        return NumberStatistics(
            sum_millionths=self.sum_millionths + other.sum_millionths,
            highest=highest[:MOST_EXTREMES],
            lowest=lowest[:MOST_EXTREMES],
            sketch=self.sketch.merged(other.sketch),
        )


class TextLengths(Value):
    """The lengths of a column's texts, in characters."""

    shortest: int
    longest: int

    def merged(self, other: TextLengths) -> TextLengths:
        """The lengths of both."""
        return TextLengths(shortest=min(self.shortest, other.shortest), longest=max(self.longest, other.longest))


class Moment(Value):
    """A timestamp and the first row that bears it."""

    at: datetime
    row: int


class TimeSpan(Value):
    """The first and the last timestamp."""

    first: Moment
    last: Moment

    def merged(self, other: TimeSpan) -> TimeSpan:
        """The span of both."""
        first = min(self.first, other.first, key=lambda moment: (moment.at, moment.row))
        last = min(self.last, other.last, key=lambda moment: (-moment.at.timestamp(), moment.row))
        return TimeSpan(first=first, last=last)


class OeeComparison(Value):
    """The OEE that rows state beside availability × performance × quality.

    `compared` rows have all four; of them `differing` by more than the rule `oee_differs` allows. `row` is the first
    of the largest difference, None where nothing was compared.
    """

    compared: int = 0
    differing: int = 0
    largest_millionths: int = 0
    row: int | None = None

    def merged(self, other: OeeComparison) -> OeeComparison:
        """The comparison of both."""
        compared = [one for one in (self, other) if one.row is not None]
        worst = min(compared, key=lambda one: (-one.largest_millionths, one.row), default=self)
        return OeeComparison(
            compared=self.compared + other.compared,
            differing=self.differing + other.differing,
            largest_millionths=worst.largest_millionths,
            row=worst.row,
        )


class RefusalCount(Value):
    """How many rows were refused for a code in a column, and the first of them.

    `field` is the record field's API name, or the attribute's name, None for the row as a whole; `value` and `error`
    are those of the first row.
    """

    code: str
    field: str | None
    rows: int
    first_row: int
    value: str | None
    error: str

    @property
    def order(self) -> tuple[str, str]:
        """What refusals are ordered and told apart by."""
        return self.code, self.field or ""

    @property
    def place(self) -> tuple[int, str, str]:
        """Where its example stands; the least is the first."""
        return self.first_row, self.value or "", self.error

    def merged(self, other: RefusalCount) -> RefusalCount:
        """The count of both, which have the same code and field."""
        first = min(self, other, key=lambda one: one.place)
        return first.model_copy(update={"rows": self.rows + other.rows})


class Refusals(Value):
    """The refused rows, by code, and by code and column; a row may be refused for more than one reason.

    Of the pairs the first `MOST_REFUSALS` by code and column are kept; `others` counts what was found beside them.
    """

    rows: int = 0
    by_code: dict[str, int] = Field(default_factory=dict)
    by_column: list[RefusalCount] = Field(default_factory=list)
    others: int = 0

    def merged(self, other: Refusals) -> Refusals:
        """The refusals of both."""
        return Refusals(
            rows=self.rows + other.rows,
            by_code=_sum(self.by_code, other.by_code),
            others=self.others + other.others,
        ).with_columns([*self.by_column, *other.by_column])

    def with_columns(self, counts: Iterable[RefusalCount]) -> Refusals:
        """The refusals with counts by column, of which some may be of the same."""
        by_column: dict[tuple[str, str], RefusalCount] = {}
        for count in counts:
            known = by_column.get(count.order)
            by_column[count.order] = known.merged(count) if known else count
        ordered = [by_column[order] for order in sorted(by_column)]
        others = self.others + sum(count.rows for count in ordered[MOST_REFUSALS:])
        return self.model_copy(update={"by_column": ordered[:MOST_REFUSALS], "others": others})


class Quality(Value):
    """The statistics of some records of a file, duplicates among them: which those are only the database knows.

    All but `refusals` is of the accepted rows. Fields are named as in the API; `present` says of how many rows a field
    has a value, and names every field that the file gives. `sampled` are the rows that the sketches are of.
    """

    accepted: int = 0
    sampled: int = 0
    warned: int = 0
    warnings: dict[str, int] = Field(default_factory=dict)
    refusals: Refusals = Refusals()
    present: dict[str, int] = Field(default_factory=dict)
    numbers: dict[str, NumberStatistics] = Field(default_factory=dict)
    texts: dict[str, TextLengths] = Field(default_factory=dict)
    span: TimeSpan | None = None
    periods: PeriodCounts = PeriodCounts()
    machines: NameCounts = NameCounts()
    processes: NameCounts = NameCounts()
    oee: OeeComparison = OeeComparison()

    @property
    def records(self) -> int:
        """How many records they are of."""
        return self.accepted + self.refusals.rows

    def merged(self, other: Quality) -> Quality:
        """The statistics of the records of both."""
        numbers = {
            name: reduce(NumberStatistics.merged, _of(name, self.numbers, other.numbers))
            for name in sorted(self.numbers.keys() | other.numbers.keys())
        }
        texts = {
            name: reduce(TextLengths.merged, _of(name, self.texts, other.texts))
            for name in sorted(self.texts.keys() | other.texts.keys())
        }
        spans = [one.span for one in (self, other) if one.span]
        return Quality(
            accepted=self.accepted + other.accepted,
            sampled=self.sampled + other.sampled,
            warned=self.warned + other.warned,
            warnings=_sum(self.warnings, other.warnings),
            refusals=self.refusals.merged(other.refusals),
            present=_sum(self.present, other.present),
            numbers=numbers,
            texts=texts,
            span=reduce(TimeSpan.merged, spans) if spans else None,
            periods=self.periods.merged(other.periods),
            machines=self.machines.merged(other.machines),
            processes=self.processes.merged(other.processes),
            oee=self.oee.merged(other.oee),
        )


_Statistics = TypeVar("_Statistics")


def _of(name: str, *parts: Mapping[str, _Statistics]) -> list[_Statistics]:
    return [part[name] for part in parts if name in part]


def _sum(one: Mapping[str, int], two: Mapping[str, int]) -> dict[str, int]:
    """The counts of both, in the order of their names; a zero stays."""
    return {name: one.get(name, 0) + two.get(name, 0) for name in sorted(one.keys() | two.keys())}
