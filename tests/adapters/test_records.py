"""A chunk's rows and its ledger row are in together, once, whoever loads what at the same time."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from shared.adapters.postgres import DatabaseAddress, Postgres, connect
from shared.adapters.postgres_records import PostgresRecords
from shared.domain.upload import Totals
from shared.errors import StateConflict
from shared.services.ports import ChunkCount, ChunkLoad, SecondsLeft

START = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def records(database: DatabaseAddress) -> Callable[[], PostgresRecords]:
    """Loaders, each with a connection of its own."""
    return lambda: PostgresRecords(Postgres(lambda: database))


class Rows:
    """The port `ChunkRows`, with rows that are ready."""

    def __init__(self, frame: pl.DataFrame, refused: int) -> None:
        self._frame = frame
        self._refused = refused

    def batches(self) -> Iterator[pl.DataFrame]:
        """In two batches."""
        half = self._frame.height // 2
        yield self._frame[:half]
        yield self._frame[half:]

    def seal(self) -> ChunkCount:
        """All of them."""
        return ChunkCount(self._frame.height, self._refused, 0)


def chunk(
    minutes: range | list[int],
    *,
    upload_id: str | None = None,
    index: int = 0,
    refused: int = 0,
    process: str | None = "stamping",
    notes: Sequence[str] = (),
    seconds_left: SecondsLeft = lambda: 60,
    **options: Any,
) -> ChunkLoad:
    """A chunk with a row for each minute; `notes` make the rows' contents differ."""
    moments = [(START + timedelta(minutes=minute)).isoformat() for minute in minutes]
    contents = notes or [""] * len(moments)
    frame = pl.DataFrame(
        {
            "source_row": range(index * 1000, index * 1000 + len(moments)),
            "timestamp": moments,
            "machine_name": ["Press"] * len(moments),
            "process_name": pl.Series([process] * len(moments), dtype=pl.String),
            "attributes": [json.dumps({"note": note}) for note in contents],
        }
    )
    return ChunkLoad(
        tenant_id="tenant",
        work_unit_id="unit",
        upload_id=upload_id or str(uuid.uuid4()),
        chunk_index=index,
        correlation_id="c",
        rows=Rows(frame, refused),
        seconds_left=seconds_left,
        **{"deduplicate": True} | options,
    )


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
    load = chunk(range(10), refused=2)
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
    loads = [chunk(range(500), upload_id=upload_id) for _ in loaders]
    with ThreadPoolExecutor(4) as pool:
        totals = list(pool.map(lambda loader, load: outcome(loader.load(load)), loaders, loads))
    assert totals == [(500, 500, 0, 0)] * 4
    assert len(occurrences(database)) == 500


def test_duplicates_are_found_in_the_table_and_within_the_chunk(records: Callable[[], PostgresRecords]) -> None:
    """Also where a part of the key is absent."""
    loader = records()
    for process in ("stamping", None):
        assert outcome(loader.load(chunk(range(10), process=process))) == (10, 10, 0, 0)
        assert outcome(loader.load(chunk([5, 6, 20, 20, 21], process=process))) == (5, 2, 3, 0)


@pytest.mark.parametrize("options", [{}, {"dry_run": True}, {"identity": "occurrence"}], ids=str)
def test_looking_for_duplicates_reads_no_more_of_a_large_table(
    database: DatabaseAddress, options: dict[str, Any]
) -> None:
    """The index leads to the rows of the chunk's own time; the table is not read through for each chunk."""
    postgres = Postgres(lambda: database)
    loader = PostgresRecords(postgres)
    loader.load(chunk(range(30_000)))

    def rows_read_in_passing() -> int:
        with postgres.transaction() as connection:
            connection.run("SELECT pg_stat_force_next_flush()")
        with postgres.transaction() as connection:
            [[count]] = connection.run(
                "SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'production_records'"
            )
        return int(count)

    with postgres.transaction() as connection:
        connection.run("ANALYZE production_records")
    before = rows_read_in_passing()
    assert outcome(loader.load(chunk(range(29_000, 29_200), **options))) == (200, 0, 200, 0)
    assert rows_read_in_passing() == before


def test_without_deduplication_occurrences_are_numbered(
    records: Callable[[], PostgresRecords], database: DatabaseAddress
) -> None:
    """Every row goes in, and a later import with deduplication finds each key."""
    loader = records()
    assert outcome(loader.load(chunk([1, 2, 2], deduplicate=False))) == (3, 3, 0, 0)
    assert outcome(loader.load(chunk([2, 3], deduplicate=False))) == (2, 2, 0, 0)
    assert occurrences(database) == [[1, [0]], [2, [0, 1, 2]], [3, [0]]]
    assert outcome(loader.load(chunk([1, 2, 3, 4]))) == (4, 1, 3, 0)


def test_a_closed_upload_takes_no_chunk_any_more(records: Callable[[], PostgresRecords]) -> None:
    """What was in stays and is counted, also by a repeated closing; another upload goes on."""
    loader, upload_id = records(), str(uuid.uuid4())
    loader.load(chunk(range(10), upload_id=upload_id))
    assert outcome(loader.close("tenant", upload_id, 1).totals) == (10, 10, 0, 0)
    with pytest.raises(StateConflict):
        loader.load(chunk(range(10, 20), upload_id=upload_id, index=1))
    assert outcome(loader.close("tenant", upload_id, 1).totals) == (10, 10, 0, 0)
    assert outcome(loader.load(chunk(range(10, 20)))) == (10, 10, 0, 0)


def test_closing_waits_for_the_loads_under_way(
    records: Callable[[], PostgresRecords], database: DatabaseAddress
) -> None:
    """A load that was in mid-COPY is in what the closing counts; none comes behind it."""
    loader, closer, upload_id = records(), records(), str(uuid.uuid4())
    load = chunk(range(100), upload_id=upload_id)
    holder = connect(database)
    holder.run("BEGIN")
    holder.run("LOCK TABLE production_records IN SHARE MODE")
    with ThreadPoolExecutor(2) as pool:
        loading = pool.submit(loader.load, load)
        time.sleep(0.5)
        closing = pool.submit(closer.close, "tenant", upload_id, 1)
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
            loader.load(chunk(part, upload_id=upload_id, index=index, deduplicate=deduplicate))
        return loader.ledger("tenant", upload_id).totals

    with ThreadPoolExecutor(4) as pool:
        totals = list(pool.map(run, orders))
    stored = sum(len(numbers) for _, numbers in occurrences(database))
    assert sum(one.imported for one in totals) == stored == (200 if deduplicate else 800)
    assert [one.processed for one in totals] == [200] * 4
    for _, numbers in occurrences(database):
        assert numbers == list(range(len(numbers)))


def rows_of(database: DatabaseAddress) -> int:
    connection = connect(database)
    [[count]] = connection.run("SELECT count(*) FROM production_records")
    connection.close()
    return int(count)


def test_by_occurrence_an_overlapping_export_adds_what_is_new(
    records: Callable[[], PostgresRecords], database: DatabaseAddress
) -> None:
    """Yesterday's 400 rows, with real events that look alike, and 51 more: exactly the 51 go in."""
    loader = records()
    yesterday = [*range(300), *range(100)]
    assert outcome(loader.load(chunk(yesterday, identity="occurrence"))) == (400, 400, 0, 0)
    today = [*yesterday, *range(50), 1000]
    assert outcome(loader.load(chunk(today, identity="occurrence"))) == (451, 51, 400, 0)
    assert outcome(loader.load(chunk(today, identity="occurrence"))) == (451, 0, 451, 0)
    assert rows_of(database) == 451


def test_by_occurrence_rows_of_one_key_and_other_content_are_other_rows(
    records: Callable[[], PostgresRecords], database: DatabaseAddress
) -> None:
    """All that the file says of a row counts."""
    loader = records()
    assert outcome(loader.load(chunk([1, 1, 1], notes="aab", identity="occurrence"))) == (3, 3, 0, 0)
    assert outcome(loader.load(chunk([1, 1, 1], notes="abc", identity="occurrence"))) == (3, 1, 2, 0)
    assert occurrences(database) == [[1, [0, 1, 2, 3]]]


@pytest.mark.parametrize("dry_run", [True, False])
def test_by_occurrence_the_chunks_of_a_file_count_together(
    records: Callable[[], PostgresRecords], dry_run: bool
) -> None:
    """The k-th row of some content is the k-th of the file, in whichever chunk it is and whichever comes first."""
    loader, upload_id = records(), str(uuid.uuid4())
    loader.load(chunk([1, 1, 1], identity="occurrence"))
    totals = [
        loader.load(chunk([1, 1], upload_id=upload_id, index=index, identity="occurrence", dry_run=dry_run))
        for index in (2, 0, 1)
    ]
    assert [(one.imported, one.duplicates) for one in totals] == [(0, 2), (1, 1), (2, 0)]


@pytest.mark.parametrize("identity", ["key", "occurrence"])
def test_two_imports_of_one_file_at_once_are_one(
    records: Callable[[], PostgresRecords], database: DatabaseAddress, identity: str
) -> None:
    """Chunk by chunk, side by side."""

    def run(_: int) -> Totals:
        loader, upload_id = records(), str(uuid.uuid4())
        for index in range(4):
            minutes = [*range(index * 50, index * 50 + 50)] * (2 if identity == "occurrence" else 1)
            loader.load(chunk(minutes, upload_id=upload_id, index=index, identity=identity))
        return loader.ledger("tenant", upload_id).totals

    with ThreadPoolExecutor(3) as pool:
        totals = list(pool.map(run, range(3)))
    expected = 400 if identity == "occurrence" else 200
    assert sum(one.imported for one in totals) == rows_of(database) == expected
    assert [one.processed for one in totals] == [expected] * 3


@pytest.mark.parametrize("options", [{}, {"identity": "occurrence"}, {"deduplicate": False}])
def test_a_dry_run_says_what_the_run_then_does(
    records: Callable[[], PostgresRecords], database: DatabaseAddress, options: dict[str, Any]
) -> None:
    """With duplicates in the table, within a chunk, and from chunk to chunk; and it leaves nothing."""
    loader = records()
    before = chunk(range(5), **options)
    loader.load(before)
    loader.forget("tenant", before.upload_id)
    files = [[1, 2, 20, 20], [20, 21, 21, 3], [30]]

    def run(**more: Any) -> list[tuple[int, int, int, int]]:
        upload_id = str(uuid.uuid4())
        done = [
            outcome(loader.load(chunk(minutes, upload_id=upload_id, index=index, refused=1, **options, **more)))
            for index, minutes in enumerate(files)
        ]
        loader.forget("tenant", upload_id)
        return done

    tried = run(dry_run=True)
    assert rows_of(database) == 5
    assert run() == tried
    connection = connect(database)
    assert connection.run("SELECT count(*) FROM tried_keys UNION ALL SELECT count(*) FROM import_contents") == [
        [0],
        [0],
    ]
    connection.close()
