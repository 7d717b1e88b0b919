"""Nobody sees another tenant's anything: every route of the manifest, walked with the other tenant's names."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from infra.manifest import read_manifest
from tests.driving import Person, csv_bytes, rows

ROUTES = [route for spec in read_manifest().values() for route in spec.routes]
UPLOADS = "/api/import/manufacturing-data"
MARK = "Vertraulich-4711"
"""Stands in the owner's file, its name, its profile and its work unit: whoever is shown it was shown too much."""

LIVE = "POST /api/import/live"

OF_NOBODY = {f"GET {UPLOADS}/template", f"POST {UPLOADS}", "GET /api/import/session", LIVE}
"""Routes that take no name: the template is everybody's, a new upload and the session are the caller's own, and so is
what is told live (tests/system/test_live.py)."""


@dataclass(frozen=True)
class Owned:
    """What the owner has."""

    upload_id: str
    profile: str
    key_id: str


Send = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def send(stack: dict[str, Any], token: Callable[..., str]) -> Send:
    """Sends a request as anybody of a tenant; follows no redirect."""

    def call(
        route: str, tenant: str, *, query: str = "", role: str = "admin", body: str = "", **names: str
    ) -> httpx.Response:
        method, path = route.split(" ")
        headers = {"Authorization": f"Bearer {token(tenant=tenant, role=role)}"}
        content = body or (json.dumps({"header": ["timestamp"]}) if method in ("PUT", "POST") else None)
        url = stack["apiUrl"] + path.format(**names) + query
        return httpx.request(method, url, headers=headers, content=content, trust_env=False, timeout=60)

    return call


@pytest.fixture(scope="module")
def owned(
    send: Send, stack: dict[str, Any], token: Callable[..., str], tmp_path_factory: pytest.TempPathFactory
) -> Owned:
    """An upload with a refused row, a report, an audit trail and a profile."""
    owner = Person(stack, "owner-ag", token("owner-ag"), tmp_path_factory.mktemp("owner"))
    table = rows(3, machine=MARK)
    table[1][3] = MARK
    upload = owner.import_file(csv_bytes(table), f"{MARK}.csv", save_profile=MARK, work_unit_id=MARK)
    assert upload["totals"]["refused"] == 1
    owner.client.close()
    key = send("POST /api/import/api-keys", "owner-ag", body=json.dumps({"name": MARK})).json()
    return Owned(upload["uploadId"], MARK, key["keyId"])


@pytest.mark.parametrize("route", sorted({*ROUTES} - OF_NOBODY))
def test_what_is_anothers_is_not_there(send: Send, owned: Owned, route: str) -> None:
    """Each route, with the other tenant's ids: 404, or an answer that has nothing of it; and it is still there."""
    names = {"uploadId": owned.upload_id, "name": owned.profile, "keyId": owned.key_id}
    if route.startswith(f"GET {UPLOADS}") and "{" not in route:
        answers = [send(route, "stranger-ag", query=f"?uploadId={owned.upload_id}"), send(route, "stranger-ag")]
        assert answers[0].status_code == 404
    else:
        answers = [send(route, "stranger-ag", query=query, **names) for query in ("", "?format=csv", "?format=html")]
        if "{" in route and (route.startswith("GET") or "{keyId}" in route):
            assert {answer.status_code for answer in answers} == {404}
    for answer in answers:
        assert answer.status_code < 500
        told = answer.text + json.dumps(dict(answer.headers))
        for word in (MARK, "owner-ag", owned.upload_id):
            # A caller's own words may come back; nothing else may.
            assert word not in told or word in str(answer.request.url) + answer.request.content.decode()
    assert send(f"GET {UPLOADS}", "owner-ag", query=f"?uploadId={owned.upload_id}").status_code == 200
    assert send("GET /api/import/profiles/{name}", "owner-ag", name=MARK).json()["header"] != ["timestamp"]


def test_a_profile_of_the_same_name_is_another_one(send: Send, owned: Owned) -> None:
    """What a stranger saves and deletes under the owner's name is its own."""
    route = "/api/import/profiles/{name}"
    assert send(f"PUT {route}", "third-ag", name=owned.profile).status_code == 201
    assert send(f"DELETE {route}", "third-ag", name=owned.profile).status_code == 204
    assert send(f"GET {route}", "owner-ag", name=owned.profile).status_code == 200


def test_another_tenants_profile_is_taken_for_no_file(new_person: Callable[..., Person], owned: Owned) -> None:
    """Neither by its header's fingerprint nor by its name."""
    stranger = new_person(tenant="stranger-ag")
    upload = stranger.import_file(csv_bytes(rows(2)))
    assert MARK not in json.dumps(upload)
    del owned


@pytest.mark.parametrize("role", ["viewer", "operator"])
@pytest.mark.parametrize("route", sorted(route for route in ROUTES if not route.startswith("GET") and route != LIVE))
def test_whoever_may_only_read_changes_nothing(send: Send, route: str, role: str) -> None:
    """Every route that changes something asks for the permission."""
    answer = send(route, "owner-ag", role=role, uploadId="x", name="x", keyId="x")
    assert (answer.status_code, answer.json()["error"]) == (403, "forbidden")


def test_answers_are_private_and_are_what_they_say(send: Send, owned: Owned) -> None:
    """No cache keeps them, and no browser guesses at them."""
    for route in ROUTES:
        answer = send(route, "owner-ag", uploadId=owned.upload_id, name="nobody's", keyId="x")
        assert answer.headers.get("x-content-type-options") == "nosniff", route
        assert {"no-store", "private, no-cache"} & {answer.headers.get("cache-control", "")}, route
