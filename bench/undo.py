"""How long it takes to undo a million rows, beside a plain DELETE of as many, each among as many others."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from bench.database import database, empty
from bench.engine import Job, load_all, planned, workers
from bench.files import write_csv
from shared.adapters.postgres import DatabaseAddress, Postgres, connect
from shared.adapters.postgres_records import PostgresRecords
from shared.settings import Settings


@dataclass(frozen=True, slots=True)
class Undoing:
    """Seconds of our undo, and of one DELETE by the upload's id, which has to read the whole table."""

    undo: float
    delete: float


def undo_seconds(folder: Path, rows: int) -> Undoing:
    """Measure both; raises AssertionError when not exactly the upload's rows have left."""
    first, second = (_planned(path) for path in _halves(folder, rows))
    with database(folder / "undo") as address:
        with workers(address, 2) as pool:
            for job in (first, second):
                load_all(pool, address, job)
        began = time.monotonic()
        _undo(address, first, rows)
        undone = time.monotonic() - began
        connection = connect(address)
        began = time.monotonic()
        connection.run("DELETE FROM production_records WHERE upload_id = :id", id=second.upload.upload_id)
        deleted = time.monotonic() - began
        if connection.row_count != rows:
            raise AssertionError(f"{connection.row_count} of {rows} other rows were left")
        connection.close()
        empty(address)
    return Undoing(undone, deleted)


def _halves(folder: Path, rows: int) -> tuple[Path, Path]:
    """Two files of so many rows each, one from where the other ends."""
    whole = write_csv(folder / "undo.csv", rows=2 * rows)
    first, second = folder / "undo-1.csv", folder / "undo-2.csv"
    with whole.open("rb") as lines, first.open("wb") as one, second.open("wb") as two:
        header = next(lines)
        one.writelines([header, *islice(lines, rows)])
        two.writelines([header, *lines])
    whole.unlink()
    return first, second


def _planned(path: Path) -> Job:
    return planned(path, Settings.model_fields["chunk_bytes"].default)


def _undo(address: DatabaseAddress, job: Job, rows: int) -> None:
    records = PostgresRecords(Postgres(lambda: address))
    tenant_id, upload_id = job.upload.tenant_id, job.upload.upload_id
    records.close(tenant_id, upload_id, attempt=1)
    unit = job.upload.options.work_unit_id
    undone = records.remove(tenant_id, upload_id, work_unit_id=unit, attempt=1)
    if (undone.removed, undone.recorded) != (rows, rows):
        raise AssertionError(f"{undone.removed} rows have left; the upload had {rows}")
