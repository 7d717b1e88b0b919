"""Access tokens of an OpenID issuer (Cognito, Entra, Auth0, Keycloak …): JWTs signed with one of its keys."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry
from joserfc.jwt import ClaimsOption

from shared.adapters.issuer_keys import IssuerKeys
from shared.adapters.sessions import ClaimNames, Presented, identity_of, read_header, session_invalid, session_missing
from shared.domain.identity import Identity

_ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"})
"""With public keys alone: under HS256 the public key itself would be the secret."""
_HEADER_FIELDS = frozenset({"alg", "kid", "typ", "x5t", "x5t#S256"})
_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
_HASHES_OF_ID_TOKENS = frozenset({"at_hash", "c_hash", "s_hash"})
_OTHER_TOKENS = frozenset({"ID", "Refresh", "Offline", "Logout"})


class OidcSessions:
    """Checks bearer tokens against an issuer's keys.

    `audience_claim` is `client_id` for Cognito, whose access tokens have no `aud`; it demands `token_use` access.
    """

    def __init__(
        self,
        keys: IssuerKeys,
        *,
        issuer: str,
        audience: str,
        audience_claim: Literal["aud", "client_id"],
        names: ClaimNames,
    ) -> None:
        self._keys = keys
        self._names = names
        by_client = audience_claim == "client_id"
        self._expected: dict[str, ClaimsOption] = {
            "iss": {"essential": True, "value": issuer},
            audience_claim: {"essential": True, "value": audience},
            "token_use": {"essential": by_client, "value": "access"},
        }

    def identify(self, presented: Presented, now: datetime) -> Identity:
        """By the bearer token; raises RequestRefused 401, and TransientError when the issuer's keys cannot be had."""
        token = presented.bearer
        if not token:
            raise session_missing()
        claims = self._verify(token, now)
        if not _is_access_token(claims):
            raise session_invalid()
        return identity_of(claims, self._names, now, **self._expected)

    def _verify(self, token: str, now: datetime) -> dict[str, Any]:
        """The claims, once the signature is that of the key which the issuer has under the token's `kid`."""
        header = read_header(token, _HEADER_FIELDS)
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm not in _ALGORITHMS or not kid or header.get("typ", "JWT").lower() not in _TYPES:
            raise session_invalid()
        key = self._keys.find(kid, now)
        if key is None:
            raise session_invalid()
        try:
            # joserfc holds the algorithm to the key's kind, its curve and its own `alg`.
            return jwt.decode(token, key, registry=JWSRegistry(algorithms=[algorithm])).claims
        except (JoseError, ValueError) as error:
            raise session_invalid() from error


def _is_access_token(claims: Mapping[str, Any]) -> bool:
    """False for what else issuers sign: an ID token tells a page who signed in, and opens nothing."""
    return not _HASHES_OF_ID_TOKENS & claims.keys() and claims.get("typ") not in _OTHER_TOKENS
