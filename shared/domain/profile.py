"""A profile: what was chosen and decided for a source's files, so that the next file of the kind needs no choice."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Self

from pydantic import Field, field_validator, model_validator

from shared.domain.file_choices import MAX_HEADER_CHARACTERS, CheckedChoices
from shared.domain.headers import columns_of_the_file, normalize_header
from shared.domain.upload import FileChoices, ProfileName

MOST_PROFILES = 100
"""That a tenant may have: every planning looks through them."""

_MAX_BYTES = 300_000
"""Written as JSON, which is longer than the item of at most 400 kB that keeps it."""


def fingerprint_of(header: Iterable[str]) -> str | None:
    """What the headers of one kind of file have in common; None where no column has a name.

    SHA-256 over the names that count (see `normalize_header`), in the order of the alphabet: an export that moves a
    column is still the same kind, because columns are known by name and never by place; one that gains, loses or
    renames a column is another. A column without a name is often just a delimiter too many, and no choice can be made
    for it, so it does not count; neither does what our download of refused rows adds.
    """
    names = sorted(filter(None, map(normalize_header, columns_of_the_file([*header]))))
    return hashlib.sha256("\n".join(names).encode()).hexdigest() if names else None


class ProfileContent(CheckedChoices):
    """What of a profile can be written; `header` are the columns of such a file, as they stand in it."""

    header: list[str]

    @field_validator("header")
    @classmethod
    def _has_names(cls, header: list[str]) -> list[str]:
        kept = columns_of_the_file(header)
        if fingerprint_of(kept) is None:
            raise ValueError("names no column; give the columns of the file as they stand in it")
        if sum(map(len, kept)) > MAX_HEADER_CHARACTERS:
            raise ValueError(f"is too long: the columns may have {MAX_HEADER_CHARACTERS:,} characters in all")
        return kept

    @model_validator(mode="after")
    def _fits(self) -> Self:
        present = set(map(normalize_header, self.header))
        if absent := [column for column in self.mapping if normalize_header(column) not in present]:
            raise ValueError(f"the mapping names a column that the header does not have: {absent[0]}")
        if len(self.model_dump_json().encode()) > _MAX_BYTES:
            raise ValueError(f"the profile is too large: it may have {_MAX_BYTES:,} bytes")
        return self


class Profile(FileChoices):
    """A profile as it is kept. `revision` is another one after each change; times are in UTC."""

    name: ProfileName
    header: list[str] = Field(description="The columns of the file that it was made of, as they stood in it.")
    revision: str
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str

    @property
    def fingerprint(self) -> str | None:
        """That of its header."""
        return fingerprint_of(self.header)

    def is_of(self, header: Iterable[str]) -> bool:
        """True when a file with this header is of the profile's kind."""
        return self.fingerprint == fingerprint_of(header)
