"""Hostile files end at the scan, by their code, in little time and memory; good ones get by."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from shared.domain.problems import FILE_PROBLEMS
from tests.hostile import HOSTILE, Hostile, import_type_of

SECONDS = 10
MEMORY_BYTES = 600 << 20
ROOT = Path(__file__).parents[2]


def scan_alone(path: Path, file_name: str) -> tuple[dict[str, Any], int]:
    """What came of a file in a process of its own, and that one's peak memory in bytes."""
    command = [sys.executable, "-m", "tests.scan_alone", str(path), file_name, import_type_of(file_name)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdout
    answer = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return json.loads(answer), usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda hostile: hostile.name)
def test_a_hostile_file_is_quarantined(hostile: Hostile, tmp_path: Path) -> None:
    """Nothing is queued, so nothing is read any further or written."""
    path = tmp_path / "object"
    path.write_bytes(hostile.make())
    started = time.monotonic()
    found, memory = scan_alone(path, hostile.file_name)
    assert time.monotonic() - started < SECONDS
    assert memory < MEMORY_BYTES
    assert (found["outcome"], found["state"], found["code"]) == ("rejected", "failed", hostile.code)
    assert (found["jobs"], len(found["copies"]), found["deleted"]) == (0, 1, True)
    assert found["copies"][0].startswith("quarantine/")
    assert found["message"].endswith(".")


def test_every_kind_has_a_name_of_its_own() -> None:
    """So that a failure says which one it was; and their codes are told to people."""
    names = [hostile.name for hostile in HOSTILE]
    assert len(names) == len(set(names)) >= 40
    assert {hostile.code for hostile in HOSTILE} <= FILE_PROBLEMS.keys()
