"""The Lambda Runtime API of one execution environment, over HTTP on a free port of 127.0.0.1.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol

_PREFIX = "/2018-06-01/runtime"
_RESULT = re.compile(rf"{_PREFIX}/invocation/(?P<id>[^/]+)/(?P<kind>response|error)\Z")


@dataclass(frozen=True)
class Invocation:
    """One event on its way to a handler; `deadline` is in seconds since the epoch."""

    request_id: str
    payload: bytes
    function_arn: str
    trace_id: str
    deadline: float


class RuntimeEvents(Protocol):
    """What the process behind the API does, as calls. They come on the server's threads."""

    def next_invocation(self) -> Invocation | None:
        """Wait for an invocation; None when there will be no more."""

    def invocation_ended(self, request_id: str, payload: bytes, *, failed: bool) -> bool:
        """Take the handler's answer or error; False when it was too large to pass on."""

    def init_failed(self, payload: bytes) -> None:
        """Take the error that kept the handler's module from being imported."""


class RuntimeApi:
    """Serves one process. `address` is what it gets as AWS_LAMBDA_RUNTIME_API."""

    def __init__(self, events: RuntimeEvents) -> None:
        handler = type("Handler", (_Handler,), {"events": events})
        self._server = _Server(("127.0.0.1", 0), handler)
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._serve, name="runtime-api", daemon=True).start()

    def close(self) -> None:
        """Take no more connections; ends within a second, which nobody needs to wait for."""
        threading.Thread(target=self._server.shutdown, name="runtime-api-close", daemon=True).start()

    def _serve(self) -> None:
        with self._server:
            self._server.serve_forever(poll_interval=1)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A killed process leaves a broken connection behind; the watcher of the process says what happened."""


class _Handler(BaseHTTPRequestHandler):
    events: RuntimeEvents
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Hand out the next invocation."""
        if self.path != f"{_PREFIX}/invocation/next":
            self._answer(HTTPStatus.NOT_FOUND)
            return
        invocation = self.events.next_invocation()
        if invocation is None:
            self.close_connection = True
            return
        self._answer(
            HTTPStatus.OK,
            invocation.payload,
            {
                "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
                "Lambda-Runtime-Deadline-Ms": str(int(invocation.deadline * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": invocation.function_arn,
                "Lambda-Runtime-Trace-Id": invocation.trace_id,
            },
        )

    def do_POST(self) -> None:
        """Take a response, an error, or an error of the initialisation."""
        body = self._body()
        result = _RESULT.match(self.path)
        if result:
            taken = self.events.invocation_ended(result["id"], body, failed=result["kind"] == "error")
            self._answer(HTTPStatus.ACCEPTED if taken else HTTPStatus.REQUEST_ENTITY_TOO_LARGE, b'{"status":"OK"}')
        elif self.path == f"{_PREFIX}/init/error":
            self.events.init_failed(body)
            self._answer(HTTPStatus.ACCEPTED, b'{"status":"OK"}')
        else:
            self._answer(HTTPStatus.NOT_FOUND)

    def _body(self) -> bytes:
        """The request's body; AWS's runtime client sends it chunked."""
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(parts)

    def _answer(self, status: HTTPStatus, body: bytes = b"{}", headers: dict[str, str] | None = None) -> None:
        """Send a JSON answer in one packet."""
        self.send_response_only(status)
        for name, value in {**(headers or {}), "Content-Type": "application/json"}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self._headers_buffer: list[bytes]
        self._headers_buffer.append(b"\r\n" + body)
        self.flush_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Keep quiet."""
