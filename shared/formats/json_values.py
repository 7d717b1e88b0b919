"""Decoded JSON values → the cells of a row: numbers to the digit, members flattened or kept whole, faults named."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from json import JSONDecodeError, JSONDecoder
from json.encoder import encode_basestring
from operator import itemgetter
from typing import Any, NamedTuple

from shared.domain.headers import is_nested_group
from shared.errors import UploadRejected
from shared.formats.json_text import reject

MAX_DEPTH = 32
"""Levels of objects and arrays, with the record as the first; the members of a flattened group count as its own."""
MAX_DIGITS = 64
"""A database prints up to 40 significant digits behind a “0.”; a double written out in full has 17."""
MAX_EXPONENT_DIGITS = 2
MAX_COLUMNS = 1000

Members = tuple[tuple[str, Any], ...]
Value = str | bool | None

_NESTED = (tuple, list)
_SMALL_NUMBER_LENGTH = 20
_SMALL_NUMBER_BYTES = b"-.0123456789"
_SUSPICIOUS_ESCAPE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_TOO_DEEP = f"objects and arrays stand more than {MAX_DEPTH} deep in one another"
_CUT = re.compile(
    r"(?:\.?[0-9]*(?:[eE][-+]?)?|-|-?I[a-z]*|N[aN]*|t(?:r|ru)?|f(?:a|al|als)?|n(?:u|ul)?|\\?u?[0-9a-fA-F]{0,4})\s*"
)
"""What the decoder leaves unread of a text that ends in the middle of a value."""


class JsonRow(NamedTuple):
    """One record.

    `line` is the number by which a person finds it: the physical line on which it starts, or its ordinal where
    records share a line (see `JsonRecords.decisions`); both count from 1. `values` stand by position of
    `JsonRecords.columns` and may be fewer: text, a bool, or None for null and for what is not there. The texts at the
    positions in `numbers` are JSON numbers, exactly as the file spells them; the other texts are JSON strings. (One
    set for the row, and the very same set for rows that look alike: a type of its own for each number would double the
    time of reading.) `malformed` says why the record cannot be read; `values` then holds its raw text alone.
    """

    line: int
    values: list[Value]
    numbers: frozenset[int] = frozenset()
    malformed: str | None = None


class Cells(NamedTuple):
    """A record as names and values in the order of the file.

    `numbers` are the positions of numbers; `scalar` is False where an object or an array was kept whole.
    """

    names: tuple[str, ...]
    values: list[Value]
    numbers: list[int]
    scalar: bool


class JsonFault(ValueError):
    """What is wrong with a value whose end is known: `code` of FILE_PROBLEMS, `reason` a clause for people."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class UnreadableJson(ValueError):
    """Text that is no JSON value. `pos` is where reading failed; `cut`: because the text ended too early."""

    def __init__(self, code: str, reason: str, pos: int, *, cut: bool) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.pos = pos
        self.cut = cut


_DECODER = JSONDecoder(object_pairs_hook=tuple, parse_float=str.encode, parse_int=str.encode, parse_constant=str.encode)


def decode(text: str, pos: int) -> tuple[Any, int]:
    """The value that starts at `pos`, and where it ends.

    An object is a tuple of its members, so that none hides another; an array is a list; a number is its spelling as
    bytes, so that it is no string, and so are NaN and Infinity, which are none. Raises UnreadableJson.
    """
    try:
        return _DECODER.raw_decode(text, pos)
    except JSONDecodeError as error:
        cut = error.msg.startswith("Unterminated") or _CUT.fullmatch(text, error.pos) is not None
        reason = f"{error.msg[0].lower()}{error.msg[1:]} behind “{text[max(pos, error.pos - 20) : error.pos]}”"
        raise UnreadableJson("json_syntax", reason, error.pos, cut=cut) from None
    except RecursionError:
        raise UnreadableJson("json_too_deep", _TOO_DEEP, pos, cut=False) from None


def faulty(fault: JsonFault, line: int) -> UploadRejected:
    """The refusal of a file for a fault in a value that starts on `line`."""
    return reject(fault.code, line=line, reason=fault.reason)


def kind_of(value: object) -> str:
    """A decoded value, for people."""
    kinds = {tuple: "an object", list: "an array", str: "a text", bytes: "a number", type(None): "null"}
    return kinds.get(type(value), "true or false")


def cells_of(record: object, raw: str) -> Cells:
    """The cells of a decoded record whose text is `raw`.

    Members of an object that the record model knows as a group are flattened to `group.member`; every other object
    or array is kept whole as compact JSON text. Raises JsonFault.
    """
    if not isinstance(record, tuple):
        raise JsonFault("json_record_not_object", f"the record is {kind_of(record)}, not an object")
    names: list[str] = []
    values: list[Any] = []
    for name, value in record:
        if type(value) is tuple and _is_group(name):
            names += [f"{name}.{inner}" for inner, _ in value]
            values += [inner for _, inner in value]
        else:
            names.append(name)
            values.append(value)
    numbers: list[int] = []
    scalar = True
    for position, value in enumerate(values):
        if type(value) is bytes:
            values[position] = _number(value)
            numbers.append(position)
        elif type(value) in _NESTED:
            values[position] = compact(value, depth=2)
            scalar = False
    if _SUSPICIOUS_ESCAPE.search(raw):
        check_texts(names)
        check_texts(values)
    return Cells(tuple(names), values, numbers, scalar)


@lru_cache(maxsize=4 * MAX_COLUMNS)
def _is_group(name: str) -> bool:
    return is_nested_group(name)


def compact(value: object, depth: int = 1) -> str:
    """`value`, which stands `depth` levels deep, as JSON without needless spaces, its numbers as the file spells them.

    Raises JsonFault.
    """
    if isinstance(value, _NESTED) and depth > MAX_DEPTH:
        raise JsonFault("json_too_deep", _TOO_DEEP)
    if isinstance(value, list):
        return f"[{','.join([compact(entry, depth + 1) for entry in value])}]"
    if isinstance(value, tuple):
        check_names([name for name, _ in value])
        return f"{{{','.join([f'{compact(name)}:{compact(entry, depth + 1)}' for name, entry in value])}}}"
    if isinstance(value, bytes):
        return _number(value)
    if isinstance(value, str):
        check_texts((value,))
        return encode_basestring(value)
    return "null" if value is None else "true" if value else "false"


def _number(spelling: bytes) -> str:
    text = spelling.decode()
    if len(spelling) <= _SMALL_NUMBER_LENGTH and not spelling.translate(None, _SMALL_NUMBER_BYTES):
        return text
    if text.endswith(("N", "y")):
        raise JsonFault("json_number_not_finite", f"{text} is no number of JSON")
    mantissa, _, exponent = text.lower().partition("e")
    digits = len(mantissa.lstrip("-").replace(".", ""))
    if digits > MAX_DIGITS or len(exponent.lstrip("+-0")) > MAX_EXPONENT_DIGITS:
        limits = f"more than {MAX_DIGITS} digits, or more than {MAX_EXPONENT_DIGITS} in the exponent"
        raise JsonFault("json_number_too_large", f"the number {text[:40]} has {limits}")
    return text


def check_names(names: Sequence[str]) -> None:
    """Raises JsonFault for a name that comes twice."""
    if len(set(names)) == len(names):
        return
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise JsonFault("json_duplicate_key", f"the member “{name[:100]}” comes twice in one object")
        seen.add(name)


def check_texts(values: Iterable[object]) -> None:
    """Raises JsonFault for a text that no database can hold."""
    for text in values:
        if not isinstance(text, str):
            continue
        if "\x00" in text:
            raise JsonFault("json_nul", "a text holds a NUL character (\\u0000)")
        try:
            text.encode()
        except UnicodeEncodeError:
            reason = "a text holds half of a surrogate pair (\\ud800 to \\udfff)"
            raise JsonFault("json_lone_surrogate", reason) from None


class Layout:
    """Where the cells of records with the same names belong among the columns."""

    def __init__(self, positions: list[int]) -> None:
        self._positions = positions
        self._gather: itemgetter[Any] | None = None
        if positions != list(range(len(positions))):
            source = {position: cell for cell, position in enumerate(positions)}
            self._gather = itemgetter(*(source.get(column, -1) for column in range(max(positions) + 1)))

    @property
    def in_order(self) -> bool:
        """True when the cells are the row as they are."""
        return self._gather is None

    def place(self, cells: list[Value]) -> list[Value]:
        """The row of the cells, with None where they have nothing."""
        return cells if self._gather is None else list(self._gather((*cells, None)))

    def columns_of(self, cells: Iterable[int]) -> frozenset[int]:
        """The columns of some cells, both by position."""
        return frozenset([self._positions[cell] for cell in cells])


class Columns:
    """The columns of a file, in the order in which their names first came."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._positions: dict[str, int] = {}
        self._layouts: dict[tuple[str, ...], Layout] = {}

    def layout(self, names: tuple[str, ...]) -> Layout:
        """The layout of a record with these names, of which new ones become columns.

        Raises JsonFault for a name that comes twice, UploadRejected for more than MAX_COLUMNS columns.
        """
        layout = self._layouts.get(names)
        if layout is None:
            check_names(names)
            if len(self._layouts) >= MAX_COLUMNS:
                self._layouts.clear()
            layout = self._layouts[names] = Layout([self._column(name) for name in names])
        return layout

    def _column(self, name: str) -> int:
        if name not in self._positions:
            if len(self.names) >= MAX_COLUMNS:
                raise reject("json_too_many_columns", limit=MAX_COLUMNS)
            self._positions[name] = len(self.names)
            self.names.append(name)
        return self._positions[name]
