"""The ways in: the cookie of the app on the same site, and an issuer's code flow with PKCE."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, Page, Request, Route, expect

from tests.issuer import DISCOVERY, Issuer
from tests.stack import start_stack, stop_stack

APP_SIGN_IN = "http://localhost:3000/api/auth/signin"


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens nothing yet; whoever uses it says how people sign in."""
    contexts = []

    def make(auth: dict[str, Any], **options: Any) -> Page:
        context = browser.new_context(locale="en-GB", **options)
        contexts.append(context)
        context.route("**/config.json", lambda route: _signing_in_by(route, auth))
        return context.new_page()

    yield make
    for context in contexts:
        context.close()


def _signing_in_by(route: Route, auth: dict[str, Any]) -> None:
    answer = route.fetch()
    route.fulfill(response=answer, body=json.dumps({**answer.json(), "auth": auth}))


def test_the_apps_cookie_signs_in(
    new_page: Callable[..., Page], stack: dict[str, Any], token: Callable[..., str]
) -> None:
    """It goes along by itself, for reading and for changing; without it the app is where one signs in."""
    page = new_page({"provider": "nextauth", "signInUrl": APP_SIGN_IN}, permissions=["local-network-access"])
    asked: list[str] = []

    def app(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(body="The app")

    page.route(f"{APP_SIGN_IN}*", app)
    page.goto(stack["pageUrl"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("The app")).to_be_visible()
    assert parse_qs(urlsplit(asked[0]).query)["callbackUrl"] == [f"{stack['pageUrl']}/"]

    cookie = {"name": "authjs.session-token", "value": token(user="carla"), "url": stack["pageUrl"], "httpOnly": True}
    page.context.add_cookies([cookie])  # type: ignore[list-item] # a TypedDict of Playwright's
    page.goto(stack["pageUrl"])
    expect(page.get_by_text("carla, tenant-a")).to_be_visible()
    page.set_input_files(
        "input[type=file]", {"name": "a.csv", "mimeType": "text/csv", "buffer": b"no,such\ncolumns,1\n"}
    )
    page.fill("[name=workUnitId]", "press-shop")
    page.get_by_role("button", name="Send the file").click()
    expect(page.locator(".badge.bad")).to_be_visible(timeout=60_000)


class Pages:
    """An issuer's endpoints for browsers: it asks nobody, and gives tokens for codes to whoever can prove the start."""

    def __init__(self, issuer: Issuer) -> None:
        self.started: dict[str, str] = {}
        self._issuer = issuer

    def serve(self, page: Page) -> None:
        """Answer what the page asks the issuer for."""
        page.route(f"{self._issuer.url}{DISCOVERY}", self._describe)
        page.route(f"{self._issuer.url}/authorize*", self._authorize)
        page.route(f"{self._issuer.url}/token", self._token)

    def _describe(self, route: Route) -> None:
        url = self._issuer.url
        described = {"issuer": url, "authorization_endpoint": f"{url}/authorize", "token_endpoint": f"{url}/token"}
        route.fulfill(json=described, headers={"Access-Control-Allow-Origin": "*"})

    def _authorize(self, route: Route) -> None:
        self.started = {name: values[0] for name, values in parse_qs(urlsplit(route.request.url).query).items()}
        back = f"{self.started['redirect_uri']}?{urlencode({'code': 'one', 'state': self.started['state']})}"
        route.fulfill(content_type="text/html", body=f'<script>location = "{back}"</script>')

    def _token(self, route: Route) -> None:
        given = _form(route.request)
        proof = base64.urlsafe_b64encode(hashlib.sha256(given["code_verifier"].encode()).digest()).rstrip(b"=").decode()
        proven = proof == self.started["code_challenge"] and given["redirect_uri"] == self.started["redirect_uri"]
        token = {"access_token": self._issuer.token(), "token_type": "Bearer", "expires_in": 3600}
        answer = token if proven and given["code"] == "one" else {"error": "invalid_grant"}
        route.fulfill(json=answer, status=200 if proven else 400, headers={"Access-Control-Allow-Origin": "*"})


def _form(request: Request) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(request.post_data or "").items()}


def test_an_issuer_signs_in(new_page: Callable[..., Page], tmp_path: Path) -> None:
    """By its code flow: the start is proven, the address is clean again, and a reload asks nothing."""
    with Issuer() as issuer:
        process, stack = start_stack(tmp_path, AUTH_PROVIDER="oidc", OIDC_ISSUER=issuer.url, OIDC_AUDIENCE="linefeed")
        try:
            auth = {"provider": "oidc", "issuer": issuer.url, "clientId": "page", "scope": "openid"}
            # The policy of this stack, which was synthesized for NextAuth, does not name the issuer.
            page = new_page(auth, bypass_csp=True, permissions=["local-network-access"])
            pages = Pages(issuer)
            pages.serve(page)
            page.goto(f"{stack['pageUrl']}/#/uploads")
            page.get_by_role("button", name="Sign in").click()
            expect(page.get_by_text("anna, acme")).to_be_visible(timeout=30_000)
            assert pages.started["code_challenge_method"] == "S256"
            assert pages.started["response_type"] == "code"
            assert page.url == f"{stack['pageUrl']}/#/uploads"
            expect(page.get_by_text("There is no upload yet.")).to_be_visible()
            page.reload()
            expect(page.get_by_text("anna, acme")).to_be_visible()
        finally:
            assert stop_stack(process) == 0
