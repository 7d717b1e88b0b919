"""What may be chosen for a source's files, checked at the door, for uploads and profiles alike."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from zoneinfo import available_timezones

from pydantic import field_validator

from shared.domain.field_types import Reading
from shared.domain.headers import normalize_header
from shared.domain.record import ProductionRecord, field_name, read_record
from shared.domain.upload import FileChoices

MAX_HEADER_CHARACTERS = 32_768
"""Longer than any real header (91 columns of the source system have about 1,500), and fits a table's item."""

_API_FIELDS = frozenset(field.alias or name for name, field in ProductionRecord.model_fields.items())

_ZONES = available_timezones() - {"localtime", "Factory"}
"""Without the names that mean another zone on each machine, or none."""


_OF_DEFAULTS = Reading(
    zone=None, ratio_scale={}, number_style={}, date_order=None, now=datetime.max.replace(tzinfo=UTC)
)
"""How defaults are read in every file, but for a timestamp's zone and order, which may be the file's."""


class CheckedChoices(FileChoices):
    """Choices from outside: their zones and fields are there, and they fit what is kept of them."""

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str | None) -> str | None:
        if name is not None and name not in _ZONES:
            raise ValueError("is no IANA time zone; write it like Europe/Berlin")
        return name

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, name: str | None) -> str | None:
        try:
            "".encode(name or "utf-8")
        except (LookupError, UnicodeError, ValueError) as error:
            raise ValueError("is no encoding of text; name one like windows-1250") from error
        return name

    @field_validator("defaults")
    @classmethod
    def _known_fields(cls, defaults: dict[str, str]) -> dict[str, str]:
        if unknown := sorted(defaults.keys() - _API_FIELDS):
            raise ValueError(f"names no field of a record: {', '.join(unknown)}; there are {', '.join(_API_FIELDS)}")
        texts = {field_name(name): text for name, text in defaults.items() if name != "timestamp"}
        _, problems = read_record(texts, _OF_DEFAULTS, business_rules=False)
        if unreadable := [f"{problem.field}: {problem.error}" for problem in problems if problem.value]:
            raise ValueError(f"has a value that no row could take; {'; '.join(unreadable)}")
        return defaults

    @field_validator("mapping")
    @classmethod
    def _to_known_fields(cls, mapping: dict[str, str | None]) -> dict[str, str | None]:
        if sum(map(len, mapping)) > MAX_HEADER_CHARACTERS:
            raise ValueError(f"is too long: the headers in it may have {MAX_HEADER_CHARACTERS:,} characters in all")
        columns = Counter(map(normalize_header, mapping))
        if again := [column for column in mapping if columns[normalize_header(column)] > 1]:
            raise ValueError(f"names a column twice: {', '.join(again)} (case, spaces and punctuation do not count)")
        fields = [field for field in mapping.values() if field is not None]
        if unknown := sorted(set(fields) - _API_FIELDS):
            raise ValueError(f"names no field of a record: {', '.join(unknown)}; there are {', '.join(_API_FIELDS)}")
        if twice := sorted({field for field in fields if fields.count(field) > 1}):
            raise ValueError(f"gives a field twice: {', '.join(twice)}")
        return mapping
