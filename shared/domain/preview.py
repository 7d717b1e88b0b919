"""A preview: how a file is read, for a person to look at before anything of it is imported."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from shared.domain.upload import Decision, FileChoices, ProfileName, Value


class Question(Value):
    """What another choice has to answer before the file can be imported; the code is one of a file's or a row's."""

    code: str
    message: str


class PreviewColumn(Value):
    """A column of the file."""

    header: str = Field(description="As it stands in the file.")
    field: str | None = Field(description="The record field by API name; None for one that goes into the attributes.")
    how: Literal["mapping", "profile", "header", "unmapped", "ignored"] = Field(
        description="Why it is that: the caller's mapping, the profile's, its name, none of them, or it is one that a "
        "download of refused rows has added."
    )
    type: str | None = Field(description="timestamp, text, number or ratio; None where it is no field.")
    format: str | None = Field(description="How its cells are read, in words; None where nothing is to be decided.")


class PreviewRow(Value):
    """A record as it is read, a text for each column, long ones cut; `row` is its number as people see it."""

    row: int
    cells: list[str]


class PreviewChoices(FileChoices):
    """What holds for the file now, whether it was chosen, is the profile's, or was found."""

    profile: ProfileName | None = Field(description="By which it is read.")
    save_profile: ProfileName | None = Field(description="Under which it is saved with the import.")


class Preview(Value):
    """How a file is read."""

    problem: Question | None = Field(description="None where the file can be imported like this.")
    columns: list[PreviewColumn]
    more_columns: int = Field(default=0, description="Those behind the ones that are shown.")
    rows: list[PreviewRow] = Field(description="The first records.")
    records: int
    decisions: list[Decision]
    choices: PreviewChoices
