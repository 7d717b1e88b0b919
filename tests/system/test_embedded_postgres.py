"""The embedded Postgres: what stays between runs, and how it gets over a run that did not end well."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from local.postgres import Address, EmbeddedPostgres, PostgresError, ensure_database

Start = Callable[..., EmbeddedPostgres]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts servers, and stops those that still run."""
    started: list[EmbeddedPostgres] = []

    def start(folder: Path = tmp_path / "postgres") -> EmbeddedPostgres:
        server = EmbeddedPostgres(folder)
        started.append(server)
        server.start()
        return server

    yield start
    for server in reversed(started):
        server.stop()


def run(address: Address, sql: str) -> list[list[object]]:
    connection = address.connect()
    try:
        return list(connection.run(sql) or [])
    finally:
        connection.close()


def postmaster(folder: Path) -> psutil.Process:
    return psutil.Process(int((folder / "postmaster.pid").read_text().splitlines()[0]))


def test_data_stays_between_runs(start: Start) -> None:
    """What one run wrote, the next one reads, through the socket as through TCP."""
    first = start()
    run(first.address, "CREATE TABLE kept AS SELECT 7 AS number")
    first.stop()
    second = start()
    assert run(second.address, "SELECT number FROM kept") == [[7]]
    assert run(second.outside_address, "SELECT number FROM kept") == [[7]]


def test_the_owner_is_no_superuser(start: Start) -> None:
    """As on RDS, so that row-level security means something here."""
    server = start()
    assert run(server.address, "SELECT current_user::text, rolsuper FROM pg_roles WHERE rolname = current_user") == [
        ["linefeed", False]
    ]


def test_a_server_that_outlived_its_run_is_replaced(start: Start, tmp_path: Path) -> None:
    """A stack that was killed leaves its server behind; the next start ends it and keeps what was committed."""
    first = start()
    run(first.address, "CREATE TABLE kept AS SELECT 7 AS number")
    leftover = postmaster(tmp_path / "postgres")
    second = start()
    assert not leftover.is_running() or leftover.status() == psutil.STATUS_ZOMBIE
    assert run(second.address, "SELECT number FROM kept") == [[7]]


def test_a_server_that_was_killed_recovers(start: Start, tmp_path: Path) -> None:
    """Its pid file is stale, and what was committed is there."""
    first = start()
    run(first.address, "CREATE TABLE kept AS SELECT 7 AS number")
    killed = postmaster(tmp_path / "postgres")
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait(10)
    time.sleep(0.5)  # its backends end by themselves
    second = start()
    assert run(second.address, "SELECT number FROM kept") == [[7]]


def test_a_pid_file_of_another_process_is_no_hindrance(start: Start, tmp_path: Path) -> None:
    """The number in a stale file may be anybody's by now; that process is left alone."""
    start().stop()
    (tmp_path / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n")
    assert run(start().address, "SELECT 1") == [[1]]


def test_a_long_path_has_its_socket_elsewhere(start: Start, tmp_path: Path) -> None:
    """A socket's path may have 107 bytes."""
    server = start(tmp_path / ("long" * 30) / "postgres")
    assert run(server.address, "SELECT 1") == [[1]]
    folder = Path(server.address.host)
    assert len(str(folder)) < 60
    server.stop()
    assert not folder.exists()


def test_it_listens_on_this_machine_alone(start: Start) -> None:
    """Nobody else can reach a database without a password."""
    port = start().outside_address.port
    listening = [
        c.laddr.ip for c in psutil.net_connections("tcp") if c.laddr and c.laddr.port == port and c.status == "LISTEN"
    ]
    assert listening == ["127.0.0.1"]


def test_any_other_server_can_be_named(start: Start) -> None:
    """A DSN says where; a database that is missing is created."""
    embedded = start().outside_address
    address = Address.parse(f"postgresql://linefeed:secret@127.0.0.1:{embedded.port}/other%20name")
    ensure_database(address)
    ensure_database(address)
    assert run(address, "SELECT current_database()::text") == [["other name"]]


@pytest.mark.parametrize(
    ("dsn", "expected"),
    [
        ("postgresql://u:p%40@db.example:6543/d", Address("db.example", 6543, "d", "u", "p@")),
        ("postgres://u@db.example", Address("db.example", 5432, "linefeed", "u", "")),
        ("postgresql://u@/d?host=%2Frun%2Fpg&port=6543", Address("/run/pg", 6543, "d", "u", "")),
        ("postgresql://u@h/d?sslmode=verify-full", Address("h", 5432, "d", "u", "", tls=True)),
    ],
)
def test_a_dsn_is_read_and_written(dsn: str, expected: Address) -> None:
    """What is written is read back as the same."""
    assert Address.parse(dsn) == expected
    assert Address.parse(expected.dsn) == expected


def test_what_is_no_dsn_is_refused() -> None:
    """And a server that does not answer is an error of ours, not of the driver."""
    with pytest.raises(PostgresError, match="A DSN looks like"):
        Address.parse("host=localhost dbname=d")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(PostgresError, match="No connection"):
        Address("127.0.0.1", port, "d", "u", "").connect()
