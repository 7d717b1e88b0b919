"""A session proves who is asking, or nothing."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from shared.adapters.sessions import authenticate
from shared.domain import object_keys
from shared.domain.identity import Identity
from shared.errors import RequestRefused

SECRET = "a key of more than thirty-two characters"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CLAIMS = {"sub": "anna", "tenant": "acme", "role": "engineer", "exp": int(NOW.timestamp()) + 60}


def identity_of(**claims: Any) -> Identity:
    token = jwt.encode({"alg": "HS256"}, CLAIMS | claims, OctKey.import_key(SECRET))
    return authenticate(f"Bearer {token}", secret=SECRET, now=NOW)


@pytest.mark.parametrize("tenant", ["acme", "7f0c-4a", "acme & söhne", "auth0|1:2", "工場"])
def test_a_tenant_can_be_told_from_its_keys(tenant: str) -> None:
    """Whatever a tenant is called, an object's key leads back to it."""
    key = object_keys.incoming(identity_of(tenant=tenant).tenant_id, "id", "csv")
    assert object_keys.parse_incoming(key) == (tenant, "id")


@pytest.mark.parametrize("tenant", ["", "a/b", "../acme", ".", "a#b", "a\x00", "a\nb", "x" * 101, 7, None])
def test_a_tenant_that_would_mix_up_keys_is_nobody(tenant: object) -> None:
    """A slash or a `#` in a tenant's name would let it reach into keys that are another's."""
    with pytest.raises(RequestRefused, match=re.escape("not valid")) as caught:
        identity_of(tenant=tenant)
    assert caught.value.status == 401
