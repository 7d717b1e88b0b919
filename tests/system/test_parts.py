"""A large file comes in parts: each URL belongs to one part of one upload of one person."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from local.client import ApiError
from tests.driving import HEADER, Person, csv_bytes, outcome, rows

PART = 16 << 20
RECORDS = 20
LARGE = csv_bytes(
    [[*row, *["x" * 90_000] * 10] for row in rows(RECORDS)], [*HEADER, *(f"note {number}" for number in range(10))]
)
"""A little more than a part, in few chunks: each record is one."""


def _start(person: Person, data: bytes = LARGE) -> dict[str, Any]:
    return person.client.start_upload(person.file(data), work_unit_id=person.work_unit)


def _api(person: Person, method: str, path: str, **request: Any) -> dict[str, Any]:
    answer: dict[str, Any] = person.client._send(method, path, **request).json()  # noqa: SLF001 (no more than a client is)
    return answer


def _urls(person: Person, upload_id: str, *numbers: int) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = _api(person, "POST", f"/{upload_id}/parts", json={"partNumbers": numbers})["parts"]
    return parts


def test_a_large_file_goes_in_by_its_parts(person: Person) -> None:
    """The client does it without being told; what is imported is the whole file."""
    started = _start(person)
    assert (started["upload"]["method"], started["upload"]["partSize"], started["upload"]["partCount"]) == (
        "MULTIPART",
        PART,
        2,
    )
    sent: list[int] = []
    person.client.send_file(started, person.file(LARGE), sent.append)
    assert sum(sent) == len(LARGE)
    upload = person.client.wait(started["uploadId"], timeout=120)["upload"]
    assert outcome(upload) == (RECORDS, RECORDS, 0, 0)


def test_what_broke_off_goes_on_where_it_was(person: Person) -> None:
    """A part that has come is not sent again, and an upload that lacks one cannot be completed."""
    started = _start(person)
    upload_id = started["uploadId"]
    [second] = _urls(person, upload_id, 2)
    assert second["size"] == len(LARGE) - PART
    assert httpx.put(second["url"], content=LARGE[PART:], trust_env=False).status_code == 200
    with pytest.raises(ApiError, match="Of 2 parts 1 are missing") as refused:
        _api(person, "POST", f"/{upload_id}/complete")
    assert (refused.value.status, refused.value.error) == (409, "parts_missing")
    [stored] = _api(person, "GET", f"/{upload_id}/parts")["parts"]
    assert (stored["partNumber"], stored["size"]) == (2, second["size"])
    sent: list[int] = []
    person.client.send_file(started, person.file(LARGE), sent.append)
    assert sent == [second["size"], PART]
    for _ in range(2):  # completed once more, it is what it was
        _api(person, "POST", f"/{upload_id}/complete")
    _api(person, "DELETE", "", params={"uploadId": upload_id})  # that it goes in whole is the other test's
    assert person.client.wait(upload_id, timeout=120)["upload"]["status"] == "cancelled"
    with pytest.raises(ApiError) as refused:
        _urls(person, upload_id, 1)
    assert (refused.value.status, refused.value.error) == (409, "no_parts_awaited")


def test_a_parts_url_takes_that_part_alone(person: Person) -> None:
    """Not another number of bytes, not another part, not another upload."""
    started, other = _start(person), _start(person)
    [first] = _urls(person, started["uploadId"], 1)
    [foreign] = _urls(person, other["uploadId"], 1)
    changed = {
        "longer": (first["url"], LARGE[: PART + 1]),
        "shorter": (first["url"], LARGE[: PART - 1]),
        "another part": (first["url"].replace("partNumber=1", "partNumber=2"), LARGE[:PART]),
        "another upload": (first["url"].replace(_of(first, "uploadId"), _of(foreign, "uploadId")), LARGE[:PART]),
    }
    for what, (url, data) in changed.items():
        assert url != first["url"] or len(data) != PART, what
        assert httpx.put(url, content=data, trust_env=False).status_code == 403, what
    assert _api(person, "GET", f"/{started['uploadId']}/parts")["parts"] == []


def _of(part: dict[str, Any], name: str) -> str:
    return str(httpx.URL(part["url"]).params[name])


def test_another_person_has_no_part_in_it(new_person: Callable[..., Person]) -> None:
    """Neither a colleague nor another tenant signs, lists or completes."""
    person, colleague, stranger = new_person(), new_person(user="colleague"), new_person(tenant="tenant-b")
    upload_id = _start(person)["uploadId"]
    for other in (colleague, stranger):
        for method, path in (("POST", "parts"), ("GET", "parts"), ("POST", "complete")):
            with pytest.raises(ApiError) as refused:
                _api(
                    other, method, f"/{upload_id}/{path}", **({"json": {"partNumbers": [1]}} if path == "parts" else {})
                )
            assert refused.value.status == 404, (method, path)


@pytest.mark.parametrize("numbers", [[], [0], [3], [10_001], list(range(1, 102)), ["one"], None])
def test_a_part_that_there_is_not_is_refused(person: Person, numbers: Any) -> None:
    """With what is wrong."""
    upload_id = _start(person)["uploadId"]
    with pytest.raises(ApiError) as refused:
        _api(person, "POST", f"/{upload_id}/parts", json={"partNumbers": numbers})
    assert refused.value.status == 422


def test_a_small_file_has_no_parts(person: Person) -> None:
    """It is sent by its form."""
    started = _start(person, csv_bytes(rows(2)))
    assert started["upload"]["method"] == "POST"
    with pytest.raises(ApiError) as refused:
        _urls(person, started["uploadId"], 1)
    assert (refused.value.status, refused.value.error) == (409, "no_parts_awaited")


def test_a_cancelled_upload_takes_no_more_parts(person: Person) -> None:
    """And is never put together."""
    upload_id = _start(person)["uploadId"]
    _api(person, "DELETE", "", params={"uploadId": upload_id})
    with pytest.raises(ApiError):
        _urls(person, upload_id, 1)
    assert _api(person, "POST", f"/{upload_id}/complete")["upload"]["status"] == "cancelled"
