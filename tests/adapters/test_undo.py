"""An undo takes exactly the rows of one upload out of the table, once, whatever else happens to it."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pg8000.native
import pytest

from shared.adapters import postgres_records
from shared.adapters.postgres import DatabaseAddress, Postgres, connect
from shared.adapters.postgres_records import PostgresRecords
from shared.domain.upload import Undone
from shared.errors import StateConflict, TransientError
from shared.services.ports import ChunkCount, ChunkLoad
from tests.adapters.test_records import START, Rows, chunk, occurrences, outcome

Loader = Callable[[], PostgresRecords]
Query = Callable[..., Any]


@pytest.fixture
def records(database: DatabaseAddress) -> Loader:
    """Loaders, each with a connection of its own."""
    return lambda: PostgresRecords(Postgres(lambda: database))


@pytest.fixture
def query(database: DatabaseAddress) -> Iterator[Query]:
    """Runs SQL."""
    connection = connect(database)
    yield connection.run
    connection.close()


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven rows at once, so that few rows have many batches."""
    monkeypatch.setattr(postgres_records, "_REMOVED_AT_ONCE", 7)


def undo(loader: PostgresRecords, upload_id: str, attempt: int = 1) -> tuple[int, int]:
    """Close and remove, as the use case does; how many left, and how many the ledger had."""
    loader.close("tenant", upload_id, attempt)
    undone = loader.remove("tenant", upload_id, work_unit_id="unit", attempt=attempt)
    return undone.removed, undone.recorded


def stored(query: Query, upload_id: str) -> int:
    [[count]] = query("SELECT count(*) FROM production_records WHERE upload_id = :id", id=upload_id)
    return int(count)


class Timed(Rows):
    """Rows whose span is told, as those of a file are."""

    def __init__(self, rows: Any, first: int, last: int) -> None:
        self._rows = rows
        self._span = (START + timedelta(minutes=first), START + timedelta(minutes=last))

    def batches(self) -> Iterator[Any]:
        """The rows' own."""
        return self._rows.batches()  # type: ignore[no-any-return]

    def seal(self) -> ChunkCount:
        """With the span."""
        count: ChunkCount = self._rows.seal()
        return ChunkCount(count.accepted, count.refused, count.warned, self._span)


def timed(minutes: range, **options: Any) -> ChunkLoad:
    """A chunk whose times are told."""
    load = chunk(minutes, **options)
    return replace(load, rows=Timed(load.rows, minutes[0], minutes[-1]))


@pytest.mark.parametrize("make", [chunk, timed])
@pytest.mark.usefixtures("small_batches")
def test_the_rows_of_one_upload_leave_and_no_others(records: Loader, query: Query, make: Any) -> None:
    """Others of the same times stay: of the work unit, of another one, and of another tenant. The ledger goes along."""
    loader, upload_id = records(), str(uuid.uuid4())
    others = [chunk(range(0, 100, 2), process="other"), chunk(range(200, 210))]
    elsewhere = [replace(chunk(range(50)), tenant_id="tenant-b"), replace(chunk(range(50)), work_unit_id="unit-b")]
    for other in (*others, *elsewhere):
        loader.load(other)
    for index in range(3):
        loader.load(make(range(index * 20, index * 20 + 20), upload_id=upload_id, index=index))
    before = query("SELECT count(*) FROM production_records")[0][0]

    assert undo(loader, upload_id) == (60, 60)

    assert stored(query, upload_id) == 0
    assert query("SELECT count(*) FROM production_records") == [[before - 60]]
    for other in (*others, *elsewhere):
        assert stored(query, other.upload_id) == outcome(loader.ledger(other.tenant_id, other.upload_id).totals)[1]
    assert loader.ledger("tenant", upload_id).chunks == 0


def test_rows_at_times_that_nobody_told_are_found(records: Loader, query: Query) -> None:
    """Where fewer are found than the ledger has, the whole work unit is looked through before that is said."""
    loader, upload_id = records(), str(uuid.uuid4())
    loader.load(timed(range(50), upload_id=upload_id))
    query("UPDATE import_chunks SET last_timestamp = first_timestamp + interval '10 minutes'")
    assert undo(loader, upload_id) == (50, 50)


def test_rows_deleted_by_hand_are_said(records: Loader, query: Query) -> None:
    """What left is counted, and not what went in."""
    loader, upload_id = records(), str(uuid.uuid4())
    loader.load(timed(range(50), upload_id=upload_id))
    query("DELETE FROM production_records WHERE source_row < 8")
    assert undo(loader, upload_id) == (42, 50)


@pytest.mark.usefixtures("small_batches")
def test_an_undo_that_died_goes_on_and_counts_once(
    records: Loader, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before any of its commits, again and again; and repeated when it is done."""
    loader, upload_id = records(), str(uuid.uuid4())
    loader.load(timed(range(40), upload_id=upload_id))
    loader.load(chunk(range(40, 45)))
    transaction = Postgres.transaction
    entered = 0

    @contextmanager
    def dying(self: Postgres) -> Iterator[pg8000.native.Connection]:
        nonlocal entered
        with transaction(self) as connection:
            yield connection
            entered += 1
            if entered % 2:
                raise ConnectionResetError

    monkeypatch.setattr(Postgres, "transaction", dying)
    deaths = 0
    undone = None
    while undone is None:
        try:
            undone = loader.remove("tenant", upload_id, work_unit_id="unit", attempt=1)
        except TransientError:
            deaths += 1
            assert stored(query, upload_id) + _removed(query, upload_id) == 40
    assert deaths > 4
    assert undone == Undone(removed=40, recorded=40)
    monkeypatch.undo()
    assert undo(records(), upload_id) == (40, 40)
    assert rows_left(query) == 5


def _removed(query: Query, upload_id: str) -> int:
    counted = query("SELECT removed FROM undone_imports WHERE upload_id = :id", id=upload_id)
    return int(counted[0][0]) if counted else 0


def rows_left(query: Query) -> int:
    return int(query("SELECT count(*) FROM production_records")[0][0])


@pytest.mark.usefixtures("small_batches")
def test_four_undos_at_once_are_one(records: Loader, query: Query) -> None:
    """Each answers the same."""
    upload_id = str(uuid.uuid4())
    records().load(timed(range(100), upload_id=upload_id))
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda loader: undo(loader, upload_id), [records() for _ in range(4)]))
    assert answers == [(100, 100)] * 4
    assert rows_left(query) == 0


def test_no_late_chunk_slips_in(records: Loader, database: DatabaseAddress, query: Query) -> None:
    """A load under way is waited for and leaves with the others; one that comes later is refused."""
    loader, undoer, upload_id = records(), records(), str(uuid.uuid4())
    loader.load(chunk(range(10), upload_id=upload_id))
    holder = connect(database)
    holder.run("BEGIN")
    holder.run("LOCK TABLE production_records IN SHARE MODE")
    with ThreadPoolExecutor(2) as pool:
        loading = pool.submit(loader.load, chunk(range(10, 20), upload_id=upload_id, index=1))
        time.sleep(0.5)
        undoing = pool.submit(undo, undoer, upload_id)
        time.sleep(0.5)
        assert not undoing.done()
        holder.run("ROLLBACK")
        assert outcome(loading.result()) == (10, 10, 0, 0)
        assert undoing.result() == (20, 20)
    holder.close()
    with pytest.raises(StateConflict):
        loader.load(chunk(range(20, 30), upload_id=upload_id, index=2))
    assert rows_left(query) == 0


def test_a_retry_loads_what_a_closed_attempt_may_not(records: Loader, query: Query) -> None:
    """The next attempt is open and finds the chunks that are in; an undo of the last one, come late, takes nothing."""
    loader, upload_id = records(), str(uuid.uuid4())
    loader.load(chunk(range(10), upload_id=upload_id))
    loader.close("tenant", upload_id, 1)
    assert outcome(loader.load(chunk(range(99), upload_id=upload_id, attempt=2))) == (10, 10, 0, 0)
    assert outcome(loader.load(chunk(range(10, 15), upload_id=upload_id, index=1, attempt=2))) == (5, 5, 0, 0)
    assert undo(loader, upload_id, attempt=2) == (15, 15)
    assert outcome(loader.load(chunk(range(10), upload_id=upload_id, attempt=3))) == (10, 10, 0, 0)
    assert loader.remove("tenant", upload_id, work_unit_id="unit", attempt=2) == Undone(removed=15, recorded=15)
    assert stored(query, upload_id) == 10


@pytest.mark.parametrize("identity", ["key", "occurrence"])
def test_the_same_rows_go_in_again_after_an_undo(records: Loader, identity: str) -> None:
    """As another upload and as a retry of this one; nothing of what was undone is found to be a duplicate."""
    loader, upload_id = records(), str(uuid.uuid4())
    minutes = [*range(30), *range(5)] if identity == "occurrence" else [*range(30)]
    first = loader.load(chunk(minutes, upload_id=upload_id, identity=identity))
    assert undo(loader, upload_id) == (len(minutes), len(minutes))
    again = loader.load(chunk(minutes, upload_id=upload_id, identity=identity, attempt=2))
    assert outcome(again) == outcome(first)
    assert undo(loader, upload_id, attempt=2) == (len(minutes), len(minutes))
    assert outcome(loader.load(chunk(minutes, identity=identity))) == outcome(first)


def test_by_occurrence_a_retry_counts_on_from_the_chunks_that_are_in(records: Loader) -> None:
    """The k-th row of some content is the k-th of the file, also where the chunks before went in an attempt earlier."""
    loader, upload_id = records(), str(uuid.uuid4())
    loader.load(chunk([1], identity="occurrence"))
    assert outcome(loader.load(chunk([1], upload_id=upload_id, identity="occurrence"))) == (1, 0, 1, 0)
    loader.close("tenant", upload_id, 1)
    later = chunk([1, 1], upload_id=upload_id, index=1, identity="occurrence", attempt=2)
    assert outcome(loader.load(later)) == (2, 2, 0, 0)


def test_what_no_retry_can_ask_for_any_more_is_forgotten(records: Loader, query: Query) -> None:
    """Some days after it failed, when another upload ends."""
    loader = records()
    failed, new = (chunk([1, 2], identity="occurrence") for _ in range(2))
    for load in (failed, new):
        loader.load(load)
        loader.close("tenant", load.upload_id, 1)
    query("UPDATE closed_uploads SET closed_at = now() - interval '8 days' WHERE upload_id = :id", id=failed.upload_id)
    loader.close("tenant", str(uuid.uuid4()), 1)
    kept = {str(row[0]) for row in query("SELECT upload_id FROM import_contents")}
    assert kept == {new.upload_id}


@pytest.mark.usefixtures("small_batches")
def test_a_key_stays_in_the_table_with_occurrence_zero(
    records: Loader, database: DatabaseAddress, query: Query
) -> None:
    """So that what stays of it is still found, by the fastest way as well."""
    loader, upload_id = records(), str(uuid.uuid4())
    loader.load(chunk(range(20), upload_id=upload_id, deduplicate=False))
    stays = chunk([3, 3, 5], deduplicate=False)
    loader.load(stays)
    undo(loader, upload_id)
    assert occurrences(database) == [[3, [0, 2]], [5, [0]]]
    assert outcome(loader.load(chunk([3, 4, 5]))) == (3, 1, 2, 0)
    assert stored(query, stays.upload_id) == 3


@pytest.mark.usefixtures("small_batches")
def test_loads_of_the_same_keys_at_the_same_time_keep_what_must_hold(
    records: Loader, database: DatabaseAddress, query: Query
) -> None:
    """Whatever goes in while an upload is undone, each key that is in the table is in it with occurrence 0."""
    loader = records()
    for turn in range(5):
        upload_id = str(uuid.uuid4())
        loader.load(chunk(range(60), upload_id=upload_id, deduplicate=False))
        start = threading.Barrier(3)

        def load(deduplicate: bool, start: threading.Barrier = start) -> int:
            other = records()
            start.wait()
            load = chunk(range(60), deduplicate=deduplicate)
            return other.load(load).imported

        def take_out(upload_id: str = upload_id, start: threading.Barrier = start) -> tuple[int, int]:
            other = records()
            start.wait()
            return undo(other, upload_id)

        before = rows_left(query)
        with ThreadPoolExecutor(3) as pool:
            loads = [pool.submit(load, deduplicate) for deduplicate in (True, False)]
            undone = pool.submit(take_out)
            assert undone.result() == (60, 60), turn
            imported = sum(one.result() for one in loads)
            assert rows_left(query) == before - 60 + imported
        assert all(numbers[0] == 0 for _, numbers in occurrences(database))
