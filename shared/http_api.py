"""What the HTTP functions have in common: the session, the error shape, the headers of an answer."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError

from shared import wiring
from shared.adapters.sessions import Presented
from shared.domain.api_key import looks_like_key
from shared.domain.identity import Identity, Permission
from shared.errors import RequestRefused, TransientError
from shared.observability import logger
from shared.services.api_keys import holder_of

BASE = "/api/import/manufacturing-data"
SESSION = "/api/import/session"

PRIVATE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
"""The headers of every answer: no cache keeps it, and no browser guesses at what it is."""
_NOT_WANTED = frozenset({"q=0", "q=0.0", "q=0.00", "q=0.000"})
_CORRELATION_ID = re.compile(r"[\w.:-]{1,100}\Z", re.ASCII)


def new_http_api() -> APIGatewayHttpResolver:
    """A router that answers every failure in the error shape `{error, message, supportId, details}`."""
    app = APIGatewayHttpResolver()
    app.exception_handler(RequestRefused)(_refused)
    app.exception_handler(TransientError)(_unavailable)
    app.exception_handler(NotFoundError)(_no_route)
    app.exception_handler(Exception)(_broken)
    return app


def identify(app: APIGatewayHttpResolver, permission: Permission) -> Identity:
    """Who is asking, by a session or an API key; raises RequestRefused 401 without one, 403 without the permission."""
    presented, now = _presented(app), wiring.clock()
    token = presented.bearer
    if token is not None and looks_like_key(token):
        identity = holder_of(token, keys=wiring.api_keys(), now=now)
    else:
        identity = wiring.sessions().identify(presented, now)
    logger.append_keys(tenant_id=identity.tenant_id, user_id=identity.user_id)
    if not identity.may(permission):
        raise RequestRefused(
            f"Your role ({identity.role}) does not have the permission {permission}.", status=403, code="forbidden"
        )
    return identity


def _presented(app: APIGatewayHttpResolver) -> Presented:
    """What the request brings to say who sends it; payload 2.0 keeps cookies apart from the headers."""
    event = app.current_event
    return Presented(
        method=event.http_method,
        authorization=event.headers.get("authorization"),
        cookies=tuple(event.cookies),
        origin=event.headers.get("origin"),
        fetch_site=event.headers.get("sec-fetch-site"),
    )


def correlation_id(app: APIGatewayHttpResolver) -> str:
    """The caller's `X-Correlation-Id` where it is a plain identifier, else the request's own id; set on the logger."""
    given = app.current_event.headers.get("x-correlation-id") or ""
    chosen = given if _CORRELATION_ID.match(given) else str(app.current_event.request_context.request_id)
    logger.set_correlation_id(chosen)
    return chosen


def text_body(app: APIGatewayHttpResolver) -> str:
    """The request's body; raises RequestRefused 422 for one that is no text."""
    try:
        return app.current_event.decoded_body or ""
    except ValueError as error:
        raise RequestRefused("The body is not text in UTF-8.", status=422, code="request_invalid") from error


def answer(status: HTTPStatus | int, body: dict[str, Any], headers: Mapping[str, str] | None = None) -> Response[str]:
    """A JSON answer that no cache keeps."""
    return Response(
        status_code=int(status),
        content_type="application/json",
        body=json.dumps(body, ensure_ascii=False),
        headers={**PRIVATE, **(headers or {})},
    )


def accepts_json(accept: str) -> bool:
    """Whether an `Accept` header names JSON itself; `*/*` and none at all do not."""
    named = [[part.strip().lower() for part in choice.split(";")] for choice in accept.split(",")]
    return any(kind == "application/json" and not _NOT_WANTED.intersection(weights) for kind, *weights in named)


def page(html: str, policy: str) -> Response[str]:
    """A page that no cache keeps, and that may do no more than its content security policy says."""
    return Response(
        status_code=HTTPStatus.OK,
        content_type="text/html; charset=utf-8",
        body=html,
        headers={
            **PRIVATE,
            "Content-Security-Policy": f"{policy}; frame-ancestors 'none'; sandbox",
            "Referrer-Policy": "no-referrer",
        },
    )


def _error(
    status: int, code: str, message: str, details: list[dict[str, Any]], headers: Mapping[str, str]
) -> tuple[str, Response[str]]:
    support_id = uuid.uuid4().hex[:12]
    body = {"error": code, "message": message, "supportId": support_id, "details": {"errors": details}}
    return support_id, answer(status, body, headers)


def _refused(refusal: RequestRefused) -> Response[str]:
    support_id, response = _error(refusal.status, refusal.code, refusal.message, refusal.details, refusal.headers)
    logger.info("request refused", code=refusal.code, status=refusal.status, support_id=support_id)
    return response


def _unavailable(error: TransientError) -> Response[str]:
    message = "The service is busy; try again in some seconds."
    support_id, response = _error(503, "unavailable", message, [], {"Retry-After": "5"})
    logger.error("request not served", support_id=support_id, reason=error.message, exc_info=error)
    return response


def _no_route(_: NotFoundError) -> Response[str]:
    support_id, response = _error(404, "not_found", "There is nothing at this address.", [], {})
    logger.info("request refused", code="not_found", status=404, support_id=support_id)
    return response


def _broken(error: Exception) -> Response[str]:
    message = "Something went wrong on our side; name the supportId when you ask about it."
    support_id, response = _error(500, "internal_error", message, [], {})
    logger.error("request failed", support_id=support_id, exc_info=error)
    return response
