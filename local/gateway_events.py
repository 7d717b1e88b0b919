"""HTTP requests as API Gateway's HTTP API hands them to a function (payload 2.0), and the answers on their way back.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

_TEXT = re.compile(r"text/.*|application/(json|javascript|xml)|.*\+(json|xml)")
_NO_ROUTE = "$default"


class MalformedAnswer(ValueError):
    """A function's answer that the gateway cannot make an HTTP response of."""


@dataclass(frozen=True)
class HttpRequest:
    """A request as it came in. `path` is as it was written; `received_at` is in seconds since the epoch."""

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    source_ip: str
    protocol: str
    request_id: str
    received_at: float

    def header(self, name: str) -> str | None:
        """A header's values joined by commas; None when it was not sent."""
        values = [value for key, value in self.headers if key.lower() == name]
        return ",".join(values) if values else None


@dataclass(frozen=True)
class HttpAnswer:
    """A response that is ready to be sent."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def message(cls, status: int, message: str) -> HttpAnswer:
        """An answer of the gateway itself."""
        return cls(status, json.dumps({"message": message}).encode(), (("content-type", "application/json"),))


@dataclass(frozen=True)
class Route:
    """A route key (`GET /things/{id}`, `ANY /{proxy+}` or `$default`) and the function that answers it.

    `timeout` is the integration's, in seconds.
    """

    key: str
    function: str
    timeout: float = 30.0

    def match(self, method: str, path: str) -> dict[str, str] | None:
        """The path parameters of a request that the route answers; None for any other."""
        if self.key == _NO_ROUTE:
            return {}
        route_method, pattern = self.key.split(" ", 1)
        if route_method not in {"ANY", method}:
            return None
        return _match_path(pattern.split("/"), path.split("/"))

    @property
    def precedence(self) -> tuple[Any, ...]:
        """Sorts the most specific route first."""
        if self.key == _NO_ROUTE:
            return (1,)
        method, pattern = self.key.split(" ", 1)
        return (0, [_generality(part) for part in pattern.split("/")], method == "ANY")


@dataclass(frozen=True)
class Cors:
    """The CORS configuration of an API; an answer's own CORS headers are dropped when there is one."""

    allow_origins: tuple[str, ...] = ()
    allow_methods: tuple[str, ...] = ()
    allow_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    max_age: int | None = None
    allow_credentials: bool = False

    def headers(self, origin: str | None, *, preflight: bool) -> dict[str, str]:
        """What to say to a page from `origin`: nothing, when it is not one that may ask."""
        if origin is None or not {"*", origin} & set(self.allow_origins):
            return {}
        said = {"access-control-allow-origin": "*" if "*" in self.allow_origins else origin}
        if self.allow_credentials:
            said["access-control-allow-credentials"] = "true"
        if preflight:
            said["access-control-allow-methods"] = ",".join(self.allow_methods)
            said["access-control-allow-headers"] = ",".join(self.allow_headers)
            if self.max_age is not None:
                said["access-control-max-age"] = str(self.max_age)
        elif self.expose_headers:
            said["access-control-expose-headers"] = ",".join(self.expose_headers)
        return {name: value for name, value in said.items() if value}


@dataclass(frozen=True)
class HttpApi:
    """An HTTP API as the template describes it."""

    api_id: str
    account: str
    region: str
    stage: str = "$default"
    cors: Cors | None = None
    access_log_format: str | None = None
    routes: tuple[Route, ...] = field(default=())

    @property
    def domain(self) -> str:
        """The API's public name."""
        return f"{self.api_id}.execute-api.{self.region}.amazonaws.com"

    def find(self, request: HttpRequest) -> tuple[Route, dict[str, str]] | None:
        """The most specific route for a request, with its path parameters."""
        for route in sorted(self.routes, key=lambda route: route.precedence):
            parameters = route.match(request.method, request.path)
            if parameters is not None:
                return route, parameters
        return None

    def event(self, request: HttpRequest, route: Route, parameters: Mapping[str, str]) -> dict[str, Any]:
        """The event for the route's function."""
        body, is_base64 = _event_body(request)
        received = datetime.fromtimestamp(request.received_at, UTC)
        event: dict[str, Any] = {
            "version": "2.0",
            "routeKey": route.key,
            "rawPath": unquote(request.path),
            "rawQueryString": request.query,
            "cookies": _cookies(request),
            "headers": _joined((name.lower(), value) for name, value in request.headers if name.lower() != "cookie"),
            "queryStringParameters": _joined(parse_qsl(request.query, keep_blank_values=True)),
            "requestContext": {
                "accountId": self.account,
                "apiId": self.api_id,
                "domainName": self.domain,
                "domainPrefix": self.api_id,
                "http": {
                    "method": request.method,
                    "path": unquote(request.path),
                    "protocol": request.protocol,
                    "sourceIp": request.source_ip,
                    "userAgent": request.header("user-agent") or "",
                },
                "requestId": request.request_id,
                "routeKey": route.key,
                "stage": self.stage,
                "time": received.strftime("%d/%b/%Y:%H:%M:%S +0000"),
                "timeEpoch": int(request.received_at * 1000),
            },
            "pathParameters": dict(parameters),
            "body": body,
            "isBase64Encoded": is_base64,
        }
        absent_when_empty = ("cookies", "queryStringParameters", "pathParameters", "body")
        return {key: value for key, value in event.items() if value or key not in absent_when_empty}


def answer_from(document: Any) -> HttpAnswer:
    """The response that a function's answer stands for; raises MalformedAnswer.

    An answer without a status code is taken as the body of a 200, as API Gateway does.
    """
    if not isinstance(document, dict) or "statusCode" not in document:
        return HttpAnswer(200, json.dumps(document).encode(), (("content-type", "application/json"),))
    status = document["statusCode"]
    if isinstance(status, bool) or not isinstance(status, int) or not 100 <= status <= 599:  # noqa: PLR2004
        raise MalformedAnswer(f"statusCode is {status!r}")
    headers = _answer_headers(document.get("headers") or {})
    if not any(name == "content-type" for name, _ in headers):
        headers.append(("content-type", "text/plain;charset=UTF-8"))
    headers += [("set-cookie", cookie) for cookie in _strings(document.get("cookies") or [], "cookies")]
    return HttpAnswer(status, _answer_body(document), tuple(headers))


def _match_path(pattern: list[str], path: list[str]) -> dict[str, str] | None:
    parameters: dict[str, str] = {}
    for index, part in enumerate(pattern):
        if part.endswith("+}"):
            rest = "/".join(path[index:])
            return {**parameters, part[1:-2]: unquote(rest)} if rest else None
        if index >= len(path):
            return None
        if part.startswith("{") and path[index]:
            parameters[part[1:-1]] = unquote(path[index])
        elif part != unquote(path[index]):
            return None
    return parameters if len(pattern) == len(path) else None


def _generality(part: str) -> int:
    return 2 if part.endswith("+}") else 1 if part.startswith("{") else 0


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Pairs as a mapping; values of the same name are joined by commas."""
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _cookies(request: HttpRequest) -> list[str]:
    sent = (value for name, value in request.headers if name.lower() == "cookie")
    return [cookie.strip() for value in sent for cookie in value.split(";") if cookie.strip()]


def _event_body(request: HttpRequest) -> tuple[str | None, bool]:
    """The body as text where its type says that it is text, else as base64."""
    if not request.body:
        return None, False
    content_type = (request.header("content-type") or "").split(";")[0].strip().lower()
    if _TEXT.fullmatch(content_type):
        try:
            return request.body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(request.body).decode(), True


def _answer_headers(headers: Any) -> list[tuple[str, str]]:
    if not isinstance(headers, dict) or not all(isinstance(value, str | int | float) for value in headers.values()):
        raise MalformedAnswer(f"headers are {headers!r}")
    return [(name.lower(), str(value)) for name, value in headers.items()]


def _answer_body(document: Mapping[str, Any]) -> bytes:
    body = document.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        raise MalformedAnswer(f"body is of type {type(body).__name__}, not a string")
    if not document.get("isBase64Encoded"):
        return body.encode()
    try:
        return base64.b64decode(body, validate=True)
    except ValueError as error:
        raise MalformedAnswer("body is not base64") from error


def _strings(values: Any, name: str) -> list[str]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise MalformedAnswer(f"{name} are {values!r}")
    return values
