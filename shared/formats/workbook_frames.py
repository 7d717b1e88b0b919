"""How rows travel from the process that parses a workbook to the one that asked for them.

A frame is a byte for its kind, four for the length of what follows. A message is JSON. Rows are, column by column
because a column mostly holds one type and can then be written without a look at each cell:

```
rows   = four bytes for the length of the JSON, JSON, doubles
JSON   = [number of rows, kinds, column, …]      kinds has a letter for each column
column = 0                                       "-": every cell is blank
       | 0                                       "n": numbers, a double (NaN where blank) for each row behind the JSON
       | [text, …]                               "s": texts, "" where blank
       | [[text, …], [true where a number, …]]   "m": numbers among texts
```

That is never a format that could run code in the reader, for the parser may have fallen to the file that it read.
`workbook_columns` reads the rows.
"""

from __future__ import annotations

import json
import struct
from array import array
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import isfinite, nan
from typing import Any, NamedTuple

HEADER = struct.Struct(">cI")
SIZE = struct.Struct(">I")
MESSAGE = b"m"
ROWS = b"r"
MAX_FRAME_BYTES = 16 << 20
"""No honest row is as long; a longer frame is refused on both sides, so that neither side needs the memory."""

MAX_BATCH_ROWS = 4000
_BATCH_CELLS = 80_000

BLANK, NUMBERS, TEXT, MIXED = "-nsm"
"""The kinds of columns."""

_NUMBER_TYPES = frozenset({int, float})
_FLOATS_AND_TEXTS = frozenset({float, str})
_DATES = frozenset({date, datetime})
_HUGE = 1e21
_EXACT = 2.0**53

_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class BadFrame(ValueError):
    """What came is no frame that the other side writes."""


class RowTooLong(ValueError):
    """A single row does not fit into a frame."""


def message_frame(message: dict[str, Any]) -> bytes:
    """Write a message: anything but rows."""
    return _frame(MESSAGE, _to_json(message).encode())


def read_message(payload: bytes) -> dict[str, Any]:
    """Read a message's payload. Raises BadFrame."""
    message = read_json(payload)
    if not isinstance(message, dict):
        raise BadFrame("a message is no object")
    return message


def read_json(text: bytes) -> Any:
    """Read JSON. Raises BadFrame."""
    try:
        return json.loads(text.decode())
    except (ValueError, RecursionError) as error:
        raise BadFrame("no JSON") from error


def batch_size(width: int) -> int:
    """How many rows of `width` cells go into a batch."""
    return max(1, min(MAX_BATCH_ROWS, _BATCH_CELLS // max(1, width)))


def rows_frames(rows: Sequence[Sequence[Any]]) -> Iterable[bytes]:
    """Write a batch of rows of one width, as python-calamine gives them: in one frame, or in more if they are long.

    Raises RowTooLong.
    """
    columns = [_write_column(column) for column in zip(*rows, strict=True)]
    kinds = "".join(column.kind for column in columns)
    text = ",".join([str(len(rows)), f'"{kinds}"', *(column.json for column in columns)]).encode()
    payload = b"".join([SIZE.pack(len(text) + 2), b"[", text, b"]", *(column.doubles for column in columns)])
    if len(payload) <= MAX_FRAME_BYTES:
        yield _frame(ROWS, payload)
    elif len(rows) == 1:
        raise RowTooLong
    else:
        half = len(rows) // 2
        yield from rows_frames(rows[:half])
        yield from rows_frames(rows[half:])


def number_text(number: float) -> str:
    """A number with the 15 digits that Excel keeps, and a decimal point; a whole one has none up to 21 digits.

    Of a whole number a program may have written more; all that a double keeps exactly stay.
    """
    if not isfinite(number):
        return str(number)
    if number.is_integer() and abs(number) < _EXACT:
        return str(int(number))
    digits = f"{number:.15g}"
    rounded = float(digits)
    return str(int(Decimal(digits))) if rounded.is_integer() and abs(rounded) < _HUGE else repr(rounded)


def _frame(kind: bytes, payload: bytes) -> bytes:
    return HEADER.pack(kind, len(payload)) + payload


class _Column(NamedTuple):
    kind: str
    json: str
    doubles: bytes = b""


def _write_column(cells: Sequence[Any]) -> _Column:
    types = set(map(type, cells))
    if types == {str}:
        return _Column(TEXT, _to_json(cells)) if any(cells) else _Column(BLANK, "0")
    if types <= _DATES:
        return _Column(TEXT, _to_json(list(map(str, cells))))
    if types <= _FLOATS_AND_TEXTS and (doubles := _doubles(cells, blanks=str in types)):
        return _Column(NUMBERS, "0", doubles)
    texts = list(map(_text, cells))
    if types.isdisjoint(_NUMBER_TYPES):
        return _Column(TEXT, _to_json(texts))
    return _Column(MIXED, _to_json([texts, [type(cell) in _NUMBER_TYPES and isfinite(cell) for cell in cells]]))


def _doubles(cells: Sequence[Any], *, blanks: bool) -> bytes | None:
    """A column of finite numbers and blanks; None where it holds anything else."""
    if not blanks:
        return array("d", cells).tobytes() if isfinite(sum(cells)) else None
    if any(cell for cell in cells if type(cell) is str):
        return None
    finite = isfinite(sum([cell for cell in cells if cell != ""]))
    return array("d", [nan if cell == "" else cell for cell in cells]).tobytes() if finite else None


def _text(cell: Any) -> str:
    """A cell as a person would write it for sure."""
    return _WRITTEN[type(cell)](cell)


def _duration(value: timedelta) -> str:
    """Hours, minutes and seconds to the millisecond, as Excel shows them; the rest is the noise of a double."""
    milliseconds = round(abs(value) / timedelta(milliseconds=1))
    minutes, rest = divmod(milliseconds, 60_000)
    fraction = f".{rest % 1000:03}".rstrip("0") if rest % 1000 else ""
    sign = "-" if value < timedelta(0) < timedelta(milliseconds=milliseconds) else ""
    return f"{sign}{minutes // 60}:{minutes % 60:02}:{rest // 1000:02}{fraction}"


_WRITTEN: dict[type, Callable[[Any], str]] = {
    str: str,
    bool: lambda value: "true" if value else "false",
    int: str,
    float: number_text,
    datetime: str,
    date: str,
    time: str,
    timedelta: _duration,
}
