"""Stopping the local stack loses nothing: imports under way end first, and a killed stack starts again."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import psutil

from local.client import LinefeedClient
from local.postgres import Address
from tests.driving import csv_bytes, outcome, rows
from tests.stack import start_stack, stop_stack

COUNT = 6000
SETTINGS = {"CHUNK_BYTES": "65536"}


def send(stack: dict[str, Any], path: Path) -> str:
    """Send a file of `COUNT` rows; return the upload's id."""
    path.write_bytes(csv_bytes(rows(COUNT)))
    with LinefeedClient(stack["apiUrl"], stack["sessions"][0]["token"]) as client:
        started = client.start_upload(path, work_unit_id="unit")
        client.send_file(started, path)
    return str(started["uploadId"])


def stored(stack: dict[str, Any]) -> int:
    """The rows in Postgres."""
    connection = Address.parse(stack["postgresDsn"]).connect()
    [[count]] = connection.run("SELECT count(*) FROM production_records")
    connection.close()
    return int(count)


def wait_until_loading(stack: dict[str, Any]) -> None:
    """Until the first chunk is in."""
    deadline = time.monotonic() + 30
    while not stored(stack):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_sigterm_lets_the_import_end_and_a_killed_stack_starts_again(tmp_path: Path) -> None:
    """First a graceful stop in mid-import (Ctrl-C is the same), then kill -9 in the middle of another import."""
    state = tmp_path / "state"
    state.mkdir()
    process, stack = start_stack(state, **SETTINGS)
    send(stack, tmp_path / "shift.csv")
    wait_until_loading(stack)
    process.send_signal(signal.SIGTERM)
    assert process.wait(150) == 0
    assert not (state / "stack.json").exists()

    process, stack = start_stack(state, **SETTINGS)
    assert stored(stack) == COUNT
    Address.parse(stack["postgresDsn"]).connect().run("TRUNCATE production_records, import_chunks")
    send(stack, tmp_path / "shift.csv")
    wait_until_loading(stack)
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL)
    process.wait()
    for child in family:
        if child.is_running() and "awslambdaric" in child.cmdline():
            os.kill(child.pid, signal.SIGKILL)

    process, stack = start_stack(state, **SETTINGS)
    part = stored(stack)
    assert 0 < part <= COUNT
    again = send(stack, tmp_path / "shift.csv")
    with LinefeedClient(stack["apiUrl"], stack["sessions"][0]["token"]) as client:
        upload = client.wait(again, timeout=90)["upload"]
    assert outcome(upload) == (COUNT, COUNT - part, part, 0)
    assert stored(stack) == COUNT
    assert stop_stack(process) == 0
