"""Records that look alike are read by one regular expression, made from the first of them.

A program writes record after record with the same names in the same order and the same spaces between. A pattern
that holds all of these literally, and the grammar of a string or a number where the values stand, matches exactly the
valid JSON objects of that look and gives their values, at more than twice the rate of the json module's decoder. It is
a shortcut only: a record that it does not match goes to the decoder, which alone may find fault with it.
"""

from __future__ import annotations

import re
from itertools import repeat

from shared.formats.json_values import JsonRow, Layout, Value, check_texts, compact, decode

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_STRING = re.compile(_QUOTED)
_LEAF = re.compile(rf'{_QUOTED}(?P<name>[ \t\n]*:)?|-?[0-9][-+.0-9eE]*|true|false|null|\[(?:[^][{{}}"\n]|{_QUOTED})*\]')

_PLAIN_TEXT = r'[^"\\\x00-\x1f]*+'
_ESCAPED_TEXT = rf"{_PLAIN_TEXT}(?:\\.{_PLAIN_TEXT})*"
# At most 40 digits, which is within MAX_DIGITS. Written without groups, it is matched faster.
_NUMBER = r"-?+(?!0[0-9])[0-9]{1,20}+\.?+[0-9]{0,20}+(?<!\.)"
_POWER = rf"{_NUMBER}(?:[eE][-+]?[0-9]{{1,2}}+)?+"
_CONSTANT = "(true|false|null)"
_ANY = f'("{_ESCAPED_TEXT}"|{_POWER}|true|false|null)'
_ANY_OR_ARRAY = rf'("{_ESCAPED_TEXT}"|{_POWER}|true|false|null|\[[^][{{}}\n]*+\])'

_TEXTS = frozenset({"text", "escaped"})
_NUMBERS = frozenset({"number", "power"})
_CONSTANTS = {"null": None, "true": True, "false": False}


class RecordTemplate:
    """The look of records whose values are scalars and arrays of scalars, taken from the text of one."""

    def __init__(self, raw: str, layout: Layout, older: RecordTemplate | None) -> None:
        """`layout` is that of the record; `older` missed the record, though its names are the same.

        Raises ValueError for a record whose values cannot be told apart so simply.
        """
        literals, leaves = _literals_and_leaves(raw)
        if any("[" in _STRING.sub("", literal) for literal in literals):
            raise ValueError("an array spans lines, or holds more than scalars")
        self._kinds = [{_kind(leaf)} for leaf in leaves]
        if older:
            self._kinds = [new | known for new, known in zip(self._kinds, older._kinds, strict=True)]  # noqa: SLF001
        patterns = [_pattern(kinds) for kinds in self._kinds]
        pieces = [piece for pair in zip(patterns, map(re.escape, literals[1:]), strict=True) for piece in pair]
        self._match = re.compile("".join([re.escape(literals[0]), *pieces])).match
        self._newlines = raw.count("\n")
        self._layout = layout
        self._mixed = [at for at, pattern in enumerate(patterns) if pattern in {_ANY, _ANY_OR_ARRAY}]
        self._tokens = [at for at, pattern in enumerate(patterns) if pattern == _CONSTANT or at in self._mixed]
        pure = [(at, kinds) for at, kinds in enumerate(self._kinds) if at not in self._tokens]
        self._escaped = [at for at, kinds in pure if "escaped" in kinds]
        self._number_cells = tuple(at for at, kinds in pure if kinds & _NUMBERS)
        self._numbers = layout.columns_of(self._number_cells)

    def fits(self, raw: str) -> bool:
        """True when `raw` is a record of this look, whatever its escapes say."""
        found = self._match(raw)
        return found is not None and found.end() == len(raw)

    def read(
        self, text: str, pos: int, *, gap: str, row_number: int, step: int | None, at_most: int
    ) -> tuple[list[JsonRow], int, int]:
        """Read the records from `pos` on, each with `gap` behind it, as far as they have this look.

        The rows are numbered from `row_number` in steps of `step`; None: of the lines that they span. Returns the rows,
        where reading stopped, and the lines passed.
        """
        match, startswith, gap_length, new = self._match, text.startswith, len(gap), tuple.__new__
        place = None if self._layout.in_order else self._layout.place
        newlines = self._newlines + gap.count("\n")
        step = newlines if step is None else step
        numbers = self._numbers
        coded = bool(self._escaped or self._tokens)
        rows: list[JsonRow] = []
        try:
            for _ in repeat(None, at_most):
                found = match(text, pos)
                if found is None or not startswith(gap, end := found.end()):
                    break
                values: list[Value] = list(found.groups())
                if coded:
                    numbers = self._decode(values)
                if place:
                    values = place(values)
                rows.append(new(JsonRow, (row_number, values, numbers, None)))
                row_number += step
                pos = end + gap_length
        except ValueError:
            pass  # The decoder says what is wrong with the record.
        return rows, pos, newlines * len(rows)

    def _decode(self, values: list[Value]) -> frozenset[int]:
        """Decode what the pattern gave as it is spelled; the numbers among the row's columns. Raises ValueError."""
        found = tuple([at for at in self._mixed if str(values[at])[0] in "-0123456789"])
        numbers = self._layout.columns_of(self._number_cells + found) if found else self._numbers
        for at in self._escaped:
            text = values[at]
            if isinstance(text, str) and "\\" in text:
                values[at] = _unescaped(f'"{text}"')
        for at in self._tokens:
            values[at] = _value(str(values[at]))
        return numbers


def _literals_and_leaves(raw: str) -> tuple[list[str], list[str]]:
    """The values of a record's text, and the text before, between and behind them."""
    literals, leaves, behind = [], [], 0
    for leaf in _LEAF.finditer(raw):
        if leaf["name"] is None:
            literals.append(raw[behind : leaf.start()])
            leaves.append(leaf[0])
            behind = leaf.end()
    return [*literals, raw[behind:]], leaves


def _kind(leaf: str) -> str:
    if leaf[0] == "[":
        return "array"
    if leaf[0] == '"':
        return "escaped" if "\\" in leaf else "text"
    if leaf in _CONSTANTS:
        return "null" if leaf == "null" else "bool"
    return "power" if "e" in leaf or "E" in leaf else "number"


def _pattern(kinds: set[str]) -> str:
    """The pattern of a value of these kinds, with one group: a string's content, a number, or the whole value."""
    given = kinds - {"null"}
    if given <= {"bool"}:
        return _CONSTANT
    if given <= _TEXTS:
        found = f'"({_ESCAPED_TEXT if "escaped" in given else _PLAIN_TEXT})"'
    elif given <= _NUMBERS:
        found = f"({_POWER if 'power' in given else _NUMBER})"
    else:
        return _ANY_OR_ARRAY if "array" in given else _ANY
    return f"(?:{found}|null)" if "null" in kinds else found


def _value(token: str) -> Value:
    if token[0] == '"':
        return _unescaped(token) if "\\" in token else token[1:-1]
    if token[0] == "[":
        return compact(_decoded(token), depth=2)
    return _CONSTANTS.get(token, token)


def _unescaped(token: str) -> str:
    return str(_decoded(token))


def _decoded(token: str) -> object:
    """A string's content, or an array; raises ValueError for what is none, or holds what no database can."""
    value, end = decode(token, 0)
    if end < len(token):
        raise ValueError("the value ends early")
    if "\\u" in token:
        check_texts(value)
    return value
