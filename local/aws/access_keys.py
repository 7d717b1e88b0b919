"""The access keys that AWS' endpoint knows: an operator's, which may do all, and those that a role's sessions have."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field


@dataclass
class AccessKeys:
    """`secrets` by access key; `roles` says for some of them whose policies hold for what they sign."""

    secrets: dict[str, str] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)

    def issue(self, role: str, secret: str) -> str:
        """An access key of a session of the role, the same each time."""
        key = f"ASIA{hashlib.sha256(role.encode()).hexdigest()[:16].upper()}"
        self.secrets[key], self.roles[key] = secret, role
        return key
