"""The system that faults are injected into."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.driving import Person
from tests.faults.system import FaultySystem


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultySystem]:
    """One for all: that each run leaves it whole is part of what is tested."""
    system = FaultySystem(Path(tmp_path_factory.mktemp("faults")))
    yield system
    assert system.stop() == 0


@pytest.fixture
def hold_key(connect: Callable[[], Any]) -> Callable[..., Any]:
    """Hold the key of one row in an open transaction, so that the load of that row waits in mid-COPY."""

    @contextmanager
    def hold(person: Person, row: list[str]) -> Iterator[None]:
        other = connect()
        other.run("BEGIN")
        other.run(
            'INSERT INTO production_records (tenant_id, work_unit_id, "timestamp", machine_name, process_name,'
            " upload_id, source_row, attributes)"
            " VALUES (:tenant, :unit, :at, :machine, :process, gen_random_uuid(), 1, '{}')",
            tenant=person.tenant,
            unit=person.work_unit,
            at=row[0],
            machine=row[1],
            process=row[2],
        )
        try:
            yield
        finally:
            other.run("ROLLBACK")
            other.close()

    return hold
