"""Session tokens for the local run: signed as whoever runs the real sign-in would, with the stack's own secret."""

from __future__ import annotations

import time
from dataclasses import dataclass

from joserfc import jwt
from joserfc.jwk import OctKey

from shared.domain.identity import Role

_LIFETIME_SECONDS = 7 * 86400


@dataclass(frozen=True)
class Person:
    """Somebody who uses the API."""

    user: str
    tenant: str
    role: Role
    name: str


PEOPLE = (
    Person("anna", "northwind-metals", Role.ENGINEER, "Anna Berg"),
    Person("victor", "northwind-metals", Role.VIEWER, "Victor Lind"),
    Person("elena", "sunrise-plastics", Role.ENGINEER, "Elena Costa"),
    Person("vasco", "sunrise-plastics", Role.VIEWER, "Vasco Reis"),
)
"""Two people, one who may import and one who may look, in each of two tenants."""


def make_token(secret: str, person: Person, *, lifetime_seconds: int = _LIFETIME_SECONDS) -> str:
    """A bearer token (JWT, HS256) for a person; a negative lifetime makes one that has expired."""
    now = int(time.time())
    claims = {
        "sub": person.user,
        "tenant": person.tenant,
        "role": person.role.value,
        "name": person.name,
        "iat": now,
        "exp": now + lifetime_seconds,
    }
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(secret))
