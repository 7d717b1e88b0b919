"""Database migrations: plain SQL files, applied in the order of their names, each once and in a transaction.

`schema_migrations` remembers the files by name and checksum. A file that was applied must not change any more.
"""

from __future__ import annotations

import hashlib
from importlib.resources import files

import pg8000.native

from shared.errors import LinefeedError

_LOCK = 0x6C66
"""Any number of our own: two deployments at once take turns."""


class MigrationChangedError(LinefeedError):
    """A migration that was applied has another text now."""


def apply_migrations(connection: pg8000.native.Connection) -> list[str]:
    """Apply the migrations that are missing, and return their names; raises MigrationChangedError."""
    connection.run("SELECT pg_advisory_lock(:lock)", lock=_LOCK)
    try:
        connection.run(
            "CREATE TABLE IF NOT EXISTS schema_migrations ("
            "name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        applied = dict(connection.run("SELECT name, checksum FROM schema_migrations"))
        return [name for name, sql in read_migrations() if _apply(connection, name, sql, applied.get(name))]
    finally:
        connection.run("SELECT pg_advisory_unlock(:lock)", lock=_LOCK)


def read_migrations() -> list[tuple[str, str]]:
    """Name and text of every migration, in order."""
    folder = files("shared.sql").joinpath("migrations")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [(name, folder.joinpath(name).read_text(encoding="utf-8")) for name in names]


def _apply(connection: pg8000.native.Connection, name: str, sql: str, known: str | None) -> bool:
    checksum = hashlib.sha256(sql.encode()).hexdigest()
    if known == checksum:
        return False
    if known is not None:
        raise MigrationChangedError(f"The migration {name} was changed after it was applied; add a new one instead.")
    connection.run("BEGIN")
    try:
        connection.run(sql)  # without parameters, so several statements may stand in one file
        connection.run(
            "INSERT INTO schema_migrations (name, checksum) VALUES (:name, :checksum)", name=name, checksum=checksum
        )
        connection.run("COMMIT")
    except BaseException:
        connection.run("ROLLBACK")
        raise
    return True
