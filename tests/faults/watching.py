"""What a test of faults waits for and looks at, from outside."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

Query = Callable[..., list[list[Any]]]
Invoke = Callable[[str, dict[str, Any]], dict[str, Any]]


def ledger_and_table(query: Query, upload_id: str) -> tuple[int, int]:
    """Imported records by the ledger, and rows in the table, of one upload."""
    [[counted]] = query("SELECT coalesce(sum(imported), 0) FROM import_chunks WHERE upload_id = :id", id=upload_id)
    [[stored]] = query("SELECT count(*) FROM production_records WHERE upload_id = :id", id=upload_id)
    return int(counted), int(stored)


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 20) -> Any:
    """What the condition gives once it holds; the test fails where it does not in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.02)
    return pytest.fail(f"did not happen in {seconds} s: {what}")


def waiting(query: Query, statement: str) -> int:
    """How many sessions wait for a lock in such a statement."""
    [[count]] = query(
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE :statement AND wait_event_type = 'Lock'",
        statement=f"%{statement} %",
    )
    return int(count)
