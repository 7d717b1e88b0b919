"""The records and the ledger in Postgres: a chunk's rows and its ledger row commit together, once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pg8000.native
import polars as pl
from pg8000.exceptions import DatabaseError

from shared.adapters.frozen_sessions import end_sessions, silent_sessions
from shared.adapters.postgres import Postgres, locked_out, sqlstate
from shared.adapters.record_table import CONTENT_COLUMNS, KEY, TABLE, copy_into, copy_text, write_text
from shared.domain.upload import Totals, Undone
from shared.errors import StateConflict, TransientError
from shared.services.ports import ChunkLoad, LedgerSum
from shared.sql import statements

_COLLISIONS = frozenset({"23505", "40P01"})
"""A key that is in the table already, and two loads of the same keys that wait for each other crosswise."""

_ATTEMPTS = 5
_REMOVED_AT_ONCE = 50_000
"""Rows: a tenth of a second, for which loads of the same work unit may have to wait."""

_KEY_COLUMNS = ("source_row", *KEY[2:])

Done = TypeVar("Done")

Way = Callable[[pg8000.native.Connection, ChunkLoad], int]
"""Puts a chunk's rows in, and returns how many were new."""


class PostgresRecords:
    """The port `Records`."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._sql = {name: _with_content(sql) for name, sql in statements("records.sql").items()}
        self._met_duplicates = ""

    def load(self, load: ChunkLoad) -> Totals:
        """Put a chunk's rows and its ledger row in, in one transaction; a chunk that is in changes nothing.

        COPY goes straight into the table, which is by far the fastest way, and fails where a key collides with the
        table or within the chunk. Then, in a new transaction, the chunk's keys are looked up first and only the new
        rows are copied. Where other loads keep writing the same keys, a staging table lets Postgres settle it.
        """
        return self._past_frozen(lambda: self._load_somehow(load))

    def _load_somehow(self, load: ChunkLoad) -> Totals:
        ways = self._ways(load)
        for attempt in range(_ATTEMPTS):
            try:
                return self._load(load, ways[min(attempt, len(ways) - 1)])
            except DatabaseError as error:
                if sqlstate(error) not in _COLLISIONS:
                    raise
                self._met_duplicates = load.upload_id
        raise TransientError("Other imports keep writing the same keys")

    def _ways(self, load: ChunkLoad) -> list[Way]:
        """The ways to put a chunk's rows in, the fastest first."""
        if load.deduplicate and load.identity == "occurrence":
            return [self._put_new_occurrences]
        if load.dry_run:
            return [self._try_keys if load.deduplicate else _count]
        if not load.deduplicate:
            return [self._copy, self._put_all]
        if self._met_duplicates == load.upload_id:  # a file that had duplicates so far is likely to have more
            return [self._copy_new, self._copy_new, self._put_new]
        return [self._copy, self._copy_new, self._copy_new, self._put_new]

    def loaded(self, tenant_id: str, upload_id: str, chunk_index: int) -> Totals | None:
        """The ledger's totals of a chunk; None when it is not in."""
        with self._postgres.transaction() as connection:
            return self._find(connection, tenant_id, upload_id, chunk_index)

    def ledger(self, tenant_id: str, upload_id: str) -> LedgerSum:
        """What the ledger says of an upload."""
        with self._postgres.transaction() as connection:
            return self._sum(connection, tenant_id, upload_id)

    def close(self, tenant_id: str, upload_id: str, attempt: int) -> LedgerSum:
        """Let no further chunk in by this attempt or an earlier one, once the loads under way have ended.

        Returns what the ledger says then. What other uploads have kept for a retry that never came is forgotten.
        """
        return self._past_frozen(lambda: self._close(tenant_id, upload_id, attempt))

    def _close(self, tenant_id: str, upload_id: str, attempt: int) -> LedgerSum:
        with self._postgres.transaction() as connection:
            connection.run(self._sql["lock_upload"], upload_id=upload_id)
            connection.run(self._sql["close_upload"], tenant_id=tenant_id, upload_id=upload_id, attempt=attempt)
            for old_tenant_id, old_upload_id in connection.run(self._sql["remembering_too_long"]):
                self._forget(connection, {"tenant_id": old_tenant_id, "upload_id": old_upload_id})
            return self._sum(connection, tenant_id, upload_id)

    def _past_frozen(self, work: Callable[[], Done]) -> Done:
        """Do what waits for the locks of others; where a frozen worker holds one, its session is ended.

        A session counts as frozen when nothing has come from it for as long as a lock is waited for.
        """
        try:
            return work()
        except TransientError as error:
            if not locked_out(error):
                raise
        suspects = silent_sessions(self._postgres)
        try:
            return work()
        except TransientError as error:
            if not locked_out(error) or not end_sessions(self._postgres, suspects & silent_sessions(self._postgres)):
                raise
        return work()

    def forget(self, tenant_id: str, upload_id: str) -> None:
        """Forget what had to be remembered for further chunks of an upload; harmless when repeated."""
        with self._postgres.transaction() as connection:
            self._forget(connection, {"tenant_id": tenant_id, "upload_id": upload_id})

    def remove(self, tenant_id: str, upload_id: str, *, work_unit_id: str, attempt: int) -> Undone:
        """Take every row of an upload that was closed out of the table, and then its ledger, batch by batch.

        What dies half way goes on where it was. What is repeated, also late and at the same time, removes nothing more
        and gives the same answer.
        """
        upload = {"tenant_id": tenant_id, "upload_id": upload_id}
        undone = None
        while undone is None:
            with self._postgres.transaction() as connection:
                connection.run(self._sql["lock_upload"], upload_id=upload_id)
                connection.run(self._sql["lock_work_unit"], tenant_id=tenant_id, work_unit_id=work_unit_id)
                connection.run(self._sql["begin_undo"], **upload, attempt=attempt)
                undone = self._remove_some(connection, upload, work_unit_id, attempt)
        return undone

    def _remove_some(
        self, connection: pg8000.native.Connection, upload: dict[str, Any], work_unit_id: str, attempt: int
    ) -> Undone | None:
        """Remove one batch; what the whole undo came to once nothing is left, None before."""
        undo = {**upload, "attempt": attempt}
        [[removed, recorded, everywhere, ended]] = connection.run(self._sql["undo_so_far"], **undo)
        if ended:
            return Undone(removed=removed, recorded=recorded)
        unit = {"tenant_id": upload["tenant_id"], "work_unit_id": work_unit_id}
        [[gone, first, last]] = connection.run(self._sql["remove_batch"], **(undo | unit), most=_REMOVED_AT_ONCE)
        if gone:
            connection.run(self._sql["renumber"], **unit, first=first, last=last)
            connection.run(self._sql["count_removed"], **undo, removed=gone, last=last)
        if gone == _REMOVED_AT_ONCE:
            return None
        if removed + gone < recorded and not everywhere:
            connection.run(self._sql["look_everywhere"], **undo)
            return None
        self._forget(connection, upload)
        connection.run(self._sql["forget_ledger"], **upload)
        connection.run(self._sql["end_undo"], **undo)
        return Undone(removed=removed + gone, recorded=recorded)

    def _forget(self, connection: pg8000.native.Connection, upload: dict[str, Any]) -> None:
        connection.run(self._sql["forget_tried_keys"], **upload)
        connection.run(self._sql["forget_contents"], **upload)
        connection.run(self._sql["forgot"], **upload)

    def _load(self, load: ChunkLoad, way: Way) -> Totals:
        with self._postgres.transaction(load.seconds_left()) as connection:
            self._enter(connection, load)
            connection.run(self._sql["claim_chunk"], **_identity(load), correlation_id=load.correlation_id)
            if connection.row_count == 1:
                self._settle(connection, load, imported=way(connection, load))
            totals = self._find(connection, load.tenant_id, load.upload_id, load.chunk_index)
            if totals is None:
                raise TransientError("The chunk's other load was rolled back")
            return totals

    def _enter(self, connection: pg8000.native.Connection, load: ChunkLoad) -> None:
        """Hold the upload open for the rest of the transaction; raises StateConflict when it was closed."""
        upload = {"tenant_id": load.tenant_id, "upload_id": load.upload_id}
        connection.run(self._sql["enter_upload"], upload_id=load.upload_id)
        if connection.run(self._sql["closed_upload"], **upload, attempt=load.attempt):
            raise StateConflict(f"upload {load.upload_id} has ended; chunk {load.chunk_index} is not loaded any more")

    def _settle(self, connection: pg8000.native.Connection, load: ChunkLoad, *, imported: int) -> None:
        count = load.rows.seal()
        first, last = count.span or (None, None)
        connection.run(
            self._sql["settle_chunk"],
            **_identity(load),
            records=count.accepted + count.refused,
            imported=imported,
            duplicates=count.accepted - imported,
            refused=count.refused,
            warnings=count.warned,
            first=first,
            last=last,
        )

    def _sum(self, connection: pg8000.native.Connection, tenant_id: str, upload_id: str) -> LedgerSum:
        [row] = connection.run(self._sql["ledger_sum"], tenant_id=tenant_id, upload_id=upload_id)
        return LedgerSum(chunks=row[0], totals=_totals(row[1:]))

    def _copy(self, connection: pg8000.native.Connection, load: ChunkLoad) -> int:
        return _copy_into(connection, TABLE, load, load.rows.batches())

    def _copy_new(self, connection: pg8000.native.Connection, load: ChunkLoad) -> int:
        self._stage_keys(connection, load)
        unit = {"tenant_id": load.tenant_id, "work_unit_id": load.work_unit_id}
        found = connection.run(self._sql["find_new"], **unit, **self._span(connection, "span_of_keys"))
        if not found:
            return 0
        new = pl.Series([row for [row] in found], dtype=pl.Int64).implode()
        batches = (rows.filter(pl.col("source_row").is_in(new)) for rows in load.rows.batches())
        return _copy_into(connection, TABLE, load, batches)

    def _put_new(self, connection: pg8000.native.Connection, load: ChunkLoad) -> int:
        self._stage(connection, load)
        connection.run(self._sql["insert_new"])
        return int(connection.row_count)

    def _put_all(self, connection: pg8000.native.Connection, load: ChunkLoad) -> int:
        self._stage(connection, load)
        connection.run(self._sql["share_work_unit"], tenant_id=load.tenant_id, work_unit_id=load.work_unit_id)
        connection.run(self._sql["number_occurrences"])
        connection.run(self._sql["insert_all"])
        return int(connection.row_count)

    def _put_new_occurrences(self, connection: pg8000.native.Connection, load: ChunkLoad) -> int:
        self._stage(connection, load)
        upload = {"tenant_id": load.tenant_id, "upload_id": load.upload_id}
        connection.run(self._sql["lock_work_unit"], tenant_id=load.tenant_id, work_unit_id=load.work_unit_id)
        connection.run(self._sql["create_contents"])
        connection.run(self._sql["count_contents"], **upload)
        span = self._span(connection, "span_of_records")
        connection.run(self._sql["drop_known_occurrences"], **upload, **span, work_unit_id=load.work_unit_id)
        if load.dry_run:
            return int(connection.run(self._sql["count_staged"])[0][0])
        connection.run(self._sql["number_occurrences"])
        connection.run(self._sql["insert_all"])
        return int(connection.row_count)

    def _try_keys(self, connection: pg8000.native.Connection, load: ChunkLoad) -> int:
        self._stage_keys(connection, load)
        upload = {"tenant_id": load.tenant_id, "upload_id": load.upload_id}
        span = self._span(connection, "span_of_keys")
        connection.run(self._sql["try_new"], **upload, **span, work_unit_id=load.work_unit_id)
        return int(connection.row_count)

    def _span(self, connection: pg8000.native.Connection, statement: str) -> dict[str, Any]:
        """The first and the last timestamp of what was staged."""
        [[first, last]] = connection.run(self._sql[statement])
        return {"first": first, "last": last}

    def _stage(self, connection: pg8000.native.Connection, load: ChunkLoad) -> None:
        connection.run(self._sql["create_staging"])
        _copy_into(connection, "staged_records", load, load.rows.batches())

    def _stage_keys(self, connection: pg8000.native.Connection, load: ChunkLoad) -> None:
        connection.run(self._sql["create_keys"])
        statement = f"COPY staged_keys ({', '.join(_KEY_COLUMNS)}) FROM STDIN (FORMAT text, NULL '')"
        connection.run(statement, stream=(_keys(rows) for rows in load.rows.batches()))

    def _find(
        self, connection: pg8000.native.Connection, tenant_id: str, upload_id: str, chunk_index: int
    ) -> Totals | None:
        rows = connection.run(
            self._sql["loaded_chunk"], tenant_id=tenant_id, upload_id=upload_id, chunk_index=chunk_index
        )
        return _totals(rows[0]) if rows else None


def _with_content(sql: str) -> str:
    """The statement with the columns of a row's content, of the only table and of the one that is called r."""
    columns = [f'"{name}"' for name in CONTENT_COLUMNS]
    of_r = ", ".join(f"r.{column}" for column in columns)
    return sql.replace("{content}", ", ".join(columns)).replace("{content of r}", of_r)


def _copy_into(
    connection: pg8000.native.Connection, table: str, load: ChunkLoad, batches: Iterator[pl.DataFrame]
) -> int:
    """Stream the batches into a table, each while the next one is made; return how many rows they had."""
    first = next(batches, None)
    if first is None:
        return 0
    copied = 0

    def texts() -> Iterator[bytes]:
        nonlocal copied
        rows: pl.DataFrame | None = first
        while rows is not None:
            copied += rows.height
            yield copy_text(rows, tenant_id=load.tenant_id, work_unit_id=load.work_unit_id, upload_id=load.upload_id)
            rows = next(batches, None)

    connection.run(copy_into(table, first), stream=texts())
    return copied


def _keys(rows: pl.DataFrame) -> bytes:
    absent = [pl.lit(None, pl.String).alias(name) for name in _KEY_COLUMNS if name not in rows.columns]
    return write_text(rows.with_columns(absent).select(_KEY_COLUMNS))


def _count(connection: pg8000.native.Connection, load: ChunkLoad) -> int:
    del connection
    return sum(rows.height for rows in load.rows.batches())


def _identity(load: ChunkLoad) -> dict[str, Any]:
    return {"tenant_id": load.tenant_id, "upload_id": load.upload_id, "chunk_index": load.chunk_index}


def _totals(row: list[Any]) -> Totals:
    names = ("records", "imported", "duplicates", "refused", "warnings")
    return Totals(**{name: int(value) for name, value in zip(names, row, strict=True)})
