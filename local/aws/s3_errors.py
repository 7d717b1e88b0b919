"""S3's errors as its clients see them: a status and an XML document."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any
from xml.sax.saxutils import escape

WsgiEnvironment = dict[str, Any]
StartResponse = Callable[..., Any]
WsgiApplication = Callable[[WsgiEnvironment, StartResponse], Iterable[bytes]]


class S3Error(Exception):
    """An answer of S3 that refuses a request. `details` are further elements of the document."""

    def __init__(self, status: HTTPStatus, code: str, message: str, **details: object) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details

    def answer(self, environ: WsgiEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Send the error, without a body if the request was HEAD."""
        elements = {"Code": self.code, "Message": self.message, **self.details, "RequestId": uuid.uuid4().hex.upper()}
        lines = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in elements.items())
        body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{lines}</Error>'.encode()
        status = f"{self.status.value} {self.status.phrase}"
        start_response(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


def access_denied(message: str, **details: object) -> S3Error:
    """The error for what nobody allowed."""
    return S3Error(HTTPStatus.FORBIDDEN, "AccessDenied", message, **details)


def invalid_argument(message: str, **details: object) -> S3Error:
    """The error for a request that is not put together as S3 demands."""
    return S3Error(HTTPStatus.BAD_REQUEST, "InvalidArgument", message, **details)


def discard_body(environ: WsgiEnvironment) -> None:
    """Read what the client still sends, so that it gets to read the answer and not a reset connection."""
    remaining = content_length(environ)
    while remaining > 0:
        block = environ["wsgi.input"].read(min(remaining, 1 << 20))
        if not block:
            break
        remaining -= len(block)


def content_length(environ: WsgiEnvironment) -> int:
    """The declared length of the body in bytes, 0 when there is none."""
    declared = environ.get("CONTENT_LENGTH") or "0"
    return int(declared) if declared.isdecimal() else 0
