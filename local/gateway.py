"""API Gateway's HTTP API on 127.0.0.1, from the API that the template describes."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from aiohttp import web

from local.access_log import log_access
from local.gateway_events import HttpAnswer, HttpApi, HttpRequest, MalformedAnswer, answer_from
from local.lambda_host import HostStopping, InvocationResult
from local.loop_server import LoopServer, listen

BODY_BYTES = 10 * 1024 * 1024
"""Largest request body."""

_LOG = logging.getLogger(__name__)
_CONCURRENT_REQUESTS = 64

Invoke = Callable[[str, bytes], InvocationResult]


class Gateway:
    """Serves one API on a thread of its own. `url` is known after `start`."""

    def __init__(self, api: HttpApi, invoke: Invoke, *, port: int, access_log: Path) -> None:
        self._api = api
        self._invoke = invoke
        self._access_log = access_log
        self._threads = ThreadPoolExecutor(_CONCURRENT_REQUESTS, thread_name_prefix="gateway")
        self._port = port
        self._server = LoopServer("gateway")
        self.url = ""

    def start(self) -> None:
        """Listen; raises OSError when the port is taken."""
        app = web.Application(client_max_size=BODY_BYTES)
        app.router.add_route("*", "/{path:.*}", self._serve)
        listener = listen(self._port)
        self._server.start(app, listener)
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"

    def stop(self) -> None:
        """Take no more requests, let those under way end, and stop."""
        self._server.stop()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _serve(self, incoming: web.Request) -> web.Response:
        """Answer one request and log it."""
        started = time.time()
        request_id = str(uuid.uuid4())
        context: dict[str, Any] = {
            "requestId": request_id,
            "requestTimeEpoch": int(started * 1000),
            "httpMethod": incoming.method,
            "identity.sourceIp": incoming.remote,
            "path": incoming.path,
        }
        try:
            body = await incoming.read()
        except web.HTTPRequestEntityTooLarge:
            answer = HttpAnswer.message(413, "Request Entity Too Large")
        else:
            request = _request(incoming, body, request_id, started)
            answer = await self._answer(request, context)
        answer_headers = self._headers(answer, incoming, request_id)
        context |= {"status": answer.status, "responseLength": len(answer.body)}
        context["responseLatency"] = int((time.time() - started) * 1000)
        log_access(self._access_log, self._api.access_log_format, context)
        response = web.Response(status=answer.status, body=answer.body)
        for name, value in answer_headers:
            response.headers.add(name, value)
        return response

    async def _answer(self, request: HttpRequest, context: dict[str, Any]) -> HttpAnswer:
        """Find the route, invoke its function, shape what it answers."""
        found = self._api.find(request)
        if found is None:
            is_preflight = self._api.cors is not None and request.method == "OPTIONS"
            return HttpAnswer(204, b"") if is_preflight else HttpAnswer.message(404, "Not Found")
        route, parameters = found
        context["routeKey"] = route.key
        event = json.dumps(self._api.event(request, route, parameters)).encode()
        invocation = self._server.loop.run_in_executor(self._threads, self._invoke, route.function, event)
        try:
            result = await asyncio.wait_for(asyncio.shield(invocation), route.timeout)
        except (TimeoutError, HostStopping) as error:
            context["integrationErrorMessage"] = str(error) or f"no answer within {route.timeout:g} s"
            return HttpAnswer.message(503, "Service Unavailable")
        except (LookupError, OSError) as error:
            _LOG.exception("%s could not be invoked", route.function)
            context["integrationErrorMessage"] = str(error)
            return HttpAnswer.message(500, "Internal Server Error")
        return _shaped(result, context)

    def _headers(self, answer: HttpAnswer, incoming: web.Request, request_id: str) -> list[tuple[str, str]]:
        """The answer's headers with those of the gateway; its CORS configuration goes over the function's."""
        headers = [*answer.headers, ("apigw-requestid", request_id)]
        if self._api.cors is None:
            return headers
        preflight = incoming.method == "OPTIONS"
        said = self._api.cors.headers(incoming.headers.get("Origin"), preflight=preflight)
        return [pair for pair in headers if not pair[0].startswith("access-control-")] + list(said.items())


def _request(incoming: web.Request, body: bytes, request_id: str, received_at: float) -> HttpRequest:
    """The request, with the headers that the gateway adds."""
    path, _, query = incoming.raw_path.partition("?")
    source_ip = incoming.remote or ""
    added = [
        ("x-amzn-trace-id", f"Root=1-{int(received_at):08x}-{uuid.uuid4().hex[:24]}"),
        ("x-forwarded-for", source_ip),
        ("x-forwarded-port", str(incoming.url.port or 80)),
        ("x-forwarded-proto", "http"),
    ]
    return HttpRequest(
        method=incoming.method,
        path=path,
        query=query,
        headers=(*incoming.headers.items(), *added),
        body=body,
        source_ip=source_ip,
        protocol=f"HTTP/{incoming.version.major}.{incoming.version.minor}",
        request_id=request_id,
        received_at=received_at,
    )


def _shaped(result: InvocationResult, context: dict[str, Any]) -> HttpAnswer:
    """The function's answer; whatever is wrong with it is a 500 that tells nothing."""
    if result.failed:
        context["integrationErrorMessage"] = result.payload.decode(errors="replace")
        return HttpAnswer.message(500, "Internal Server Error")
    try:
        return answer_from(result.document)
    except MalformedAnswer as error:
        _LOG.warning("A function gave a malformed answer: %s", error)
        context["integrationErrorMessage"] = str(error)
        return HttpAnswer.message(500, "Internal Server Error")
