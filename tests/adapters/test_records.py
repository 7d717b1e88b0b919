"""A chunk's rows and its ledger row are in together, once, whoever loads what at the same time."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.adapters.postgres import DatabaseAddress, Postgres, connect
from shared.adapters.postgres_records import PostgresRecords
from shared.domain.record import ProductionRecord
from shared.domain.upload import Totals
from shared.errors import StateConflict
from shared.services.ports import ChunkLoad

START = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def records(database: DatabaseAddress) -> Callable[[], PostgresRecords]:
    """Loaders, each with a connection of its own."""
    return lambda: PostgresRecords(Postgres(database))


def chunk(
    records: PostgresRecords,
    minutes: range | list[int],
    *,
    upload_id: str | None = None,
    index: int = 0,
    deduplicate: bool = True,
    refused: int = 0,
    process: str | None = "stamping",
) -> ChunkLoad:
    upload_id = upload_id or str(uuid.uuid4())
    rows = records.new_rows("tenant", "unit", upload_id)
    for row, minute in enumerate(minutes):
        moment = START + timedelta(minutes=minute)
        rows.add(ProductionRecord(timestamp=moment, machine_name="Press", process_name=process), row, {})
    return ChunkLoad("tenant", upload_id, index, "c", rows, refused, 0, deduplicate)


def outcome(totals: Totals) -> tuple[int, int, int, int]:
    return totals.records, totals.imported, totals.duplicates, totals.refused


def occurrences(database: DatabaseAddress) -> list[Any]:
    connection = connect(database)
    rows = connection.run(
        "SELECT extract(epoch FROM \"timestamp\" - '2026-03-01Z')::int / 60 AS minute,"
        " array_agg(occurrence ORDER BY occurrence) FROM production_records GROUP BY 1 ORDER BY 1"
    )
    connection.close()
    return rows  # type: ignore[no-any-return]


def test_a_chunk_that_is_in_answers_with_its_first_totals(records: Callable[[], PostgresRecords]) -> None:
    """A repeated load changes nothing."""
    loader = records()
    load = chunk(loader, range(10), refused=2)
    assert outcome(loader.load(load)) == (12, 10, 0, 2)
    assert outcome(loader.load(load)) == (12, 10, 0, 2)
    assert loader.loaded("tenant", load.upload_id, 0) == loader.load(load)
    ledger = loader.ledger("tenant", load.upload_id)
    assert (ledger.chunks, outcome(ledger.totals)) == (1, (12, 10, 0, 2))


def test_four_loads_of_one_chunk_at_once_are_one(
    records: Callable[[], PostgresRecords], database: DatabaseAddress
) -> None:
    """Each answers with the same totals; the rows are there once."""
    loaders = [records() for _ in range(4)]
    upload_id = str(uuid.uuid4())
    loads = [chunk(loader, range(500), upload_id=upload_id) for loader in loaders]
    with ThreadPoolExecutor(4) as pool:
        totals = list(pool.map(lambda loader, load: outcome(loader.load(load)), loaders, loads))
    assert totals == [(500, 500, 0, 0)] * 4
    assert len(occurrences(database)) == 500


def test_duplicates_are_found_in_the_table_and_within_the_chunk(records: Callable[[], PostgresRecords]) -> None:
    """Also where a part of the key is absent."""
    loader = records()
    for process in ("stamping", None):
        assert outcome(loader.load(chunk(loader, range(10), process=process))) == (10, 10, 0, 0)
        assert outcome(loader.load(chunk(loader, [5, 6, 20, 20, 21], process=process))) == (5, 2, 3, 0)


def test_without_deduplication_occurrences_are_numbered(
    records: Callable[[], PostgresRecords], database: DatabaseAddress
) -> None:
    """Every row goes in, and a later import with deduplication finds each key."""
    loader = records()
    assert outcome(loader.load(chunk(loader, [1, 2, 2], deduplicate=False))) == (3, 3, 0, 0)
    assert outcome(loader.load(chunk(loader, [2, 3], deduplicate=False))) == (2, 2, 0, 0)
    assert occurrences(database) == [[1, [0]], [2, [0, 1, 2]], [3, [0]]]
    assert outcome(loader.load(chunk(loader, [1, 2, 3, 4]))) == (4, 1, 3, 0)


def test_a_closed_upload_takes_no_chunk_any_more(records: Callable[[], PostgresRecords]) -> None:
    """What was in stays and is counted, also by a repeated closing; another upload goes on."""
    loader, upload_id = records(), str(uuid.uuid4())
    loader.load(chunk(loader, range(10), upload_id=upload_id))
    assert outcome(loader.close("tenant", upload_id).totals) == (10, 10, 0, 0)
    with pytest.raises(StateConflict):
        loader.load(chunk(loader, range(10, 20), upload_id=upload_id, index=1))
    assert outcome(loader.close("tenant", upload_id).totals) == (10, 10, 0, 0)
    assert outcome(loader.load(chunk(loader, range(10, 20)))) == (10, 10, 0, 0)


def test_closing_waits_for_the_loads_under_way(
    records: Callable[[], PostgresRecords], database: DatabaseAddress
) -> None:
    """A load that was in mid-COPY is in what the closing counts; none comes behind it."""
    loader, closer, upload_id = records(), records(), str(uuid.uuid4())
    load = chunk(loader, range(100), upload_id=upload_id)
    holder = connect(database)
    holder.run("BEGIN")
    holder.run("LOCK TABLE production_records IN SHARE MODE")
    with ThreadPoolExecutor(2) as pool:
        loading = pool.submit(loader.load, load)
        time.sleep(0.5)
        closing = pool.submit(closer.close, "tenant", upload_id)
        time.sleep(0.5)
        assert not closing.done()
        holder.run("ROLLBACK")
        assert outcome(loading.result()) == outcome(closing.result().totals) == (100, 100, 0, 0)
    holder.close()


@pytest.mark.parametrize("deduplicate", [True, False])
def test_overlapping_loads_at_once_lose_and_double_nothing(
    records: Callable[[], PostgresRecords], database: DatabaseAddress, deduplicate: bool
) -> None:
    """Four uploads of the same keys, in different orders, in chunks: the sums are exact."""
    orders = [range(200), range(199, -1, -1), range(200), [*range(100, 200), *range(100)]]

    def run(order: range | list[int]) -> Totals:
        loader, upload_id = records(), str(uuid.uuid4())
        for index in range(4):
            part = order[index * 50 : index * 50 + 50]
            loader.load(chunk(loader, part, upload_id=upload_id, index=index, deduplicate=deduplicate))
        return loader.ledger("tenant", upload_id).totals

    with ThreadPoolExecutor(4) as pool:
        totals = list(pool.map(run, orders))
    stored = sum(len(numbers) for _, numbers in occurrences(database))
    assert sum(one.imported for one in totals) == stored == (200 if deduplicate else 800)
    assert [one.processed for one in totals] == [200] * 4
    for _, numbers in occurrences(database):
        assert numbers == list(range(len(numbers)))
