"""Scanners to which a file is streamed: the pinned version is read, and what they say of it comes at once."""

from __future__ import annotations

from typing import BinaryIO, Protocol

from shared.domain.upload import SourceObject
from shared.domain.verdict import Verdict
from shared.services.ports import Objects


class StreamScanner(Protocol):
    """Looks at a stream from its start to its end."""

    def scan_stream(self, stream: BinaryIO) -> Verdict:
        """What it says; raises TransientError where it cannot look now."""


class StreamedScan:
    """The port `Scanner`."""

    def __init__(self, objects: Objects, scanner: StreamScanner) -> None:
        self._objects = objects
        self._scanner = scanner

    def scan(self, source: SourceObject) -> Verdict:
        """Stream the pinned version through the scanner."""
        with self._objects.open_range(source, 0, source.size) as stream:
            return self._scanner.scan_stream(stream)
