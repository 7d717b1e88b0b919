"""Which column of a file is which field of the record."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.domain.problems import file_problem
from shared.domain.record import REQUIRED_FIELDS, Headers, ProductionRecord, api_name
from shared.domain.refused import CODES_COLUMN, REASONS_COLUMN, ROW_COLUMN


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """For each column of the file, by position: a record field, a name among the attributes, or neither.

    `columns` holds the field (snake_case) or None; `attribute_names` the others by position, made unique;
    `ignored` the columns that our own download of refused rows added.
    """

    columns: tuple[str | None, ...]
    attribute_names: Mapping[int, str]
    ignored: frozenset[int]


@dataclass(frozen=True, slots=True)
class HeaderProblem:
    """Why a header cannot be mapped."""

    code: str
    message: str


def normalize_header(text: str) -> str:
    """A header without what does not count: case, spaces, newlines and punctuation."""
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def _known_headers() -> dict[str, tuple[str, int]]:
    """Normalized header → field and rank; a lower rank is the likelier name of the field."""
    known: dict[str, tuple[str, int]] = {}
    for name, field in ProductionRecord.model_fields.items():
        markers = [marker for marker in field.metadata if isinstance(marker, Headers)]
        if len(markers) != 1:
            raise TypeError(f"the field {name} wants one Headers marker")
        for rank, header in enumerate((name, *markers[0].names, *markers[0].paths)):
            if known.setdefault(normalize_header(header), (name, rank))[0] != name:
                raise TypeError(f"the header {header} belongs to two fields")
    return known


_KNOWN = _known_headers()
_GIVEN = -1
"""The rank of a header that the caller maps: before all known ones."""

_SHOWN_CHARACTERS = 1000
_NUMBERED = re.compile(r" \(\d+\)\Z")
DOTTED_PATHS = frozenset(
    path
    for field in ProductionRecord.model_fields.values()
    for marker in field.metadata
    if isinstance(marker, Headers)
    for path in marker.paths
)
"""The members of nested objects that are fields of the record, as `group.member`."""

_GROUPS = {normalize_header(path.partition(".")[0]) for path in DOTTED_PATHS}
_OURS = {normalize_header(name) for name in (ROW_COLUMN, CODES_COLUMN, REASONS_COLUMN)}


def recognized_fields(cells: Sequence[str]) -> int:
    """How many fields of the record, and columns of ours, the cells name: how much a row looks like a header."""
    names = {normalize_header(cell) for cell in cells}
    return len({known[0] for name in names if (known := _KNOWN.get(name))}) + len(names & _OURS)


def field_of(header: str, mapping: Mapping[str, str | None]) -> str | None:
    """The field (snake_case) that a column of this name may be; `mapping` as for `map_headers`."""
    name = normalize_header(header)
    given = {normalize_header(column): field for column, field in mapping.items()}
    return given[name] if name in given else _KNOWN.get(name, (None, 0))[0]


def is_added_by_us(header: str) -> bool:
    """True for the columns that our download of refused rows puts in front of the file's own."""
    return normalize_header(header) in _OURS


def added_by_us(header: Sequence[str]) -> frozenset[int]:
    """The positions of the columns that our download of refused rows had put in front of the file's own."""
    return frozenset(position for position, name in enumerate(header) if is_added_by_us(name))


def cells_of_the_file(cells: list[str], added: frozenset[int]) -> list[str]:
    """A row's cells but for those `added_by_us`; one that was never cut into cells is its only cell, and stays."""
    if not added or len(cells) == 1:
        return cells
    return [cell for position, cell in enumerate(cells) if position not in added]


def columns_of_the_file(header: Sequence[str]) -> list[str]:
    """The columns of the file that a download of refused rows was made of; those of any other file as they are.

    The download has columns of its own in front, and names where the file had none or had them twice: see
    `map_headers`.
    """
    columns = [column for column in header if not is_added_by_us(column)]
    if len(columns) == len(header):
        return columns
    there = {column.strip() for column in columns}
    found = []
    for position, column in enumerate(columns):
        base = _NUMBERED.sub("", column.strip())
        found.append("" if column.strip() == unnamed(position) else base if base in there else column)
    return found


def unnamed(position: int) -> str:
    """What a column without a name is called."""
    return f"Column {position + 1}"


def is_nested_group(name: str) -> bool:
    """True for the name of an object whose members are columns of their own, `name.member`: see `DOTTED_PATHS`."""
    return normalize_header(name) in _GROUPS


def map_headers(
    headers: Sequence[str], defaults: Mapping[str, str], mapping: Mapping[str, str | None] | None = None
) -> ColumnMapping | HeaderProblem:
    """Map the header cells of a file; `defaults` are texts by field (snake_case) for the whole file.

    `mapping` says of headers which field they are, or None for none; it goes before all that is known. Where several
    columns could be one field, the likeliest name has it and the others are kept as attributes; two columns of the
    very same name are a problem, as are required fields that nothing gives, and headers in `mapping` that no column
    has.
    """
    present = {normalize_header(header) for header in headers}
    if unknown := [header for header in mapping or {} if normalize_header(header) not in present]:
        return _problem("file_column_not_there", column=unknown[0], found=_shown(headers))
    chosen, twice = _choose(headers, mapping or {})
    if twice:
        name, first, second = twice[0]
        return _problem("file_column_twice", first=headers[first], second=headers[second], field=api_name(name))
    for name in chosen.keys() & defaults.keys():
        return _problem("file_column_and_default", field=api_name(name), column=headers[chosen[name]])
    missing = [name for name in REQUIRED_FIELDS if name not in chosen and not defaults.get(name, "").strip()]
    if missing:
        return _problem("file_columns_missing", missing=" or ".join(map(api_name, missing)), found=_shown(headers))
    return _mapped(headers, chosen)


def map_what_can_be(headers: Sequence[str], mapping: Mapping[str, str | None]) -> ColumnMapping:
    """As `map_headers`, for a header that people are to see: where that has a problem, this goes on without."""
    return _mapped(headers, _choose(headers, mapping)[0])


def _choose(
    headers: Sequence[str], mapping: Mapping[str, str | None]
) -> tuple[dict[str, int], list[tuple[str, int, int]]]:
    """The column of each field, and the fields that two columns have an equal claim to, of which the first has it."""
    known = _KNOWN | {normalize_header(header): (field, _GIVEN) for header, field in mapping.items()}
    chosen: dict[str, tuple[int, int]] = {}
    twice: list[tuple[str, int, int]] = []
    for position, header in enumerate(headers):
        name, rank = known.get(normalize_header(header), (None, 0))
        if name is None:
            continue
        other, other_rank = chosen.get(name, (position, rank + 1))
        if rank == other_rank:
            twice.append((name, other, position))
        if rank < other_rank:
            chosen[name] = (position, rank)
    return {name: position for name, (position, _) in chosen.items()}, twice


def _mapped(headers: Sequence[str], chosen: Mapping[str, int]) -> ColumnMapping:
    ignored = added_by_us(headers)
    fields = {position: name for name, position in chosen.items()}
    return ColumnMapping(
        columns=tuple(fields.get(position) for position in range(len(headers))),
        attribute_names=_attribute_names(headers, fields.keys() | ignored),
        ignored=ignored,
    )


def _shown(headers: Sequence[str]) -> str:
    return ", ".join(header.strip() or "(unnamed)" for header in headers)[:_SHOWN_CHARACTERS]


def _problem(code: str, **values: object) -> HeaderProblem:
    return HeaderProblem(code, file_problem(code, **values))


def _attribute_names(headers: Sequence[str], taken: frozenset[int] | set[int]) -> dict[int, str]:
    """Names for the columns that are no field: their headers, numbered where they are empty or come again."""
    names: dict[int, str] = {}
    for position, header in enumerate(headers):
        if position in taken:
            continue
        base = header.strip() or unnamed(position)
        name, number = base, 1
        while name in names.values():
            number += 1
            name = f"{base} ({number})"
        names[position] = name
    return names
