"""Stands between the functions and Postgres, and cuts, freezes or refuses connections at a chosen moment."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

Kind = Literal["cut_before", "cut_after", "freeze"]
"""Cut before Postgres has the last of the bytes waited for; cut behind them, with no answer; late by a while."""

_TAIL = 100
_FREEZE_SECONDS = 1.5
_WORK_SECONDS = 0.1


@dataclass
class StreamFault:
    """What happens to the first connection on which these bytes come from the client, one after the other."""

    stages: tuple[bytes, ...]
    kind: Kind
    met: bool = False


class PostgresProxy:
    """Listens on a free port of 127.0.0.1; `upstream_port` may change, as it does when the server starts again."""

    def __init__(self, upstream_port: int) -> None:
        self.upstream_port = upstream_port
        self._refuse_until = 0.0
        self._lock = threading.Lock()
        self._faults: list[StreamFault] = []
        self._open: set[_Connection] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, name="postgres-proxy", daemon=True).start()

    def arm(self, fault: StreamFault) -> None:
        """Let a fault happen."""
        with self._lock:
            self._faults.append(fault)

    def disarm(self) -> None:
        """Let nothing more happen."""
        with self._lock:
            self._faults.clear()

    def refuse(self, seconds: float) -> None:
        """Cut every connection now, and every new one for so long."""
        self._refuse_until = time.monotonic() + seconds
        for connection in list(self._open):
            connection.cut()

    def stop(self) -> None:
        """Take no more connections, and cut those that there are."""
        self._listener.close()
        self.refuse(0)

    def armed(self) -> list[StreamFault]:
        """The faults that have not happened yet."""
        with self._lock:
            return [fault for fault in self._faults if not fault.met]

    def take(self, fault: StreamFault) -> bool:
        """Claim a fault: it happens once."""
        with self._lock:
            taken, fault.met = not fault.met, True
            return taken

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        if time.monotonic() < self._refuse_until:
            client.close()
            return
        try:
            server = socket.create_connection(("127.0.0.1", self.upstream_port))
        except OSError:
            client.close()
            return
        connection = _Connection(client, server, self)
        self._open.add(connection)
        try:
            connection.run()
        finally:
            self._open.discard(connection)


class _Connection:
    def __init__(self, client: socket.socket, server: socket.socket, proxy: PostgresProxy) -> None:
        self._client, self._server, self._proxy = client, server, proxy
        self._reached: dict[int, int] = {}
        self._tail = b""
        self._mute = False

    def run(self) -> None:
        for end in (self._client, self._server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=self._answers, daemon=True).start()
        with suppress(OSError):
            while data := self._client.recv(65536):
                self._request(data)
        self.cut()

    def cut(self) -> None:
        for end in (self._client, self._server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _answers(self) -> None:
        with suppress(OSError):
            while data := self._server.recv(65536):
                if not self._mute:
                    self._client.sendall(data)
        self.cut()

    def _request(self, data: bytes) -> None:
        fault = self._due(data)
        if fault and fault.kind == "cut_before":
            self.cut()
            return
        if fault and fault.kind == "freeze":
            time.sleep(_FREEZE_SECONDS)
        self._mute = fault is not None and fault.kind == "cut_after"
        self._server.sendall(data)
        if self._mute:
            time.sleep(_WORK_SECONDS)
            self.cut()

    def _due(self, data: bytes) -> StreamFault | None:
        """The fault whose last bytes come with this data."""
        text, self._tail = self._tail + data, (self._tail + data)[-_TAIL:]
        for fault in self._proxy.armed():
            reached = self._reached.get(id(fault), 0)
            fresh = text
            while reached < len(fault.stages) and (at := fresh.find(fault.stages[reached])) >= 0:
                fresh = fresh[at + len(fault.stages[reached]) :]
                reached += 1
                self._tail = b""  # what was met once is not met again
                if reached < len(fault.stages) and not fault.stages[reached]:
                    break  # that stage stands for whatever comes next
            self._reached[id(fault)] = reached
            if reached == len(fault.stages) and self._proxy.take(fault):
                return fault
        return None
