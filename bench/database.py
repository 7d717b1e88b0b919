"""A Postgres for the benchmarks: the embedded one, with the real schema."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.postgres import Address, EmbeddedPostgres
from shared.adapters.migrations import apply_migrations
from shared.adapters.postgres import DatabaseAddress, connect
from shared.adapters.record_table import TABLE


@contextmanager
def database(folder: Path) -> Iterator[DatabaseAddress]:
    """A server with the migrated, empty schema; what it holds lies in `folder`."""
    server = EmbeddedPostgres(folder)
    server.start()
    try:
        address = as_functions_have_it(server.address)
        connection = connect(address)
        apply_migrations(connection)
        connection.close()
        yield address
    finally:
        server.stop()


def as_functions_have_it(own: Address) -> DatabaseAddress:
    """A local database's address, for the driver that loads use."""
    return DatabaseAddress(own.host, own.port, own.user, own.password or None, own.database, tls=False)


def empty(address: DatabaseAddress) -> None:
    """Leave no row, and nothing for a later run to pay for."""
    connection = connect(address)
    for table in (TABLE, "import_chunks", "closed_uploads", "undone_imports"):
        connection.run(f"TRUNCATE {table}")
    connection.close()
