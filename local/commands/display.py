"""How commands speak: one console, plain when piped, and text from files made safe to show."""

from __future__ import annotations

import sys
from io import TextIOWrapper

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPED_WIDTH = 120
"""Columns of text where no terminal says how many it has."""

_VALUE_CHARACTERS = 36


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


def table(*columns: str, numbers: frozenset[str] = frozenset()) -> Table:
    """An empty table; the columns in `numbers` are set flush right, and only the last one may wrap."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(
            column,
            justify="right" if column in numbers else "left",
            no_wrap=column != columns[-1],
            overflow="fold" if column == columns[-1] else "ellipsis",
        )
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
    return f"{size / 1e6:,.1f} MB" if size >= 100_000 else f"{size / 1e3:,.1f} kB"
