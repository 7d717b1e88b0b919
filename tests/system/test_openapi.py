"""The API does what its description says, whatever a caller makes of it: no fault of ours, and one error shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings

from infra import openapi
from tests.driving import Person, csv_bytes, rows

UPLOADS, SESSION = "/api/import/manufacturing-data", "/api/import/session"
ERROR = {"error", "message", "supportId", "details"}


SCHEMA: Any = schemathesis.openapi.from_dict(openapi.document())
OPERATIONS = [found.ok() for found in SCHEMA.get_all_operations()]


def test_the_committed_description_is_that_of_the_code() -> None:
    """Made anew by `python -m infra.openapi`."""
    assert openapi.TARGET.read_text(encoding="utf-8") == openapi.text()


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_no_request_ends_in_a_fault_of_ours(operation: Any, stack: dict[str, Any], token: Callable[..., str]) -> None:
    """Made from the description, well or badly: an answer that was described, or an error in its shape."""

    @settings(max_examples=30, suppress_health_check=[*HealthCheck])
    @given(operation.as_strategy())
    def check(case: Any) -> None:
        _check(case, stack, token)

    check()


def _check(case: Any, stack: dict[str, Any], token: Callable[..., str]) -> None:
    answer = case.call(
        base_url=stack["apiUrl"],
        headers={"Authorization": f"Bearer {token(tenant='fuzzed-ag')}"},
        allow_redirects=False,
        timeout=60,
    )
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400 and "message" in answer.text:  # the gateway's own 404 has a message too, and no code
        assert set(answer.json()) in (ERROR, {"message"})
    if answer.status_code < 400 and case.method == case.operation.method.upper():
        documented = {int(status) for status in case.operation.definition.raw["responses"] if status.isdigit()}
        assert answer.status_code in documented


def test_answers_are_what_the_description_says(
    person: Person, stack: dict[str, Any], token: Callable[..., str]
) -> None:
    """Of an upload with refused rows, on its way and at its end: each named member is there, and as it is named."""
    bad = rows(3)
    bad[1][3] = "many"
    upload_id = person.send(csv_bytes(bad))
    session = token(tenant=person.tenant)
    _check_answer(stack, session, UPLOADS, f"{UPLOADS}?uploadId={upload_id}")
    person.client.wait(upload_id, timeout=60)
    _check_answer(stack, session, UPLOADS, f"{UPLOADS}?uploadId={upload_id}")
    _check_answer(stack, session, UPLOADS, f"{UPLOADS}?limit=5")
    for part in ("errors", "audit", "report"):
        _check_answer(stack, session, f"{UPLOADS}/{{uploadId}}/{part}", f"{UPLOADS}/{upload_id}/{part}")
    _check_answer(stack, session, SESSION, SESSION)


def _check_answer(stack: dict[str, Any], session: str, path: str, address: str) -> None:
    described = openapi.document()
    content = described["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    answer = httpx.get(f"{stack['apiUrl']}{address}", headers={"Authorization": f"Bearer {session}"})
    assert answer.status_code == 200
    jsonschema_rs.validate({**content, "components": described["components"]}, answer.json())


@pytest.mark.parametrize(
    ("role", "permissions"),
    [
        ("viewer", ["data:read"]),
        ("engineer", ["data:import", "data:read"]),
        ("admin", ["data:import", "data:read", "keys:manage"]),
    ],
)
def test_the_session_says_what_its_role_may(
    stack: dict[str, Any], token: Callable[..., str], role: str, permissions: list[str]
) -> None:
    """A page shows by it what there is to do; the routes decide for themselves."""
    session = token(tenant="tenant-b", user="somebody", role=role)
    answer = httpx.get(f"{stack['apiUrl']}{SESSION}", headers={"Authorization": f"Bearer {session}"}).json()
    assert answer == {"user": "somebody", "tenant": "tenant-b", "role": role, "permissions": permissions}
