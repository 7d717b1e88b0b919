"""How a column's dates and times are written: the order decided for the whole column, each cell read exactly.

What is read, after `str.strip` (digits are ASCII; no-break, thin and narrow spaces count as spaces):

```
timestamp = date | date gap time                     gap = "T" | space | spaces after an optional comma
          | YYYYMMDD ( "T"? HHMMSS offset? )?
date      = YYYY sep M sep D                                      always: year, month, day
          | D join month join YYYY | month " " D ( "," | " " ) YYYY     always, with the month's name
          | A sep B sep YYYY                                      where the order is DMY or MDY
sep       = "-" | "/" | "."    the same twice; D, M, A, B and H have one or two digits
month     = a name or its short form, English, German or Portuguese, in any case, with or without a point behind it
join      = " " | "-" | "/" | "." | ". " | " de "
time      = H ":" MM ( ":" SS ( ("." | ",") 1–9 digits )? )? ( space? half )? ( space? offset )?
half      = "AM" | "PM" | "A.M." | "P.M." in any case, with an hour of 1–12
offset    = "Z" | "UTC" | "GMT" | sign HH | sign HHMM | sign HH:MM
```

Fractions of a second are cut to microseconds, years lie in 1970–2199: earlier ones are what spreadsheets and
databases make of a time, a number or nothing (1900-01-01 01:49, 1905-07-12). A date alone is midnight where an order
was decided for the column (YMD is one too), and is refused where nothing was decided (order None). Without an offset
the time is local in the zone that is given for the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from unicodedata import normalize
from zoneinfo import ZoneInfo

from shared.domain.column_evidence import Ambiguity, Tally, is_slip
from shared.domain.problems import ROW_PROBLEMS, Problem, Severity, refuse
from shared.domain.upload import DateOrder

_FIRST_YEAR, _LAST_YEAR = 1970, 2199
_MICRO_DIGITS = 6
_ONE_SPACE = str.maketrans({"\u00a0": " ", "\u2009": " ", "\u202f": " "})
_OFFSET = r"(?P<offset>[Zz]|UTC|GMT|[+-]\d\d(?::?\d\d)?)"
_TIME = (
    r"(?P<hour>\d\d?):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?"
    rf"(?: ?(?P<half>[AaPp])\.?[Mm]\.?)?(?: ?{_OFFSET})?"
)
_THEN_TIME = rf"(?:(?:T|,? +){_TIME})?"
_YEAR = r"(?P<year>\d{4}|\d\d)"
_NAME = r"(?P<name>(?u:[^\W\d_]{3,9}))\.?"
_JOIN = r"(?: de |\. ?|[ /-])"
_COMPACT_TIME = rf"(?:T?(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d){_OFFSET}?)?"
_FORMS = tuple(
    re.compile(rf"{form}\Z", re.ASCII)
    for form in (
        rf"(?P<year>\d{{4}})(?P<sep>[-/.])(?P<month>\d\d?)(?P=sep)(?P<day>\d\d?){_THEN_TIME}",
        rf"(?P<first>\d\d?)(?P<sep>[-/.])(?P<other>\d\d?)(?P=sep){_YEAR}{_THEN_TIME}",
        rf"(?P<year>\d{{4}})(?P<month>\d\d)(?P<day>\d\d){_COMPACT_TIME}",
        rf"(?P<day>\d\d?){_JOIN}{_NAME}{_JOIN}{_YEAR}{_THEN_TIME}",
        rf"{_NAME} (?P<day>\d\d?)(?:, ?| ){_YEAR}{_THEN_TIME}",
    )
)

_MONTHS = {
    name: month
    for month, names in enumerate(
        (
            "jan january januar jänner janeiro",
            "feb february februar fev fevereiro",
            "mar march mär märz maerz mrz março marco",
            "apr april abr abril",
            "may mai maio",
            "jun june juni junho",
            "jul july juli julho",
            "aug august ago agosto",
            "sep sept september set setembro",
            "oct october okt oktober out outubro",
            "nov november novembro",
            "dec december dez dezember dezembro",
        ),
        start=1,
    )
    for name in names.split()
}


@dataclass(frozen=True, slots=True)
class _Written:
    """The parts of a timestamp as they are written."""

    year: str
    month: int
    day: int
    open_order: bool
    """`month` and `day` are in the order of the column: here as if the day came first."""
    dotted: bool
    clock: tuple[int, int, int] | None
    fraction: str
    half: str | None
    """`A` or `P` of a 12-hour clock."""
    offset: str | None


def _parse(text: str) -> _Written | None:
    """The parts of a text that has one of the forms."""
    text = normalize("NFC", text.strip().translate(_ONE_SPACE))
    match = next((match for form in _FORMS if (match := form.match(text))), None)
    if match is None:
        return None
    part = match.groupdict()
    open_order, name, hour = "first" in part, part.get("name"), part["hour"]
    month = _MONTHS.get(name.casefold()) if name else int(part["other" if open_order else "month"])
    if month is None:
        return None
    return _Written(
        year=part["year"],
        month=month,
        day=int(part["first" if open_order else "day"]),
        open_order=open_order,
        dotted=part.get("sep") == ".",
        clock=(int(hour), int(part["minute"]), int(part["second"] or 0)) if hour else None,
        fraction=part.get("fraction") or "",
        half=(part.get("half") or "").upper() or None,
        offset=part["offset"],
    )


def read_timestamp(text: str, zone: ZoneInfo | None, order: DateOrder | None = None) -> tuple[datetime, list[Problem]]:
    """The moment that a text names, in UTC, and warnings where it is not all that the text says, or a choice.

    A local time in a daylight-saving gap is read with the offset from before the change, one in a fold as the first
    of the two (PEP 495, fold=0). Of a fraction of a second that is finer than microseconds, as .NET and SQL Server
    write it, the rest is cut off. Raises PydanticCustomError for a text that is not in the grammar above, does not
    fit the order, names no moment, or has no offset where `zone` is None.
    """
    written = _parse(text)
    if written is None:
        raise refuse("timestamp_unreadable")
    local = datetime.combine(_date(written, order), datetime.min.time()) + _since_midnight(written, order)
    warnings = []
    if written.fraction[_MICRO_DIGITS:].strip("0"):
        warnings.append(_warning("timestamp_cut", text, local))
    if written.offset:
        return local.replace(tzinfo=UTC) - _offset(written.offset), warnings
    if zone is None:
        raise refuse("timestamp_without_zone")
    moment = local.replace(tzinfo=zone).astimezone(UTC)
    if code := _change_at(local, zone):
        warnings.append(_warning(code, text, moment.astimezone(zone)))
    return moment, warnings


def _date(written: _Written, order: DateOrder | None) -> date:
    if len(written.year) == 2:  # noqa: PLR2004 (digits)
        raise refuse("timestamp_two_digit_year")
    year, month, day = int(written.year), written.month, written.day
    if written.open_order and order not in _ORDERS:
        raise refuse("timestamp_unreadable")
    if written.open_order and order == "MDY":
        month, day = day, month
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        raise refuse("timestamp_out_of_range", first=_FIRST_YEAR, last=_LAST_YEAR)
    found = _day(year, month, day)
    if found is None and written.open_order and order and _day(year, day, month):
        raise refuse("timestamp_not_in_order", order=_ORDERS[order])
    if found is None:
        raise refuse("timestamp_impossible")
    return found


_ORDERS: dict[DateOrder, str] = {"DMY": "with the day first", "MDY": "with the month first"}


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _since_midnight(written: _Written, order: DateOrder | None) -> timedelta:
    """The time of day; midnight for a date alone, where that was decided."""
    if written.clock is None and order is None:
        raise refuse("timestamp_unreadable")
    hour, minute, second = written.clock or (0, 0, 0)
    if written.half:
        if not 1 <= hour <= 12:  # noqa: PLR2004 (the 12-hour clock)
            raise refuse("timestamp_impossible")
        hour = hour % 12 + (12 if written.half == "P" else 0)
    if hour > 23 or minute > 59 or second > 59:  # noqa: PLR2004 (the clock)
        raise refuse("timestamp_impossible")
    microseconds = int(written.fraction[:_MICRO_DIGITS].ljust(_MICRO_DIGITS, "0"))
    return timedelta(hours=hour, minutes=minute, seconds=second, microseconds=microseconds)


def _offset(text: str) -> timedelta:
    if text[0] not in "+-":
        return timedelta(0)
    digits = text[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 18 or minutes > 59:  # noqa: PLR2004 (as Postgres and Java have it)
        raise refuse("timestamp_impossible")
    offset = timedelta(hours=hours, minutes=minutes)
    return -offset if text[0] == "-" else offset


def _change_at(local: datetime, zone: ZoneInfo) -> str | None:
    """The code of the warning where the clocks were changed over a local time; None elsewhere."""
    first, second = local.replace(tzinfo=zone), local.replace(tzinfo=zone, fold=1)
    if first.utcoffset() == second.utcoffset():
        return None
    there = first.astimezone(UTC).astimezone(zone).replace(tzinfo=None)
    return "timestamp_in_fold" if there == local else "timestamp_in_gap"


def _warning(code: str, text: str, choice: datetime) -> Problem:
    sentence = ROW_PROBLEMS[code].format(choice=choice.isoformat())
    return Problem("timestamp", text.strip(), code, sentence, Severity.WARNING)


@dataclass(frozen=True, slots=True)
class TimestampDecision:
    """How a column's dates are read, and the evidence in a sentence.

    `dates_alone` is how many of the cells seen have no time, so are read as midnight.
    """

    order: DateOrder
    evidence: str
    dates_alone: int

    @property
    def choice(self) -> str:
        """The order in words."""
        return {"YMD": "year, month, day", "DMY": "day, month, year", "MDY": "month, day, year"}[self.order]


class _Kind(StrEnum):
    """What a cell says about the order of the column's dates, in the words of the evidence."""

    YEAR_FIRST = "year first or month by name"
    DAY_FIRST = "day first"
    MONTH_FIRST = "month first"
    SAME = "the same both ways"
    OPEN_WITH_POINTS = "with points, readable both ways"
    OPEN = "readable both ways"
    TWO_DIGIT_YEAR = "with a year of two digits, refused"
    ALONE = "without a time, read as midnight"


@dataclass(slots=True)
class TimestampEvidence:
    """What a column of timestamps holds, seen cell by cell, to decide the order of its dates for the whole column.

    A first part above 12 proves that the day comes first, a second part above 12 that the month does. Dates with
    points that may be read both ways count as day first, which is how they are written wherever points are used.
    Cells that are no date in any order are left to the row's own check.
    """

    _cells: dict[_Kind, Tally] = field(default_factory=lambda: {kind: Tally() for kind in _Kind})
    _open_date: date | None = None
    """The first that is readable both ways, with the day first."""
    _month_first_with_points: bool = False

    def see(self, text: str, count: int = 1) -> None:
        """Take a cell into account, or a cell that the column has `count` times."""
        written = _parse(text)
        kind = self._kind(written) if written else None
        if written is None or kind is None:
            return
        self._cells[kind].add(text.strip(), count)
        if written.clock is None and kind is not _Kind.TWO_DIGIT_YEAR:
            self._cells[_Kind.ALONE].add(text.strip(), count)

    def _kind(self, written: _Written) -> _Kind | None:
        """What a cell says, None for a day that there is not."""
        if len(written.year) == 2:  # noqa: PLR2004 (digits)
            return _Kind.TWO_DIGIT_YEAR
        year = int(written.year)
        if not _FIRST_YEAR <= year <= _LAST_YEAR:
            return None
        day_first = _day(year, written.month, written.day)
        if not written.open_order:
            return _Kind.YEAR_FIRST if day_first else None
        month_first = _day(year, written.day, written.month)
        if day_first and month_first:
            return self._undecided(written, day_first)
        if month_first:
            self._month_first_with_points |= written.dotted
        return _Kind.DAY_FIRST if day_first else _Kind.MONTH_FIRST if month_first else None

    def _undecided(self, written: _Written, day_first: date) -> _Kind:
        if written.day == written.month:
            return _Kind.SAME
        if written.dotted:
            return _Kind.OPEN_WITH_POINTS
        self._open_date = self._open_date or day_first
        return _Kind.OPEN

    @property
    def settled(self) -> bool:
        """Whether nothing but dates with the year first (or month names) was seen, each with its time.

        As long as it is, cells of the form `YYYY-MM-DD`, `T` or a space, `HH:MM` and anything more need not be shown;
        all others do.
        """
        others = set(_Kind) - {_Kind.YEAR_FIRST, _Kind.TWO_DIGIT_YEAR}
        return self._cells[_Kind.YEAR_FIRST].count > 0 and not any(self._cells[kind].count for kind in others)

    @property
    def order(self) -> DateOrder | None:
        """The order that the cells prove by themselves; None where they prove none, or both."""
        days, months = self._cells[_Kind.DAY_FIRST].count, self._cells[_Kind.MONTH_FIRST].count
        if days or months:
            return None if days and months else "DMY" if days else "MDY"
        return "YMD" if self._cells[_Kind.YEAR_FIRST].count and not self._has_open_cells else None

    @property
    def _has_open_cells(self) -> bool:
        return any(self._cells[kind].count for kind in (_Kind.OPEN, _Kind.OPEN_WITH_POINTS, _Kind.SAME))

    def decide(self, given: DateOrder | None, usual: DateOrder | None = None) -> TimestampDecision | Ambiguity:
        """The column's order: the given one, else the one that its cells prove; YMD where no cell needs another.

        With both orders proven the more frequent one holds and the other cells are refused row by row, unless cells
        that may be read both ways could come from either: then, and where nothing is proven, it is an Ambiguity, or
        what a profile says is `usual`.
        """
        decision = self._decide(given)
        if given or usual is None:
            return decision
        is_open = isinstance(decision, Ambiguity) or (self._has_open_cells and not self._has_proof)
        if is_open and usual in _ORDERS:
            return self._decision(usual, "as the profile has it")
        if isinstance(decision, Ambiguity) or decision.order == usual or not (self._has_proof or self.order):
            return decision
        return self._decision(decision.order, f"so not {usual}, which the profile has")

    @property
    def _has_proof(self) -> bool:
        return any(self._cells[kind].count for kind in (_Kind.DAY_FIRST, _Kind.MONTH_FIRST))

    def _decide(self, given: DateOrder | None) -> TimestampDecision | Ambiguity:
        count = {kind: tally.count for kind, tally in self._cells.items()}
        if given:
            return self._decision(given, "given by the caller")
        if count[_Kind.DAY_FIRST] or count[_Kind.MONTH_FIRST]:
            return self._majority(count)
        if self._open_date:
            return self._ambiguity(self._open_date)
        if count[_Kind.OPEN_WITH_POINTS]:
            return self._decision("DMY", "dates with points are written with the day first")
        return self._decision("DMY" if count[_Kind.SAME] else "YMD")

    def _majority(self, count: Mapping[_Kind, int]) -> TimestampDecision | Ambiguity:
        """The more frequent of the proven orders, where it is clear how the cells without proof are meant."""
        days, months, points = (count[k] for k in (_Kind.DAY_FIRST, _Kind.MONTH_FIRST, _Kind.OPEN_WITH_POINTS))
        undecided = count[_Kind.OPEN] + points > 0
        lone_proof = not self._month_first_with_points or is_slip(months, points)
        against_points = months > days and points > 0 and lone_proof
        either = undecided and not is_slip(min(days, months), max(days, months))
        if days == months or against_points or either:
            day_first = self._cells[_Kind.DAY_FIRST if days else _Kind.OPEN_WITH_POINTS]
            values = {"day_first": str(day_first), "month_first": str(self._cells[_Kind.MONTH_FIRST])}
            return Ambiguity("column_date_mixed", values)
        return self._decision("DMY" if days > months else "MDY")

    def _ambiguity(self, day_first: date) -> Ambiguity:
        month_first = day_first.replace(month=day_first.day, day=day_first.month)
        example = self._cells[_Kind.OPEN].example
        return Ambiguity(
            "column_date_ambiguous",
            {"example": example, "day_first": str(day_first), "month_first": str(month_first)},
        )

    def _decision(self, order: DateOrder, *reasons: str) -> TimestampDecision:
        parts = [f"{kind}: {tally}" for kind, tally in self._cells.items() if tally.count] or ["no dates"]
        return TimestampDecision(order, "; ".join([*parts, *reasons]), self._cells[_Kind.ALONE].count)
