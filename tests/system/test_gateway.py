"""The local gateway over HTTP, in front of functions that are plain calls."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.gateway import BODY_BYTES, Gateway
from local.gateway_events import Cors, HttpApi, Route
from local.lambda_host import HostStopping, InvocationResult

ORIGIN = "https://page.example"


def functions(released: threading.Event) -> dict[str, Callable[[Any], Any]]:
    def refuse(_: Any) -> Any:
        raise HostStopping("stopping")

    return {
        "echo": lambda event: {"statusCode": 200, "body": json.dumps(event), "headers": {"X-Own": "1"}},
        "own_cors": lambda _: {"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "*"}},
        "malformed": lambda _: {"statusCode": 200, "body": 1},
        "wait": lambda _: released.wait(10),
        "stopping": refuse,
    }


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """A gateway with a route for each of the functions, and one function that fails."""
    released = threading.Event()
    known = functions(released)

    def invoke(name: str, event: bytes) -> InvocationResult:
        if name == "fail":
            return InvocationResult("r", b'{"errorType": "ValueError", "errorMessage": "secret"}', failed=True)
        return InvocationResult("r", json.dumps(known[name](json.loads(event))).encode())

    api = HttpApi(
        "api1",
        "123456789012",
        "eu-central-1",
        cors=Cors((ORIGIN,), ("GET", "POST"), ("authorization",), ("retry-after",), 60),
        access_log_format='{"status": "$context.status", "route": "$context.routeKey", "other": "$context.other"}',
        routes=tuple(Route(f"ANY /{name}", name, timeout=0.5 if name == "wait" else 30) for name in [*known, "fail"]),
    )
    gateway = Gateway(api, invoke, port=0, access_log=tmp_path / "access.log")
    gateway.start()
    yield gateway
    released.set()
    gateway.stop()


@pytest.fixture
def http(gateway: Gateway) -> Iterator[httpx.Client]:
    """A client of the gateway."""
    with httpx.Client(base_url=gateway.url, trust_env=False, timeout=10) as client:
        yield client


def test_a_request_reaches_its_function(http: httpx.Client) -> None:
    """The event holds what was sent, and the answer's headers come back."""
    answer = http.post("/echo?a=1&a=2", json={"b": "ü"}, headers={"Cookie": "c=1"})
    seen = answer.json()
    assert answer.status_code == 200
    assert answer.headers["x-own"] == "1"
    assert seen["queryStringParameters"] == {"a": "1,2"}
    assert json.loads(seen["body"]) == {"b": "ü"}
    assert seen["cookies"] == ["c=1"]
    assert seen["headers"]["x-forwarded-for"] == "127.0.0.1"
    assert answer.headers["apigw-requestid"] == seen["requestContext"]["requestId"]


def test_an_unknown_route_is_not_found(http: httpx.Client) -> None:
    """The gateway says so itself."""
    answer = http.get("/nothing")
    assert (answer.status_code, answer.json()) == (404, {"message": "Not Found"})


@pytest.mark.parametrize("path", ["/fail", "/malformed"])
def test_a_broken_function_is_a_500_that_tells_nothing(http: httpx.Client, path: str) -> None:
    """Neither the error nor the malformed answer reaches the caller."""
    answer = http.get(path)
    assert (answer.status_code, answer.json()) == (500, {"message": "Internal Server Error"})


@pytest.mark.parametrize("path", ["/wait", "/stopping"])
def test_a_function_without_an_answer_in_time_is_a_503(http: httpx.Client, path: str) -> None:
    """The integration's timeout ends the request, and so does a stack that is stopping."""
    answer = http.get(path)
    assert (answer.status_code, answer.json()) == (503, {"message": "Service Unavailable"})


def test_a_body_over_the_limit_is_refused(http: httpx.Client) -> None:
    """10 MB pass, a byte more does not."""
    assert http.post("/own_cors", content=b"x" * BODY_BYTES).status_code == 200
    answer = http.post("/own_cors", content=b"x" * (BODY_BYTES + 1))
    assert (answer.status_code, answer.json()) == (413, {"message": "Request Entity Too Large"})


def test_a_preflight_is_answered_without_a_function(http: httpx.Client) -> None:
    """Any path is; only the page's origin is told anything."""
    asked = {"Access-Control-Request-Method": "POST"}
    answer = http.options("/nothing", headers={"Origin": ORIGIN, **asked})
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert answer.headers["access-control-allow-methods"] == "GET,POST"
    other = http.options("/nothing", headers={"Origin": "https://other.example", **asked})
    assert "access-control-allow-origin" not in other.headers


def test_the_apis_cors_goes_over_the_functions(http: httpx.Client) -> None:
    """A function cannot let in more origins than the API."""
    answer = http.get("/own_cors", headers={"Origin": "https://other.example"})
    assert "access-control-allow-origin" not in answer.headers
    answer = http.get("/own_cors", headers={"Origin": ORIGIN})
    assert answer.headers["access-control-allow-origin"] == ORIGIN


def test_requests_are_logged_in_the_templates_format(http: httpx.Client, tmp_path: Path) -> None:
    """Variables that there are not here are a dash."""
    http.get("/echo")
    lines = (tmp_path / "access.log").read_text().splitlines()
    assert json.loads(lines[-1]) == {"status": "200", "route": "ANY /echo", "other": "-"}
