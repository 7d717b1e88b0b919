"""A profile is known by its header, and what it says is checked at the door."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.domain.profile import ProfileContent, fingerprint_of
from shared.domain.refused import CODES_COLUMN, REASONS_COLUMN, ROW_COLUMN
from shared.domain.upload import UploadOptions

ADDED = [ROW_COLUMN, CODES_COLUMN, REASONS_COLUMN]
column = st.text(st.characters(categories=("L", "N", "Zs", "Po", "Pd")), max_size=12)
headers = st.lists(column, min_size=1, max_size=12)


def content(**members: Any) -> ProfileContent:
    return ProfileContent.model_validate_json(
        json.dumps({"header": ["Wann", "Wer", "Wert (Stück)"]} | members), by_alias=True, by_name=False
    )


@given(header=headers, data=st.data())
def test_what_does_not_count_does_not_change_a_fingerprint(header: list[str], data: st.DataObject) -> None:
    """The order of the columns, case, spaces and punctuation, columns without a name, those of our download."""
    moved = data.draw(st.permutations(header))
    dressed = [f" {name.upper() if name.upper().casefold() == name.casefold() else name}-\n" for name in moved]
    assert fingerprint_of([*ADDED, *dressed, "", " "]) == fingerprint_of(header)


@given(header=headers, other=st.text(st.characters(categories=("Ll", "Nd")), min_size=1, max_size=12))
def test_a_further_column_is_another_kind(header: list[str], other: str) -> None:
    """Also one whose name is there already."""
    more = fingerprint_of([*header, other])
    assert more is not None
    assert more != fingerprint_of(header)


def test_names_do_not_run_together() -> None:
    """Neither do columns without a name make a kind."""
    assert fingerprint_of(["ab", "c"]) != fingerprint_of(["a", "bc"]) != fingerprint_of(["abc"])
    assert fingerprint_of(["", "%", *ADDED]) is None


def test_a_download_of_refused_rows_is_of_its_files_kind() -> None:
    """Though it names the columns that had no name, and tells those of one name apart."""
    header = ["Wann", "", "Wer", "Wert", "Wert", " Wert"]
    names = ["Wann", "Column 2", "Wer", "Wert", "Wert (2)", "Wert (3)"]
    assert fingerprint_of([*ADDED, *names]) == fingerprint_of(header) != fingerprint_of(names)
    assert content(header=[*ADDED, *names]).header == ["Wann", "", "Wer", "Wert", "Wert", "Wert"]
    assert fingerprint_of([*ADDED, "Wert (2)", "Column 7"]) == fingerprint_of(["Wert (2)", "Column 7"])


def test_a_profile_keeps_the_files_own_columns() -> None:
    """Made of a download of refused rows, it is that of the file."""
    assert content(header=[*ADDED, "Wann", ""]).header == ["Wann", ""]


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"header": []}, "names no column"),
        ({"header": ["", "%"]}, "names no column"),
        ({"header": ["x" * 32_769]}, "too long"),
        ({"mapping": {"Farbe": "timestamp"}}, "Farbe"),
        ({"mapping": {"Wann": "colour"}}, "names no field"),
        ({"mapping": {"Wann": "timestamp", "Wer": "timestamp"}}, "twice"),
        ({"mapping": {"": "timestamp"}}, "at least 1"),
        ({"defaults": {"colour": "red"}}, "names no field"),
        ({"defaults": {"goodParts": "12,5"}}, "goodParts: The numbers of this column have a decimal point"),
        ({"defaults": {"machineName": "x" * 101}}, "machineName: At most 100 characters"),
        ({"defaults": {"availability": "85"}}, "availability: "),
        ({"timeZone": "Europe/Bonn"}, "IANA"),
        ({"encoding": "windows-1520"}, "encoding"),
        ({"encoding": "hex"}, "encoding"),
        ({"delimiter": "#"}, "Input should be"),
        ({"workUnitId": "w"}, "Extra inputs"),
    ],
)
def test_what_no_import_could_use_is_refused(members: dict[str, Any], said: str) -> None:
    """With a sentence."""
    with pytest.raises(ValidationError, match=said):
        content(**members)


def test_a_profile_that_no_item_can_hold_is_refused() -> None:
    """A DynamoDB item has at most 400 kB."""
    names = [chr(0x20000 + n) * 2 for n in range(16_000)]
    with pytest.raises(ValidationError, match="too large"):
        content(header=names, mapping=dict.fromkeys(names))


@pytest.mark.parametrize("name", ["MES", " MES Halle 3 ", "Süd_1.2-b", "工場", "7"])
def test_a_profile_may_have_any_plain_name(name: str) -> None:
    """Blanks at its ends do not count."""
    options = UploadOptions(work_unit_id="w", import_type="csv", profile=name, save_profile=name)
    assert options.profile == options.save_profile == name.strip()


@pytest.mark.parametrize("name", ["", " ", ".", "..", "-x", "a/b", "a\tb", "a%20b", "a#b", "<b>", "x" * 101])
def test_a_name_that_cannot_stand_in_an_address_is_refused(name: str) -> None:
    """At the door."""
    with pytest.raises(ValidationError):
        UploadOptions(work_unit_id="w", import_type="csv", profile=name)
