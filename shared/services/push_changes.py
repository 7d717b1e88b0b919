"""Tell those who are connected what has changed: of each changed upload its newest state, to its own tenant alone.

Whoever cannot be told now is not told later: the status route has it all, and what comes next is told again.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.domain.live import SETTLING, Connection
from shared.errors import TransientError
from shared.services.ports import ApiKeys, Clock, LiveConnections, Objects, SecondsLeft, Sockets, Uploads
from shared.services.read_status import show_status

MESSAGE_BYTES = 128 * 1024
"""What API Gateway sends at once."""

_LONG: dict[str, Any] = {
    "errors": [],
    "columns": {},
    "unmappedColumns": [],
    "decisions": [],
    "mapping": {},
    "defaults": {},
}
"""Members of an upload that may be long, as they stand in a message that would be longer than that."""


@dataclass(slots=True)
class Pushed:
    """What came of it: messages sent, connections that were ended or gone, and those that could not be reached."""

    sent: int = 0
    ended: int = 0
    failed: int = 0


def push_changes(
    changed: Iterable[tuple[str, str]],
    *,
    uploads: Uploads,
    objects: Objects,
    connections: LiveConnections,
    keys: ApiKeys,
    sockets: Sockets,
    seconds_left: SecondsLeft,
    clock: Clock,
) -> Pushed:
    """Send a message for each of the `changed` uploads (tenant and id) to every connection of its tenant.

    Ends when no seconds are left, and counts as failed the connections that it has not come to. Raises
    TransientError where the uploads or the connections cannot be read.
    """
    told, pushed = defaultdict(list), Pushed()
    for tenant_id, upload_id in changed:
        told[tenant_id].append(upload_id)
    for tenant_id, upload_ids in told.items():
        open_ones = _open_connections(tenant_id, connections, keys, sockets, pushed, clock())
        if not open_ones:
            continue
        present = filter(None, (uploads.get(tenant_id, upload_id) for upload_id in upload_ids))
        messages = [_message(show_status(each, uploads=uploads, objects=objects, now=clock())) for each in present]
        for connection in open_ones:
            if seconds_left() <= 0:
                pushed.failed += 1
            else:
                _send(messages, connection, connections, sockets, pushed, clock())
    return pushed


def _open_connections(
    tenant_id: str, connections: LiveConnections, keys: ApiKeys, sockets: Sockets, pushed: Pushed, now: datetime
) -> list[Connection]:
    """The tenant's connections whose session or key is still good; the others are ended."""
    found = connections.all(tenant_id)
    key_ids = {connection.identity.key_id for connection in found if connection.identity.key_id}
    good_keys = {key_id for key_id in key_ids if (key := keys.get(key_id)) and key.is_good(now)}
    open_ones = []
    for connection in found:
        key_id = connection.identity.key_id
        if now < connection.ends_at and (key_id is None or key_id in good_keys):
            open_ones.append(connection)
        else:
            pushed.ended += 1
            _end(connection, connections, sockets)
    return open_ones


def _end(connection: Connection, connections: LiveConnections, sockets: Sockets) -> None:
    """Close first: one that cannot be closed now is still known, and is closed at the next change."""
    try:
        sockets.close(connection.connection_id)
    except TransientError:
        return
    connections.remove(connection.connection_id)


def _send(
    messages: Iterable[bytes],
    connection: Connection,
    connections: LiveConnections,
    sockets: Sockets,
    pushed: Pushed,
    now: datetime,
) -> None:
    """All messages to one connection, until it is gone or cannot be reached."""
    for message in messages:
        try:
            arrived = sockets.send(connection.connection_id, message)
        except TransientError:
            pushed.failed += 1
            return
        if not arrived:
            if now >= connection.connected_at + SETTLING:
                pushed.ended += 1
                connections.remove(connection.connection_id)
            return
        pushed.sent += 1


def _message(status: dict[str, Any]) -> bytes:
    """The message; one that would be too long has what may be long left out, and `truncated`."""
    message = _encoded({"type": "upload", **status})
    if len(message) <= MESSAGE_BYTES:
        return message
    upload = {**status["upload"], **_LONG, "truncated": True}
    return _encoded({"type": "upload", **status, "upload": upload})


def _encoded(message: dict[str, Any]) -> bytes:
    return json.dumps(message, ensure_ascii=False).encode()
