"""What the system tests do as a person would: make a table, send it, wait for its end."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from local.client import LinefeedClient

HEADER = ["timestamp", "machineName", "processName", "totalPartsProduced", "goodParts", "rejectParts"]


def rows(count: int, *, machine: str = "Press 1", start: int = 0) -> list[list[str]]:
    """Good rows with `HEADER`'s columns, each with a minute of its own."""
    return [
        [f"2026-03-{1 + n // 1440:02}T{n // 60 % 24:02}:{n % 60:02}:00Z", machine, "stamping", "100", "97", "3"]
        for n in range(start, start + count)
    ]


def csv_bytes(table: Iterable[Iterable[str]], header: Iterable[str] = HEADER) -> bytes:
    """A CSV file as a spreadsheet writes it."""
    out = io.StringIO(newline="")
    csv.writer(out).writerows([header, *table])
    return out.getvalue().encode()


class Person:
    """Somebody with a session, and a work unit that no other test uses."""

    def __init__(self, stack: Mapping[str, Any], tenant: str, token: str, folder: Path) -> None:
        self.client = LinefeedClient(stack["apiUrl"], token)
        self.tenant = tenant
        self.work_unit = f"unit-{uuid.uuid4().hex[:8]}"
        self._folder = folder

    def file(self, data: bytes, name: str = "shift.csv") -> Path:
        """The bytes as a file on the person's disk."""
        path = self._folder / name
        path.write_bytes(data)
        return path

    def send(self, data: bytes, name: str = "shift.csv", **options: Any) -> str:
        """Start an upload and send its bytes; return its id."""
        path = self.file(data, name)
        started = self.client.start_upload(path, **{"work_unit_id": self.work_unit, **options})
        self.client.send_file(started, path)
        return str(started["uploadId"])

    def import_file(self, data: bytes, name: str = "shift.csv", **options: Any) -> dict[str, Any]:
        """Send a file and wait for its end; return the upload as the status API shows it then."""
        return self.client.wait(self.send(data, name, **options), timeout=90)["upload"]  # type: ignore[no-any-return]


def outcome(upload: Mapping[str, Any]) -> tuple[int, int, int, int]:
    """Records, imported, duplicates, refused."""
    totals = upload["totals"]
    return totals["records"], totals["imported"], totals["duplicates"], totals["refused"]
