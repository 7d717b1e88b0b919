"""ClamAV's daemon, to which a file is streamed: its commands VERSION and INSTREAM (clamd(8)).

INSTREAM takes blocks, each with four bytes for its length in front, and a block of no bytes at the end; its answer is
`stream: OK`, `stream: <threat> FOUND` or one that ends in ERROR. VERSION answers `ClamAV 1.4.3/27500/Mon Nov 23
09:00:00 2026`, of which the last two parts are those of the definitions, in UTC, where official ones are loaded.
"""

from __future__ import annotations

import logging
import re
import socket
import struct
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import BinaryIO

from shared.domain.upload import MalwareScan
from shared.domain.verdict import Verdict
from shared.errors import TransientError

_LOG = logging.getLogger(__name__)
_BLOCK = 1 << 18
_LONGEST_ANSWER = 4096
_VERSION = re.compile(r"(?P<engine>ClamAV [^/]+)(?:/(?P<number>\d+)/(?P<date>[^/]+))?")
_LENGTH = struct.Struct(">I")
_END = _LENGTH.pack(0)
_CLEAN = "OK"
_BEYOND_LIMITS = "Heuristics.Limits.Exceeded"
"""What clamd with `AlertExceedsMax` says it found; without, it calls a file clean whose end it has not seen."""


class ClamdScanner:
    """A `StreamScanner`. `address` is `unix:/path` or `host:port`; a whole scan takes at most `seconds`.

    That must fit well into the scan function's timeout: who is killed says nothing.
    """

    def __init__(self, address: str, *, seconds: float = 60.0) -> None:
        self._address = address
        self._seconds = seconds

    def scan_stream(self, stream: BinaryIO) -> Verdict:
        """Stream a file to the daemon; that it refuses the file is a verdict too.

        Raises TransientError where it does not answer: it may be away for a moment, with new definitions to load.
        """
        deadline = time.monotonic() + self._seconds
        try:
            used = _scanner(self._ask(b"zVERSION\0", deadline))
            answer = self._ask(b"zINSTREAM\0", deadline, stream)
        except OSError as error:
            raise TransientError("clamd cannot be reached, or does not answer") from error
        if not answer:
            raise TransientError("clamd closed the connection without an answer")
        return _verdict(answer, used)

    def _ask(self, command: bytes, deadline: float, stream: BinaryIO | None = None) -> str:
        with self._connect(_left(deadline)) as connection:
            connection.sendall(command)
            whole = stream is None or _send(stream, connection, deadline)
            answer = _receive(connection, deadline)
        # Whoever has not heard the end cannot know that it is clean.
        return answer if whole or not answer.endswith(_CLEAN) else f"{answer}, before the file's end"

    def _connect(self, seconds: float) -> socket.socket:
        kind, _, path = self._address.partition("unix:")
        if not kind and path:
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(seconds)
            connection.connect(path)
            return connection
        host, _, port = self._address.rpartition(":")
        return socket.create_connection((host, int(port)), seconds)


def _left(deadline: float) -> float:
    """The seconds that are left. Raises TimeoutError where none are."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the scan takes too long")
    return left


def _send(stream: BinaryIO, connection: socket.socket, deadline: float) -> bool:
    """Send the file; whether all of it went. Where clamd has heard enough it closes, with its reason in an answer."""
    with suppress(BrokenPipeError, ConnectionResetError):
        while block := stream.read(_BLOCK):
            connection.settimeout(_left(deadline))
            connection.sendall(_LENGTH.pack(len(block)) + block)
        connection.sendall(_END)
        return True
    return False


def _receive(connection: socket.socket, deadline: float) -> str:
    answer = b""
    while not answer.endswith(b"\0") and len(answer) < _LONGEST_ANSWER:
        connection.settimeout(_left(deadline))
        more = connection.recv(_LONGEST_ANSWER)
        if not more:
            break
        answer += more
    return answer.rstrip(b"\0\n").decode("utf-8", "replace")


def _scanner(version: str) -> MalwareScan:
    found = _VERSION.fullmatch(version)
    if found is None:
        return MalwareScan(engine=version[:100] or "ClamAV")
    at = None
    with suppress(TypeError, ValueError):
        at = datetime.strptime(found["date"], "%a %b %d %H:%M:%S %Y").replace(tzinfo=UTC)
    return MalwareScan(engine=found["engine"], definitions=found["number"], definitions_at=at)


def _verdict(answer: str, used: MalwareScan) -> Verdict:
    said = answer.removeprefix("stream: ")
    if said == _CLEAN:
        return Verdict(scan=used)
    if said.startswith(_BEYOND_LIMITS):
        return Verdict(scan=used, unscanned="the file is beyond clamd's limits")
    if said.endswith(" FOUND"):
        return Verdict(scan=used, threat=said.removesuffix(" FOUND"))
    _LOG.error("clamd did not scan a file: %s", answer[:200])
    return Verdict(scan=used, unscanned="clamd refused the file")
