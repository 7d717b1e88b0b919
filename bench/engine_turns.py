r"""The engine in one process and in two, beside psql's `\copy` of the same accepted rows into the same table."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from bench.database import database, empty, psql_copy, rows_in
from bench.engine import NOW, FileOnDisk, Job, load_all, planned, workers
from shared.adapters.postgres import DatabaseAddress
from shared.adapters.record_table import TABLE, copy_into, copy_text
from shared.columnar.reader import TableReader
from shared.services.load_chunk import read_chunk
from shared.services.ports import Objects
from shared.settings import Settings

_MOST_WORKERS = 2


@dataclass(frozen=True, slots=True)
class Turn:
    """Rates in records a second: COPY of the accepted rows, the engine in one process and in two, a re-import."""

    copy: float
    one: float = 0.0
    two: float = 0.0
    duplicates: float = 0.0


def measure_turns(path: Path, folder: Path, turns: int, *, engine: bool = True) -> list[Turn]:
    """Measure a file's import, in turns; without `engine`, COPY alone."""
    job = planned(path, Settings.model_fields["chunk_bytes"].default)
    accepted, statement = _accepted_rows(job, folder / "accepted.txt")
    with database(folder / "postgres") as address:
        return [_turn(address, job, accepted, statement, engine=engine) for _ in range(turns)]


def _turn(address: DatabaseAddress, job: Job, accepted: Path, statement: str, *, engine: bool) -> Turn:
    empty(address)
    seconds = _seconds(lambda: psql_copy(address, accepted, statement))
    copy = rows_in(address) / seconds
    if not engine:
        return Turn(copy)
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


def _accepted_rows(job: Job, target: Path) -> tuple[Path, str]:
    """The rows that the engine accepts, as a file for COPY, and the statement that takes it."""
    statement = ""
    reader, objects = TableReader(job.plan, NOW), cast("Objects", FileOnDisk(job.path))
    with target.open("wb") as out:
        for chunk in job.chunks:
            for read in read_chunk(chunk, job.plan, reader, objects):
                ids = {"tenant_id": "tenant", "work_unit_id": "unit", "upload_id": job.plan.upload_id}
                out.write(copy_text(read.texts, **ids))
                statement = copy_into(TABLE, read.texts)
    return target, statement


def _seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began
