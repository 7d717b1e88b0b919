"""API keys for plant servers: a text that is shown once, of which only a digest is kept.

```
key     = "lfk_" keyId "_" secret      keyId = 16 hexadecimal digits; secret = 32 random bytes in URL-safe Base64
digest  = SHA-256 of the whole key     a secret of 256 random bits needs no slow hash
```
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from datetime import datetime
from typing import Annotated

from pydantic import Field

from shared.domain.identity import Identity, Role, TenantId
from shared.domain.upload import ShortText, Value

MOST_KEYS = 50
"""Keys of a tenant that are good at the same time."""

_START = "lfk_"
_FORM = re.compile(r"lfk_([0-9a-f]{16})_[\w-]{43}", re.ASCII)

KeyName = Annotated[ShortText, Field(pattern=r"^[\p{L}\p{N}][\p{L}\p{N} ._-]*$")]


class ApiKey(Value):
    """What is kept of a key. `valid_until` and `revoked_at` end it; None where nothing does."""

    tenant_id: TenantId
    key_id: str
    name: KeyName
    digest: str
    created_at: datetime
    created_by: ShortText
    valid_until: datetime | None = None
    revoked_at: datetime | None = None

    def is_good(self, now: datetime) -> bool:
        """True until it is revoked or over."""
        return self.revoked_at is None and (self.valid_until is None or now < self.valid_until)

    def opens_with(self, key: str) -> bool:
        """True for the key that this was made of."""
        return hmac.compare_digest(self.digest, digest_of(key))

    @property
    def identity(self) -> Identity:
        """Who the plant server is: one that may import and read, and a user of its own."""
        return Identity(
            tenant_id=self.tenant_id,
            user_id=f"key {self.key_id}",
            role=Role.ENGINEER,
            key_id=self.key_id,
            valid_until=self.valid_until,
        )


def looks_like_key(token: str | None) -> bool:
    """True for a bearer token that is meant to be a key, well-formed or not."""
    return token is not None and token.startswith(_START)


def key_id_of(key: str) -> str | None:
    """The id in a key; None for what has not its form."""
    found = _FORM.fullmatch(key)
    return found[1] if found else None


def new_key() -> tuple[str, str]:
    """A new key, and its id."""
    key_id = secrets.token_hex(8)
    return f"{_START}{key_id}_{secrets.token_urlsafe(32)}", key_id


def digest_of(key: str) -> str:
    """What is kept of a key's text."""
    return hashlib.sha256(key.encode()).hexdigest()
