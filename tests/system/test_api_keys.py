"""Plant servers have keys: shown once, kept as a digest, good for one tenant, and ended at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.client import IMPORTS_PATH
from tests.driving import Person, csv_bytes, outcome, rows

KEYS_PATH = "/api/import/api-keys"
Send = Callable[..., httpx.Response]


@pytest.fixture
def send(stack: dict[str, Any], token: Callable[..., str]) -> Send:
    """Sends a request with a bearer token: an administrator's, unless one is given."""

    def call(method: str, path: str, body: Any = None, *, bearer: str = "", **session: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {bearer or token(**{'role': 'admin'} | session)}"}
        return httpx.request(method, stack["apiUrl"] + path, json=body, headers=headers, trust_env=False)

    return call


def made(send: Send, **body: Any) -> dict[str, Any]:
    answer = send("POST", KEYS_PATH, {"name": "Press shop", **body})
    assert answer.status_code == 201, answer.text
    return answer.json()  # type: ignore[no-any-return]


def opens(send: Send, key: str) -> bool:
    answer = send("GET", IMPORTS_PATH, bearer=key)
    assert (answer.status_code, answer.json().get("error")) in ((200, None), (401, "session_invalid"))
    return answer.status_code == 200


def test_a_plant_server_imports_with_its_key(send: Send, stack: dict[str, Any], tmp_path: Path) -> None:
    """As an engineer of its tenant; who it was stands at the upload."""
    key = made(send)
    server = Person(stack, "tenant-a", key["key"], tmp_path)
    upload = server.import_file(csv_bytes(rows(3)))
    assert (outcome(upload), upload["createdBy"]) == ((3, 3, 0, 0), f"key {key['keyId']}")
    assert send("GET", f"{IMPORTS_PATH}?uploadId={upload['uploadId']}", tenant="tenant-b").status_code == 404
    server.client.close()


def test_a_key_is_shown_once_and_kept_as_a_digest(
    send: Send, aws: Callable[[str], Any], logs: Callable[[str], str]
) -> None:
    """Neither the list, nor the table, nor a log has it."""
    key = made(send)
    secret = key["key"].rpartition("_")[2]
    listed = send("GET", KEYS_PATH).json()["apiKeys"]
    assert [each["name"] for each in listed if each["keyId"] == key["keyId"]] == ["Press shop"]
    assert secret not in json.dumps(listed)
    assert not {"digest", "tenantId"} & set(listed[0])
    table = next(name for name in aws("dynamodb").list_tables()["TableNames"] if "ApiKeys" in name)
    assert secret not in json.dumps(aws("dynamodb").scan(TableName=table)["Items"])
    opens(send, key["key"])
    assert secret not in logs("manage_api_keys") + logs("read_status")


def test_a_revoked_key_opens_nothing_from_then_on(send: Send) -> None:
    """A repeat is harmless, and the list says when it was."""
    key = made(send)
    assert opens(send, key["key"])
    assert [send("DELETE", f"{KEYS_PATH}/{key['keyId']}").status_code for _ in range(2)] == [204, 204]
    assert not opens(send, key["key"])
    [told] = [each for each in send("GET", KEYS_PATH).json()["apiKeys"] if each["keyId"] == key["keyId"]]
    assert told["revokedAt"]


def test_a_key_ends_when_it_was_to_end(send: Send) -> None:
    """And none is made that is over already."""
    soon = datetime.now(UTC) + timedelta(seconds=2)
    key = made(send, validUntil=soon.isoformat())
    assert opens(send, key["key"])
    while datetime.now(UTC) < soon:
        pass
    assert not opens(send, key["key"])
    past = {"name": "x", "validUntil": "2020-01-01T00:00:00Z"}
    assert send("POST", KEYS_PATH, past).status_code == 422


def test_a_changed_key_opens_nothing(send: Send) -> None:
    """Another secret, another id, another form, or the digest itself."""
    key, other = made(send)["key"], made(send)["key"]
    start, key_id, secret = key.split("_", 2)
    for forged in (
        f"{start}_{key_id}_{other.split('_', 2)[2]}",
        f"{start}_{other.split('_')[1]}_{secret}",
        f"{start}_{key_id}_{'A' * 43}",
        f"{start}_{key_id}",
        f"{start}_{key_id.upper()}_{secret}",
        key + "A",
        key[:-1],
        "lfk_",
    ):
        answer = send("GET", IMPORTS_PATH, bearer=forged)
        assert (answer.status_code, answer.json()["error"]) == (401, "session_invalid")


@pytest.mark.parametrize("role", ["manager", "engineer", "supervisor", "operator", "viewer"])
def test_administrators_alone_make_keys(send: Send, role: str) -> None:
    """Nor can a key make, list or revoke keys."""
    key = made(send)
    for bearer, session in (("", {"role": role}), (key["key"], {})):
        for method, path in (("POST", KEYS_PATH), ("GET", KEYS_PATH), ("DELETE", f"{KEYS_PATH}/{key['keyId']}")):
            answer = send(method, path, {"name": "x"} if method == "POST" else None, bearer=bearer, **session)
            assert (answer.status_code, answer.json()["error"]) == (403, "forbidden")


def test_a_key_has_a_rate_limit_of_its_own(send: Send) -> None:
    """Not that of whoever made it, nor another key's."""
    request = {"fileName": "a.csv", "fileSize": 9, "workUnitId": "u", "importType": "csv"}
    first, second = made(send)["key"], made(send)["key"]
    left = [
        send("POST", IMPORTS_PATH, request, bearer=key).headers["RateLimit-Remaining"] for key in (first, first, second)
    ]
    assert left == ["299", "298", "299"]


def test_a_tenant_has_at_most_fifty_keys(send: Send) -> None:
    """That are good; one that is revoked makes room."""
    tenant = {"tenant": "many-keys-ag"}
    answers = [send("POST", KEYS_PATH, {"name": f"k{n}"}, **tenant) for n in range(51)]
    assert [answer.status_code for answer in answers] == [201] * 50 + [409]
    assert send("DELETE", f"{KEYS_PATH}/{answers[0].json()['keyId']}", **tenant).status_code == 204
    assert send("POST", KEYS_PATH, {"name": "again"}, **tenant).status_code == 201
