"""A tenant's API keys: make, list, revoke; and who it is that uses one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import AwareDatetime

from shared.domain.api_key import MOST_KEYS, ApiKey, KeyName, digest_of, key_id_of, new_key
from shared.domain.identity import Identity
from shared.domain.upload import Value
from shared.errors import RequestRefused
from shared.services.ports import ApiKeys, Clock
from shared.services.request_body import parse_body


class NewApiKey(Value):
    """The body of the request. `name` says for people which server has the key."""

    name: KeyName
    valid_until: AwareDatetime | None = None


def create_key(body: str, identity: Identity, *, keys: ApiKeys, clock: Clock) -> tuple[ApiKey, str]:
    """Make a key; its text is in this answer and nowhere else.

    Raises RequestRefused: 422, and 409 where the tenant has enough of them.
    """
    request, now = parse_body(NewApiKey, body), clock()
    if request.valid_until is not None and request.valid_until <= now:
        raise RequestRefused("validUntil is over already.", status=422, code="request_invalid")
    if sum(key.is_good(now) for key in keys.all(identity.tenant_id)) >= MOST_KEYS:
        raise RequestRefused(
            f"There are {MOST_KEYS} keys, which is the limit. Revoke one that is no longer used.",
            status=409,
            code="too_many_api_keys",
        )
    text, key_id = new_key()
    key = ApiKey(
        tenant_id=identity.tenant_id,
        key_id=key_id,
        name=request.name,
        digest=digest_of(text),
        created_at=now,
        created_by=identity.user_id,
        valid_until=request.valid_until,
    )
    keys.add(key)
    return key, text


def revoke_key(key_id: str, identity: Identity, *, keys: ApiKeys, clock: Clock) -> None:
    """End a key of the tenant at once; harmless when repeated.

    Raises RequestRefused 404, also for what is another's.
    """
    if not keys.revoke(identity.tenant_id, key_id, clock()):
        raise RequestRefused("There is no key of this id.", status=404, code="api_key_not_found")


def holder_of(token: str, *, keys: ApiKeys, now: datetime) -> Identity:
    """Who holds a key; raises RequestRefused 401, which does not say what is wrong with it."""
    key_id = key_id_of(token)
    key = keys.get(key_id) if key_id else None
    if key is None or not key.opens_with(token) or not key.is_good(now):
        raise RequestRefused(
            "The API key is not valid or has been revoked; ask an administrator for a new one.",
            status=401,
            code="session_invalid",
            headers={"WWW-Authenticate": "Bearer"},
        )
    return key.identity


def show_key(key: ApiKey) -> dict[str, Any]:
    """A key as the API shows it, without what it was made of."""
    return key.model_dump(mode="json", by_alias=True, exclude={"tenant_id", "digest"})
