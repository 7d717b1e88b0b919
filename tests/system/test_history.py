"""A tenant's history, asked for less than all: through the gateway, as a page asks."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from local.client import ApiError
from tests.driving import Person, csv_bytes, rows

New = Callable[..., Person]


def names(answer: dict[str, Any]) -> list[str]:
    return [upload["fileName"] for upload in answer["uploads"]]


def test_uploads_are_found_by_what_is_known_of_them(new_person: New) -> None:
    """By name in any case, status, work unit, person and time; in pages that go on where they ended."""
    tenant = f"tenant-{uuid.uuid4().hex[:8]}"
    anna, bert = new_person(tenant, "anna"), new_person(tenant, "bert")
    anna.client.wait(anna.send(csv_bytes(rows(2)), "Schicht früh.csv"), timeout=90)
    path = anna.file(csv_bytes(rows(1)), "schicht spät.csv")
    waiting = anna.client.start_upload(path, work_unit_id="Halle 3 & 4")
    anna.client.cancel(anna.client.start_upload(path, work_unit_id="other")["uploadId"])
    last = bert.client.wait(bert.send(csv_bytes(rows(3)), "report_100%.csv"), timeout=90)["upload"]

    find = bert.client.history
    assert names(find(search="SCHICHT")) == ["schicht spät.csv", "schicht spät.csv", "Schicht früh.csv"]
    assert names(find(search="FRÜH")) == ["Schicht früh.csv"]
    assert names(find(search="%")) == ["report_100%.csv"]
    assert names(find(status="completed")) == ["report_100%.csv", "Schicht früh.csv"]
    both = [upload["status"] for upload in find(status="pending,cancelled")["uploads"]]
    assert both == ["cancelled", "pending"]
    assert find(status=["pending", "cancelled"]) == find(status="pending,cancelled")
    assert [upload["uploadId"] for upload in find(workUnitId="Halle 3 & 4")["uploads"]] == [waiting["uploadId"]]
    assert names(find(createdBy="bert")) == ["report_100%.csv"]
    assert names(find(createdBy="anna", status="completed", search="schicht")) == ["Schicht früh.csv"]
    assert names(find(**{"from": last["createdAt"]})) == ["report_100%.csv"]
    assert names(find(to=last["createdAt"])) == names(find(search="schicht"))
    assert find(search="nothing of the kind") == {"uploads": [], "pagination": {"limit": 20, "nextCursor": None}}
    assert new_person("tenant-b").client.history(search="schicht früh")["uploads"] == []

    found, cursor = [], None
    while True:
        page = find(limit=1, cursor=cursor, search=".csv")
        found += names(page)
        cursor = page["pagination"]["nextCursor"]
        if cursor is None:
            break
    assert found == names(find())


@pytest.mark.parametrize(
    "wanted",
    [{"status": "done"}, {"from": "2026-03-01"}, {"search": "x" * 300}, {"from": "2026-03-02T00:00:00+01:00",
     "to": "2026-03-01T00:00:00Z"}],
)  # fmt: skip
def test_a_filter_that_cannot_be_followed_is_refused(person: Person, wanted: dict[str, str]) -> None:
    """With a sentence, and not by an empty page."""
    with pytest.raises(ApiError) as refused:
        person.client.history(**wanted)  # type: ignore[arg-type]
    assert (refused.value.status, refused.value.error) == (422, "filter_invalid")
