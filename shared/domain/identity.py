"""Who is asking, and what their role lets them do."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from shared.domain.upload import ShortText, Value


class Role(StrEnum):
    """The platform's roles."""

    ADMIN = "admin"
    MANAGER = "manager"
    ENGINEER = "engineer"
    SUPERVISOR = "supervisor"
    OPERATOR = "operator"
    VIEWER = "viewer"


class Permission(StrEnum):
    """What a route asks for."""

    IMPORT = "data:import"
    READ = "data:read"
    MANAGE_KEYS = "keys:manage"


TenantId = Annotated[str, Field(max_length=100, pattern=r"^[\p{L}\p{N}][^/#\p{Cc}]*$")]
"""Stands as one part of object keys (between slashes) and of table keys (before a `#`)."""

_MAY_IMPORT = frozenset({Role.ADMIN, Role.MANAGER, Role.ENGINEER, Role.SUPERVISOR})


class Identity(Value):
    """A person or a plant server, as the session says. The tenant comes from here and from nowhere else.

    `key_id` is that of a plant server's API key, None for people. `valid_until` is when the session or the key ends;
    None where nothing ends it.
    """

    tenant_id: TenantId
    user_id: ShortText
    role: Role
    key_id: str | None = None
    valid_until: datetime | None = None

    def may(self, permission: Permission) -> bool:
        """True when the role carries the permission: every role may read, administrators alone make keys."""
        match permission:
            case Permission.READ:
                return True
            case Permission.IMPORT:
                return self.role in _MAY_IMPORT
            case Permission.MANAGE_KEYS:
                return self.role is Role.ADMIN
