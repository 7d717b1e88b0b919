"""Session tokens: JWTs signed with HMAC-SHA-256 by the platform that people sign in to (RFC 7519)."""

from __future__ import annotations

from datetime import datetime

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from pydantic import ValidationError

from shared.domain.identity import Identity
from shared.errors import RequestRefused

_ALGORITHM = "HS256"
_CLOCK_TOLERANCE_SECONDS = 15


def authenticate(authorization: str | None, *, secret: str, now: datetime) -> Identity:
    """The identity that a bearer token proves: claims `sub`, `tenant`, `role` and a numeric `exp`.

    Raises RequestRefused 401; the message does not say which check failed.
    """
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise _refused("Sign in first: send the session's token as “Authorization: Bearer …”.", "session_missing")
    try:
        claims = jwt.decode(token.strip(), OctKey.import_key(secret), algorithms=[_ALGORITHM]).claims
        registry = jwt.JWTClaimsRegistry(
            now=int(now.timestamp()),
            leeway=_CLOCK_TOLERANCE_SECONDS,
            exp={"essential": True},
            sub={"essential": True},
            tenant={"essential": True},
            role={"essential": True},
        )
        registry.validate(claims)
        return Identity.model_validate(
            {"tenant_id": claims["tenant"], "user_id": claims["sub"], "role": claims["role"]}, strict=False
        )
    except (JoseError, ValidationError, ValueError, TypeError) as error:
        raise _refused("The session is not valid or has ended; sign in again.", "session_invalid") from error


def _refused(message: str, code: str) -> RequestRefused:
    return RequestRefused(message, status=401, code=code, headers={"WWW-Authenticate": "Bearer"})
