"""A connection to Postgres through pg8000: made late, kept between invocations, replaced when broken."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import pg8000.native
from pg8000.exceptions import DatabaseError, InterfaceError

from shared.adapters.secrets import forget_secrets, read_secret
from shared.errors import TransientError
from shared.settings import Settings

APPLICATION_NAME = "linefeed"
"""By which the sessions of our functions are known in `pg_stat_activity`."""

_SOCKET_SECONDS = 60
"""Of silence, after which the other side is taken for dead; longer than any lock is waited for."""

_LOCK_TIMEOUT = "20s"
"""A load that waits longer for another's lock gives up and is tried again: its Lambda has better things to do."""

_TRANSACTION_SECONDS = 300.0
"""Nobody who opened a transaction can still wait for its end after so long: the functions that do have no more time."""

_WORK_MEMORY = "64MB"
"""For sorting and hashing the keys of a chunk, instead of the 4 MB with which it would be done on the disk."""

_TRANSIENT_STATES = ("08", "25P03", "25P04", "40001", "40003", "53", "55", "57", "58")
"""How the SQLSTATEs begin of broken connections, timeouts, serialization, resources, locks, operators, systems.

A deadlock (40P01) is left to the caller, who knows another way."""

_LOCK_NOT_AVAILABLE = "55P03"
_WRONG_PASSWORD = "28P01"  # noqa: S105 (the SQLSTATE)


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """Where Postgres is and who connects. A `host` that starts with `/` is the folder of a Unix socket."""

    host: str
    port: int
    user: str
    password: str | None
    database: str
    tls: bool


def configured_address(settings: Settings) -> DatabaseAddress:
    """The address from the settings and the secret that they name."""
    secret = json.loads(read_secret(settings.database_secret_arn))
    return DatabaseAddress(
        host=settings.database_host,
        port=settings.database_port,
        user=secret["username"],
        password=secret.get("password") or None,
        database=secret["dbname"],
        tls=settings.database_tls == "verify-full",
    )


def connect(address: DatabaseAddress) -> pg8000.native.Connection:
    """A new connection; over TCP with TLS, whose certificate the system's store must verify."""
    socket = f"{address.host}/.s.PGSQL.{address.port}" if address.host.startswith("/") else None
    with _translated():
        return pg8000.native.Connection(
            address.user,
            password=address.password,
            database=address.database,
            host=None if socket else address.host,
            port=address.port,
            unix_sock=socket,
            ssl_context=ssl.create_default_context() if address.tls else None,
            timeout=None if socket else _SOCKET_SECONDS,
            application_name=APPLICATION_NAME,
        )


def sqlstate(error: DatabaseError) -> str:
    """The five characters that Postgres names an error by (PostgreSQL documentation, appendix A)."""
    return str(error.args[0].get("C", "")) if error.args and isinstance(error.args[0], dict) else ""


def locked_out(error: TransientError) -> bool:
    """True when a transaction gave up because of a lock that another one did not let go."""
    cause = error.__cause__
    return isinstance(cause, DatabaseError) and sqlstate(cause) == _LOCK_NOT_AVAILABLE


class Postgres:
    """One connection for a process; `address` is asked at each new one, since a password may have been rotated."""

    def __init__(self, address: Callable[[], DatabaseAddress]) -> None:
        self._address = address
        self._connection: pg8000.native.Connection | None = None

    @contextmanager
    def transaction(self, seconds: float = _TRANSACTION_SECONDS) -> Iterator[pg8000.native.Connection]:
        """A transaction that commits when the block ends, and leaves nothing when it ends by an exception.

        After `seconds` Postgres ends it, and the session with it. Raises TransientError then and for what else may
        work the next time, and pg8000's DatabaseError for the rest.
        """
        with _translated():
            connection = self._begin(seconds)
            try:
                yield connection
                connection.run("COMMIT")
            except BaseException:
                self._roll_back(connection)
                raise

    def _begin(self, seconds: float) -> pg8000.native.Connection:
        """Start a transaction; a kept connection may have been cut while it idled, so it gets a second chance."""
        if self._connection is not None:
            with suppress(DatabaseError, InterfaceError, OSError):
                return self._start(self._connection, seconds)
            self._connection = None
        self._connection = self._connect()
        return self._start(self._connection, seconds)

    def _connect(self) -> pg8000.native.Connection:
        """A new connection; where the password is refused, with the one that the secret has now."""
        try:
            return connect(self._address())
        except DatabaseError as error:
            if sqlstate(error) != _WRONG_PASSWORD:
                raise
            forget_secrets()
            return connect(self._address())

    def _start(self, connection: pg8000.native.Connection, seconds: float) -> pg8000.native.Connection:
        settings = {
            "application_name": APPLICATION_NAME,  # of a connection through a proxy, the proxy's would be seen
            "lock_timeout": _LOCK_TIMEOUT,
            "transaction_timeout": f"{max(1, round(seconds * 1000))}ms",  # 0 would be none at all
            "work_mem": _WORK_MEMORY,
        }
        connection.run("BEGIN")
        connection.run("; ".join(f"SET LOCAL {name} = '{value}'" for name, value in settings.items()))
        return connection

    def _roll_back(self, connection: pg8000.native.Connection) -> None:
        try:
            connection.run("ROLLBACK")
        except (DatabaseError, InterfaceError, OSError):
            self._connection = None
            with suppress(Exception):
                connection.close()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except DatabaseError as error:
        if not sqlstate(error).startswith(_TRANSIENT_STATES):
            raise
        raise TransientError(f"Postgres could not do it now ({sqlstate(error)})") from error
    except (InterfaceError, OSError) as error:
        raise TransientError("Postgres could not be reached") from error
