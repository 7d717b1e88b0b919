"""Decoded JSON values → the cells of a row: numbers to the digit, members flattened or kept whole, faults named."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from json import JSONDecodeError, JSONDecoder
from json.encoder import encode_basestring
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
_NESTED_TYPES = frozenset(_NESTED)
_PLAIN_NUMBER_BYTES = b" -.0123456789"
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

    `numbers` are the positions of numbers; `simple` is False where more than an array of scalars was kept whole.
    """

    names: tuple[str, ...]
    values: list[Value]
    numbers: tuple[int, ...]
    simple: bool


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
    names, values = _members(record)
    kinds = tuple(map(type, values))
    if tuple in kinds and any(map(_is_group, names)):
        names, values = _members(_flattened(record))
        kinds = tuple(map(type, values))
    numbers, nested = _places(kinds)
    cells: list[Any] = list(values)
    if numbers:
        for position, spelling in zip(numbers, _spelled([cells[position] for position in numbers]), strict=True):
            cells[position] = spelling
    if "\\u" in raw and _SUSPICIOUS_ESCAPE.search(raw):
        check_texts(record)
    simple = True
    for position in nested:
        simple = simple and isinstance(cells[position], list) and _NESTED_TYPES.isdisjoint(map(type, cells[position]))
        cells[position] = compact(cells[position], depth=2)
    return Cells(names, cells, numbers, simple)


def _members(record: Members) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    if not record:
        return (), ()
    names, values = zip(*record, strict=True)
    return names, values


def _flattened(record: Members) -> Members:
    flat: list[tuple[str, Any]] = []
    for name, value in record:
        if type(value) is tuple and _is_group(name):
            flat += [(f"{name}.{inner}", inner_value) for inner, inner_value in value]
        else:
            flat.append((name, value))
    return tuple(flat)


@lru_cache(maxsize=MAX_COLUMNS)
def _places(kinds: tuple[type, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Where numbers stand among values of these kinds, and where objects and arrays."""
    numbers = tuple(at for at, kind in enumerate(kinds) if kind is bytes)
    return numbers, tuple(at for at, kind in enumerate(kinds) if kind in _NESTED)


@lru_cache(maxsize=4 * MAX_COLUMNS)
def _is_group(name: str) -> bool:
    return is_nested_group(name)


def compact(value: object, depth: int = 1) -> str:
    """`value`, which stands `depth` levels deep, as JSON without needless spaces, its numbers as the file spells them.

    Raises JsonFault, but not for what `check_texts` finds.
    """
    if isinstance(value, str):
        return encode_basestring(value)
    if isinstance(value, _NESTED) and depth > MAX_DEPTH:
        raise JsonFault("json_too_deep", _TOO_DEEP)
    if isinstance(value, list):
        return f"[{','.join([compact(entry, depth + 1) for entry in value])}]"
    if isinstance(value, tuple):
        check_names([name for name, _ in value])
        return f"{{{','.join([f'{encode_basestring(name)}:{compact(entry, depth + 1)}' for name, entry in value])}}}"
    if isinstance(value, bytes):
        return _spelled([value])[0]
    return "null" if value is None else "true" if value else "false"


def _spelled(numbers: list[bytes]) -> list[str]:
    """The numbers as text. Raises JsonFault for one that is none, or that is out of all range."""
    together = b" ".join(numbers)
    if together.translate(None, _PLAIN_NUMBER_BYTES) or max(map(len, numbers)) > MAX_DIGITS:
        for number in numbers:
            _check_number(number.decode())
    return together.decode().split(" ")


def _check_number(number: str) -> None:
    if number.endswith(("N", "y")):
        raise JsonFault("json_number_not_finite", f"{number} is no number of JSON")
    mantissa, _, exponent = number.lower().partition("e")
    digits = len(mantissa.lstrip("-").replace(".", ""))
    if digits > MAX_DIGITS or len(exponent.lstrip("+-0")) > MAX_EXPONENT_DIGITS:
        limits = f"more than {MAX_DIGITS} digits, or more than {MAX_EXPONENT_DIGITS} in the exponent"
        raise JsonFault("json_number_too_large", f"the number {number[:40]} has {limits}")


def check_names(names: Sequence[str]) -> None:
    """Raises JsonFault for a name that comes twice."""
    if len(set(names)) == len(names):
        return
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise JsonFault("json_duplicate_key", f"the member “{name[:100]}” comes twice in one object")
        seen.add(name)


def check_texts(value: object, depth: int = 0) -> None:
    """Raises JsonFault where a text in a decoded value is one that no database can hold, or stands too deep."""
    if isinstance(value, str):
        if "\x00" in value:
            raise JsonFault("json_nul", "a text holds a NUL character (\\u0000)")
        try:
            value.encode()
        except UnicodeEncodeError:
            reason = "a text holds half of a surrogate pair (\\ud800 to \\udfff)"
            raise JsonFault("json_lone_surrogate", reason) from None
    elif isinstance(value, _NESTED):
        if depth > 2 * MAX_DEPTH + 2:  # An object is two tuples deep: its members, and each of them.
            raise JsonFault("json_too_deep", _TOO_DEEP)
        for inner in value:
            check_texts(inner, depth + 1)


class Layout:
    """Where the cells of records with the same names belong among the columns."""

    def __init__(self, positions: list[int]) -> None:
        self._positions = positions
        self._width = max(positions, default=-1) + 1
        self._sets: dict[tuple[int, ...], frozenset[int]] = {}
        self.in_order = positions == list(range(len(positions)))
        """True when the cells are the row as they are."""

    def place(self, cells: list[Value]) -> list[Value]:
        """The row of the cells, with None where they have nothing."""
        if self.in_order:
            return cells
        row: list[Value] = [None] * self._width
        for position, cell in zip(self._positions, cells, strict=True):
            row[position] = cell
        return row

    def columns_of(self, cells: tuple[int, ...]) -> frozenset[int]:
        """The columns of some cells, both by position: for the same cells the very same set."""
        columns = self._sets.get(cells)
        if columns is None:
            if len(self._sets) >= MAX_COLUMNS:
                self._sets.clear()
            columns = self._sets[cells] = frozenset([self._positions[cell] for cell in cells])
        return columns


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
            layout = self._layouts[names] = Layout(self._places(names))
        return layout

    def _places(self, names: tuple[str, ...]) -> list[int]:
        for name in names:
            if name not in self._positions:
                if len(self.names) >= MAX_COLUMNS:
                    raise reject("json_too_many_columns", limit=MAX_COLUMNS)
                self._positions[name] = len(self.names)
                self.names.append(name)
        return [self._positions[name] for name in names]
