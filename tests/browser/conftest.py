"""Debian's Chromium, and pages of the running stack in it, each for a person of its own."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Route, sync_playwright

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"]
"""Root has no sandbox in Chromium; the others keep it from looking for hosts that a test machine cannot reach."""

_EXPECTED = ("Failed to load resource",)
"""Console errors that tell of an answer of the API, which tests look at themselves."""


@dataclass(frozen=True)
class Visitor:
    """Somebody with a session, whom the page offers to be."""

    name: str
    tenant: str
    role: str
    token: str


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for a module's tests."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.fail("There is no Chromium; `make setup` installs it, on Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture
def new_visitor(token: Callable[..., str]) -> Callable[..., Visitor]:
    """Makes people who have a rate limit of their own, and in a tenant of their own if none is named."""

    def make(tenant: str = "", role: str = "engineer", name: str = "Ines Prüfer") -> Visitor:
        tenant = tenant or f"tenant-{uuid.uuid4().hex[:8]}"
        return Visitor(name, tenant, role, token(tenant=tenant, role=role))

    return make


@pytest.fixture
def visit(
    browser: Browser, stack: dict[str, Any], new_visitor: Callable[..., Visitor]
) -> Iterator[Callable[..., Page]]:
    """Opens the page as somebody who is signed in; at the end, no script may have failed or been refused."""
    faults: list[str] = []
    contexts = []

    def open_page(visitor: Visitor | None = None, address: str = "", **options: Any) -> Page:
        visitor = visitor or new_visitor()
        context = browser.new_context(**{"locale": "en-GB", "viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        context.route("**/config.json", lambda route: _with_person(route, visitor))
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: _note(message, faults))
        page.goto(f"{stack['pageUrl']}{address}")
        page.get_by_role("button", name=visitor.name).click()
        page.wait_for_selector("h1")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert faults == []


def _with_person(route: Route, visitor: Visitor) -> None:
    """The stack's own config.json, with one more person to choose."""
    answer = route.fetch()
    config = answer.json()
    config["auth"]["people"].append(visitor.__dict__)
    route.fulfill(response=answer, body=json.dumps(config))


def _note(message: ConsoleMessage, faults: list[str]) -> None:
    if message.type == "error" and not message.text.startswith(_EXPECTED):
        faults.append(message.text)


@pytest.fixture
def send(tmp_path: Path) -> Callable[..., None]:
    """Sends a file as a person does."""

    def act(page: Page, data: bytes, name: str = "shift.csv", work_unit: str = "press-shop") -> None:
        path = tmp_path / name
        path.write_bytes(data)
        page.set_input_files("input[type=file]", path)
        page.fill("[name=workUnitId]", work_unit)
        page.get_by_role("button", name="Send the file").click()

    return act
