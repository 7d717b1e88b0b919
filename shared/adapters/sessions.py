"""What both ways to prove a session have in common: what a request brings, the claims, the refusals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from joserfc.errors import JoseError
from joserfc.jwt import ClaimsOption, JWTClaimsRegistry
from joserfc.util import json_b64decode

from shared.domain.identity import Identity
from shared.errors import RequestRefused

_CLOCK_TOLERANCE_SECONDS = 15
_LONGEST_HEADER = 1024
_END_OF_TIME = datetime(9999, 12, 31, tzinfo=UTC).timestamp()
_SCHEME = {"WWW-Authenticate": "Bearer"}


@dataclass(frozen=True)
class Presented:
    """The parts of a request that say who sends it, and from where."""

    method: str
    authorization: str | None = None
    cookies: tuple[str, ...] = ()
    origin: str | None = None
    fetch_site: str | None = None

    @property
    def bearer(self) -> str | None:
        """The bearer token; None where there is none."""
        scheme, _, token = (self.authorization or "").partition(" ")
        return token.strip() or None if scheme.lower() == "bearer" else None


@dataclass(frozen=True)
class ClaimNames:
    """The claims that tenant and role stand in."""

    tenant: str
    role: str


class Sessions(Protocol):
    """One way to prove who is asking."""

    def identify(self, presented: Presented, now: datetime) -> Identity:
        """Raises RequestRefused 401 `session_missing` or `session_invalid`, never saying which check failed."""


def session_missing() -> RequestRefused:
    """The refusal of a request that brings no session."""
    message = "Sign in first: send the session's token as “Authorization: Bearer …”."
    return RequestRefused(message, status=401, code="session_missing", headers=_SCHEME)


def session_invalid() -> RequestRefused:
    """The one refusal of a session that proves nothing, whatever is wrong with it."""
    message = "The session is not valid or has ended; sign in again."
    return RequestRefused(message, status=401, code="session_invalid", headers=_SCHEME)


def read_header(token: str, allowed: frozenset[str]) -> dict[str, str]:
    """A token's header, read before anything is believed; raises RequestRefused for a field that is not allowed.

    Fields such as `jku`, `jwk`, `zip` or `crit` would let the token choose its own key or cost.
    """
    segment = token.partition(".")[0]
    try:
        header = json_b64decode(segment.encode()) if len(segment) <= _LONGEST_HEADER else None
    except (ValueError, RecursionError) as error:
        raise session_invalid() from error
    if not isinstance(header, dict) or not header.keys() <= allowed:
        raise session_invalid()
    if not all(isinstance(value, str) for value in header.values()):
        raise session_invalid()
    return header


def identity_of(claims: Mapping[str, Any], names: ClaimNames, now: datetime, **expected: ClaimsOption) -> Identity:
    """The identity that proven claims tell; raises RequestRefused 401.

    `exp` and `sub` must be there: what a sign-in keeps under the same key while it is under way (PKCE, state) has
    no `sub` and is no session (CVE-2023-48309).
    """
    essential: ClaimsOption = {"essential": True}
    registry = JWTClaimsRegistry(
        now=int(now.timestamp()), leeway=_CLOCK_TOLERANCE_SECONDS, exp=essential, sub=essential, **expected
    )
    told = {"tenant_id": claims.get(names.tenant), "user_id": claims.get("sub"), "role": claims.get(names.role)}
    try:
        registry.validate(dict(claims))
        until = datetime.fromtimestamp(min(claims["exp"], _END_OF_TIME), UTC)
        return Identity.model_validate({**told, "valid_until": until}, strict=False)
    except (JoseError, ValueError) as error:  # a ValidationError is a ValueError, and so is a time that is no number
        raise session_invalid() from error
