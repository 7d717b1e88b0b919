"""What a request may say is checked at the door, and not by a failed import."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from shared.services.start_upload import StartUpload

_REQUEST = {"fileName": "shift.csv", "fileSize": 10, "workUnitId": "press-shop", "importType": "csv"}


def _read(**changes: Any) -> StartUpload:
    return StartUpload.model_validate_json(json.dumps(_REQUEST | changes), by_alias=True, by_name=False)


@pytest.mark.parametrize("work_unit", ["press-shop", "Halle 3 / Süd", "x", "7", "工場"])
def test_a_work_unit_may_have_any_name(work_unit: str) -> None:
    """It comes through as it is."""
    assert _read(workUnitId=work_unit).work_unit_id == work_unit


@pytest.mark.parametrize("work_unit", ["", " ", "a\x00b", "a\nb", " press-shop", "press-shop ", "x" * 101])
def test_a_work_unit_that_no_table_can_hold_or_no_eye_tell_apart_is_refused(work_unit: str) -> None:
    """Postgres has no NUL, and a blank at the end would keep the duplicates of two files apart."""
    with pytest.raises(ValidationError) as caught:
        _read(workUnitId=work_unit)
    assert [error["loc"] for error in caught.value.errors()] == [("workUnitId",)]


@pytest.mark.parametrize("mime_type", ["text/csv;\r\nX: 1", "text/csv; é", "text/csv\x00"])
def test_a_type_that_no_header_can_hold_is_refused(mime_type: str) -> None:
    """It becomes the Content-Type of the file's request and of the object."""
    with pytest.raises(ValidationError):
        _read(mimeType=mime_type)


def test_options_are_as_small_as_what_is_kept_of_an_upload() -> None:
    """A table's item has room for 400 kB; the widest real file has 91 columns."""
    assert len(_read(mapping={f"column {n}": None for n in range(1000)}).mapping) == 1000
    with pytest.raises(ValidationError, match="too long"):
        _read(mapping={f"column {n}": None for n in range(5000)})


@pytest.mark.parametrize(
    "options",
    [
        {"maxErrors": 10**50},  # no table's number
        {"timeZone": "localtime"},  # the machine's own
        {"timeZone": "Factory"},
        {"encoding": "klingon"},
        {"encoding": "base64"},
        {"encoding": "a\x00b"},
        {"mapping": {"Good parts": "goodParts", "good_parts": None}},  # one column, two answers
    ],
)
def test_an_option_that_no_import_could_follow_is_refused(options: dict[str, Any]) -> None:
    """Before any byte is sent."""
    with pytest.raises(ValidationError) as caught:
        _read(**options)
    assert [error["loc"] for error in caught.value.errors()] == [tuple(options)]
