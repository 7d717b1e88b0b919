"""Hostile files end at the scan, by their code, in little time and memory; good ones get by."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.domain.problems import FILE_PROBLEMS
from tests.hostile import CSV, GOLDEN, HOSTILE, Hostile, import_type_of, packed, parts, sheet_of
from tests.scan_alone import scan

SECONDS = 10
MEMORY_BYTES = 600 << 20
ROOT = Path(__file__).parents[2]


def scan_alone(path: Path, file_name: str) -> dict[str, Any]:
    """What came of a file in a process of its own, and what that one took."""
    command = [sys.executable, "-m", "tests.scan_alone", str(path), file_name, import_type_of(file_name)]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, cwd=ROOT).stdout)
    return found


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda hostile: hostile.name)
def test_a_hostile_file_is_quarantined(hostile: Hostile, tmp_path: Path) -> None:
    """Nothing is queued, so nothing is read any further or written."""
    path = tmp_path / "object"
    path.write_bytes(hostile.make())
    found = scan_alone(path, hostile.file_name)
    assert found["seconds"] < SECONDS
    assert found["memory"] < MEMORY_BYTES
    assert (found["outcome"], found["state"], found["code"]) == ("rejected", "failed", hostile.code)
    assert (found["jobs"], len(found["copies"]), found["deleted"]) == (0, 1, True)
    assert found["copies"][0].startswith("quarantine/")
    assert found["message"].endswith(".")


def test_every_kind_has_a_name_of_its_own() -> None:
    """So that a failure says which one it was; and their codes are told to people."""
    names = [hostile.name for hostile in HOSTILE]
    assert len(names) == len(set(names)) >= 40
    assert {hostile.code for hostile in HOSTILE} <= FILE_PROBLEMS.keys()


noise = st.binary(max_size=40)
edits = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 40), noise), min_size=1, max_size=4)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("kind", ["xlsx", "xlsb", "ods", "xls"])
@given(changes=edits)
def test_damaged_workbooks(kind: str, tmp_path: Path, changes: list[tuple[float, int, bytes]]) -> None:
    """Whatever bytes come, there is a verdict: an exception would have the file scanned again and again."""
    data = (GOLDEN / f"typed.{kind}").read_bytes()
    for share, length, put in changes:
        at = int(share * len(data))
        data = data[:at] + put + data[at + length :]
    path = tmp_path / "object"
    path.write_bytes(data)
    assert scan(path, f"a.{kind}", "excel")["outcome"] in ("accepted", "rejected")


def test_a_part_of_any_bytes(tmp_path: Path) -> None:
    """In an archive that is in order itself."""
    path = tmp_path / "object"
    for seed in range(300):
        chance = random.Random(seed)
        kind = chance.choice(("xlsx", "xlsb", "ods"))
        members = parts(kind)
        name = chance.choice(sorted(members))
        data = bytearray(members[name])
        for _ in range(chance.randint(1, 8)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        path.write_bytes(packed({**members, name: bytes(data)}))
        assert scan(path, f"a.{kind}", "excel")["outcome"] in ("accepted", "rejected")


def test_memory_does_not_grow_with_a_workbook(tmp_path: Path) -> None:
    """However much it unpacks to."""
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes((GOLDEN / "typed.xlsx").read_bytes())
    rows = (f'<row r="{n}">' + f'<c r="A{n}"><v>{n * 7919}</v></c>' * 20 + "</row>" for n in range(1, 150_001))
    large.write_bytes(sheet_of("".join(rows))())
    much, little = scan_alone(large, "a.xlsx"), scan_alone(small, "a.xlsx")
    assert much["outcome"] == "accepted"
    assert much["memory"] - little["memory"] < 64 << 20


def test_a_long_table_is_not_read_through(tmp_path: Path) -> None:
    """Its start and its end will do: what stands between, whoever parses it must mind anyway."""
    path = tmp_path / "object"
    path.write_bytes(CSV * 500_000)
    found = scan(path, "shift.csv", "csv")
    assert (found["outcome"], found["bytes"]) == ("accepted", 2 * 65_536)


def test_a_tag_of_many_references_is_looked_at_once(tmp_path: Path) -> None:
    """Each of them looking for the whole tag took minutes."""
    path = tmp_path / "object"
    path.write_bytes(packed({**parts("ods"), "styles.xml": b"<a " + b"href " * 200_000 + b"/>"}))
    found = scan_alone(path, "a.ods")
    assert found["outcome"] == "accepted"
    assert found["seconds"] < SECONDS
