"""A worker that is frozen while it holds locks keeps nobody waiting for long; one that is only slow is left alone."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import polars as pl
import pytest

from shared.adapters import postgres
from shared.adapters.postgres import DatabaseAddress, Postgres, connect
from shared.adapters.postgres_records import PostgresRecords
from shared.errors import TransientError
from shared.services.ports import ChunkLoad
from tests.adapters.test_records import Rows, chunk, occurrences, outcome

COUNT = 5000
"""So many that Postgres has put the first half of them into the index, where others meet their keys."""


@pytest.fixture(autouse=True)
def short_lock_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is waited for a lock here."""
    monkeypatch.setattr(postgres, "_LOCK_TIMEOUT", "500ms")


@pytest.fixture
def records(database: DatabaseAddress) -> Callable[[], PostgresRecords]:
    """Loaders, each with a connection of its own."""
    return lambda: PostgresRecords(Postgres(lambda: database))


class FrozenRows(Rows):
    """Rows of which a part comes, and the rest only when somebody thaws them."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self.stopped = threading.Event()
        self.thawed = threading.Event()

    def batches(self) -> Iterator[pl.DataFrame]:
        """The first batch, and the others after the thaw."""
        first, *others = self._rows.batches()
        yield first
        self.stopped.set()
        self.thawed.wait(30)
        yield from others


@contextmanager
def frozen(records: PostgresRecords, load: ChunkLoad) -> Iterator[Callable[[], object]]:
    """A load that stands still in mid-COPY; gives what thaws it and waits for its end."""
    rows = FrozenRows(load.rows)  # type: ignore[arg-type]
    with ThreadPoolExecutor(1) as pool:
        try:
            loading = pool.submit(records.load, replace(load, rows=rows))
            assert rows.stopped.wait(10)

            def thaw() -> object:
                rows.thawed.set()
                return loading.result()

            yield thaw
        finally:
            rows.thawed.set()


def test_the_duplicate_of_a_frozen_load_ends_its_session_and_loads(
    records: Callable[[], PostgresRecords], database: DatabaseAddress
) -> None:
    """After two waits; the frozen one, when it goes on, has lost its transaction; another attempt changes nothing."""
    load = chunk(range(100))
    thawed = records()
    with frozen(thawed, load) as thaw:
        assert outcome(records().load(load)) == (100, 100, 0, 0)
        with pytest.raises(TransientError):
            thaw()
    assert outcome(thawed.load(load)) == (100, 100, 0, 0)
    assert len(occurrences(database)) == 100


def test_another_upload_with_the_same_keys_gets_past_a_frozen_load_too(
    records: Callable[[], PostgresRecords], database: DatabaseAddress
) -> None:
    """It waits for the other's keys, not for its ledger row."""
    with frozen(records(), chunk(range(COUNT))) as thaw:
        assert outcome(records().load(chunk(range(COUNT)))) == (COUNT, COUNT, 0, 0)
        with pytest.raises(TransientError):
            thaw()
    assert len(occurrences(database)) == COUNT


def test_an_upload_is_closed_past_a_frozen_load(records: Callable[[], PostgresRecords]) -> None:
    """Else no import with a frozen worker could even fail."""
    upload_id = str(uuid.uuid4())
    with frozen(records(), chunk(range(100), upload_id=upload_id)) as thaw:
        assert records().close("tenant", upload_id, 1).chunks == 0
        with pytest.raises(TransientError):
            thaw()


def test_a_load_that_goes_on_is_left_alone(records: Callable[[], PostgresRecords]) -> None:
    """While its rows keep coming it is alive, however long others wait for it."""

    class SlowRows(Rows):
        def batches(self) -> Iterator[pl.DataFrame]:
            for rows in self._frame.iter_slices(2):
                time.sleep(0.05)
                yield rows

    load = chunk(range(100))
    slow = replace(load, rows=SlowRows(pl.concat(load.rows.batches()), 0))
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(records().load, slow)
        time.sleep(0.3)
        with pytest.raises(TransientError):
            records().load(load)
        assert outcome(loading.result()) == (100, 100, 0, 0)


def test_somebody_elses_session_is_never_ended(
    records: Callable[[], PostgresRecords], database: DatabaseAddress
) -> None:
    """An operator's open transaction holds a row: the load gives up and is tried again."""
    load = chunk(range(10))
    operator = connect(database)
    operator.run("SET application_name = 'psql'")
    operator.run("BEGIN")
    operator.run("LOCK TABLE import_chunks")
    with pytest.raises(TransientError):
        records().load(load)
    operator.run("ROLLBACK")
    operator.close()
    assert outcome(records().load(load)) == (10, 10, 0, 0)


def test_a_load_whose_time_is_over_leaves_nothing(records: Callable[[], PostgresRecords]) -> None:
    """Postgres ends it by itself, as soon as the client says something again."""
    load = chunk(range(100), seconds_left=lambda: 0.05)
    loader = records()
    with frozen(loader, load) as thaw:
        time.sleep(0.2)
        with pytest.raises(TransientError):
            thaw()
    assert loader.loaded("tenant", load.upload_id, 0) is None
