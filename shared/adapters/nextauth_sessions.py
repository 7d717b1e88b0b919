"""Sessions of NextAuth (v4) and Auth.js (v5): JWTs encrypted with a key that is derived from the app's secret.

They come as that app's cookies or as bearer tokens. What the two versions do is written down nowhere but in their
source (`next-auth/jwt`, `@auth/core/jwt`); the tests open what the real packages made.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwe import JWERegistry
from joserfc.jwk import OctKey

from shared.adapters.sessions import ClaimNames, Presented, identity_of, read_header, session_invalid, session_missing
from shared.domain.identity import Identity
from shared.errors import RequestRefused

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITE = frozenset({"same-origin", "same-site"})
_CHUNK_NUMBER = re.compile(r"0|[1-9][0-9]?")


@dataclass(frozen=True)
class _Encoding:
    """How a version encrypts: the content encryption, and how the key comes from the secret."""

    enc: str
    key_bytes: int
    salt: str
    info: str
    header: frozenset[str]


def _v5(cookie: str) -> _Encoding:
    """Auth.js: the cookie's name goes into the key, so a token is good under its own name alone."""
    info = f"Auth.js Generated Encryption Key ({cookie})"
    return _Encoding("A256CBC-HS512", 64, cookie, info, frozenset({"alg", "enc", "kid"}))


_V4 = _Encoding("A256GCM", 32, "", "NextAuth.js Generated Encryption Key", frozenset({"alg", "enc"}))
_ENCODINGS = {
    "__Secure-authjs.session-token": _v5("__Secure-authjs.session-token"),
    "__Secure-next-auth.session-token": _V4,
    "authjs.session-token": _v5("authjs.session-token"),
    "next-auth.session-token": _V4,
}
"""By the cookie's name; of several cookies the first of these holds: one that came over TLS, the newer version."""
_HEADER_FIELDS = frozenset[str]().union(*(encoding.header for encoding in _ENCODINGS.values()))


class NextAuthSessions:
    """Opens sessions with the first of the secrets that fits; `secrets` gives their text as it is stored."""

    def __init__(self, secrets: Callable[[], str], *, page_origins: Collection[str], names: ClaimNames) -> None:
        self._secrets = secrets
        self._page_origins = page_origins
        self._names = names

    def identify(self, presented: Presented, now: datetime) -> Identity:
        """By the bearer token, else by the cookie; raises RequestRefused 401, or 403 for another page's request."""
        if token := presented.bearer:
            claims = self._open(token, dict.fromkeys(_ENCODINGS.values()))
        elif cookie := _session_cookie(presented.cookies):
            name, token = cookie
            self._refuse_other_pages(presented)
            claims = self._open(token, [_ENCODINGS[name]])
        else:
            raise session_missing()
        return identity_of(claims, self._names, now)

    def _refuse_other_pages(self, presented: Presented) -> None:
        """A browser sends cookies whoever made the request; where it changes something, a page that uploads must have.

        The origin decides where it is told, so that not even another page of the same site gets in.
        """
        if presented.method in _SAFE_METHODS:
            return
        origin = presented.origin
        if not (presented.fetch_site in _OWN_SITE if origin is None else origin in self._page_origins):
            message = "With a session cookie, only pages that may upload can change something; send a bearer token."
            raise RequestRefused(message, status=403, code="origin_refused")

    def _open(self, token: str, encodings: Iterable[_Encoding]) -> dict[str, Any]:
        """The claims of a token in one of the encodings; raises RequestRefused 401."""
        header = read_header(token, _HEADER_FIELDS)
        text = self._secrets()
        for encoding in encodings:
            if header.get("alg") == "dir" and header.get("enc") == encoding.enc and header.keys() <= encoding.header:
                for key in _keys(text, encoding):
                    with suppress(JoseError, ValueError):
                        return jwt.decode(token, key, registry=JWERegistry(algorithms=["dir", encoding.enc])).claims
        raise session_invalid()


def parse_secrets(text: str) -> tuple[str, ...]:
    """The secrets in a text, newest first: one a line, or a JSON list. Raises ValueError when there is none."""
    given = json.loads(text) if text.lstrip().startswith("[") else text.splitlines()
    secrets = tuple(secret.strip() for secret in given if secret.strip())
    if not secrets:
        raise ValueError("The secret for sessions is empty")
    return secrets


@lru_cache(maxsize=2 * len(_ENCODINGS))
def _keys(text: str, encoding: _Encoding) -> tuple[OctKey, ...]:
    """An encoding's key from each secret."""
    return tuple(OctKey.import_key(_derive(secret, encoding)) for secret in parse_secrets(text))


def _derive(secret: str, encoding: _Encoding) -> bytes:
    hkdf = HKDF(SHA256(), encoding.key_bytes, salt=encoding.salt.encode(), info=encoding.info.encode())
    return hkdf.derive(secret.encode())


def _session_cookie(cookies: Sequence[str]) -> tuple[str, str] | None:
    """Name and value of the session's cookie, put together where it was too long for one."""
    values: dict[str, str] = {}
    for cookie in cookies:
        name, _, value = cookie.partition("=")
        if value:  # a deleted one is empty
            values.setdefault(name.strip(), value.strip())
    for name in _ENCODINGS:
        if token := values.get(name) or _joined_chunks(name, values):
            return name, token
    return None


def _joined_chunks(name: str, values: dict[str, str]) -> str:
    """The chunks `name.0`, `name.1` … in the order of their numbers; nothing where one is missing before the last."""
    numbers = sorted(
        int(number)
        for key in values
        if (number := key.removeprefix(f"{name}.")) != key and _CHUNK_NUMBER.fullmatch(number)
    )
    if numbers != list(range(len(numbers))):
        return ""
    return "".join(values[f"{name}.{number}"] for number in numbers)
