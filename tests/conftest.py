"""A real Postgres for the tests that speak to one, and a fresh, migrated database for each of them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.postgres import EmbeddedPostgres
from shared.adapters.migrations import apply_migrations
from shared.adapters.postgres import DatabaseAddress, connect

pytest_plugins = ["tests.workers", "tests.stack", "tests.moto"]

_TEMPLATE = "migrated"


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], DatabaseAddress]]:
    """The address of a database in a server of the session's own, by the database's name."""
    server = EmbeddedPostgres(Path(tmp_path_factory.mktemp("postgres")))
    server.start()
    own = server.address

    def address(database: str) -> DatabaseAddress:
        return DatabaseAddress(own.host, own.port, own.user, own.password or None, database, tls=False)

    _run(address("postgres"), f"CREATE DATABASE {_TEMPLATE}")
    connection = connect(address(_TEMPLATE))
    apply_migrations(connection)
    connection.close()
    yield address
    server.stop()


@pytest.fixture
def empty_database(postgres: Callable[[str], DatabaseAddress]) -> DatabaseAddress:
    """A database without anything in it."""
    return _create(postgres, "template1")


@pytest.fixture
def database(postgres: Callable[[str], DatabaseAddress]) -> DatabaseAddress:
    """A database with the migrated schema and no rows."""
    return _create(postgres, _TEMPLATE)


def _create(postgres: Callable[[str], DatabaseAddress], template: str) -> DatabaseAddress:
    name = f"test_{uuid.uuid4().hex[:12]}"
    _run(postgres("postgres"), f"CREATE DATABASE {name} TEMPLATE {template}")
    return postgres(name)


def _run(address: DatabaseAddress, sql: str) -> Any:
    connection = connect(address)
    try:
        return connection.run(sql)
    finally:
        connection.close()
