"""S3 lets a page of another origin in only as the bucket's CORS configuration says.

moto allows every origin to a bucket without a configuration, matches origins by their beginning
(`https://page.example` lets `https://page.example.attacker.net` in), and leaves method and headers unchecked; a
POST form's answer has no CORS headers at all. This WSGI middleware answers preflight requests itself, and sets
the headers of other answers, errors included, by the first rule that fits. Buckets are addressed by path.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.moto_server import werkzeug_app
from moto.s3.models import s3_backends
from moto.s3.responses import S3Response

from local.aws.patching import Patches
from local.aws.s3_errors import S3Error, StartResponse, WsgiApplication, WsgiEnvironment

_VARY = ("Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method")


def install(patches: Patches) -> None:
    """Take moto's own CORS headers away."""
    patches.replace(werkzeug_app, "DISABLE_GLOBAL_CORS", new=True)
    patches.replace(S3Response, "_get_cors_headers_other", lambda _: {})


class BucketCors:
    """The middleware."""

    def __init__(self, application: WsgiApplication) -> None:
        self._application = application

    def __call__(self, environ: WsgiEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a preflight request; pass any other on and set its answer's headers."""
        origin = environ.get("HTTP_ORIGIN")
        if environ["REQUEST_METHOD"] == "OPTIONS":
            try:
                headers = _preflight(environ, origin)
            except S3Error as error:
                return error.answer(environ, start_response)
            start_response("200 OK", [*headers, ("Content-Length", "0")])
            return []
        if not origin:
            return self._application(environ, start_response)
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]

        def start_with_cors(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            rule = _first_rule(path, origin, method, [])
            return start_response(status, headers if rule is None else [*headers, *_headers(rule, origin)], *rest)

        return self._application(environ, start_with_cors)


def _preflight(environ: WsgiEnvironment, origin: str | None) -> list[tuple[str, str]]:
    method = environ.get("HTTP_ACCESS_CONTROL_REQUEST_METHOD")
    if not origin or not method:
        missing = "Access-Control-Request-Method" if origin else "Origin request header"
        raise S3Error(HTTPStatus.BAD_REQUEST, "BadRequest", f"Insufficient information. {missing} needed.")
    asked = environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "")
    names = [name.strip().lower() for name in asked.split(",") if name.strip()]
    if not _rules(environ["PATH_INFO"]):
        raise _forbidden("CORS is not enabled for this bucket.")
    rule = _first_rule(environ["PATH_INFO"], origin, method, names)
    if rule is None:
        raise _forbidden(
            "This CORS request is not allowed. This is usually because the evalution of Origin, request method / "
            "Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's "
            "CORS spec."
        )
    headers = _headers(rule, origin)
    return [*headers, ("Access-Control-Allow-Headers", ", ".join(names))] if names else headers


def _forbidden(reason: str) -> S3Error:
    return S3Error(HTTPStatus.FORBIDDEN, "AccessForbidden", f"CORSResponse: {reason}")


def _rules(path: str) -> list[Any]:
    bucket = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets.get(path.lstrip("/").partition("/")[0])
    return list(bucket.cors) if bucket is not None else []


def _first_rule(path: str, origin: str, method: str, names: list[str]) -> Any:
    for rule in _rules(path):
        allowed_headers = [header.lower() for header in rule.allowed_headers or []]
        if (
            _matches_any(origin, rule.allowed_origins)
            and method in rule.allowed_methods
            and all(_matches_any(name, allowed_headers) for name in names)
        ):
            return rule
    return None


def _matches_any(value: str, patterns: list[str]) -> bool:
    return any(re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), value) for pattern in patterns)


def _headers(rule: Any, origin: str) -> list[tuple[str, str]]:
    everybody = "*" in rule.allowed_origins
    headers = [
        ("Access-Control-Allow-Origin", "*" if everybody else origin),
        ("Access-Control-Allow-Methods", ", ".join(rule.allowed_methods)),
        _VARY,
    ]
    if not everybody:
        headers.append(("Access-Control-Allow-Credentials", "true"))
    if rule.exposed_headers:
        headers.append(("Access-Control-Expose-Headers", ", ".join(rule.exposed_headers)))
    if rule.max_age_seconds:
        headers.append(("Access-Control-Max-Age", str(rule.max_age_seconds)))
    return headers
