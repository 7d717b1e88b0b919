"""How rows travel from the process that parses a workbook to the one that asked for them.

A frame is a byte for its kind, four for its length, and JSON: never a format that could run code in the reader, for
the parser may have fallen to the file that it read. Rows go in batches, column by column, because a column mostly
holds one type and can then be written and read without a look at each cell.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import isfinite
from typing import Any

CellValue = str | int | float | bool | datetime | date | time | timedelta | None

HEADER = struct.Struct(">cI")
MESSAGE = b"m"
ROWS = b"r"
MAX_FRAME_BYTES = 16 << 20
"""No honest row is as long; a longer frame is refused on both sides, so that neither side needs the memory."""

MAX_BATCH_ROWS = 1000
_BATCH_CELLS = 40_000

_BLANK, _TEXT, _PLAIN, _DATETIME, _TAGGED = "-spdt"
_NUMBERS_AND_TEXTS = frozenset({int, float, str})
_PLAIN_TYPES = _NUMBERS_AND_TEXTS | {bool}
_TYPES_READ = _PLAIN_TYPES | {type(None)}
_MICROSECOND = timedelta(microseconds=1)
_HUGE = 1e21

_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class BadFrame(ValueError):
    """What came is no frame that the other side writes."""


def _refuse_constant(name: str) -> Any:
    raise BadFrame(f"{name} is no number")


_from_json = json.JSONDecoder(parse_constant=_refuse_constant).decode


class RowTooLong(ValueError):
    """A single row does not fit into a frame."""


def message_frame(message: dict[str, Any]) -> bytes:
    """Write a message: anything but rows."""
    return _frame(MESSAGE, _to_json(message).encode())


def read_message(payload: bytes) -> dict[str, Any]:
    """Read a message's payload. Raises BadFrame."""
    message = _parse(payload)
    if not isinstance(message, dict):
        raise BadFrame("a message is no object")
    return message


def batch_size(width: int) -> int:
    """How many rows of `width` cells go into a batch."""
    return max(1, min(MAX_BATCH_ROWS, _BATCH_CELLS // max(1, width)))


def rows_frames(rows: Sequence[Sequence[Any]]) -> Iterable[bytes]:
    """Write a batch of rows of one width, as python-calamine gives them: in one frame, or in more if they are long.

    Raises RowTooLong.
    """
    columns = [_write_column(column) for column in zip(*rows, strict=True)]
    kinds = "".join(kind for kind, _ in columns)
    text = f'[{len(rows)},"{kinds}",{",".join(text for _, text in columns)}]'
    payload = (text if columns else f'[{len(rows)},""]').encode()
    if len(payload) <= MAX_FRAME_BYTES:
        yield _frame(ROWS, payload)
    elif len(rows) == 1:
        raise RowTooLong
    else:
        half = len(rows) // 2
        yield from rows_frames(rows[:half])
        yield from rows_frames(rows[half:])


def read_columns(payload: bytes) -> tuple[int, list[Sequence[CellValue]]]:
    """Read a batch: the number of its rows, and its columns. Raises BadFrame."""
    batch = _parse(payload)
    try:
        count, kinds, *columns = batch
        if not 0 < count <= MAX_BATCH_ROWS:
            raise BadFrame("a batch of an odd size")
        read = [_READERS[kind](column, count) for kind, column in zip(kinds, columns, strict=True)]
    except (TypeError, ValueError, KeyError, OverflowError, AttributeError) as error:
        raise BadFrame("a batch that cannot be read") from error
    if any(len(column) != count for column in read):
        raise BadFrame("columns of different lengths")
    return count, read


def _frame(kind: bytes, payload: bytes) -> bytes:
    return HEADER.pack(kind, len(payload)) + payload


def _parse(payload: bytes) -> Any:
    try:
        return _from_json(payload.decode())
    except (ValueError, RecursionError) as error:
        raise BadFrame("no JSON") from error


def _write_column(cells: Sequence[Any]) -> tuple[str, str]:
    types = set(map(type, cells))
    if types == {str}:
        return (_TEXT, _to_json(cells)) if any(cells) else (_BLANK, "0")
    if types == {datetime}:
        return _DATETIME, _to_json(list(map(datetime.isoformat, cells)))
    if types <= _NUMBERS_AND_TEXTS and (text := _numbers_text(cells, blanks=str in types)):
        return _PLAIN, text
    if types <= _PLAIN_TYPES:
        return _PLAIN, _to_json([_plain(cell) for cell in cells])
    return _TAGGED, _to_json([_tag(cell) for cell in cells])


def _numbers_text(cells: Sequence[Any], *, blanks: bool) -> str | None:
    """A column of numbers and blanks, written at one go as `_plain` would; None where it holds anything else."""
    if not blanks:
        text = ",".join(["%.15g"] * len(cells)) % tuple(cells)
    elif any(cell for cell in cells if type(cell) is str):
        return None
    else:
        template = ",".join(["null" if cell == "" else "%.15g" for cell in cells])
        text = template % tuple([cell for cell in cells if cell != ""])
    large_or_odd = "e+" in text or "inf" in text or "nan" in text
    return None if large_or_odd else f"[{text}]"


def _plain(cell: Any) -> Any:
    """A cell of no date or time. A number has the 15 digits that Excel keeps; a whole one is an int."""
    if type(cell) is not float:
        return None if cell == "" else cell
    if not isfinite(cell):
        return str(cell)
    digits = f"{cell:.15g}"
    if digits.isdecimal():
        return int(digits)
    number = float(digits)
    return int(Decimal(digits)) if number.is_integer() and abs(number) < _HUGE else number


def _tag(cell: Any) -> Any:
    match cell:
        case str():
            return "s" + cell if cell else None
        case datetime():
            return "d" + cell.isoformat()
        case date():
            return "D" + cell.isoformat()
        case time():
            return "t" + cell.isoformat()
        case timedelta():
            return f"i{cell // _MICROSECOND}"
        case _:
            return _plain(cell)


def _untag(cell: Any) -> CellValue:
    return _UNTAG[cell[0]](cell[1:]) if type(cell) is str else cell


_UNTAG: dict[str, Callable[[str], CellValue]] = {
    "s": str,
    "d": datetime.fromisoformat,
    "D": date.fromisoformat,
    "t": time.fromisoformat,
    "i": lambda text: timedelta(microseconds=int(text)),
}


def _checked(cells: list[Any]) -> list[Any]:
    if not _TYPES_READ.issuperset(map(type, cells)):
        raise BadFrame("a cell of an odd type")
    return cells


_READERS: dict[str, Callable[[Any, int], Sequence[CellValue]]] = {
    _BLANK: lambda _, count: [None] * count,
    _TEXT: lambda cells, _: [cell or None for cell in _checked(cells)] if "" in cells else _checked(cells),
    _PLAIN: lambda cells, _: _checked(cells),
    _DATETIME: lambda cells, _: list(map(datetime.fromisoformat, cells)),
    _TAGGED: lambda cells, _: [_untag(cell) for cell in _checked(cells)],
}
