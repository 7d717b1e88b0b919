"""Stands between the functions and AWS' endpoint, and answers some of their requests as a bad day would."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

Kind = Literal["throttled", "failing", "truncated", "answer_lost"]
"""Refused for now; a 5xx; half of the body; done, and nobody hears of it."""

_PASSED_ON_ANEW = frozenset({"connection", "transfer-encoding", "expect", "content-length"})
_THROTTLED = json.dumps({"__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"}).encode()
_FAILING = b"<Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>"


@dataclass(frozen=True)
class AwsRequest:
    """A request of a function: `operation` is DynamoDB's or Step Functions' (`UpdateItem`), else the HTTP method."""

    operation: str
    path: str
    body: bytes


@dataclass
class AwsFault:
    """What happens to the next `times` requests that match."""

    matches: Callable[[AwsRequest], bool]
    kind: Kind
    times: int = 1
    met: int = field(default=0, init=False)


class AwsProxy:
    """Serves on a free port of 127.0.0.1 and passes on to the endpoint's port."""

    def __init__(self, upstream_port: int) -> None:
        self._lock = threading.Lock()
        self._faults: list[AwsFault] = []
        handler = type("Handler", (_Handler,), {"take": staticmethod(self._take), "upstream_port": upstream_port})
        self._server = _Server(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, name="aws-proxy", daemon=True).start()

    def arm(self, fault: AwsFault) -> None:
        """Let a fault happen."""
        with self._lock:
            self._faults.append(fault)

    def disarm(self) -> None:
        """Let nothing more happen."""
        with self._lock:
            self._faults.clear()

    def stop(self) -> None:
        """Serve no more."""
        self._server.shutdown()
        self._server.server_close()

    def _take(self, request: AwsRequest) -> Kind | None:
        with self._lock:
            for fault in self._faults:
                if fault.met < fault.times and fault.matches(request):
                    fault.met += 1
                    return fault.kind
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """A function that was killed leaves a broken connection behind."""


class _Handler(BaseHTTPRequestHandler):
    take: Callable[[AwsRequest], Kind | None]
    upstream_port: int
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _pass_on(self) -> None:
        body = self._body()
        operation = self.headers.get("X-Amz-Target", "").rpartition(".")[2] or self.command
        kind = self.take(AwsRequest(operation, self.path, body))
        if kind == "throttled":
            self._answer(400, [("Content-Type", "application/x-amz-json-1.0")], _THROTTLED)
        elif kind == "failing":
            self._answer(500, [("Content-Type", "application/xml")], _FAILING)
        else:
            self._answer_from_upstream(body, kind)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_OPTIONS = _pass_on  # noqa: N815 - the base class's names

    def _answer_from_upstream(self, body: bytes, kind: Kind | None) -> None:
        upstream = http.client.HTTPConnection("127.0.0.1", self.upstream_port, timeout=120)
        try:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in _PASSED_ON_ANEW:
                    upstream.putheader(name, value)
            upstream.putheader("Content-Length", str(len(body)))
            upstream.endheaders(body)
            response = upstream.getresponse()
            data = response.read()
        finally:
            upstream.close()
        if kind == "answer_lost":
            self.close_connection = True
            return
        headers = [(name, value) for name, value in response.getheaders() if name.lower() not in _PASSED_ON_ANEW]
        length = int(response.getheader("Content-Length") or len(data)) if self.command == "HEAD" else len(data)
        if kind == "truncated":
            self.close_connection = True
            data = data[: len(data) // 2]
        self._answer(response.status, headers, data, length)

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes, length: int | None = None) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(parts)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Keep quiet."""
