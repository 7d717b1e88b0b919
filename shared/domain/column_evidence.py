"""What a column's cells say about how they are written, counted, and what they leave open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.domain.problems import file_problem

_SLIP = 100
_EXAMPLE_CHARACTERS = 40


@dataclass(frozen=True, slots=True)
class Ambiguity:
    """What a column's cells leave open, so that the caller must choose.

    `code` is one of FILE_PROBLEMS; `values` fill its sentence, all but the column's name.
    """

    code: str
    values: Mapping[str, str]

    def message(self, column: str) -> str:
        """The sentence for people; `column` is the header as it stands in the file."""
        return file_problem(self.code, column=column, **self.values)


@dataclass(slots=True)
class Tally:
    """How many cells there are of a kind, and the first of them."""

    count: int = 0
    example: str = ""

    def add(self, text: str, count: int) -> None:
        """Count a cell; an empty `text` is one that was not looked at."""
        self.count += count
        self.example = self.example or text[:_EXAMPLE_CHARACTERS]

    def __str__(self) -> str:
        return f"{self.count} (such as “{self.example}”)" if self.example else str(self.count)


def is_slip(fewer: int, more: int) -> bool:
    """Whether so few cells against so many are slips of the pen, and not a second way of writing."""
    return fewer * _SLIP <= more
