r"""What bounds COPY itself: the same rows by `\copy`, into tables that differ from the real one in one thing each."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from bench.database import database
from bench.engine import planned
from bench.yardstick import Accepted, accepted_rows
from shared.adapters.postgres import DatabaseAddress, connect
from shared.adapters.record_table import COLUMNS, KEY, TABLE
from shared.settings import Settings

_TRIED = "tried_records"
_LIKE = f"(LIKE {TABLE} INCLUDING DEFAULTS)"
_DAYS = 31


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _table(*changes: str, key: Sequence[str] | None = KEY, options: str = "", kind: str = "") -> list[str]:
    index = f"CREATE UNIQUE INDEX ON {_TRIED} ({_quoted([*(key or ()), 'occurrence'])}) NULLS NOT DISTINCT"
    return [f"CREATE {kind} TABLE {_TRIED} {_LIKE} {options}", *changes, *([index] if key else ())]


def _retyped(old: str, new: str) -> list[str]:
    return [
        f'ALTER TABLE {_TRIED} ALTER "{column.name}" TYPE {new}' for column in COLUMNS if column.type.startswith(old)
    ]


_NAMES = [name for name in KEY if name != "timestamp"]
_PARTITIONS = [
    f"CREATE TABLE {_TRIED}_{day} PARTITION OF {_TRIED}"
    f" FOR VALUES FROM ('2026-01-01Z'::timestamptz + '{day} d') TO ('2026-01-01Z'::timestamptz + '{day + 1} d')"
    for day in range(_DAYS)
]

_LAYOUTS = {
    "as it is": _table(),
    "key with the time first": _table(key=["timestamp", *_NAMES]),
    "partitions by day": _table(*_PARTITIONS, options='PARTITION BY RANGE ("timestamp")'),
    "double precision for numeric": _table(*_retyped("numeric", "double precision")),
    "no index": _table(key=None),
    "no index and no WAL": _table(key=None, kind="UNLOGGED"),
}


def layout_ratios(path: Path, folder: Path, turns: int) -> Iterator[tuple[str, float]]:
    """For each layout the rate of COPY, as a ratio to that into the real one; the median of the turns."""
    accepted = accepted_rows(planned(path, Settings.model_fields["chunk_bytes"].default), folder / "layouts.txt")
    tried = replace(accepted, statement=accepted.statement.replace(TABLE, _TRIED))
    with database(folder / "layouts") as address:
        measured = [_turn(address, tried) for _ in range(turns)]
    for name in measured[0]:
        yield name, statistics.median(turn[name] / turn["as it is"] for turn in measured)


def _turn(address: DatabaseAddress, accepted: Accepted) -> dict[str, float]:
    rates = {name: _rate(address, accepted, statements) for name, statements in _LAYOUTS.items()}
    return rates | {"binary COPY": _rate(address, _binary(address, accepted), _table())}


def _rate(address: DatabaseAddress, accepted: Accepted, statements: Sequence[str]) -> float:
    _run(address, f"DROP TABLE IF EXISTS {_TRIED}", *statements)
    return accepted.copy_rate(address)


def _binary(address: DatabaseAddress, accepted: Accepted) -> Accepted:
    """The rows that the table has, in COPY's binary format."""
    columns = accepted.statement.split("(")[1].split(")")[0]
    target = accepted.path.with_suffix(".binary")
    _rate(address, accepted, _table(key=None))
    with target.open("wb") as out:
        connection = connect(address)
        connection.run(f"COPY (SELECT {columns} FROM {_TRIED}) TO STDOUT (FORMAT binary)", stream=out)
        connection.close()
    return replace(accepted, path=target, statement=f"COPY {_TRIED} ({columns}) FROM STDIN (FORMAT binary)")


def _run(address: DatabaseAddress, *statements: str) -> None:
    connection = connect(address)
    for statement in statements:
        connection.run(statement)
    connection.close()
