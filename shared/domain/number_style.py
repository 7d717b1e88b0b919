"""How a column's numbers are written: decided for the whole column from its cells, and then read exactly.

What is read, in a column whose style has the decimal mark D and the thousands separator T, after `str.strip`
(digits are ASCII, `[0-9]`):

```
number   = sign? ( digits | grouped ) ( D digits? )?  |  sign? D digits        sign = "+" | "-"
exponent = number without T, then ( "e" | "E" ) sign? 1–3 digits
grouped  = 1–3 digits, though not a lone 0, then one or more of: T and exactly three digits;   only where T is not ""
T = " "    stands for the space, the no-break space U+00A0, the thin space U+2009 and the narrow one U+202F
T = "'"    stands for the apostrophe and for ’ (U+2019)
```

So in a column with the style `,` and `.` both `1.234,5` and `1234,5` are read, and `12.34` is refused. A percent sign
is no part of a number; ratios take it off before.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Literal, Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from shared.domain.column_evidence import Ambiguity, Tally, is_slip
from shared.domain.problems import refuse
from shared.domain.upload import DecimalMark, Value

PLACES = 6
DIGITS = 12
_MICRO = Decimal(1).scaleb(-PLACES)
_LIMIT = Decimal(10) ** DIGITS
_BINARY_TAIL = 15
_BINARY_DIGITS = 16
"""Decimal places, or digits, from which on a number is a printed binary fraction, not what somebody measured."""

Thousands = Literal["", ",", ".", " ", "'"]

_MARKS: tuple[DecimalMark, DecimalMark] = (".", ",")
_ONE_SPELLING = str.maketrans({"\u00a0": " ", "\u2009": " ", "\u202f": " ", "\u2019": "'"})


class NumberStyle(Value):
    """How numbers are written; `thousands` is "" where no separator was proven, and none is read then."""

    decimal: DecimalMark = "."
    thousands: Thousands = ""

    @model_validator(mode="after")
    def _marks_differ(self) -> Self:
        if self.decimal == self.thousands:
            raise ValueError("the decimal mark and the thousands separator must differ")
        return self

    @property
    def in_words(self) -> str:
        """For people."""
        thousands = f", thousands divided by {_NAMES[self.thousands]}" if self.thousands else ""
        return f"decimal {_NAMES[self.decimal]}{thousands}"


POINT = NumberStyle()


def read_number(text: str, style: NumberStyle = POINT) -> Decimal:
    """The number that a text writes in the column's style; raises PydanticCustomError for any other.

    Up to six decimal places are kept exactly. More of them are refused, except zeros and what a program prints of a
    binary fraction (fifteen places or sixteen digits and more, as in 80.30000000000001): that is rounded half-even to
    six.
    """
    plain = plain_form(text, style)
    if plain is None:
        raise _refusal(text.strip(), style)
    number = Decimal(plain)
    if number.copy_abs() >= _LIMIT:
        raise refuse("number_too_large", digits=DIGITS)
    rounded = number.quantize(_MICRO)
    if rounded != number and not _is_printed_binary(number):
        raise refuse("number_too_precise", places=PLACES)
    return rounded


def _is_printed_binary(number: Decimal) -> bool:
    _, digits, exponent = number.as_tuple()
    return len(digits) >= _BINARY_DIGITS or -int(exponent) >= _BINARY_TAIL


def plain_form(text: str, style: NumberStyle) -> str | None:
    """The number with a decimal point and without thousands separators, or None for what is not in the style."""
    return _plain(text.strip().translate(_ONE_SPELLING), style.decimal, style.thousands)


def written(number: Decimal, style: NumberStyle = POINT) -> str:
    """A number as a person would write it in the column."""
    return f"{number.normalize():f}".replace(".", style.decimal)


def _plain(text: str, decimal: DecimalMark, thousands: Thousands) -> str | None:
    if not _pattern(decimal, thousands).match(text):
        return None
    return (text.replace(thousands, "") if thousands else text).replace(decimal, ".")


@cache
def _pattern(decimal: DecimalMark, thousands: Thousands) -> re.Pattern[str]:
    mark = re.escape(decimal)
    single = rf"(?:\d+(?:{mark}\d*)?|{mark}\d+)(?:[eE][+-]?\d{{1,3}})?"
    grouped = rf"|(?:[1-9]\d{{0,2}}|0\d{{1,2}})(?:{re.escape(thousands)}\d{{3}})+(?:{mark}\d*)?" if thousands else ""
    return re.compile(rf"[+-]?(?:{single}{grouped})\Z", re.ASCII)


def _refusal(text: str, style: NumberStyle) -> PydanticCustomError:
    """Why a text is no number of its column, with what may have been meant, written as the column is."""
    other = _other(style.decimal)
    readings = [_plain(text, other, style.decimal), _plain(text, style.decimal, other)]
    choices = [reading.replace(".", style.decimal) for reading in dict.fromkeys(readings) if reading]
    if other not in text or not choices or len(text) > _READABLE:
        return refuse("number_unreadable", example=f"1234{style.decimal}5")
    return refuse("number_has_comma" if other == "," else "number_has_point", choices=" or ".join(choices))


_READABLE = 60
"""Characters up to which a number is repeated in a sentence."""


def _other(mark: DecimalMark) -> DecimalMark:
    return "," if mark == "." else "."


@dataclass(frozen=True, slots=True)
class NumberDecision:
    """How a column's numbers are read, and the evidence in a sentence."""

    style: NumberStyle
    evidence: str

    @property
    def choice(self) -> str:
        """The style in words."""
        return self.style.in_words


@dataclass(slots=True)
class NumberEvidence:
    """What a column of numbers holds, seen cell by cell, to decide its style for the whole column.

    A cell either proves its decimal mark (`12.5`, `0.123`, `1234.567`, `1,234.5`, `1,234,567`, `1.5e3` a point;
    `55,2`, `1.234,5`, `1.234.567` a comma), or may be read both ways (`1.234`, `12,345`), or says nothing of it
    (whole numbers, also `1 234` and `1'234`). What is no number in any style is left to the row's own check.
    """

    _proven: dict[DecimalMark, Tally] = field(default_factory=lambda: {mark: Tally() for mark in _MARKS})
    _open: dict[DecimalMark, Tally] = field(default_factory=lambda: {mark: Tally() for mark in _MARKS})
    """Cells that may be read both ways, by the one mark that is in them."""
    _grouping: dict[DecimalMark | None, Counter[Thousands]] = field(
        default_factory=lambda: {mark: Counter() for mark in (None, *_MARKS)}
    )
    """Thousands separators by the decimal mark that their cells prove."""

    def see(self, text: str, count: int = 1) -> None:
        """Take a cell into account, or a cell that the column has `count` times; a `%` behind it is no part of it."""
        body = text.strip().removesuffix("%").strip().translate(_ONE_SPELLING)
        readings = {mark: _plain(body, mark, _separator(body, mark)) for mark in _MARKS}
        proven = [mark for mark in _MARKS if readings[mark] is not None]
        if len(proven) == 1:
            self._proven[proven[0]].add(text.strip(), count)
            self._note_grouping(body, proven[0], proven[0], count)
        elif proven and readings["."] != readings[","]:
            self._open["," if "," in body else "."].add(text.strip(), count)
        elif proven:
            self._note_grouping(body, None, ".", count)

    def _note_grouping(self, body: str, proven: DecimalMark | None, mark: DecimalMark, count: int) -> None:
        separator = _separator(body, mark)
        if separator in body:
            self._grouping[proven][separator] += count

    def add(self, *, points: int) -> None:
        """Count cells of digits with one point that were not shown to `see`, because the column was `settled`."""
        self._proven["."].add("", points)

    @property
    def settled(self) -> bool:
        """Whether a decimal point is proven and nothing contradicts it.

        As long as it is, cells of the form `[+-]?[0-9]*[.]?[0-9]*` need not be shown (see `add`); all others do.
        """
        return self.mark == "."

    @property
    def mark(self) -> DecimalMark | None:
        """The decimal mark that the column proves by itself, None where it proves none or both."""
        proven = [mark for mark in _MARKS if self._proven[mark].count]
        return proven[0] if len(proven) == 1 else None

    @property
    def has_marks(self) -> bool:
        """Whether a cell has a decimal mark, or may have one."""
        return any(tally.count for tally in (*self._proven.values(), *self._open.values()))

    def decide(
        self, given: DecimalMark | None, file_mark: DecimalMark | None, usual: DecimalMark | None = None
    ) -> NumberDecision | Ambiguity:
        """The column's style: the given mark, else the one that its cells prove, else the file's.

        A thousands separator is read where nothing contradicts the mark, so that it can mean nothing else. With both
        marks proven the more frequent one holds, no thousands separator is read, and the other cells are refused
        row by row; where neither is more frequent, or cells may come from either way of writing, it is an Ambiguity.
        `file_mark` is what other columns of the file prove (see `common_mark`); `usual` the mark that a profile has for
        what stays open then.
        """
        decision = self._decide(given, file_mark)
        if usual is None or given:
            return decision
        if isinstance(decision, Ambiguity):
            return self._decision(usual, "as the profile has it", grouped=self._one_way(usual, usual))
        if usual != decision.style.decimal and self.has_marks:
            evidence = f"{decision.evidence}; so not a decimal {_NAMES[usual]}, which the profile has"
            return NumberDecision(decision.style, evidence)
        return decision

    def _decide(self, given: DecimalMark | None, file_mark: DecimalMark | None) -> NumberDecision | Ambiguity:
        mark = given or self._majority()
        if isinstance(mark, Ambiguity):
            return mark
        if mark is not None:
            return self._decision(mark, *(["given by the caller"] if given else []), grouped=self._one_way(mark, given))
        if not any(tally.count for tally in self._open.values()):
            return self._decision(".")
        if file_mark is None:
            return self._ambiguity()
        return self._decision(file_mark, f"the file's other columns have a decimal {_NAMES[file_mark]}")

    def _one_way(self, mark: DecimalMark, given: DecimalMark | None) -> bool:
        """Whether nothing contradicts the mark, but for slips where the caller gave it."""
        contradicting, fitting = self._proven[_other(mark)].count, self._proven[mark].count
        fitting += self._open[_other(mark)].count
        return contradicting == 0 or (given is not None and is_slip(contradicting, fitting))

    def _majority(self) -> DecimalMark | Ambiguity | None:
        """The more frequent of the proven marks, None where none is."""
        points, commas = (self._proven[mark].count for mark in _MARKS)
        if not points and not commas:
            return None
        mark: DecimalMark = "." if points > commas else ","
        more, fewer = max(points, commas), min(points, commas)
        also_groups = self._grouping[_other(mark)][mark] and self._open[mark].count and not is_slip(fewer, more)
        if more == fewer or also_groups:
            return Ambiguity(
                "column_number_mixed", {"points": str(self._proven["."]), "commas": str(self._proven[","])}
            )
        return mark

    def _decision(self, mark: DecimalMark, *reasons: str, grouped: bool = True) -> NumberDecision:
        other = _other(mark)
        separators = self._grouping[mark] + self._grouping[None]
        if self._open[other].count:
            separators[other] += self._open[other].count
        thousands = separators.most_common(1)[0][0] if separators and grouped else ""
        kinds = [(f"with a decimal {_NAMES[mark]}", self._proven[mark]) for mark in _MARKS]
        kinds += [("readable both ways", self._open[mark]) for mark in _MARKS]
        parts = [f"{name}: {tally}" for name, tally in kinds if tally.count] or ["whole numbers only"]
        return NumberDecision(NumberStyle(decimal=mark, thousands=thousands), "; ".join([*parts, *reasons]))

    def _ambiguity(self) -> Ambiguity:
        examples = [self._open[mark].example for mark in _MARKS if self._open[mark].count]
        body = examples[0].removesuffix("%").strip()
        point, comma = (_plain(body, mark, _other(mark)) for mark in _MARKS)
        return Ambiguity(
            "column_number_ambiguous",
            {
                "examples": " and ".join(f"“{example}”" for example in examples),
                "example": body,
                "point": str(point),
                "comma": str(comma),
            },
        )


_NAMES = {".": "point", ",": "comma", " ": "space", "'": "apostrophe"}


def _separator(body: str, mark: DecimalMark) -> Thousands:
    """The thousands separator that a cell may have beside a decimal mark."""
    return " " if " " in body else "'" if "'" in body else _other(mark)


def common_mark(columns: Iterable[NumberEvidence]) -> DecimalMark | None:
    """The decimal mark that columns of one file prove, None where none does or they differ."""
    marks = {column.mark for column in columns} - {None}
    return marks.pop() if len(marks) == 1 else None
