"""Bad input at every door: an error that says what to do, in one shape, and nothing in the table."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from functools import partial as partial_of
from typing import Any

import httpx
import pytest

from local.client import IMPORTS_PATH, ApiError, StorageError
from tests.driving import HEADER, Person, csv_bytes, rows

New = Callable[..., Person]
REQUEST = {
    "fileName": "shift.csv",
    "fileSize": 10,
    "mimeType": "text/csv",
    "workUnitId": "unit",
    "importType": "csv",
}


def refusal(action: Callable[[], Any]) -> ApiError:
    with pytest.raises(ApiError) as caught:
        action()
    assert caught.value.message
    assert caught.value.support_id
    return caught.value


@pytest.fixture
def post(stack: dict[str, Any], token: Callable[..., str]) -> Callable[..., httpx.Response]:
    """POST a request as it stands, with any token."""

    def send(body: Any, **session: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token(**session)}"}
        return httpx.post(stack["apiUrl"] + IMPORTS_PATH, json=body, headers=headers, trust_env=False)

    return send


def error_of(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    assert set(body) == {"error", "message", "supportId", "details"}
    return answer.status_code, body["error"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", ""),
        ("GET", ""),
        ("GET", "?uploadId=x"),
        ("GET", "/x/errors"),
        ("GET", "/x/audit"),
        ("GET", "/template"),
        ("GET", "/x/report"),
    ],
)
@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer"}, {"Authorization": "Bearer no.such.token"}, {"Authorization": "Basic eDp5"}],
)
def test_no_route_is_open(stack: dict[str, Any], method: str, path: str, headers: dict[str, str]) -> None:
    """Without a session that is signed, every route answers 401."""
    answer = httpx.request(method, stack["apiUrl"] + IMPORTS_PATH + path, headers=headers, trust_env=False)
    assert error_of(answer)[0] == 401


def test_an_ended_session_is_refused(stack: dict[str, Any], token: Callable[..., str]) -> None:
    """The token's `exp` counts."""
    headers = {"Authorization": f"Bearer {token(lifetime=-60)}"}
    answer = httpx.get(stack["apiUrl"] + IMPORTS_PATH, headers=headers, trust_env=False)
    assert error_of(answer) == (401, "session_invalid")


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_a_role_without_the_permission_cannot_import(post: Callable[..., httpx.Response], role: str) -> None:
    """Reading is for everybody, importing is not."""
    assert error_of(post(REQUEST, role=role)) == (403, "forbidden")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"fileSize": 104_857_601}, (413, "file_too_large")),
        ({"fileSize": 0}, (422, "file_empty")),
        ({"fileName": "notes.pdf", "mimeType": "application/pdf"}, (415, "file_type_unsupported")),
        ({"mimeType": "image/png"}, (415, "file_type_unsupported")),
        ({"fileName": "sheet.csv", "importType": "excel"}, (415, "file_type_unsupported")),
        ({"fileName": "macros.XLSM", "importType": "excel"}, (415, "file_type_unsupported")),
        ({"workUnitId": ""}, (422, "request_invalid")),
        ({"fileSize": "many"}, (422, "request_invalid")),
        ({"timeZone": "Mars/Olympus"}, (422, "request_invalid")),
        ({"defaults": {"colour": "red"}}, (422, "request_invalid")),
        ({"priority": "now"}, (422, "request_invalid")),
        ({"dryRun": "perhaps"}, (422, "request_invalid")),
    ],
)
def test_a_request_that_cannot_be_served_says_why(
    post: Callable[..., httpx.Response], change: dict[str, Any], expected: tuple[int, str]
) -> None:
    """The status fits, and `details` names the field where there is one."""
    answer = post(REQUEST | change)
    assert error_of(answer) == expected
    if expected[1] == "request_invalid":
        [detail] = answer.json()["details"]["errors"]
        assert detail["field"].split(".")[0] == next(iter(change))


@pytest.mark.parametrize("body", [None, [], "text", {"fileName": 3}])
def test_a_body_that_is_no_request_is_refused(post: Callable[..., httpx.Response], body: Any) -> None:
    """Whatever JSON comes, the answer has the error shape."""
    assert error_of(post(body)) == (422, "request_invalid")


def test_a_body_that_is_no_text_is_refused(stack: dict[str, Any], token: Callable[..., str]) -> None:
    """Bytes that are not UTF-8 are the caller's fault, not ours."""
    headers = {"Authorization": f"Bearer {token()}", "Content-Type": "application/octet-stream"}
    answer = httpx.post(stack["apiUrl"] + IMPORTS_PATH, content=b"\xff\xfe", headers=headers, trust_env=False)
    assert error_of(answer) == (422, "request_invalid")


@pytest.mark.parametrize("upload_id", ["x", "x" * 3000, "progress#1", "../..", "%00", "🙂"])
def test_an_odd_upload_id_is_not_found(person: Person, upload_id: str) -> None:
    """Whatever stands there."""
    assert refusal(lambda: person.client.status(upload_id)).status == 404


def test_a_made_up_cursor_is_refused(person: Person) -> None:
    """On every listing; none of them ends in a fault of ours."""
    table = rows(2)
    table[0][3] = "x"
    upload_id = person.import_file(csv_bytes(table))["uploadId"]
    partial = base64.urlsafe_b64encode(json.dumps({"tenantId": {"S": person.tenant}}).encode()).decode()
    for cursor in ("x", "1:-1", "a:b", "0:3", "9999999:0", partial, "🙂"):
        for look in (person.client.history, partial_of(person.client.refused_rows, upload_id)):
            assert refusal(lambda look=look, cursor=cursor: look(cursor=cursor)).status == 422  # type: ignore[misc]
    assert person.client.refused_rows(upload_id, cursor="0:99999")["refusedRows"] == []


def test_an_empty_cursor_is_the_first_page(person: Person) -> None:
    """A form that has none yet sends it so; every listing takes it alike."""
    upload_id = person.import_file(csv_bytes([["never", "Press 1", "", "", "", ""]]))["uploadId"]
    assert len(person.client.refused_rows(upload_id, cursor="")["refusedRows"]) == 1
    assert person.client.history(limit=1, cursor="")["uploads"]
    assert person.client.audit(upload_id, cursor="")["events"]


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x", "1.5", "²", "9" * 400, "0000000019", "1".zfill(5000)])
def test_an_odd_limit_is_refused(stack: dict[str, Any], token: Callable[..., str], limit: str) -> None:
    """With the bounds in the sentence."""
    headers = {"Authorization": f"Bearer {token()}"}
    answer = httpx.get(stack["apiUrl"] + IMPORTS_PATH, params={"limit": limit}, headers=headers, trust_env=False)
    assert error_of(answer) == (422, "limit_invalid")


def test_another_tenants_upload_is_not_there(new_person: New) -> None:
    """Its id is answered like one that never was, on every route, and its history is not ours."""
    owner, stranger = new_person(tenant="tenant-a"), new_person(tenant="tenant-b")
    upload = owner.import_file(csv_bytes(rows(3)))
    for look in (stranger.client.status, stranger.client.refused_rows, stranger.client.audit):
        assert refusal(lambda look=look: look(upload["uploadId"])).status == 404  # type: ignore[misc]
    listed = [entry["uploadId"] for entry in stranger.client.history(limit=200)["uploads"]]
    assert upload["uploadId"] not in listed


def test_a_cursor_cannot_lead_into_another_tenants_history(new_person: New) -> None:
    """A cursor is only good for the listing that gave it."""
    owner, stranger = new_person(tenant="tenant-c"), new_person(tenant="tenant-d")
    for _ in range(2):
        owner.send(csv_bytes(rows(1)))
    cursor = owner.client.history(limit=1)["pagination"]["nextCursor"]
    assert refusal(lambda: stranger.client.history(cursor=cursor)).status == 422


def test_an_admitted_request_tells_what_is_left(post: Callable[..., httpx.Response]) -> None:
    """The RateLimit headers count down from ten."""
    answers = [post(REQUEST, user="counting") for _ in range(2)]
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["9", "8"]
    assert answers[0].headers["RateLimit-Limit"] == "10"
    assert 0 < int(answers[0].headers["RateLimit-Reset"]) <= 3600
    assert answers[0].headers["Cache-Control"] == "no-store"


def test_ten_uploads_an_hour_and_no_more(new_person: New) -> None:
    """The eleventh is told when to come back."""
    person = new_person(user="eager")
    path = person.file(csv_bytes(rows(1)))
    for _ in range(10):
        person.client.start_upload(path, work_unit_id="u")
    limited = refusal(lambda: person.client.start_upload(path, work_unit_id="u"))
    assert (limited.status, limited.error) == (429, "rate_limited")
    assert limited.retry_after is not None
    assert 0 < limited.retry_after <= 3600


def test_more_bytes_than_announced_are_refused_by_the_store(person: Person) -> None:
    """The presigned POST admits exactly the announced size."""
    data = csv_bytes(rows(3))
    started = person.client.start_upload(person.file(data), work_unit_id=person.work_unit)
    with pytest.raises(StorageError) as caught:
        person.client.send_file(started, person.file(data + b"x"))
    assert caught.value.code == "EntityTooLarge"


def test_a_presigned_post_opens_no_other_key(person: Person) -> None:
    """The form's fields are signed."""
    path = person.file(csv_bytes(rows(3)))
    started = person.client.start_upload(path, work_unit_id=person.work_unit)
    started["upload"]["fields"]["key"] = started["upload"]["fields"]["key"].replace("source", "other")
    with pytest.raises(StorageError) as caught:
        person.client.send_file(started, path)
    assert caught.value.code == "AccessDenied"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"PK\x03\x04" + b"\x00" * 60, "file_not_text"),
        (b"\x00\x01\x02 not a table", "file_not_text"),
        (csv_bytes([]), "file_no_records"),
        (b"\n\n\n", "file_empty"),
        (csv_bytes([["1", "2"]], ["colour", "taste"]), "file_columns_missing"),
        (csv_bytes(rows(1), [*HEADER[:-1], "machine name"]), "file_column_twice"),
        (b"timestamp,machineName\n2026-01-01T00:00:00Z,ab\x81\x9d\xfe\xfd\n", "file_encoding_unknown"),
    ],
)
def test_a_file_that_cannot_be_imported_fails_with_a_reason(person: Person, data: bytes, code: str) -> None:
    """The upload ends as failed, with a code, a sentence and a supportId; it is never completed."""
    upload = person.import_file(data)
    assert (upload["status"], upload["failure"]["code"]) == ("failed", code)
    assert upload["message"] == upload["failure"]["message"]
    assert upload["failure"]["supportId"]
    assert person.client.audit(upload["uploadId"])["events"][-1]["event"] in ("file_rejected", "import_failed")


@pytest.mark.parametrize(
    ("table", "options"), [([], {}), ([["2026-03-01T00:00:00Z", "", "", "", "", ""]] * 3, {"max_errors": 1})]
)
def test_an_execution_says_that_the_file_is_at_fault(
    person: Person, stack: dict[str, Any], aws: Any, table: list[list[str]], options: dict[str, Any]
) -> None:
    """Whether planning finds that out or a chunk: the operator's alarm keeps silent."""
    upload_id = person.send(csv_bytes(table), **options)
    assert person.client.wait(upload_id, timeout=60)["upload"]["status"] == "failed"
    arn = f"{stack['stateMachineArn'].replace(':stateMachine:', ':execution:')}:{upload_id}"
    deadline = time.monotonic() + 30
    while (execution := aws("stepfunctions").describe_execution(executionArn=arn))["status"] == "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert (execution["status"], execution["error"]) == ("FAILED", "UploadRejected")


def test_a_rejected_file_lies_in_quarantine_and_nowhere_else(person: Person, stack: dict[str, Any], aws: Any) -> None:
    """What was not accepted is out of the importers' reach."""
    upload = person.import_file(b"\x7fELF" + b"\x00" * 60)
    s3 = aws("s3")
    keys = [
        entry["Key"]
        for prefix in ("incoming/", "quarantine/")
        for entry in s3.list_objects_v2(Bucket=stack["bucket"], Prefix=prefix).get("Contents", [])
        if upload["uploadId"] in entry["Key"]
    ]
    assert len(keys) == 1
    assert keys[0].startswith("quarantine/")


def test_an_object_that_nobody_announced_is_ignored(stack: dict[str, Any], aws: Any) -> None:
    """An event whose key matches no pending upload starts nothing."""
    key = f"incoming/tenant-a/{'0' * 8}-0000-4000-8000-{'0' * 12}/source.csv"
    aws("s3").put_object(Bucket=stack["bucket"], Key=key, Body=csv_bytes(rows(1)))
    time.sleep(1)
    executions = aws("stepfunctions").list_executions(stateMachineArn=stack["stateMachineArn"])["executions"]
    assert not [entry for entry in executions if entry["name"].startswith("0" * 8)]
