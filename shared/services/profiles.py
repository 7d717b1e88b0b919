"""A tenant's profiles: list, show, save, delete; and what of an import is kept as a profile."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from shared.domain.identity import Identity
from shared.domain.problems import file_problem
from shared.domain.profile import MOST_PROFILES, Profile, ProfileContent
from shared.domain.upload import ProfileName, UploadOptions
from shared.errors import RequestRefused, TransientError
from shared.services.ports import Clock, Profiles
from shared.services.request_body import parse_body

_ATTEMPTS = 5
_NAME: TypeAdapter[str] = TypeAdapter(ProfileName)
_CONTENT = frozenset(ProfileContent.model_fields)
_READ_ONLY = frozenset({"name", "revision", "fingerprint", "createdAt", "createdBy", "updatedAt", "updatedBy"})
"""What an answer shows of a profile that nobody may set; it may come back in a request, where it says nothing."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What a request wants of the present revision (RFC 9110, If-Match and If-None-Match), by their headers."""

    if_match: str | None = None
    if_none_match: str | None = None

    def check(self, present: Profile | None) -> None:
        """Raise RequestRefused 412 where it is not so."""
        if self.if_match is not None and not _names(self.if_match, present):
            self._fail("The profile has been changed or deleted since you read it; read it again.")
        if self.if_none_match is not None and _names(self.if_none_match, present):
            self._fail("There is a profile of this name.")

    @staticmethod
    def _fail(message: str) -> None:
        raise RequestRefused(message, status=412, code="profile_changed")


def _names(tags: str, present: Profile | None) -> bool:
    """True where a list of entity tags names the profile's revision; `*` names any."""
    named = {tag.strip().removeprefix("W/").strip('"') for tag in tags.split(",")}
    return present is not None and ("*" in named or present.revision in named)


def find_profile(identity: Identity, name: str, profiles: Profiles) -> Profile:
    """The tenant's profile; raises RequestRefused 404, also for what is another's."""
    known = _known_name(name)
    profile = profiles.get(identity.tenant_id, known) if known else None
    if profile is None:
        raise RequestRefused("There is no profile of this name.", status=404, code="profile_not_found")
    return profile


def put_profile(
    name: str, body: str, condition: Condition, identity: Identity, *, profiles: Profiles, clock: Clock
) -> tuple[Profile, bool]:
    """Create or replace a profile; also whether there was none.

    Raises RequestRefused: 412 where the condition does not hold, 422, and 409 where the tenant has enough of them.
    """
    if _known_name(name) is None:
        raise RequestRefused(
            "A profile's name has 1 to 100 letters, digits, spaces and . _ - and begins with a letter or a digit.",
            status=422,
            code="request_invalid",
        )
    content = parse_body(ProfileContent, _editable(body))
    return _store(
        identity.tenant_id,
        name.strip(),
        content,
        identity.user_id,
        profiles=profiles,
        clock=clock,
        check=condition.check,
    )


def save_profile(
    tenant_id: str, name: str, content: ProfileContent, user_id: str, *, profiles: Profiles, clock: Clock
) -> Profile:
    """Create or replace a profile with what an import found; raises RequestRefused where there are enough of them."""
    return _store(tenant_id, name, content, user_id, profiles=profiles, clock=clock, check=lambda _: None)[0]


def delete_profile(name: str, condition: Condition, identity: Identity, *, profiles: Profiles) -> bool:
    """Delete the tenant's profile; False where there is none, so that a repeat is harmless.

    Raises RequestRefused 412 where the condition does not hold.
    """
    known = _known_name(name)
    for _ in range(_ATTEMPTS):
        present = profiles.get(identity.tenant_id, known) if known else None
        condition.check(present)
        if present is None:
            return False
        if profiles.delete(identity.tenant_id, present.name, revision=present.revision):
            return True
    raise _too_busy()


def require_profiles(tenant_id: str, options: UploadOptions, profiles: Profiles) -> None:
    """Refuse a profile that is not there (422), and a new one that there is no room for (409)."""
    used, saved = options.profile, options.save_profile
    if used is not None and profiles.get(tenant_id, used) is None:
        raise RequestRefused(file_problem("profile_not_found", name=used), status=422, code="profile_not_found")
    if saved is not None and profiles.get(tenant_id, saved) is None:
        require_room(tenant_id, profiles)


def require_room(tenant_id: str, profiles: Profiles) -> None:
    """Raise RequestRefused 409 where the tenant may have no further profile.

    Those that come at the very same moment may be a few more.
    """
    if profiles.count(tenant_id) >= MOST_PROFILES:
        raise RequestRefused(
            f"There are {MOST_PROFILES} profiles, which is the limit. Delete one that is no longer used.",
            status=409,
            code="too_many_profiles",
        )


def show_profile(profile: Profile) -> dict[str, Any]:
    """A profile as the API shows it."""
    return {"fingerprint": profile.fingerprint, **profile.model_dump(mode="json", by_alias=True)}


def show_summary(profile: Profile) -> dict[str, Any]:
    """A profile in a list, where its header, mapping and defaults would be too long."""
    shown = show_profile(profile)
    return {name: value for name, value in shown.items() if name not in ("header", "mapping", "defaults")} | {
        "columns": len(profile.header)
    }


def _store(
    tenant_id: str,
    name: str,
    content: ProfileContent,
    user_id: str,
    *,
    profiles: Profiles,
    clock: Clock,
    check: Callable[[Profile | None], None],
) -> tuple[Profile, bool]:
    """Write what follows the present revision; when another came between, look again."""
    for _ in range(_ATTEMPTS):
        present = profiles.get(tenant_id, name)
        check(present)
        if present is None:
            require_room(tenant_id, profiles)
        profile = _next(name, content, present, user_id, clock())
        if profiles.put(tenant_id, profile, replacing=present.revision if present else None):
            return profile, present is None
    raise _too_busy()


def _too_busy() -> TransientError:
    return TransientError("Many have changed the profile at the same time")


def _next(name: str, content: ProfileContent, present: Profile | None, user_id: str, now: datetime) -> Profile:
    return Profile(
        **{field: getattr(content, field) for field in _CONTENT},
        name=name,
        revision=uuid.uuid4().hex,
        created_at=present.created_at if present else now,
        created_by=present.created_by if present else user_id,
        updated_at=now,
        updated_by=user_id,
    )


def _known_name(name: str) -> str | None:
    try:
        return _NAME.validate_python(name)
    except ValidationError:
        return None


def _editable(body: str) -> str:
    """A profile as `show_profile` gives it, changed by a person, without what is not theirs to change."""
    try:
        members = json.loads(body)
    except (ValueError, RecursionError):
        return body
    if not isinstance(members, dict):
        return body
    return json.dumps({name: value for name, value in members.items() if name not in _READ_ONLY})
