"""What an issuer may answer, and how little of it is believed or waited for."""

from __future__ import annotations

import gzip
import json
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.adapters.issuer_keys import IssuerKeys, fetch_json
from shared.errors import TransientError
from tests.issuer import DISCOVERY, JWKS, Answer, Issuer, drips, says

NOW = datetime.now(UTC)


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with Issuer() as one:
        yield one


def fails(issuer: Issuer) -> None:
    with pytest.raises(TransientError):
        IssuerKeys(issuer.url, fetch_json).find("rsa-1", NOW)


def test_an_issuers_keys_are_found(issuer: Issuer) -> None:
    """By way of its discovery document, also where its name ends in a slash."""
    assert IssuerKeys(issuer.url, fetch_json).find("rsa-1", NOW)
    with_slash = f"{issuer.url}/"
    issuer.answers[DISCOVERY] = says(200, {"issuer": with_slash, "jwks_uri": issuer.url + JWKS})
    assert IssuerKeys(with_slash, fetch_json).find("rsa-1", NOW)


@pytest.mark.parametrize("path", [DISCOVERY, JWKS])
@pytest.mark.parametrize(
    "answer",
    [
        says(404),
        says(500),
        says(204),
        says(200, b""),
        says(200, b"<html>"),
        says(200, b"\xff"),
        says(200, b"[" * 100_000),
        says(200, []),
        says(200, "keys"),
        says(200, {"keys": []}),
        says(200, {"keys": {"kid": "rsa-1"}}),
        says(200, {"keys": ["rsa-1", None]}),
        says(200, b"{", Content_Length="100"),
    ],
    ids=[
        *("not found", "broken", "nothing", "empty", "page", "no text", "deep", "list", "text"),
        *("no keys", "no list", "no objects", "cut off"),
    ],
)
def test_an_answer_that_is_none_is_a_failure_that_may_pass(issuer: Issuer, path: str, answer: Answer) -> None:
    """It is answered with 503, and neither blamed on the caller nor a crash."""
    issuer.answers[path] = answer
    fails(issuer)


@pytest.mark.parametrize("path", [DISCOVERY, JWKS])
def test_good_answers_in_a_bad_form_are_not_taken(issuer: Issuer, path: str) -> None:
    """Too large, compressed (so that nobody knows how large), or somewhere else."""
    good = json.dumps(issuer.documents()[path]).encode()
    issuer.answers["/elsewhere"] = says(200, good)
    for bad in (
        says(200, good + b" " * 256 * 1024),
        says(200, good + b" " * 100_000_000),
        says(200, gzip.compress(good), Content_Encoding="gzip"),
        says(302, Location="/elsewhere"),
        says(307, Location="/elsewhere"),
        says(203, good),
    ):
        issuer.answers[path] = bad
        fails(issuer)
    assert not issuer.fetched["/elsewhere"]
    issuer.answers[path] = says(200, good + b" " * 100_000)
    assert IssuerKeys(issuer.url, fetch_json).find("rsa-1", NOW)


def test_plain_http_is_for_this_machine_alone() -> None:
    """A server at another address is not even asked."""
    with Issuer("127.0.0.2") as other:
        fails(other)
        assert not other.fetched


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": None},
        {"issuer": "https://other.example"},
        {"issuer": "{url}/"},
        {"jwks_uri": None},
        {"jwks_uri": ["{url}/keys"]},
        {"jwks_uri": ""},
        {"jwks_uri": "/keys"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "ftp://127.0.0.1/keys"},
        {"jwks_uri": "http://keys.example/keys"},
        {"jwks_uri": "http://169.254.169.254/latest/meta-data"},
        {"jwks_uri": "http://[::1"},
        {"jwks_uri": "http://127.0.0.1.nip.example/keys"},
        {"jwks_uri": "http://127.0.0.1@keys.example/keys"},
    ],
    ids=str,
)
def test_the_discovery_document_must_be_the_issuers_own(issuer: Issuer, change: dict[str, Any]) -> None:
    """And lead over https, or on this machine alone."""
    document = issuer.documents()[DISCOVERY] | json.loads(json.dumps(change).replace("{url}", issuer.url))
    issuer.answers[DISCOVERY] = says(200, document)
    fails(issuer)
    assert issuer.fetched == {DISCOVERY: 1}


def test_an_issuer_elsewhere_does_not_lead_to_this_machine() -> None:
    """Plain http is for an issuer on this machine alone: no other gets to ask what listens here."""
    asked: list[str] = []

    def fetch(address: str) -> Any:
        asked.append(address)
        return {"issuer": "https://issuer.example", "jwks_uri": "http://127.0.0.1:9001/keys"}

    with pytest.raises(TransientError):
        IssuerKeys("https://issuer.example", fetch).find("k", NOW)
    assert asked == ["https://issuer.example/.well-known/openid-configuration"]


@pytest.mark.parametrize("path", [DISCOVERY, JWKS])
def test_a_slow_answer_is_not_waited_for(issuer: Issuer, path: str) -> None:
    """Not even one that keeps coming."""
    issuer.answers[path] = drips(60)
    started = time.monotonic()
    fails(issuer)
    assert time.monotonic() - started < 30


def test_nobody_there_is_a_failure_that_may_pass() -> None:
    """A port that nobody listens at, and one that never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        started = time.monotonic()
        with pytest.raises(TransientError):
            fetch_json(f"http://127.0.0.1:{port}/")
        assert time.monotonic() - started < 30
    with pytest.raises(TransientError):
        fetch_json(f"http://127.0.0.1:{port}/")


def test_https_means_a_certificate_that_somebody_vouches_for(issuer: Issuer) -> None:
    """A server without one is not asked."""
    with pytest.raises(TransientError):
        fetch_json(issuer.url.replace("http:", "https:") + JWKS)
    assert not issuer.fetched
