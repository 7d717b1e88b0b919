"""The public keys of an OpenID issuer: found through its discovery document, kept for a while, fetched with limits."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import urllib3
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from shared.errors import TransientError

_FRESH = timedelta(minutes=10)
_USABLE = timedelta(hours=1)
_PAUSE = timedelta(seconds=30)
_PAUSE_AFTER_FAILURE = timedelta(seconds=10)
_LARGEST_DOCUMENT = 256 * 1024
_FETCH_SECONDS = 2.0
_SMALLEST_RSA = 2048
_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})
_NEVER = datetime.min.replace(tzinfo=UTC)

PublicKey = RSAKey | ECKey
_KEY_TYPES: dict[Any, type[PublicKey]] = {"RSA": RSAKey, "EC": ECKey}


class IssuerKeys:
    """An issuer's keys by their `kid`.

    They are fetched again after ten minutes and for a `kid` that is not known, but never twice within half a minute
    (ten seconds after a failure): whoever sends made-up ones cannot make us a flood. While the issuer is down, its
    keys hold for an hour. One request at a time, as Lambda has it.
    """

    def __init__(self, issuer: str, fetch: Callable[[str], Any]) -> None:
        self._issuer = issuer
        self._fetch = fetch
        self._keys: dict[str, PublicKey] = {}
        self._fetched_at = self._next_fetch = _NEVER
        self._failure: TransientError | None = None

    def find(self, kid: str, now: datetime) -> PublicKey | None:
        """The key, or None for one that the issuer does not have; raises TransientError when nobody can tell."""
        stale = now >= self._fetched_at + _FRESH if self._keys else True
        if (stale or kid not in self._keys) and now >= self._next_fetch:
            self._refresh(now)
        if self._keys and now >= self._fetched_at + _USABLE:
            self._keys = {}
        if self._failure and kid not in self._keys:
            raise TransientError("The keys of the sessions' issuer cannot be had") from self._failure
        return self._keys.get(kid)

    def _refresh(self, now: datetime) -> None:
        try:
            self._keys = self._fetch_keys()
        except TransientError as error:
            self._failure, self._next_fetch = error, now + _PAUSE_AFTER_FAILURE
        else:
            self._failure, self._next_fetch, self._fetched_at = None, now + _PAUSE, now

    def _fetch_keys(self) -> dict[str, PublicKey]:
        """Ask the issuer where its keys are, and get them."""
        document = self._fetch(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
        if not isinstance(document, dict) or document.get("issuer") != self._issuer:
            raise TransientError("The issuer's discovery document is not its own")
        address = document.get("jwks_uri")
        if not isinstance(address, str) or (_is_http(address) and not _is_http(self._issuer)):
            raise TransientError("The issuer's discovery document names no address for its keys")
        keys = usable_keys(self._fetch(address))
        if not keys:
            raise TransientError("The issuer has no key that can be used")
        return keys


def usable_keys(document: Any) -> dict[str, PublicKey]:
    """The keys of a JWKS that signatures can be checked with, by `kid`: public-key algorithms alone, never `oct`."""
    listed = document.get("keys") if isinstance(document, dict) else None
    keys: dict[str, PublicKey] = {}
    for jwk in listed if isinstance(listed, list) else []:
        kid = jwk.get("kid") if isinstance(jwk, dict) else None
        if isinstance(kid, str) and kid not in keys and (key := _usable_key(jwk)):
            keys[kid] = key
    return keys


def _usable_key(jwk: dict[str, Any]) -> PublicKey | None:
    """A key for signatures, long enough; None for any other, which the issuer may have for other ends."""
    kind = _KEY_TYPES.get(jwk["kty"]) if isinstance(jwk.get("kty"), str) else None
    if kind is None:
        return None
    with suppress(JoseError, ValueError, TypeError, KeyError):
        key = kind.import_key(jwk)
        key.check_use("sig")
        key.check_key_op("verify")
        if not isinstance(key, RSAKey) or key.raw_value.key_size >= _SMALLEST_RSA:
            return key
    return None


def fetch_json(address: str) -> Any:
    """A small JSON document over https (http from this machine alone); raises TransientError.

    No redirect is followed, and neither a slow nor an endless answer is waited for.
    """
    deadline = time.monotonic() + _FETCH_SECONDS
    pool = urllib3.PoolManager(timeout=urllib3.Timeout(total=_FETCH_SECONDS), retries=False)
    try:
        _refuse_open_ways(address)
        with pool.request("GET", address, redirect=False, preload_content=False, decode_content=False) as response:
            if response.status != 200:  # noqa: PLR2004
                raise TransientError(f"The issuer answered {response.status}")
            return json.loads(_read(response, deadline))
    except (urllib3.exceptions.HTTPError, OSError, ValueError, RecursionError) as error:
        raise TransientError("The issuer did not answer with a document") from error
    finally:
        pool.clear()


def _read(response: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
    data = b""
    while piece := response.read1(_LARGEST_DOCUMENT):
        data += piece
        if len(data) > _LARGEST_DOCUMENT:
            raise TransientError("The issuer's document is too large")
        if time.monotonic() > deadline:
            raise TransientError("The issuer's document comes too slowly")
    return data


def _refuse_open_ways(address: str) -> None:
    """Raises TransientError, or ValueError for what is no address."""
    parts = urlsplit(address)
    if parts.scheme != "https" and not (_is_http(address) and parts.hostname in _THIS_MACHINE):
        raise TransientError("The issuer's keys are fetched over https alone")


def _is_http(address: str) -> bool:
    return address.lower().startswith("http:")
