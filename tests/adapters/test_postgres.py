"""The connection that a process keeps is replaced when it breaks, wherever the database is by then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pg8000.native
import pytest
from pg8000.exceptions import DatabaseError

from shared.adapters.postgres import DatabaseAddress, Postgres, connect


def _name(postgres: Postgres) -> str:
    with postgres.transaction() as connection:
        return str(connection.run("SELECT current_database()")[0][0])


def _cut_all(address: DatabaseAddress) -> None:
    connection = connect(replace(address, database="postgres"))
    connection.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name", name=address.database
    )
    connection.close()


@pytest.fixture
def addresses(postgres: Callable[[str], DatabaseAddress], database: DatabaseAddress) -> list[DatabaseAddress]:
    """Where the database is, the last one counts."""
    return [postgres("postgres"), database]


def test_a_kept_connection_is_used_again(addresses: list[DatabaseAddress]) -> None:
    """The address is asked for once."""
    kept = Postgres(addresses.pop)
    assert _name(kept) == _name(kept) != "postgres"
    assert len(addresses) == 1


def test_a_new_connection_asks_for_the_address_again(addresses: list[DatabaseAddress]) -> None:
    """A password that was rotated while the process lived is the one that is used."""
    kept = Postgres(addresses.pop)
    first = addresses[-1]
    _cut_all(replace(first, database=_name(kept)))
    assert _name(kept) == "postgres"


def test_a_password_that_was_rotated_is_read_anew(database: DatabaseAddress, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one in the cache is refused; the secret is read again, and once more is not tried."""
    forgotten: list[bool] = []

    def refuse_old(address: DatabaseAddress) -> pg8000.native.Connection:
        if address.password != "new":
            raise DatabaseError({"C": "28P01", "M": "password authentication failed"})
        return connect(replace(address, password=database.password))

    monkeypatch.setattr("shared.adapters.postgres.connect", refuse_old)
    monkeypatch.setattr("shared.adapters.postgres.forget_secrets", lambda: forgotten.append(True))
    rotated = Postgres(lambda: replace(database, password="new" if forgotten else "old"))
    assert _name(rotated) == database.database
    assert forgotten == [True]
    with pytest.raises(DatabaseError):
        _name(Postgres(lambda: replace(database, password="wrong")))
