"""What the cells of a whole file say of how they are written, gathered table by table, to decide it by column."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple, TypeVar

import polars as pl

from shared.columnar.record_fields import RECORD_FIELDS, Kind
from shared.domain.column_evidence import Ambiguity
from shared.domain.field_types import RatioEvidence
from shared.domain.number_style import POINT, NumberEvidence, NumberStyle, common_mark
from shared.domain.profile import Profile
from shared.domain.record import api_name
from shared.domain.timestamp_style import TimestampEvidence
from shared.domain.upload import DateOrder, DecimalMark, Decision, FileChoices, RatioScale, UploadOptions
from shared.formats.tables import TextTable
from shared.formats.typed_rows import TypedColumn

_T = TypeVar("_T")

_ISO_WITH_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}"
_TIME = r"^(\S+)[T ]\s*[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?$"

_LOOKED_AT = 1000
"""So many cells with a point are looked at in one go: mostly the first of them prove it."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the cells show by themselves, in every column that shows it; None where none does or they differ."""

    decimal_mark: DecimalMark | None
    date_order: DateOrder | None
    ratio_scale: RatioScale | None


@dataclass(frozen=True, slots=True)
class CellStyles:
    """How a file's cells are read, and what people are told of it."""

    number_style: dict[str, NumberStyle]
    date_order: DateOrder | None
    ratio_scale: dict[str, RatioScale]
    decisions: list[Decision]
    comma_columns: list[int]
    """The positions of the columns whose numbers have a decimal comma."""
    shown: Shown


NO_STYLES = CellStyles({}, None, {}, [], [], Shown(None, None, None))
"""For a file that is only to be shown: nothing is decided of its cells."""


class Undecided(NamedTuple):
    """A column that can be read in two ways; `position` is its place in the file."""

    position: int
    ambiguity: Ambiguity


class FileEvidence:
    """The evidence of a file whose `columns` are record fields (snake_case) or None, by position.

    In a file of a format that knows numbers from texts, numbers are written with a decimal point whatever people
    write: they say nothing of how the texts beside them are to be read. Such a file brings along what its `texts`
    say, by position; see `TextNumbers`.
    """

    def __init__(self, columns: Sequence[str | None], texts: Mapping[int, NumberEvidence] | None = None) -> None:
        self._typed = texts is not None
        self._numbers: dict[int, NumberEvidence] = {}
        self._ratios: dict[int, RatioEvidence] = {}
        self._timestamps: dict[int, TimestampEvidence] = {}
        self._names = dict(enumerate(columns))
        for position, name in enumerate(columns):
            kind = RECORD_FIELDS[name].kind if name else None
            if kind in (Kind.NUMBER, Kind.RATIO):
                self._numbers[position] = (texts or {}).get(position) or NumberEvidence()
            if kind is Kind.RATIO:
                self._ratios[position] = RatioEvidence()
            if kind is Kind.TIMESTAMP:
                self._timestamps[position] = TimestampEvidence()

    def see(self, table: TextTable) -> None:
        """Take a table's cells into account."""
        for position, numbers in self._numbers.items():
            cells = table.frame.get_column(str(position)).drop_nulls()
            values = cells.cast(pl.Float64, strict=False)
            if not self._typed:
                _see_numbers(numbers, cells, values)
            if position in self._ratios:
                _see_ratios(self._ratios[position], cells, values)
        for position, timestamps in self._timestamps.items():
            _see_timestamps(timestamps, table.frame.get_column(str(position)).drop_nulls())

    def decide(self, options: UploadOptions, profile: Profile | None = None) -> CellStyles | Undecided:
        """How all cells are read: by the caller's choices, else by the evidence, else as the profile has it."""
        usual = profile or FileChoices()
        styles: dict[int, NumberStyle] = {}
        decisions: list[Decision] = []
        mark = common_mark(self._numbers.values())
        for position, numbers in self._numbers.items():
            number = numbers.decide(options.decimal_mark, mark, usual.decimal_mark)
            if isinstance(number, Ambiguity):
                return Undecided(position, number)
            styles[position] = number.style
            if number.style != POINT or (usual.decimal_mark == "," and numbers.has_marks):
                decisions.append(self._decision("numbers in", position, _written(number.style), number.evidence))
        scales: dict[int, RatioScale] = {}
        for position, ratios in self._ratios.items():
            scale = ratios.decide(styles[position], options.ratio_scale, usual.ratio_scale)
            if isinstance(scale, Ambiguity):
                return Undecided(position, scale)
            scales[position], evidence = scale
            decisions.append(self._decision("scale of", position, scales[position], evidence))
        order: DateOrder | None = None
        for position, timestamps in self._timestamps.items():
            date = timestamps.decide(options.date_order, usual.date_order)
            if isinstance(date, Ambiguity):
                return Undecided(position, date)
            order = date.order
            decisions.append(self._decision("dates in", position, date.order, date.evidence))
        return CellStyles(
            number_style=dict(self._by_name(styles)),
            date_order=order,
            ratio_scale=dict(self._by_name(scales)),
            decisions=decisions,
            comma_columns=[position for position, style in styles.items() if style.decimal == ","],
            shown=Shown(
                decimal_mark=mark,
                date_order=_only([timestamps.order for timestamps in self._timestamps.values()]),
                ratio_scale=_only([ratios.scale(styles[position]) for position, ratios in self._ratios.items()]),
            ),
        )

    def _by_name(self, values: dict[int, _T]) -> Iterator[tuple[str, _T]]:
        return ((name, value) for position, value in values.items() if (name := self._names[position]))

    def _decision(self, subject: str, position: int, choice: str, evidence: str) -> Decision:
        return Decision(subject=f"{subject} {api_name(self._names[position] or '')}", choice=choice, evidence=evidence)


class TextNumbers:
    """What texts say of how numbers are written, in a file of a format that knows numbers from texts.

    `fields_of` names the record fields (snake_case) that a column's name may stand for.
    """

    def __init__(self, fields_of: Callable[[str], Collection[str]]) -> None:
        self._fields_of = fields_of
        self.by_position: dict[int, NumberEvidence] = {}
        self._columns = 0

    def watch(self, columns: Sequence[str]) -> None:
        """Take new columns into account; they are added at the end."""
        for position in range(self._columns, len(columns)):
            kinds = {RECORD_FIELDS[name].kind for name in self._fields_of(columns[position])}
            if kinds & {Kind.NUMBER, Kind.RATIO}:
                self.by_position[position] = NumberEvidence()
        self._columns = len(columns)

    def see(self, position: int, cells: TypedColumn) -> None:
        """Take cells of a column into account."""
        evidence = self.by_position.get(position)
        if evidence and not cells.numbers.all():
            _see_each(evidence, cells.texts.filter(~cells.numbers).drop_nulls())


def _only(values: Collection[_T | None]) -> _T | None:
    """The value that all are that are one; None where there is none, or they differ."""
    found = set(values) - {None}
    return found.pop() if len(found) == 1 else None


def _written(style: NumberStyle) -> str:
    """An example of the style."""
    return f"1{style.thousands}234{style.decimal}5"


def _see_numbers(evidence: NumberEvidence, cells: pl.Series, values: pl.Series) -> None:
    """Plain cells with a point need a look only until the point is proven; all others are looked at."""
    plain = values.is_not_null()
    dotted = cells.filter(plain & cells.str.contains(".", literal=True))
    while len(dotted) and not evidence.settled:
        _see_each(evidence, dotted.head(_LOOKED_AT))
        dotted = dotted.slice(_LOOKED_AT)
    if len(dotted):
        evidence.add(points=len(dotted))
    if not plain.all():
        _see_each(evidence, cells.filter(~plain))


def _see_ratios(evidence: RatioEvidence, cells: pl.Series, values: pl.Series) -> None:
    finite = values.filter(values.is_finite())
    if len(finite):
        evidence.add(
            small=int(finite.is_between(0, 2, closed="right").sum()),
            between=int(finite.is_between(1, 2, closed="right").sum()),
            large=int((finite > 2).sum()),  # noqa: PLR2004 (as RatioEvidence has it)
            largest=Decimal(str(finite.max())),
        )
    if len(finite) != len(cells):
        _see_each(evidence, cells.filter(values.is_null()))


def _see_timestamps(evidence: TimestampEvidence, cells: pl.Series) -> None:
    """Of texts with a time only the date tells of the order, and a year has few dates: one cell of each is seen."""
    iso = cells.str.contains(_ISO_WITH_TIME)
    plain = cells.filter(iso)
    if len(plain):
        evidence.see(plain[0], len(plain))
    others = cells.filter(~iso)
    if len(others):
        days = pl.DataFrame({"cell": others, "date": others.str.replace(_TIME, "${1} 00:00")})
        first = days.group_by("date", maintain_order=True).agg(pl.col("cell").first(), pl.len())
        for cell, count in first.select("cell", "len").iter_rows():
            evidence.see(cell, count)


def _see_each(evidence: NumberEvidence | RatioEvidence, cells: pl.Series) -> None:
    for text, count in cells.value_counts().iter_rows():
        evidence.see(text, count)
