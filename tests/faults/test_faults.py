"""Whatever fails at whatever step, an upload ends with each row once, and says that it is done no sooner."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest

from tests.faults.catalogue import CATALOGUE, Fault
from tests.faults.runs import run_with, schedule
from tests.faults.system import FaultySystem

Item = TypeVar("Item")

AT_ONCE = 4
"""Uploads of as many seeds are under way together: what strikes the whole system strikes them all."""

GIVEN = [int(seed) for seed in os.environ.get("FAULT_SEED", "").split()]
FEW = range(4)
MANY = range(4, 204)


def _together(seeds: Sequence[Item]) -> list[Sequence[Item]]:
    return [seeds[start : start + AT_ONCE] for start in range(0, len(seeds), AT_ONCE)]


@pytest.mark.parametrize("faults", _together(CATALOGUE), ids=lambda faults: " ".join(fault.name for fault in faults))
def test_uploads_recover_from_one_fault_each(faults: Sequence[Fault], system: FaultySystem) -> None:
    """Every fault there is, and each has happened."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        runs = [pool.submit(run_with, system, [fault], 0) for fault in faults]
    assert [run.result() for run in runs] == [[fault.name] for fault in faults]


@pytest.mark.parametrize(
    "seeds",
    [GIVEN] if GIVEN else [*_together(FEW), *(pytest.param(few, marks=pytest.mark.full) for few in _together(MANY))],
    ids=lambda seeds: "seeds " + " ".join(map(str, seeds)),
)
def test_uploads_recover_from_faults_at_random(seeds: Sequence[int], system: FaultySystem) -> None:
    """One to three faults for each seed; `FAULT_SEED='17 42' make faults` does those again."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        runs = {seed: pool.submit(run_with, system, schedule(seed), seed) for seed in seeds}
    failed = {
        f"seed {seed} ({', '.join(fault.name for fault in schedule(seed))})": error
        for seed, run in runs.items()
        if (error := run.exception())
    }
    assert not failed
