"""API Gateway's WebSocket API on 127.0.0.1, and the management API of its connections.

It listens before the stacks are made, since functions are told where, and serves the API that they then describe. As
on AWS a connection is made once the function of `$connect` has answered with a 2xx, and can be reached by
`/{stage}/@connections/{id}` from then until it ends, by whoever may `execute-api:ManageConnections`; it ends when
nothing was said for 10 minutes, and after 2 hours. A message has up to 128 KB.

Not closed: frames of more than 32 KB are taken, binary messages are ignored, and throttling is not enforced.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from local.access_log import log_access
from local.aws.access_keys import AccessKeys
from local.aws.aws_actions import Demand
from local.aws.role_policies import credential_of, role_allows
from local.lambda_host import HostStopping, InvocationResult
from local.loop_server import LoopServer, listen
from local.websocket_events import CONNECT, DISCONNECT, Handshake, SocketApi, SocketRoute

MESSAGE_BYTES = 128 * 1024
"""Largest message, in either direction."""

_LOG = logging.getLogger(__name__)
_CONCURRENT_INVOCATIONS = 16
_CONNECTION_ID_BYTES = 11
_CLOSE_SECONDS = 2.0
"""How long a client may take to confirm the end of its connection."""

_MANAGE = "execute-api:ManageConnections"
_STATUSES = frozenset(HTTPStatus)

Invoke = Callable[[str, bytes], InvocationResult]


@dataclass
class _Connection:
    handshake: Handshake
    socket: web.WebSocketResponse
    last_active: float = field(default_factory=time.time)

    async def send(self, text: str) -> bool:
        """False when it has ended meanwhile."""
        try:
            await self.socket.send_str(text)
        except ConnectionError:
            return False
        self.last_active = time.time()
        return True


class WebSocketGateway:
    """Serves one API on a thread of its own. `address` (`ws://host:port`) is known after `start`."""

    def __init__(
        self,
        invoke: Invoke,
        keys: AccessKeys,
        *,
        access_log: Path,
        port: int = 0,
        idle_seconds: float = 600,
        longest_seconds: float = 7200,
    ) -> None:
        self._invoke = invoke
        self._keys = keys
        self._access_log = access_log
        self._idle = idle_seconds
        self._longest = longest_seconds
        self._api: SocketApi | None = None
        self._connections: dict[str, _Connection] = {}
        self._closing: set[asyncio.Task[bool]] = set()
        self._threads = ThreadPoolExecutor(_CONCURRENT_INVOCATIONS, thread_name_prefix="websocket-gateway")
        self._port = port
        self._server = LoopServer("websocket-gateway")
        self.address = ""

    def start(self) -> None:
        """Listen; raises OSError when the port is taken."""
        app = web.Application()
        app.router.add_get("/{stage}", self._accept)
        for method in ("POST", "GET", "DELETE"):
            app.router.add_route(method, "/{stage}/@connections/{connection_id}", self._manage)
        app.router.add_route("*", "/{path:.*}", _forbid)
        app.on_shutdown.append(self._close_all)
        listener = listen(self._port)
        self._server.start(app, listener)
        self.address = f"ws://127.0.0.1:{listener.getsockname()[1]}"

    def serve(self, api: SocketApi) -> None:
        """Serve the API; until then every connection is refused."""
        self._api = api

    def stop(self) -> None:
        """End all connections, tell the functions of it, and stop."""
        self._server.stop()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _close_all(self, _: web.Application) -> None:
        await asyncio.gather(*(each.socket.close(code=WSCloseCode.GOING_AWAY) for each in self._connections.values()))

    async def _accept(self, request: web.Request) -> web.StreamResponse:
        """Ask the function of `$connect`, and speak with the client when it lets it in."""
        api = self._api
        if api is None or request.match_info["stage"] != api.stage:
            return await _forbid(request)
        # As API Gateway: without compression.
        socket = web.WebSocketResponse(max_msg_size=MESSAGE_BYTES + 1, compress=False, timeout=_CLOSE_SECONDS)
        if not socket.can_prepare(request).ok:
            return _message(HTTPStatus.UPGRADE_REQUIRED, "Upgrade Required")
        handshake = _handshake(request)
        refused = await self._refusal(api, handshake)
        if refused:
            return _message(refused, HTTPStatus(refused).phrase)
        await socket.prepare(request)
        connection = _Connection(handshake, socket)
        self._connections[handshake.connection_id] = connection
        try:
            await self._listen(api, connection)
        finally:
            self._connections.pop(handshake.connection_id, None)
            await self._tell_end(api, connection)
        return socket

    async def _refusal(self, api: SocketApi, handshake: Handshake) -> int | None:
        """The status to refuse a connection with; None for one that is let in."""
        route = api.route(CONNECT)
        if route is None:
            return None
        event = api.connect_event(handshake)
        answer = await self._call(route, event)
        status = answer.get("statusCode") if answer else None
        if status not in _STATUSES:
            status = int(HTTPStatus.INTERNAL_SERVER_ERROR)
        self._log(api, event, status)
        return None if status // 100 == 2 else status  # noqa: PLR2004

    async def _listen(self, api: SocketApi, connection: _Connection) -> None:
        """Take messages until the client ends it, or it was silent or there for too long."""
        while True:
            now = time.time()
            left = min(connection.last_active + self._idle, connection.handshake.connected_at + self._longest) - now
            if left <= 0:
                await connection.socket.close(code=WSCloseCode.GOING_AWAY, message=b"Going away")
                return
            try:
                message = await connection.socket.receive(timeout=left)
            except TimeoutError:
                continue
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                return
            connection.last_active = time.time()
            if message.type is WSMsgType.TEXT:
                await self._take(api, connection, message.data)

    async def _take(self, api: SocketApi, connection: _Connection, message: str) -> None:
        """Hand a message to the function of its route, and the answer back where the route lets it."""
        route = api.select(message)
        if route is None:
            await connection.send(_complaint("Forbidden", connection))
            return
        event = api.message_event(connection.handshake, route, message)
        answer = await self._call(route, event)
        self._log(api, event, HTTPStatus.INTERNAL_SERVER_ERROR if answer is None else HTTPStatus.OK)
        if answer is None:
            await connection.send(_complaint("Internal server error", connection))
        elif route.answers and isinstance(body := answer.get("body"), str):
            await connection.send(body)

    async def _tell_end(self, api: SocketApi, connection: _Connection) -> None:
        code = int(connection.socket.close_code or WSCloseCode.ABNORMAL_CLOSURE)
        route = api.route(DISCONNECT)
        if route is not None:
            event = api.disconnect_event(connection.handshake, code)
            await self._call(route, event)
            self._log(api, event, HTTPStatus.OK)

    async def _call(self, route: SocketRoute, event: dict[str, Any]) -> dict[str, Any] | None:
        """The function's answer; None when it failed or gave none in time."""
        payload = json.dumps(event).encode()
        invocation = self._server.loop.run_in_executor(self._threads, self._invoke, route.function, payload)
        try:
            result = await asyncio.wait_for(asyncio.shield(invocation), route.timeout)
        except (TimeoutError, HostStopping, LookupError, OSError) as error:
            _LOG.warning("%s gave no answer: %s", route.function, error)
            return None
        if result.failed:
            return None
        return result.document if isinstance(result.document, dict) else {}

    async def _manage(self, request: web.Request) -> web.Response:
        """The management API: POST sends, GET describes, DELETE ends."""
        api, connection_id = self._api, request.match_info["connection_id"]
        if api is None or request.match_info["stage"] != api.stage:
            return await _forbid(request)
        refusal = self._refusal_to_manage(api.connection_arn(request.method, connection_id), request)
        if refusal is not None:
            return refusal
        connection = self._connections.get(connection_id)
        if connection is None:
            return _gone()
        if request.method == "POST":
            return await _post(connection, await request.read())
        if request.method == "DELETE":
            self._end(connection)
            return web.Response(status=HTTPStatus.NO_CONTENT)
        return web.json_response(_described(connection))

    def _refusal_to_manage(self, arn: str, request: web.Request) -> web.Response | None:
        """The answer to whoever has not signed, or may not do it; None for whoever may."""
        try:
            credential = credential_of(request.headers.get("Authorization", ""))
        except ValueError:
            credential = None
        if credential is None:
            return _error(HTTPStatus.FORBIDDEN, "MissingAuthenticationTokenException", "Missing Authentication Token")
        role = self._keys.roles.get(credential.access_key)
        if role is None or role_allows(role, Demand(_MANAGE, arn)):
            return None
        refusal = f"{role} is not authorized to perform: {_MANAGE} on resource: {arn}"
        _LOG.warning(refusal)
        return _error(HTTPStatus.FORBIDDEN, "ForbiddenException", refusal)

    def _end(self, connection: _Connection) -> None:
        """It cannot be reached from now on; its client is given time to confirm."""
        del self._connections[connection.handshake.connection_id]
        closing = asyncio.ensure_future(connection.socket.close(code=WSCloseCode.OK))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    def _log(self, api: SocketApi, event: dict[str, Any], status: int) -> None:
        context = event["requestContext"]
        identity = {f"identity.{name}": value for name, value in context["identity"].items()}
        log_access(self._access_log, api.access_log_format, {**context, **identity, "status": int(status)})


def _handshake(request: web.Request) -> Handshake:
    return Handshake(
        connection_id=base64.b64encode(os.urandom(_CONNECTION_ID_BYTES)).decode().replace("/", "_").replace("+", "-"),
        host=request.host,
        query=request.raw_path.partition("?")[2],
        headers=(*request.headers.items(), ("X-Forwarded-For", request.remote or ""), ("X-Forwarded-Proto", "http")),
        source_ip=request.remote or "",
        user_agent=request.headers.get("User-Agent", ""),
    )


async def _post(connection: _Connection, data: bytes) -> web.Response:
    if len(data) > MESSAGE_BYTES:
        return _error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "PayloadTooLargeException", "Message too long")
    return web.Response() if await connection.send(data.decode(errors="replace")) else _gone()


def _described(connection: _Connection) -> dict[str, Any]:
    handshake = connection.handshake
    return {
        "connectedAt": _moment(handshake.connected_at),
        "lastActiveAt": _moment(connection.last_active),
        "identity": {"sourceIp": handshake.source_ip, "userAgent": handshake.user_agent},
    }


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _complaint(message: str, connection: _Connection) -> str:
    return json.dumps({"message": message, "connectionId": connection.handshake.connection_id})


def _gone() -> web.Response:
    return _error(HTTPStatus.GONE, "GoneException", "Gone")


def _error(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"message": message}, status=status, headers={"x-amzn-ErrorType": code})


def _message(status: int, message: str) -> web.Response:
    return web.json_response({"message": message}, status=status)


async def _forbid(_: web.Request) -> web.Response:
    return _message(HTTPStatus.FORBIDDEN, "Forbidden")
