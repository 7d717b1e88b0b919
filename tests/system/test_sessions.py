"""Sessions at the real doors: cookies through the gateway, an issuer's access tokens in a stack that is told of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.application import ROOT
from local.client import IMPORTS_PATH
from tests.issuer import JWKS, Issuer, says
from tests.nextauth.packages import Made, Wanted, make_sessions
from tests.stack import start_stack, stop_stack

COOKIES = ("next-auth.session-token", "__Secure-authjs.session-token")
APP = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]["pageOrigins"][0]
CLAIMS = {"sub": "cookie-user", "tenant": "tenant-cookies", "role": "engineer"}


@pytest.fixture(scope="module")
def sessions(stack: dict[str, Any], aws: Callable[[str], Any]) -> dict[str, Made]:
    """Sessions of the real packages, made with the stack's secret: short ones, and one cut into chunks."""
    secret = aws("secretsmanager").get_secret_value(SecretId=stack["authSecretArn"])["SecretString"]
    wanted = {name: Wanted(name, secret, CLAIMS) for name in COOKIES}
    return make_sessions(wanted | {"long": Wanted(COOKIES[1], secret, {**CLAIMS, "groups": "x" * 3000})})


def ask(stack: dict[str, Any], method: str = "GET", **headers: str) -> tuple[int, str]:
    """Status and code of an answer; the request itself is no good, so that one that gets in is refused for that."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    path = IMPORTS_PATH + ("?limit=none" if method == "GET" else "")
    answer = httpx.request(method, stack["apiUrl"] + path, content=b"[]", headers=headers, trust_env=False)
    return answer.status_code, answer.json()["error"]


@pytest.mark.parametrize("name", [*COOKIES, "long"])
def test_a_session_cookie_opens_every_door(stack: dict[str, Any], sessions: dict[str, Made], name: str) -> None:
    """Reading from anywhere; changing something from the upload page, and from the app that was named, alone."""
    cookies = "; ".join(["theme=dark", *sessions[name].cookies])
    assert ask(stack, Cookie=cookies) == (422, "limit_invalid")
    assert ask(stack, "POST", Cookie=cookies, Origin=stack["pageUrl"]) == (422, "request_invalid")
    assert ask(stack, "POST", Cookie=cookies, Origin=APP) == (422, "request_invalid")
    assert ask(stack, "POST", Cookie=cookies) == (403, "origin_refused")
    assert ask(stack, "POST", Cookie=cookies, Origin="https://evil.example") == (403, "origin_refused")
    assert ask(stack, "POST", Cookie=cookies, Sec_Fetch_Site="cross-site") == (403, "origin_refused")
    assert ask(stack, "POST", Authorization=f"Bearer {sessions[name].token}") == (422, "request_invalid")


def test_a_profile_is_changed_by_our_page_alone(stack: dict[str, Any], sessions: dict[str, Made]) -> None:
    """PUT and DELETE are guarded as POST is."""
    cookies = "; ".join(sessions[COOKIES[0]].cookies)
    address = f"{stack['apiUrl']}/api/import/profiles/none"
    for method in ("PUT", "DELETE"):
        for origin, status in ((stack["pageUrl"], {"PUT": 422, "DELETE": 204}[method]), ("https://evil.example", 403)):
            headers = {"Cookie": cookies, "Origin": origin}
            answer = httpx.request(method, address, content=b"[]", headers=headers, trust_env=False)
            assert answer.status_code == status


def test_the_pages_script_may_send_its_cookie(stack: dict[str, Any]) -> None:
    """A browser asks first, and sends cookies to another origin only where it is told that it may."""
    for origin in (stack["pageUrl"], APP):
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        answer = httpx.options(stack["apiUrl"] + IMPORTS_PATH, headers=headers, trust_env=False)
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert answer.headers["access-control-allow-origin"] == origin


def test_a_stack_takes_an_issuers_access_tokens(tmp_path: Path) -> None:
    """When it is told to, and then nothing else; while the issuer is down, it is we who are unavailable."""
    with Issuer() as issuer:
        process, stack = start_stack(
            tmp_path, AUTH_PROVIDER="oidc", OIDC_ISSUER=issuer.url, OIDC_AUDIENCE="linefeed", AUTH_ROLE_CLAIM="job"
        )
        try:
            bearer = f"Bearer {issuer.token(role=None, job='engineer')}"
            issuer.answers[JWKS] = says(500)
            assert ask(stack, "POST", Authorization=bearer) == (503, "unavailable")
            del issuer.answers[JWKS]
            assert ask(stack, Authorization=bearer) == (422, "limit_invalid")
            assert ask(stack, Authorization=f"Bearer {issuer.token(aud='other')}") == (401, "session_invalid")
            assert ask(stack, Authorization=f"Bearer {stack['sessions'][0]['token']}") == (401, "session_invalid")
            assert ask(stack, Cookie=f"authjs.session-token={stack['sessions'][0]['token']}") == (
                401,
                "session_missing",
            )
        finally:
            assert stop_stack(process) == 0
