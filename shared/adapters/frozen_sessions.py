"""Sessions of ours in whose transaction nothing happens any more, and which hold locks all the same.

A worker that is frozen, or that the network lost without a word, leaves such a session behind. Postgres' own timeouts
do not end it: in mid-COPY none of them counts while Postgres waits for the client.
"""

from __future__ import annotations

from shared.adapters.postgres import APPLICATION_NAME, Postgres
from shared.sql import statements

Silence = tuple[object, ...]
"""A session and how far it had come; the same again later means that nothing has come from its client meanwhile."""

_SQL = statements("sessions.sql")


def silent_sessions(postgres: Postgres) -> frozenset[Silence]:
    """The sessions of our functions that are in a transaction and wait for their client now.

    A worker that is well is among them too, for a moment: only one that stays as it is, is frozen.
    """
    with postgres.transaction() as connection:
        return frozenset(tuple(row) for row in connection.run(_SQL["silent_sessions"], application=APPLICATION_NAME))


def end_sessions(postgres: Postgres, sessions: frozenset[Silence]) -> int:
    """End sessions, whose transactions are rolled back; return how many there were.

    A worker that was only slow finds its connection gone and tries again.
    """
    with postgres.transaction() as connection:
        for pid, *_ in sessions:
            connection.run(_SQL["end_session"], pid=pid)
    return len(sessions)
