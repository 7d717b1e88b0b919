"""Fifty uploads at once, of mixed sizes, formats, priorities and tenants, through the whole local stack to their end.

Nothing may be lost: every upload's records are counted in Postgres against those in its file.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import cycle
from pathlib import Path

import psutil

from bench.database import as_functions_have_it
from bench.files import json_file, write_csv, xlsx_file
from bench.stack import running_stack
from local.client import LinefeedClient
from local.postgres import Address
from shared.adapters.postgres import connect

_KINDS = (("csv", 1_000, 26), ("csv", 50_000, 10), ("csv", 300_000, 2), ("json", 5_000, 6), ("xlsx", 5_000, 6))
"""Format, records in the file, and how many such files: 50 in all."""

_PRIORITIES = ("high", "normal", "low")
_MOST_SECONDS = 900
_SAMPLE_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Load:
    """What came of it. `waits` are the seconds in the queue by priority, `seconds` those from first to last."""

    uploads: int
    rows: int
    seconds: float
    waits: Mapping[str, list[float]]
    peak_megabytes: float


@dataclass(slots=True)
class _Peak:
    megabytes: float = 0.0


@dataclass(frozen=True, slots=True)
class _Sent:
    priority: str
    rows: int
    waited: float
    imported: int


def load_the_system(folder: Path) -> Load:
    """Send all files at once and wait for all of them; raises AssertionError when a record was lost."""
    settings = {"UPLOAD_RATE_LIMIT": "1000", "TENANT_UPLOAD_RATE_LIMIT": "1000"}
    files = list(_files(folder))
    with running_stack(folder / "load", **settings) as stack, _watched(stack["pid"]) as peak:
        people = cycle([person for person in stack["sessions"] if person["role"] in ("admin", "engineer")])
        jobs = [(stack["apiUrl"], next(people)["token"], *file, _PRIORITIES[n % 3]) for n, file in enumerate(files)]
        began = time.monotonic()
        with ThreadPoolExecutor(len(jobs)) as pool:
            sent = list(pool.map(lambda job: _send(*job), jobs))
        seconds = time.monotonic() - began
        _check(sent, _stored(stack["postgresDsn"]))
    waits = defaultdict(list)
    for one in sent:
        waits[one.priority].append(one.waited)
    ordered = {priority: waits[priority] for priority in _PRIORITIES}
    return Load(len(sent), sum(one.rows for one in sent), seconds, ordered, peak.megabytes)


def _files(folder: Path) -> Iterator[tuple[Path, int]]:
    """The files and how many records each has, the kinds mixed."""
    made: dict[tuple[str, int], Path] = {}
    for kind, rows, _ in _KINDS:
        made[kind, rows] = path = folder / f"{rows}.{kind}"
        if kind == "csv":
            write_csv(path, rows=rows)
        else:
            path.write_bytes((json_file if kind == "json" else xlsx_file)(rows))
    turns = max(count for *_, count in _KINDS)
    for turn in range(turns):
        for kind, rows, count in _KINDS:
            if turn * count // turns != (turn + 1) * count // turns:
                yield made[kind, rows], rows


def _send(api_url: str, token: str, path: Path, rows: int, priority: str) -> _Sent:
    with LinefeedClient(api_url, token) as client:
        unit = f"load-{threading.get_ident()}-{time.monotonic_ns()}"
        started = client.start_upload(path, work_unit_id=unit, priority=priority, time_zone="UTC")
        client.send_file(started, path)
        upload_id = started["uploadId"]
        answer = client.wait(upload_id, timeout=_MOST_SECONDS)
        times = {event["event"]: datetime.fromisoformat(event["at"]) for event in client.audit(upload_id)["events"]}
    waited = (times["import_started"] - times["file_accepted"]).total_seconds()
    return _Sent(priority, rows, waited, int(answer["progress"]["successfulRecords"]))


def _stored(dsn: str) -> int:
    connection = connect(as_functions_have_it(Address.parse(dsn)))
    [[count]] = connection.run("SELECT count(*) FROM production_records")
    connection.close()
    return int(count)


def _check(sent: list[_Sent], stored: int) -> None:
    lost = [one for one in sent if one.imported != one.rows]
    if lost:
        raise AssertionError(f"{len(lost)} of {len(sent)} uploads lost records")
    if stored != sum(one.rows for one in sent):
        raise AssertionError(f"{stored} records are in the table of {sum(one.rows for one in sent)}")


@contextmanager
def _watched(pid: int) -> Iterator[_Peak]:
    """The most memory that a process and its descendants have together; what they share counts once."""
    peak, stopping = _Peak(), threading.Event()

    def watch() -> None:
        while not stopping.wait(_SAMPLE_SECONDS):
            peak.megabytes = max(peak.megabytes, _proportional_megabytes(pid))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        stopping.set()
        thread.join()


def _proportional_megabytes(pid: int) -> float:
    total = 0.0
    root = psutil.Process(pid)
    for process in (root, *root.children(recursive=True)):
        try:
            total += process.memory_full_info().pss / 1e6
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return total
