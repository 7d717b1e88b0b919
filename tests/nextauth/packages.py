"""Sessions made by the real packages next-auth (v4) and @auth/core (v5)."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Wanted:
    """A session to make: `cookie` is the cookie's name, and the salt where none is given."""

    cookie: str
    secret: str
    claims: Mapping[str, Any]
    max_age: int = 3600
    salt: str | None = None

    @property
    def request(self) -> dict[str, Any]:
        """What `make-tokens.mjs` reads."""
        version = 4 if "next-auth" in self.cookie else 5
        salt = ("" if version == 4 else self.cookie) if self.salt is None else self.salt
        return {
            "version": version,
            "claims": dict(self.claims),
            "secret": self.secret,
            "salt": salt,
            "maxAge": self.max_age,
            "cookie": self.cookie,
        }


@dataclass(frozen=True)
class Made:
    """A session as a bearer token and as the cookies that a browser would send."""

    token: str
    cookies: tuple[str, ...]


def make_sessions(wanted: Mapping[str, Wanted]) -> dict[str, Made]:
    """All of them in one process, by the names they were asked for under."""
    if not (FOLDER / "node_modules").is_dir():
        pytest.fail("The packages next-auth and @auth/core are missing: run `make setup`")
    result = subprocess.run(
        ["node", "make-tokens.mjs"],
        cwd=FOLDER,
        input=json.dumps([one.request for one in wanted.values()]),
        capture_output=True,
        text=True,
        check=True,
    )
    answers = json.loads(result.stdout)
    return {name: Made(answer["token"], tuple(answer["cookies"])) for name, answer in zip(wanted, answers, strict=True)}
