"""AWS Signature Version 4, the server's side: what a signature has to be."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote, unquote_plus

ALGORITHM = "AWS4-HMAC-SHA256"
_SCOPE_PARTS = 5


@dataclass(frozen=True, slots=True)
class Credential:
    """Who signed, and for which day, region and service the signing key was derived."""

    access_key: str
    date: str
    region: str
    service: str

    @classmethod
    def parse(cls, text: str) -> Credential:
        """Read `AKID/20260101/eu-central-1/s3/aws4_request`; raises ValueError."""
        parts = text.rsplit("/", _SCOPE_PARTS - 1)
        if len(parts) != _SCOPE_PARTS or parts[4] != "aws4_request":
            message = f"not a credential scope: {text}"
            raise ValueError(message)
        return cls(*parts[:4])

    @property
    def scope(self) -> str:
        """The credential without the access key."""
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


def sign(secret: str, credential: Credential, string_to_sign: str) -> str:
    """The signature in hexadecimal digits."""
    key = f"AWS4{secret}".encode()
    for part in (credential.date, credential.region, credential.service, "aws4_request"):
        key = hmac.digest(key, part.encode(), hashlib.sha256)
    return hmac.new(key, string_to_sign.encode(), hashlib.sha256).hexdigest()


def string_to_sign(date: str, credential: Credential, canonical_request: str) -> str:
    """What is signed of a request; `date` as in X-Amz-Date."""
    digest = hashlib.sha256(canonical_request.encode()).hexdigest()
    return f"{ALGORITHM}\n{date}\n{credential.scope}\n{digest}"


def query_pairs(query: str) -> list[tuple[str, str]]:
    """The decoded names and values of a query string, in its order."""
    pairs = (part.partition("=") for part in query.split("&") if part)
    return [(unquote_plus(name), unquote_plus(value)) for name, _, value in pairs]


def canonical_request(
    method: str,
    path: str,
    query: Iterable[tuple[str, str]],
    headers: Mapping[str, str],
    signed_headers: Iterable[str],
    payload_hash: str,
) -> str:
    """The request in the form that is signed. `path` is as sent, `query` decoded, header names in lower case."""
    encoded = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in query)
    names = sorted(signed_headers)
    lines = [f"{name}:{' '.join(headers.get(name, '').split())}\n" for name in names]
    return "\n".join(
        [
            method,
            quote(unquote(path), safe="/-_.~"),
            "&".join(f"{name}={value}" for name, value in encoded),
            "".join(lines),
            ";".join(names),
            payload_hash,
        ]
    )
