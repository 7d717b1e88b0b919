"""The upload page as a browser gets it: its files, its headers, and the API behind its own origin."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from infra.application import ROOT
from infra.constructs.page import DIST
from local.client import IMPORTS_PATH
from local.page import USUAL_PORT, address_of, listen_usually

APP = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]["pageOrigins"][0]


@pytest.fixture
def page(stack: dict[str, Any]) -> Iterator[httpx.Client]:
    """A client of the page."""
    with httpx.Client(base_url=stack["pageUrl"], trust_env=False, timeout=30) as client:
        yield client


def sources(answer: httpx.Response, directive: str) -> list[str]:
    """What a directive of the answer's content security policy allows."""
    directives = [each.split() for each in answer.headers["content-security-policy"].split("; ")]
    [allowed] = [sources for name, *sources in directives if name == directive]
    return allowed


def test_the_built_page_is_served(page: httpx.Client) -> None:
    """Each file under its own name; the page itself at the root; what may change is asked for each time."""
    index = page.get("/")
    assert index.content == (DIST / "index.html").read_bytes()
    assert index.headers["content-type"].startswith("text/html")
    files = [path.relative_to(DIST).as_posix() for path in DIST.rglob("*") if path.is_file()]
    assert any(name.startswith("assets/") for name in files)
    for name in files:
        answer = page.get(f"/{name}")
        assert answer.content == (DIST / name).read_bytes()
        kept = "public, max-age=31536000, immutable" if name.startswith("assets/") else "no-cache"
        assert answer.headers["cache-control"] == kept
        if name.endswith(".js"):
            assert "javascript" in answer.headers["content-type"]  # with nosniff no browser runs anything else
        assert page.get(f"/{name}", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304


def test_the_page_may_reach_where_its_files_go(page: httpx.Client, stack: dict[str, Any]) -> None:
    """The policy of the template, with this machine's addresses: a form's and a part's, and no other bucket's."""
    answer = page.get("/")
    assert sources(answer, "default-src") == ["'none'"]
    assert sources(answer, "script-src") == ["'self'"]
    bucket = f"{stack['awsEndpoint']}/{stack['bucket']}"
    *others, live = sources(answer, "connect-src")
    assert set(others) == {"'self'", bucket, f"{bucket}/"}
    assert re.fullmatch(r"ws://127\.0\.0\.1:\d+", live)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"


def test_the_page_sends_a_file_as_a_browser_would(page: httpx.Client, stack: dict[str, Any]) -> None:
    """Asks at its own origin, and posts to where its policy and the bucket's CORS let it."""
    content, origin = b"timestamp,machineName\n2026-03-01T06:00:00Z,Press 1\n", {"Origin": stack["pageUrl"]}
    body = {
        "fileName": "a.csv",
        "fileSize": len(content),
        "mimeType": "text/csv",
        "workUnitId": "page",
        "importType": "csv",
    }
    people = page.get("/config.json").json()["auth"]["people"]
    engineer = {"Authorization": f"Bearer {people[0]['token']}"}
    started = page.post(IMPORTS_PATH, json=body, headers=engineer | origin)
    assert started.status_code == 201
    form = started.json()["upload"]
    assert form["url"] in sources(page.get("/"), "connect-src")
    sent = httpx.post(form["url"], data=form["fields"], files={"file": content}, headers=origin, trust_env=False)
    assert sent.status_code in {201, 204}
    assert sent.headers["access-control-allow-origin"] == stack["pageUrl"]


def test_the_page_is_told_of_this_run(page: httpx.Client, stack: dict[str, Any]) -> None:
    """The ready-made people to sign in as, and what may be sent."""
    config = page.get("/config.json").json()
    assert config["auth"]["provider"] == "local"
    told = ("name", "tenant", "role", "token")
    assert config["auth"]["people"] == [{name: session[name] for name in told} for session in stack["sessions"]]
    assert config["maxFileSize"] == 104_857_600
    assert ".xlsx" in config["fileTypes"]["excel"]
    assert config["retentionDays"] == 90


def test_the_api_is_at_the_pages_own_origin(
    page: httpx.Client, stack: dict[str, Any], token: Callable[..., str]
) -> None:
    """With cookies, query, errors and their headers as the API has them, and nothing that is kept."""
    assert page.get(IMPORTS_PATH).status_code == 401
    cookie = {"Cookie": f"theme=dark; authjs.session-token={token(tenant='page-ag')}"}
    answer = page.get(f"{IMPORTS_PATH}?limit=1", headers=cookie)
    assert (answer.status_code, answer.json()["uploads"]) == (200, [])
    assert answer.headers["cache-control"] == "no-store"
    assert "content-security-policy" not in answer.headers
    for origin, refusal in ((stack["pageUrl"], "request_invalid"), ("https://evil.example", "origin_refused")):
        refused = page.post(IMPORTS_PATH, content=b"[]", headers={**cookie, "Origin": origin})
        assert refused.json()["error"] == refusal
    assert page.get("/api/nothing").json() == {"message": "Not Found"}


def test_plant_servers_call_the_api_directly_all_the_same(stack: dict[str, Any], token: Callable[..., str]) -> None:
    """At its own address, without a page."""
    headers = {"Authorization": f"Bearer {token()}"}
    answer = httpx.get(f"{stack['apiUrl']}{IMPORTS_PATH}?limit=1", headers=headers, trust_env=False)
    assert answer.status_code == 200


def test_a_workbook_is_passed_back_as_it_is(page: httpx.Client, token: Callable[..., str]) -> None:
    """Bytes are bytes on the way through."""
    headers = {"Authorization": f"Bearer {token()}"}
    answer = page.get("/api/import/manufacturing-data/template?format=xlsx", headers=headers)
    assert answer.status_code == 200
    assert answer.content.startswith(b"PK")


def test_other_apps_load_the_component(page: httpx.Client) -> None:
    """Those whose origin was named; the page's own files are nobody else's."""
    embedded = page.get("/embed/linefeed-upload.js", headers={"Origin": APP})
    assert embedded.status_code == 200
    assert embedded.headers["access-control-allow-origin"] == APP
    assert embedded.headers["cross-origin-resource-policy"] == "cross-origin"
    other = page.get("/embed/linefeed-upload.js", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in other.headers
    limits = page.get("/embed/config.json", headers={"Origin": APP})
    assert limits.headers["access-control-allow-origin"] == APP
    assert limits.json().keys() == {"maxFileSize", "fileTypes", "retentionDays"}
    own = page.get("/config.json", headers={"Origin": APP})
    assert "access-control-allow-origin" not in own.headers
    assert own.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1.evil.example", "linefeed.test"])
def test_another_name_that_leads_here_is_refused(page: httpx.Client, host: str) -> None:
    """Else a page of somebody's could have its own name lead to this machine, and read the ready-made sessions."""
    for path in ("/", "/config.json", IMPORTS_PATH):
        answer = page.get(path, headers={"Host": host})
        assert answer.status_code == 403
        assert "token" not in answer.text


def test_localhost_leads_to_the_page(page: httpx.Client, stack: dict[str, Any]) -> None:
    """To the origin that the API and the bucket know."""
    port = httpx.URL(stack["pageUrl"]).port
    answer = page.get("/?a=b", headers={"Host": f"localhost:{port}"})
    assert (answer.status_code, answer.headers["location"]) == (307, f"{stack['pageUrl']}/?a=b")


def test_what_is_not_there_is_refused_as_by_cloudfront(page: httpx.Client) -> None:
    """Nobody may list the bucket, so S3 does not say whether there is such a file."""
    for path in ("/nothing", "/assets/", "/embed/../config.jso", "/%2e%2e/cdk.json"):
        assert page.get(path).status_code == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_files_are_only_read(page: httpx.Client, method: str) -> None:
    """The page's files take no other method than GET and HEAD."""
    assert page.request(method, "/config.json").status_code == 403
    assert page.head("/config.json").status_code == 200


def test_the_usual_port_is_taken_where_it_is_free() -> None:
    """So that a browser finds what it kept; else a free one; one that was asked for is taken or refused."""
    with listen_usually(None) as first, listen_usually(None) as second:
        assert address_of(second) not in {address_of(first), f"http://127.0.0.1:{USUAL_PORT}"}
        with pytest.raises(OSError, match="in use"), listen_usually(second.getsockname()[1]):
            pass
        assert isinstance(second, socket.socket)
