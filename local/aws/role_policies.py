"""IAM for the requests of roles: what a function's role does not allow is refused, as AWS refuses it.

This WSGI middleware stands behind `presigned.py`, so each request has a verified or at least a named access key. One
that belongs to a role may do what the role's inline policies allow: actions and resources with `*` and `?`, explicit
denials first, and the conditions StringEquals and StringLike; with a condition of another kind an Allow does not hold
and a Deny does. Not regarded: resource policies, permission boundaries, managed policies (which ours have only for the
VPC). Requests with an operator's key pass.
"""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import Any
from xml.sax.saxutils import escape

from moto.iam.models import iam_backends

from local.aws.access_keys import AccessKeys
from local.aws.aws_actions import Demand, UnknownDemand, demands
from local.aws.s3_errors import (
    StartResponse,
    WsgiApplication,
    WsgiEnvironment,
    access_denied,
    content_length,
    discard_body,
)
from local.aws.sigv4 import Credential

_LOG = logging.getLogger(__name__)
_CREDENTIAL = re.compile(r"Credential=([^,\s]+)")
_ACCOUNT = "123456789012"
Statement = dict[str, Any]


class RolePolicies:
    """The middleware."""

    def __init__(self, application: WsgiApplication, keys: AccessKeys) -> None:
        self._application = application
        self._keys = keys

    def __call__(self, environ: WsgiEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Let a request through that its role allows, or answer as the service does that refuses it."""
        credential = credential_of(environ.get("HTTP_AUTHORIZATION", ""))
        role = self._keys.roles.get(credential.access_key) if credential else None
        if credential is None or role is None:
            return self._application(environ, start_response)
        refused = _refused(environ, credential, role)
        if refused is None:
            return self._application(environ, start_response)
        _LOG.warning("%s is not allowed: %s", role, refused)
        discard_body(environ)
        return _denial(credential.service, f"{role} is not authorized to perform: {refused}", environ, start_response)


def credential_of(authorization: str) -> Credential | None:
    """Who signed, as a request's Authorization header says; None where nobody did. Raises ValueError."""
    found = _CREDENTIAL.search(authorization)
    return Credential.parse(found[1]) if found else None


def _refused(environ: WsgiEnvironment, credential: Credential, role: str) -> str | None:
    """The first thing that the role does not allow, in words; None where it allows all."""
    try:
        wanted = demands(environ, _body(environ, credential.service), credential, _ACCOUNT)
    except UnknownDemand as unknown:
        return str(unknown)
    return next((f"{d.action} on resource: {d.resource}" for d in wanted if not role_allows(role, d)), None)


def _body(environ: WsgiEnvironment, service: str) -> bytes:
    """The body of a request that tells in it what it asks for; it can be read again. An object's is left alone."""
    if service == "s3" and not str(environ.get("CONTENT_TYPE", "")).startswith("application/x-www-form-urlencoded"):
        return b""
    body: bytes = environ["wsgi.input"].read(content_length(environ))
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def _documents(role: str) -> Iterable[str]:
    """The role's inline policies, which AWS' endpoint has from the template."""
    backend = iam_backends[_ACCOUNT]["aws"]
    return [str(document) for document in backend.get_role(role).policies.values()]


@lru_cache(maxsize=256)
def _statements(document: str) -> tuple[Statement, ...]:
    found = json.loads(document)["Statement"]
    return tuple(found if isinstance(found, list) else [found])


def role_allows(role: str, demand: Demand) -> bool:
    """Whether the role's inline policies allow it."""
    return is_allowed(demand, [each for document in _documents(role) for each in _statements(document)])


def is_allowed(demand: Demand, statements: Iterable[Statement]) -> bool:
    """Whether a statement allows it, and none denies it."""
    fitting = {statement["Effect"] for statement in statements if _fits(statement, demand)}
    return "Allow" in fitting and "Deny" not in fitting


def _fits(statement: Statement, demand: Demand) -> bool:
    actions, resources = _listed(statement.get("Action", [])), _listed(statement.get("Resource", []))
    return (
        any(_pattern(action.lower()).fullmatch(demand.action.lower()) for action in actions)
        and any(_pattern(resource).fullmatch(demand.resource) for resource in resources)
        and all(
            _holds(operator, wanted, demand.context, otherwise=statement["Effect"] == "Deny")
            for operator, wanted in statement.get("Condition", {}).items()
        )
    )


def _holds(operator: str, wanted: Mapping[str, Any], context: Mapping[str, str], *, otherwise: bool) -> bool:
    if operator not in ("StringEquals", "StringLike"):
        return otherwise
    as_pattern = _pattern if operator == "StringLike" else lambda text: re.compile(re.escape(text))
    return all(
        key in context and any(as_pattern(value).fullmatch(context[key]) for value in _listed(values))
        for key, values in wanted.items()
    )


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


@lru_cache(maxsize=1024)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(re.escape(text).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


_IN_JSON = frozenset({"dynamodb", "states", "secretsmanager", "lambda"})


def _denial(service: str, message: str, environ: WsgiEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    if service == "s3":
        return access_denied(message).answer(environ, start_response)
    if service in _IN_JSON:
        kind = "application/x-amz-json-1.0"
        body = json.dumps({"__type": "AccessDeniedException", "message": message, "Message": message}).encode()
    else:
        kind = "text/xml"
        error = f"<Error><Code>AccessDenied</Code><Message>{escape(message)}</Message></Error>"
        body = f"<ErrorResponse>{error}</ErrorResponse>".encode()
    status = HTTPStatus.BAD_REQUEST if service in _IN_JSON and service != "lambda" else HTTPStatus.FORBIDDEN
    headers = [
        ("Content-Type", kind),
        ("Content-Length", str(len(body))),
        ("x-amzn-ErrorType", "AccessDeniedException"),
    ]
    start_response(f"{status.value} {status.phrase}", headers)
    return [body]
