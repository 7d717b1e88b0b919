"""A WebSocket API as API Gateway has it: which route a message takes, and the events that functions get.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api.html
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

CONNECT, DISCONNECT, DEFAULT = "$connect", "$disconnect", "$default"
_SELECTED = "$request.body."


@dataclass(frozen=True)
class SocketRoute:
    """A route and the function that answers it; only with `answers` has the answer a way back to the client.

    `timeout` is the integration's, in seconds.
    """

    key: str
    function: str
    answers: bool = False
    timeout: float = 29.0


@dataclass(frozen=True)
class Handshake:
    """A connection as it was asked for. `connected_at` is in seconds since the epoch."""

    connection_id: str
    host: str
    query: str
    headers: tuple[tuple[str, str], ...]
    source_ip: str
    user_agent: str
    connected_at: float = field(default_factory=time.time)


@dataclass(frozen=True)
class SocketApi:
    """A WebSocket API as the template describes it. `selection` is `$request.body.NAME`."""

    api_id: str
    account: str
    region: str
    stage: str
    selection: str
    access_log_format: str | None = None
    routes: tuple[SocketRoute, ...] = ()

    def route(self, key: str) -> SocketRoute | None:
        """The route of this key."""
        return next((route for route in self.routes if route.key == key), None)

    def select(self, message: str) -> SocketRoute | None:
        """The route that a message takes: the one that it names, else `$default` where there is one."""
        try:
            document = json.loads(message)
        except (ValueError, RecursionError):
            document = None
        name = document.get(self.selection.removeprefix(_SELECTED)) if isinstance(document, dict) else None
        named = self.route(name) if isinstance(name, str) and not name.startswith("$") else None
        return named or self.route(DEFAULT)

    def connection_arn(self, method: str, connection_id: str) -> str:
        """What a request to the management API is about, in the terms of IAM."""
        api = f"arn:aws:execute-api:{self.region}:{self.account}:{self.api_id}"
        return f"{api}/{self.stage}/{method}/@connections/{connection_id}"

    def connect_event(self, handshake: Handshake) -> dict[str, Any]:
        """The event of `$connect`: the handshake's headers and query."""
        query = parse_qsl(handshake.query, keep_blank_values=True)
        asked = {
            "queryStringParameters": dict(query),
            "multiValueQueryStringParameters": _multiple(query),
        }
        return {
            "headers": dict(handshake.headers),
            "multiValueHeaders": _multiple(handshake.headers),
            **(asked if query else {}),
            "requestContext": self._context(handshake, CONNECT, "CONNECT"),
            "isBase64Encoded": False,
        }

    def message_event(self, handshake: Handshake, route: SocketRoute, message: str) -> dict[str, Any]:
        """The event of a message."""
        context = self._context(handshake, route.key, "MESSAGE") | {"messageId": uuid.uuid4().hex[:16]}
        return {"requestContext": context, "body": message, "isBase64Encoded": False}

    def disconnect_event(self, handshake: Handshake, code: int) -> dict[str, Any]:
        """The event of `$disconnect`; `code` is that of the close frame."""
        ended = {"disconnectStatusCode": code, "disconnectReason": ""}
        headers = (("Host", handshake.host), ("x-api-key", ""), ("X-Forwarded-For", ""), ("x-restapi", ""))
        return {
            "headers": dict(headers),
            "multiValueHeaders": _multiple(headers),
            "requestContext": self._context(handshake, DISCONNECT, "DISCONNECT") | ended,
            "isBase64Encoded": False,
        }

    def _context(self, handshake: Handshake, route: str, event_type: str) -> dict[str, Any]:
        now = datetime.now(UTC)
        return {
            "routeKey": route,
            "eventType": event_type,
            "extendedRequestId": uuid.uuid4().hex[:16],
            "requestTime": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "messageDirection": "IN",
            "stage": self.stage,
            "connectedAt": int(handshake.connected_at * 1000),
            "requestTimeEpoch": int(now.timestamp() * 1000),
            "identity": {"userAgent": handshake.user_agent, "sourceIp": handshake.source_ip},
            "requestId": str(uuid.uuid4()),
            "domainName": handshake.host,
            "connectionId": handshake.connection_id,
            "apiId": self.api_id,
        }


def _multiple(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values
