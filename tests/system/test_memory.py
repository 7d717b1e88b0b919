"""A worker's memory does not grow with the file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.client import LinefeedClient
from local.samples.generate import generate
from tests.driving import outcome
from tests.stack import list_workers, start_stack, stop_stack

ROWS = 8_000
TIMES = 10
MAY_GROW = 1.3


@pytest.fixture
def fresh_stack(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """A stack whose workers have seen no file yet."""
    process, description = start_stack(tmp_path, CHUNK_BYTES="524288")
    yield description
    assert stop_stack(process) == 0


def import_rows(stack: dict[str, Any], path: Path, rows: int, work_unit: str) -> None:
    """Import a generated file; every row of it finds its fate."""
    expected = generate(path, rows=rows)
    with LinefeedClient(stack["apiUrl"], stack["sessions"][0]["token"]) as client:
        started = client.start_upload(path, work_unit_id=work_unit)
        client.send_file(started, path)
        upload = client.wait(started["uploadId"], timeout=240)["upload"]
    assert outcome(upload) == (expected.records, expected.imported, expected.duplicates, expected.refused)


def peaks(stack: dict[str, Any]) -> dict[str, int]:
    """The highest peak of resident memory among each function's workers, in bytes."""
    highest: dict[str, int] = {}
    for worker in list_workers(stack):
        highest[worker["module"]] = max(worker["peak_memory"], highest.get(worker["module"], 0))
    return highest


@pytest.mark.timeout(400)
def test_a_file_ten_times_larger_needs_the_same_memory(fresh_stack: dict[str, Any], tmp_path: Path) -> None:
    """The peak of every function that sees the bytes stays within 1.3 times."""
    import_rows(fresh_stack, tmp_path / "small.csv", ROWS, "small")
    small = peaks(fresh_stack)
    import_rows(fresh_stack, tmp_path / "large.csv", ROWS * TIMES, "large")
    large = peaks(fresh_stack)
    growth = {module: large[module] / small[module] for module in ("scan_upload", "plan_import", "load_chunk")}
    assert max(growth.values()) < MAY_GROW, growth
