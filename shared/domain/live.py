"""Following uploads live: a ticket opens one connection, once, and the connection ends with the session.

```
ticket  = 32 random bytes in URL-safe Base64    stands in an address, so it is good once and for a minute
digest  = SHA-256 of the ticket                 what is kept of it
```
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from shared.domain.identity import Identity
from shared.domain.upload import Value

TICKET_GOOD_FOR = timedelta(seconds=60)

LONGEST_CONNECTION = timedelta(hours=2)
"""API Gateway ends a connection that is older."""

SETTLING = timedelta(seconds=30)
"""A connection is recorded before it can be reached; so long one that cannot be is not taken for gone."""


class Connection(Value):
    """Who is told of the tenant's uploads, and over which connection."""

    connection_id: str
    identity: Identity
    connected_at: datetime

    @property
    def ends_at(self) -> datetime:
        """From when on it is told nothing."""
        longest = self.connected_at + LONGEST_CONNECTION
        return min(longest, self.identity.valid_until or longest)


def new_ticket() -> str:
    """A ticket's text."""
    return secrets.token_urlsafe(32)


def digest_of_ticket(ticket: str) -> str:
    """What is kept of it."""
    return hashlib.sha256(ticket.encode()).hexdigest()
