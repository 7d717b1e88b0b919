"""How commands speak: one console, plain when piped, and text from files made safe to show."""

from __future__ import annotations

import sys
from io import TextIOWrapper
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPED_WIDTH = 120
"""Columns of text where no terminal says how many it has."""

_VALUE_CHARACTERS = 28
_KILOBYTES_BELOW = 100_000
_BYTES_BELOW = 1000


def make_console() -> Console:
    """A console on standard output that colours and redraws on a terminal only.

    Markup is off: cells of people's files go through it.
    """
    terminal = sys.stdout.isatty()
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    return Console(
        file=sys.stdout,
        force_terminal=terminal,
        width=None if terminal else PIPED_WIDTH,
        markup=False,
        emoji=False,
        highlight=False,
        soft_wrap=False,
    )


def heading(console: Console, text: str) -> None:
    """A line that begins a part of the output."""
    console.print()
    console.print(Text(text, style="bold"))


def table(*columns: str, numbers: frozenset[str] = frozenset(), **options: Any) -> Table:
    """An empty table with a column for each name; `options` are rich's.

    Numbers stand flush right and are never cut; of the others only the last may wrap, the rest are shortened.
    """
    made = Table(box=box.SIMPLE, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold", **options)
    for column in columns:
        if column in numbers:
            made.add_column(column, justify="right", overflow="fold")
        else:
            last = column == columns[-1]
            made.add_column(column, no_wrap=not last, overflow="fold" if last else "ellipsis")
    return made


def shown(value: object, limit: int = _VALUE_CHARACTERS) -> str:
    """A value as one short printable piece of text: no control character reaches the terminal."""
    if value is None:
        return "–"
    text = str(value)
    if not text:
        return "(empty)"
    text = "".join(mark if mark.isprintable() else ascii(mark)[1:-1] for mark in text)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def counted(number: int, what: str) -> str:
    """A number of things, in words: `1 row`, `2,000 rows`."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def file_size(size: int) -> str:
    """A size in bytes in the unit that people read it in."""
    if size < _BYTES_BELOW:
        return counted(size, "byte")
    return f"{size / 1e6:,.1f} MB" if size >= _KILOBYTES_BELOW else f"{size / 1e3:,.1f} kB"
