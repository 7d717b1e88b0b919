"""What a person can do with an upload: cancel it, undo it, import it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from local.client import ApiError
from tests.driving import Person, csv_bytes, outcome, rows

Query = Callable[..., list[list[Any]]]


def stored(query: Query, upload_id: str) -> int:
    [[count]] = query("SELECT count(*) FROM production_records WHERE upload_id = :id", id=upload_id)
    return int(count)


def refused(move: Callable[[str], Any], upload_id: str) -> tuple[int, str]:
    with pytest.raises(ApiError) as refusal:
        move(upload_id)
    return refusal.value.status, refusal.value.error


def test_what_was_undone_goes_in_again(person: Person, new_person: Callable[..., Person], query: Query) -> None:
    """All rows leave, of this upload alone, and are counted; the retry and another upload find none of them."""
    other = person.import_file(csv_bytes(rows(10, machine="Mill")))["uploadId"]
    upload_id = person.import_file(csv_bytes(rows(2000)))["uploadId"]
    for move in (new_person("tenant-b").client.undo, new_person("tenant-b").client.retry):
        assert refused(move, upload_id)[0] == 404

    person.client.undo(upload_id)
    upload = person.client.wait(upload_id, timeout=60)["upload"]
    assert (upload["status"], upload["undone"]) == ("undone", {"removed": 2000, "recorded": 2000})
    assert (stored(query, upload_id), stored(query, other)) == (0, 10)
    assert person.client.undo(upload_id)["upload"]["status"] == "undone"

    person.client.retry(upload_id)
    again = person.client.wait(upload_id, timeout=60)["upload"]
    assert (again["status"], outcome(again), stored(query, upload_id)) == ("completed", (2000, 2000, 0, 0), 2000)
    acts = [event["event"] for event in person.client.audit(upload_id, limit=100)["events"]]
    assert [acts.count(act) for act in ("undo_requested", "import_undone", "retry_requested")] == [1, 1, 1]


def test_an_upload_is_cancelled_before_its_file_comes(person: Person) -> None:
    """At once, and what is sent then is not imported; there is nothing that could be retried."""
    path = person.file(csv_bytes(rows(5)))
    started = person.client.start_upload(path, work_unit_id=person.work_unit)
    upload_id = str(started["uploadId"])
    for _ in range(2):
        assert person.client.cancel(upload_id)["upload"]["status"] == "cancelled"
    person.client.send_file(started, path)
    assert refused(person.client.retry, upload_id) == (409, "no_file_to_retry")
    assert person.client.status(upload_id)["upload"]["status"] == "cancelled"


def test_what_has_ended_cannot_be_cancelled_or_retried(person: Person) -> None:
    """The answer says what is possible; a dry run has nothing to undo."""
    upload_id = person.import_file(csv_bytes(rows(5)))["uploadId"]
    assert refused(person.client.cancel, upload_id) == (409, "move_not_possible")
    assert refused(person.client.retry, upload_id) == (409, "move_not_possible")
    dry = person.import_file(csv_bytes(rows(5)), dry_run=True)["uploadId"]
    assert refused(person.client.undo, dry) == (409, "nothing_to_undo")
