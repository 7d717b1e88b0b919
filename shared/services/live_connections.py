"""Who is told of changes as they come: a session gets a ticket, and the ticket opens a connection, once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared.domain.identity import Identity
from shared.domain.live import TICKET_GOOD_FOR, Connection, digest_of_ticket, new_ticket
from shared.errors import RequestRefused
from shared.services.ports import Clock, LiveConnections, LiveTickets, RateLimiter
from shared.services.start_upload import rate_limited

_HOUR = 3600
_TICKETS_AN_HOUR = 120
"""For a user. Pages come and go, and each change is told to every connection that there is."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """An address to connect to, once, until it expires."""

    url: str
    expires_at: datetime


def invite(identity: Identity, *, address: str, tickets: LiveTickets, limiter: RateLimiter, clock: Clock) -> Invitation:
    """An address for whoever has a session, whose token must not stand in one; raises RequestRefused 429."""
    allowance = limiter.take(f"live#{identity.tenant_id}#{identity.user_id}", _TICKETS_AN_HOUR, _HOUR)
    if not allowance.admitted:
        raise rate_limited(f"You have connected {allowance.limit:,} times this hour", allowance)
    ticket, expires_at = new_ticket(), clock() + TICKET_GOOD_FOR
    tickets.add(digest_of_ticket(ticket), identity, expires_at)
    return Invitation(f"{address}?ticket={ticket}", expires_at)


def connect(
    ticket: str, connection_id: str, *, tickets: LiveTickets, connections: LiveConnections, clock: Clock
) -> Connection:
    """Record a connection for whom the ticket was given to; raises RequestRefused 401, whatever is wrong with it."""
    now = clock()
    identity = tickets.take(digest_of_ticket(ticket), now)
    if identity is None or (identity.valid_until is not None and identity.valid_until <= now):
        message = "The ticket is not valid, was used, or has expired; ask for a new one."
        raise RequestRefused(message, status=401, code="ticket_invalid")
    connection = Connection(connection_id=connection_id, identity=identity, connected_at=now)
    connections.add(connection)
    return connection
