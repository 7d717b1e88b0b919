"""The records and the ledger in Postgres: a chunk's rows and its ledger row commit together, once."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pg8000.native
from pg8000.exceptions import DatabaseError

from shared.adapters.postgres import Postgres, sqlstate
from shared.adapters.record_table import COPY_COLUMNS, copy_line, copy_prefix
from shared.domain.record import ProductionRecord
from shared.domain.upload import Totals
from shared.errors import StateConflict, TransientError
from shared.services.ports import ChunkLoad, LedgerSum
from shared.sql import statements

_COLLISIONS = frozenset({"23505", "40P01"})
"""A key that is in the table already, and two loads of the same keys that wait for each other crosswise."""

_ATTEMPTS = 5
_COPY = "COPY {table} ({columns}) FROM STDIN"


class CopyRows:
    """The port `RowBuffer`: lines of COPY text."""

    def __init__(self, tenant_id: str, work_unit_id: str, upload_id: str) -> None:
        self._prefix = copy_prefix(tenant_id, work_unit_id)
        self._upload_id = upload_id
        self._lines = io.BytesIO()
        self.count = 0

    def add(self, record: ProductionRecord, source_row: int, attributes: dict[str, str]) -> None:
        """Add a record, the line that it comes from, and what maps to no field."""
        line = copy_line(
            record, prefix=self._prefix, upload_id=self._upload_id, source_row=source_row, attributes=attributes
        )
        self._lines.write(line)
        self.count += 1

    def stream(self) -> io.BytesIO:
        """The lines from the first on, to be read once more."""
        self._lines.seek(0)
        return self._lines


class PostgresRecords:
    """The port `Records`."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._sql = statements("records.sql")

    def new_rows(self, tenant_id: str, work_unit_id: str, upload_id: str) -> CopyRows:
        """An empty buffer for a chunk's rows."""
        return CopyRows(tenant_id, work_unit_id, upload_id)

    def load(self, load: ChunkLoad) -> Totals:
        """Put a chunk's rows and its ledger row in, in one transaction; a chunk that is in changes nothing.

        COPY goes straight into the table, which is twice as fast as by way of a staging table. Only where a key
        collides, with the table or within the chunk, the chunk goes by the staging table, in a new transaction.
        """
        way: Callable[[pg8000.native.Connection, ChunkLoad], None] = self._copy
        for _ in range(_ATTEMPTS):
            try:
                return self._load(load, way)
            except DatabaseError as error:
                if sqlstate(error) not in _COLLISIONS:
                    raise
                way = self._stage
        raise TransientError("Other imports keep writing the same keys")

    def loaded(self, tenant_id: str, upload_id: str, chunk_index: int) -> Totals | None:
        """The ledger's totals of a chunk; None when it is not in."""
        with self._postgres.transaction() as connection:
            return self._find(connection, tenant_id, upload_id, chunk_index)

    def ledger(self, tenant_id: str, upload_id: str) -> LedgerSum:
        """What the ledger says of an upload."""
        with self._postgres.transaction() as connection:
            return self._sum(connection, tenant_id, upload_id)

    def close(self, tenant_id: str, upload_id: str) -> LedgerSum:
        """Let no further chunk of an upload in, once the loads under way have ended; what the ledger says then."""
        with self._postgres.transaction() as connection:
            connection.run(self._sql["lock_upload"], upload_id=upload_id)
            connection.run(self._sql["close_upload"], tenant_id=tenant_id, upload_id=upload_id)
            return self._sum(connection, tenant_id, upload_id)

    def _load(self, load: ChunkLoad, way: Callable[[pg8000.native.Connection, ChunkLoad], None]) -> Totals:
        with self._postgres.transaction() as connection:
            self._enter(connection, load)
            connection.run(
                self._sql["claim_chunk"],
                **_identity(load),
                records=load.rows.count + load.refused,
                imported=load.rows.count,
                refused=load.refused,
                warnings=load.warnings,
                correlation_id=load.correlation_id,
            )
            if connection.row_count == 1:
                way(connection, load)
            totals = self._find(connection, load.tenant_id, load.upload_id, load.chunk_index)
            if totals is None:
                raise TransientError("The chunk's other load was rolled back")
            return totals

    def _enter(self, connection: pg8000.native.Connection, load: ChunkLoad) -> None:
        """Hold the upload open for the rest of the transaction; raises StateConflict when it was closed."""
        connection.run(self._sql["enter_upload"], upload_id=load.upload_id)
        if connection.run(self._sql["closed_upload"], tenant_id=load.tenant_id, upload_id=load.upload_id):
            raise StateConflict(f"upload {load.upload_id} has ended; chunk {load.chunk_index} is not loaded any more")

    def _sum(self, connection: pg8000.native.Connection, tenant_id: str, upload_id: str) -> LedgerSum:
        [row] = connection.run(self._sql["ledger_sum"], tenant_id=tenant_id, upload_id=upload_id)
        return LedgerSum(chunks=row[0], totals=_totals(row[1:]))

    def _copy(self, connection: pg8000.native.Connection, load: ChunkLoad) -> None:
        _copy_into("production_records", connection, load)

    def _stage(self, connection: pg8000.native.Connection, load: ChunkLoad) -> None:
        connection.run(self._sql["create_staging"])
        _copy_into("staged_records", connection, load)
        if not load.deduplicate:
            connection.run(self._sql["number_occurrences"])
            connection.run(self._sql["insert_all"])
            return
        connection.run(self._sql["insert_new"])
        imported = connection.row_count
        connection.run(
            self._sql["settle_chunk"],
            **_identity(load),
            imported=imported,
            duplicates=load.rows.count - imported,
        )

    def _find(
        self, connection: pg8000.native.Connection, tenant_id: str, upload_id: str, chunk_index: int
    ) -> Totals | None:
        rows = connection.run(
            self._sql["loaded_chunk"], tenant_id=tenant_id, upload_id=upload_id, chunk_index=chunk_index
        )
        return _totals(rows[0]) if rows else None


def _copy_into(table: str, connection: pg8000.native.Connection, load: ChunkLoad) -> None:
    columns = ", ".join(f'"{column}"' for column in COPY_COLUMNS)
    connection.run(_COPY.format(table=table, columns=columns), stream=load.rows.stream())


def _identity(load: ChunkLoad) -> dict[str, Any]:
    return {"tenant_id": load.tenant_id, "upload_id": load.upload_id, "chunk_index": load.chunk_index}


def _totals(row: list[Any]) -> Totals:
    names = ("records", "imported", "duplicates", "refused", "warnings")
    return Totals(**{name: int(value) for name, value in zip(names, row, strict=True)})
