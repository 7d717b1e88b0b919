r"""The engine in one process and in two, beside psql's `\copy` of the same accepted rows into the same table."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.database import database, empty
from bench.engine import Job, load_all, planned, workers
from bench.yardstick import Accepted, accepted_rows
from shared.adapters.postgres import DatabaseAddress
from shared.settings import Settings

_MOST_WORKERS = 2


@dataclass(frozen=True, slots=True)
class Turn:
    """Rates in records a second: COPY of the accepted rows, the engine in one process and in two, a re-import."""

    copy: float
    one: float
    two: float
    duplicates: float


def measure_turns(path: Path, folder: Path, turns: int) -> list[Turn]:
    """Measure a file's import, in turns."""
    job = planned(path, Settings.model_fields["chunk_bytes"].default)
    accepted = accepted_rows(job, folder / "accepted.txt")
    with database(folder / "postgres") as address:
        return [_turn(address, job, accepted) for _ in range(turns)]


def _turn(address: DatabaseAddress, job: Job, accepted: Accepted) -> Turn:
    empty(address)
    copy = accepted.copy_rate(address)
    one, _ = _engine(address, job, 1)
    two, duplicates = _engine(address, job, _MOST_WORKERS)
    return Turn(copy, one, two, duplicates)


def _engine(address: DatabaseAddress, job: Job, processes: int) -> tuple[float, float]:
    """Rates of an import into the empty table, and of the same file again."""
    empty(address)
    with workers(address, processes) as pool:
        first = _seconds(lambda: load_all(pool, address, job.again()))
        again = _seconds(lambda: load_all(pool, address, job.again()))
    return job.plan.records / first, job.plan.records / again


def _seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began
