"""What a function gets from the local gateway, and what its answer becomes: as API Gateway does it."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from local.gateway_events import Cors, HttpApi, HttpRequest, MalformedAnswer, Route, answer_from


def api(*keys: str) -> HttpApi:
    return HttpApi("api1", "123456789012", "eu-central-1", routes=tuple(Route(key, f"answers {key}") for key in keys))


def request(method: str = "GET", path: str = "/", query: str = "", body: bytes = b"", **headers: str) -> HttpRequest:
    return HttpRequest(
        method=method,
        path=path,
        query=query,
        headers=tuple((name.replace("_", "-"), value) for name, value in headers.items()),
        body=body,
        source_ip="127.0.0.1",
        protocol="HTTP/1.1",
        request_id="r-1",
        received_at=1_700_000_000.25,
    )


def event(of: HttpRequest, route: str = "ANY /{proxy+}") -> dict[str, Any]:
    served = api(route)
    found = served.find(of)
    assert found is not None
    return served.event(of, *found)


@pytest.mark.parametrize(
    ("method", "path", "route"),
    [
        ("GET", "/pets/dog/1", "GET /pets/dog/1"),
        ("GET", "/pets/dog/2", "GET /pets/dog/{id}"),
        ("GET", "/pets/cat/2", "GET /pets/{proxy+}"),
        ("POST", "/pets/dog/1", "ANY /pets/dog/1"),
        ("POST", "/a/b", "ANY /{proxy+}"),
        ("POST", "/", "$default"),
    ],
)
def test_the_most_specific_route_answers(method: str, path: str, route: str) -> None:
    """A full match goes before a parameter, a parameter before a greedy one, a method before ANY, $default last."""
    served = api(
        "$default",
        "ANY /{proxy+}",
        "GET /pets/{proxy+}",
        "GET /pets/dog/{id}",
        "ANY /pets/dog/1",
        "GET /pets/dog/1",
    )
    found = served.find(request(method, path))
    assert found is not None
    assert found[0].key == route


def test_a_name_goes_before_a_parameter_in_its_place() -> None:
    """Whichever route was made first."""
    for keys in (["GET /things/{id}", "GET /things/template"], ["GET /things/template", "GET /things/{id}"]):
        found = api(*keys).find(request(path="/things/template"))
        assert found is not None
        assert (found[0].key, found[1]) == ("GET /things/template", {})


@pytest.mark.parametrize("path", ["/things", "/things/", "/things/1/2", "/other"])
def test_no_route_answers_another_path(path: str) -> None:
    """A parameter stands for exactly one part of a path that is not empty."""
    assert api("GET /things/{id}").find(request(path=path)) is None


def test_path_parameters_are_decoded() -> None:
    """A slash within a part stays within it."""
    seen = event(request(path="/things/a%2Fb%20c"), "GET /things/{id}")
    assert seen["pathParameters"] == {"id": "a/b c"}
    assert seen["routeKey"] == seen["requestContext"]["routeKey"] == "GET /things/{id}"


def test_values_of_the_same_name_are_joined() -> None:
    """Query parameters and headers are flat; the query string is there as it was written as well."""
    seen = event(request(path="/x", query="a=1&a=2&b=%C3%A4&c=", X_One="1"))
    assert seen["rawQueryString"] == "a=1&a=2&b=%C3%A4&c="
    assert seen["queryStringParameters"] == {"a": "1,2", "b": "ä", "c": ""}
    assert seen["headers"] == {"x-one": "1"}


def test_cookies_have_a_place_of_their_own() -> None:
    """Each cookie is an item, and the header is gone."""
    seen = event(request(path="/x", Cookie="a=1; b=2"))
    assert seen["cookies"] == ["a=1", "b=2"]
    assert "cookie" not in seen["headers"]


def test_what_is_not_there_is_not_in_the_event() -> None:
    """Functions must not rely on keys that API Gateway leaves out."""
    seen = event(request(path="/"), "GET /")
    assert not {"cookies", "queryStringParameters", "pathParameters", "body"} & set(seen)
    assert seen["version"] == "2.0"
    assert seen["isBase64Encoded"] is False


def test_the_context_names_the_request() -> None:
    """Time, caller and stage are where payload 2.0 has them."""
    context = event(request("POST", "/x", User_Agent="curl"))["requestContext"]
    assert context["http"] == {
        "method": "POST",
        "path": "/x",
        "protocol": "HTTP/1.1",
        "sourceIp": "127.0.0.1",
        "userAgent": "curl",
    }
    assert context["requestId"] == "r-1"
    assert context["timeEpoch"] == 1_700_000_000_250
    assert context["time"] == "14/Nov/2023:22:13:20 +0000"
    assert context["stage"] == "$default"


@pytest.mark.parametrize(
    ("content_type", "body", "is_text"),
    [
        ("application/json", b'{"a": "\xc3\xa4"}', True),
        ("text/csv; charset=utf-8", b"a;b", True),
        ("application/problem+json", b"{}", True),
        ("text/plain", b"\xff\xfe", False),
        ("application/octet-stream", b"abc", False),
        ("application/x-www-form-urlencoded", b"a=1", False),
    ],
)
def test_a_body_is_text_or_base64(content_type: str, body: bytes, *, is_text: bool) -> None:
    """What its type does not call text, and what is none, comes as base64."""
    seen = event(request("POST", "/x", body=body, Content_Type=content_type))
    assert seen["isBase64Encoded"] is not is_text
    assert seen["body"] == (body.decode() if is_text else base64.b64encode(body).decode())


def test_an_answer_becomes_a_response() -> None:
    """Status, headers, cookies and body are passed on."""
    answer = answer_from(
        {
            "statusCode": 201,
            "headers": {"Content-Type": "application/json", "X-Count": 3},
            "cookies": ["a=1", "b=2"],
            "body": "{}",
        }
    )
    assert (answer.status, answer.body) == (201, b"{}")
    assert answer.headers == (
        ("content-type", "application/json"),
        ("x-count", "3"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
    )


def test_a_binary_answer_is_decoded() -> None:
    """Bytes come as base64 with a flag."""
    body = base64.b64encode(b"\x00\xff").decode()
    assert answer_from({"statusCode": 200, "body": body, "isBase64Encoded": True}).body == b"\x00\xff"


def test_an_answer_without_a_status_is_a_body() -> None:
    """Any JSON is a 200, as API Gateway infers."""
    answer = answer_from({"a": 1})
    assert (answer.status, answer.body) == (200, b'{"a": 1}')


@pytest.mark.parametrize(
    "malformed",
    [
        {"statusCode": "abc"},
        {"statusCode": 200, "body": {"a": 1}},
        {"statusCode": 200, "headers": ["a"]},
        {"statusCode": 200, "headers": {"a": None}},
        {"statusCode": 200, "cookies": "a=1"},
        {"statusCode": 200, "body": "§", "isBase64Encoded": True},
    ],
)
def test_a_malformed_answer_is_refused(malformed: dict[str, Any]) -> None:
    """The gateway answers 500 instead of guessing."""
    with pytest.raises(MalformedAnswer):
        answer_from(malformed)


def test_only_the_pages_origin_is_let_in() -> None:
    """Another origin, or none, hears nothing."""
    cors = Cors(("https://page.example",), ("GET", "POST"), ("authorization",), ("retry-after",), max_age=3600)
    assert cors.headers("https://page.example", preflight=True) == {
        "access-control-allow-origin": "https://page.example",
        "access-control-allow-methods": "GET,POST",
        "access-control-allow-headers": "authorization",
        "access-control-max-age": "3600",
    }
    assert cors.headers("https://page.example", preflight=False)["access-control-expose-headers"] == "retry-after"
    assert cors.headers("https://other.example", preflight=True) == {}
    assert cors.headers(None, preflight=True) == {}
