"""The commands that a newcomer types, against a running stack."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local.samples import SAMPLE_EXPECTED
from tests.driving import csv_bytes, rows


def local(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m local …` as in a shell whose output goes to a file."""
    return subprocess.run(
        [sys.executable, "-m", "local", *arguments], capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture
def state(stack: dict[str, Any]) -> str:
    """The running stack's folder."""
    return str(Path(stack["logs"]).parent)


def test_stack_json_tells_an_outside_client_everything(stack: dict[str, Any], state: str) -> None:
    """Addresses, names, and sessions for three users in each of two tenants; for its owner's eyes only."""
    told = {"apiUrl", "awsEndpoint", "region", "bucket", "postgresDsn", "stateMachineArn", "pageUrl", "sessions"}
    assert told <= stack.keys()
    tenants = [session["tenant"] for session in stack["sessions"]]
    assert sorted(tenants.count(tenant) for tenant in set(tenants)) == [3, 3]
    assert (Path(state) / "stack.json").stat().st_mode & 0o077 == 0


def test_the_demo_ends_with_totals_that_add_up_and_the_second_with_duplicates(state: str) -> None:
    """Its exit status says that the API, the sample and Postgres agree; nothing in it needs a terminal."""
    expected = json.loads(SAMPLE_EXPECTED.read_text())
    first, second = local("demo", "--state", state), local("demo", "--state", state)
    for run in (first, second):
        assert run.returncode == 0, run.stdout + run.stderr
        assert "\x1b" not in run.stdout
        assert re.search(rf"refused +{expected['refused']}\b", run.stdout)
    assert re.search(rf"imported +{expected['imported']:,}", first.stdout)
    assert re.search(rf"duplicates +{expected['imported'] + expected['duplicates']:,}", second.stdout)


def test_upload_takes_any_file_and_says_what_became_of_it(state: str, tmp_path: Path) -> None:
    """With options; exit status 0 when each record found its fate, 1 when the file was rejected."""
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_bytes(
        csv_bytes([row[:1] + row[2:] for row in rows(3)], ["timestamp", "processName", "total", "ok", "x"])
    )
    bad.write_bytes(b"colour,taste\nred,sweet\n")
    unit = f"unit-{os.getpid()}"
    run = local("upload", str(good), "--state", state, "--work-unit", unit, "--default", "machineName=Press 1")
    assert run.returncode == 0, run.stdout + run.stderr
    assert re.search(r"imported +3\b", run.stdout)
    run = local("upload", str(bad), "--state", state, "--work-unit", unit)
    assert run.returncode == 1
    assert "timestamp or machineName" in run.stdout + run.stderr


def test_upload_writes_the_refused_rows_where_it_is_told_to(state: str, tmp_path: Path) -> None:
    """As a workbook or as CSV, by the file's name; a place that is none is said after what became of the records."""
    table = rows(3)
    table[1][3] = "many"
    file = tmp_path / "shift.csv"
    file.write_bytes(csv_bytes(table))
    for name, start in (("fix.xlsx", b"PK"), ("fix.csv", b"\xef\xbb\xbflinefeed:row")):
        run = local("upload", str(file), "--state", state, "--refused", str(tmp_path / name))
        assert run.returncode == 0, run.stdout + run.stderr
        assert (tmp_path / name).read_bytes().startswith(start)
    run = local("upload", str(file), "--state", state, "--refused", str(tmp_path / "none" / "fix.csv"))
    assert run.returncode == 1
    assert "cannot be written" in run.stderr
    assert "refused" in run.stdout


def test_upload_without_a_stack_says_how_to_start_one(tmp_path: Path) -> None:
    """No traceback, but the command to type."""
    path = tmp_path / "a.csv"
    path.write_bytes(csv_bytes(rows(1)))
    run = local("upload", str(path), "--state", str(tmp_path / "none"))
    assert run.returncode == 2
    assert "make up" in run.stdout + run.stderr
    assert "Traceback" not in run.stderr
