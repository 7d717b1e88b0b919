"""A file is shown before it is imported, and goes in as a person has confirmed it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest

from infra import openapi
from local.client import ApiError
from tests.driving import Person, csv_bytes, outcome, rows
from tests.faults.watching import wait_for
from tests.stack import SETTINGS, start_stack, stop_stack

Query = Callable[..., list[list[Any]]]
New = Callable[..., Person]

_MAPPING = {"Wann war es?": "timestamp", "Press": "machineName", "Stück gut": "goodParts"}


def header() -> list[str]:
    """The columns of a kind of file that no other test has."""
    return [*_MAPPING, f"Notiz {uuid.uuid4().hex[:8]}"]


def export(columns: list[str], month: int = 2) -> bytes:
    """Columns of unknown names, dates that can be read in two ways, and no zone."""
    table = [[f"{day:02}/{month:02}/2026 10:00", f"Press {day}", "1.234,5", "x"] for day in range(1, 13)]
    return csv_bytes(table, columns)


def review(person: Person, upload_id: str, attempt: int = 1) -> dict[str, Any]:
    """The preview of an attempt, once it is there."""

    def reviewing() -> dict[str, Any] | None:
        upload = person.client.status(upload_id)["upload"]
        return upload if (upload["stage"], upload["attempt"]) == ("reviewing", attempt) else None

    upload = wait_for(reviewing, "it is in review", seconds=60)
    assert (upload["status"], upload["message"]) == (
        "pending",
        "Read, and waiting for you: look at the preview, then confirm it.",
    )
    return person.client.preview(upload_id)


def refusal(call: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(ApiError) as refused:
        call()
    return refused.value.status, refused.value.error


def stored(query: Query, upload_id: str) -> int:
    [[count]] = query("SELECT count(*) FROM production_records WHERE upload_id = :id", id=upload_id)
    return int(count)


def acts(person: Person, upload_id: str) -> list[str]:
    return [event["event"] for event in person.client.audit(upload_id, limit=100)["events"]]


def test_a_preview_is_corrected_confirmed_and_known_from_then_on(person: Person, query: Query) -> None:
    """Each question is answered as it comes; the profile is saved with the import, and reads the next file."""
    columns, name = header(), f"MES {uuid.uuid4().hex[:8]}"
    upload_id = person.send(export(columns), preview=True)
    shown = review(person, upload_id)
    assert shown["problem"]["code"] == "file_columns_missing"
    assert [(one["header"], one["field"], one["how"]) for one in shown["columns"]] == [
        (column, None, "unmapped") for column in columns
    ]
    assert shown["rows"][0] == {"row": 2, "cells": ["01/02/2026 10:00", "Press 1", "1.234,5", "x"]}
    assert (len(shown["rows"]), shown["records"]) == (12, 12)
    assert [field["name"] for field in shown["fields"] if field["required"]] == ["timestamp", "machineName"]

    person.client.confirm(upload_id, mapping=_MAPPING, save_profile=name)
    shown = review(person, upload_id, attempt=2)
    assert shown["problem"]["code"] == "column_date_ambiguous"
    assert {one["how"] for one in shown["columns"][:3]} == {"mapping"}
    person.client.confirm(upload_id, date_order="DMY", preview=True)
    assert review(person, upload_id, attempt=3)["problem"]["code"] == "timestamp_without_zone"
    person.client.confirm(upload_id, time_zone="Europe/Berlin", preview=True)
    shown = review(person, upload_id, attempt=4)
    assert shown["problem"] is None
    assert [one["format"] for one in shown["columns"]] == [
        "DMY",
        None,
        "decimal comma, thousands divided by point",
        None,
    ]
    held = ("mapping", "dateOrder", "timeZone", "decimalMark", "delimiter", "encoding", "saveProfile", "profile")
    assert [shown["choices"][one] for one in held] == [
        _MAPPING, "DMY", "Europe/Berlin", ",", ",", "utf-8", name, None,
    ]  # fmt: skip
    assert name not in [one["name"] for one in person.client.profiles()]
    assert stored(query, upload_id) == 0

    for _ in range(2):
        person.client.confirm(upload_id)
    upload = person.client.wait(upload_id, timeout=90)["upload"]
    assert (upload["status"], outcome(upload), upload["attempt"]) == ("completed", (12, 12, 0, 0), 5)
    assert person.client.confirm(upload_id)["upload"]["status"] == "completed"
    assert refusal(lambda: person.client.confirm(upload_id, date_order="MDY")) == (409, "move_not_possible")
    assert refusal(lambda: person.client.preview(upload_id)) == (409, "no_preview")
    assert query(
        "SELECT max(\"timestamp\" AT TIME ZONE 'UTC'), max(good_parts)::float, count(*)::int"
        " FROM production_records WHERE upload_id = :id",
        id=upload_id,
    ) == [[datetime(2026, 2, 12, 9), 1234.5, 12]]  # noqa: DTZ001 (told in UTC)
    confirmed = [
        event["details"]["changed"]
        for event in person.client.audit(upload_id, limit=100)["events"]
        if event["event"] == "preview_confirmed"
    ]
    assert confirmed == [
        {"mapping": _MAPPING, "saveProfile": name, "preview": False},
        {"dateOrder": "DMY", "preview": True},
        {"timeZone": "Europe/Berlin"},
        {"preview": False},
    ]

    second = person.import_file(export(columns, month=3))
    assert (outcome(second), second["decisions"][0]["choice"]) == ((12, 12, 0, 0), name)
    again = review(person, person.send(export(columns, month=4), preview=True))
    assert (again["problem"], again["choices"]["profile"]) == (None, name)
    assert {one["how"] for one in again["columns"][:3]} == {"profile"}


def test_a_review_is_cancelled_at_once_and_can_be_looked_at_again(person: Person, query: Query) -> None:
    """Nothing went in; what is possible is said."""
    upload_id = person.send(csv_bytes(rows(5)), preview=True)
    assert review(person, upload_id)["problem"] is None
    assert refusal(lambda: person.client.retry(upload_id)) == (409, "move_not_possible")
    assert refusal(lambda: person.client.undo(upload_id)) == (409, "move_not_possible")
    for _ in range(2):
        assert person.client.cancel(upload_id)["upload"]["status"] == "cancelled"
    assert refusal(lambda: person.client.confirm(upload_id)) == (409, "move_not_possible")
    assert stored(query, upload_id) == 0
    person.client.retry(upload_id)
    assert review(person, upload_id, attempt=2)["records"] == 5
    person.client.confirm(upload_id)
    assert outcome(person.client.wait(upload_id, timeout=60)["upload"]) == (5, 5, 0, 0)
    assert acts(person, upload_id).count("preview_made") == 2


def test_a_review_is_the_tenants_own_and_only_who_may_import_confirms_it(person: Person, new_person: New) -> None:
    """Whoever may read may look at it; choices that cannot be are refused, and change nothing."""
    upload_id = person.send(csv_bytes(rows(5)), preview=True)
    shown = review(person, upload_id)
    stranger, viewer = new_person("tenant-b").client, new_person(role="viewer").client
    assert refusal(lambda: stranger.preview(upload_id)) == (404, "upload_not_found")
    assert refusal(lambda: stranger.confirm(upload_id)) == (404, "upload_not_found")
    assert refusal(lambda: viewer.confirm(upload_id)) == (403, "forbidden")
    assert viewer.preview(upload_id) == shown
    for wrong in ({"time_zone": "Europe/Bonn"}, {"mapping": {"a": "colour"}}, {"work_unit_id": "other"}):
        assert refusal(lambda wrong=wrong: person.client.confirm(upload_id, **wrong)) == (422, "request_invalid")  # type: ignore[misc]
    assert refusal(lambda: person.client.confirm(upload_id, profile="none such")) == (422, "profile_not_found")
    assert person.client.preview(upload_id) == shown


def test_the_preview_is_what_its_description_says(person: Person, stack: dict[str, Any], token: Any) -> None:
    """Each member is there, and as it is named."""
    upload_id = person.send(csv_bytes(rows(5)), preview=True)
    review(person, upload_id)
    described = openapi.document()
    address = f"{stack['apiUrl']}/api/import/manufacturing-data/{upload_id}/preview"
    answer = httpx.get(address, headers={"Authorization": f"Bearer {token(tenant=person.tenant)}"})
    schema = {"$ref": "#/components/schemas/ShownPreview", "components": described["components"]}
    jsonschema_rs.validate(schema, answer.json())


@pytest.mark.parametrize("on_error", ["skip", "abort"])
def test_what_was_confirmed_is_read_ahead_only_then(person: Person, query: Query, on_error: str) -> None:
    """The rows that another reading would have refused do not stop the import that was confirmed."""
    table = [["2026-03-01T10:00:00Z", f"Press {n}", "12,5"] for n in range(2000)]
    data = csv_bytes(table, ["timestamp", "machineName", "goodParts"])
    upload_id = person.send(data, preview=True, on_error=on_error, decimal_mark=".")
    assert review(person, upload_id)["problem"] is None
    person.client.confirm(upload_id, decimal_mark=",")
    assert outcome(person.client.wait(upload_id, timeout=90)["upload"]) == (2000, 2000, 0, 0)
    assert stored(query, upload_id) == 2000


def test_what_cannot_be_shown_fails(person: Person) -> None:
    """As it does without a preview."""
    upload = person.import_file(b'{"a": 1', name="cut.json", preview=True)
    assert (upload["status"], upload["failure"]["code"]) == ("failed", "json_truncated")


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A stack in which one import runs at once."""
    process, description = start_stack(tmp_path_factory.mktemp("narrow"), **SETTINGS, JOB_CONCURRENCY="1")
    yield description
    assert stop_stack(process) == 0


def test_the_slot_is_free_while_a_person_looks(narrow: dict[str, Any], tmp_path: Path) -> None:
    """Of one slot: others go by while the review waits, and it goes in its turn afterwards."""
    session = next(one for one in narrow["sessions"] if one["role"] == "engineer")
    person = Person(narrow, session["tenant"], session["token"], tmp_path)
    waiting = person.send(csv_bytes(rows(5)), preview=True)
    review(person, waiting)
    assert outcome(person.import_file(csv_bytes(rows(5, machine="Mill")))) == (5, 5, 0, 0)
    person.client.confirm(waiting)
    assert outcome(person.client.wait(waiting, timeout=60)["upload"]) == (5, 5, 0, 0)
    person.client.close()
