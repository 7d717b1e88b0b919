"""SECURITY.md names tests that there are, for each attack."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINES = [line for line in (ROOT / "SECURITY.md").read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in LINES[2:]]
THREATS = [row for row in ROWS if not row[0].startswith("**")]
REFERENCE = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def names_in(path: Path) -> set[str]:
    """The tests, and the classes of tests, of a file."""
    return {
        node.name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }


def test_the_table_is_read() -> None:
    """Else the other tests would prove nothing."""
    assert len(THREATS) >= 20
    assert {len(row) for row in ROWS} == {3}


@pytest.mark.parametrize("row", THREATS, ids=lambda row: row[0][:40])
def test_each_attack_has_a_defence_and_a_proof(row: list[str]) -> None:
    """The proof is a test that exists under the name that stands there."""
    attack, defence, proof = row
    references = REFERENCE.findall(proof)
    assert attack
    assert defence
    assert references
    assert REFERENCE.sub("", proof).strip() == ""
    for path, name in references:
        assert name.startswith(("test_", "Test"))
        assert name in names_in(ROOT / path), f"{path} has no {name}"
