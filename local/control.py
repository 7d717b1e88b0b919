"""A look into the running stack for tests: which worker processes there are and what each is doing."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import asdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from local.lambda_host import WorkerStatus


class ControlServer:
    """Answers `GET /workers` with a JSON array of `WorkerStatus`, on a free port of 127.0.0.1."""

    def __init__(self, workers: Callable[[], list[WorkerStatus]]) -> None:
        handler = type("Handler", (_Handler,), {"workers": staticmethod(workers)})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> None:
        """Answer from now on."""
        threading.Thread(target=self._server.serve_forever, name="control", daemon=True).start()

    def stop(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    workers: Callable[[], list[WorkerStatus]]

    def do_GET(self) -> None:
        """List the workers."""
        if self.path != "/workers":
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        body = json.dumps([asdict(worker) for worker in self.workers()]).encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Keep quiet."""
