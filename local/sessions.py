"""Session tokens for the local run: made as an Auth.js app makes them, with the stack's own secret."""

from __future__ import annotations

import time
from dataclasses import dataclass

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc import jwt
from joserfc.jwe import JWERegistry
from joserfc.jwk import OctKey

from shared.domain.identity import Role

_LIFETIME_SECONDS = 7 * 86400
_COOKIE = "authjs.session-token"
_ENCRYPTION = "A256CBC-HS512"


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
    Person("astrid", "northwind-metals", Role.ADMIN, "Astrid Holm"),
    Person("elena", "sunrise-plastics", Role.ENGINEER, "Elena Costa"),
    Person("vasco", "sunrise-plastics", Role.VIEWER, "Vasco Reis"),
    Person("alma", "sunrise-plastics", Role.ADMIN, "Alma Prado"),
)
"""In each of two tenants one who may import, one who may look, and one who makes API keys."""


def make_token(secret: str, person: Person, *, lifetime_seconds: int = _LIFETIME_SECONDS) -> str:
    """A session of Auth.js v5 for a person; a negative lifetime makes one that has expired.

    It serves as a bearer token and as the cookie `authjs.session-token`.
    """
    now = int(time.time())
    claims = {
        "sub": person.user,
        "tenant": person.tenant,
        "role": person.role.value,
        "name": person.name,
        "iat": now,
        "exp": now + lifetime_seconds,
    }
    header = {"alg": "dir", "enc": _ENCRYPTION}
    registry = JWERegistry(algorithms=list(header.values()))
    return jwt.encode(header, claims, _key(secret), registry=registry, default_type=None)


def _key(secret: str) -> OctKey:
    info = f"Auth.js Generated Encryption Key ({_COOKIE})"
    hkdf = HKDF(SHA256(), 64, salt=_COOKIE.encode(), info=info.encode())
    return OctKey.import_key(hkdf.derive(secret.encode()))
