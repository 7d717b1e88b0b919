"""An OpenID issuer on this machine: discovery document, keys, tokens, and every way to misbehave."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry

DISCOVERY = "/.well-known/openid-configuration"
JWKS = "/keys"

Answer = Callable[[BaseHTTPRequestHandler], None]


@cache
def rsa_key(kid: str) -> RSAKey:
    """A key of a usual size; making one takes a while."""
    return RSAKey.generate_key(2048, {"kid": kid})


@cache
def ec_key(kid: str, curve: str = "P-256") -> ECKey:
    """A key on a curve."""
    return ECKey.generate_key(curve, {"kid": kid})


class Issuer:
    """A context manager; `fetched` counts the requests for each path, `answers` replaces what a path says."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.keys: list[dict[str, Any]] = [
            {**rsa_key("rsa-1").as_dict(private=False), "use": "sig", "alg": "RS256"},
            {**ec_key("ec-1").as_dict(private=False), "use": "sig"},
        ]
        self.answers: dict[str, Answer] = {}
        self.fetched: Counter[str] = Counter()
        self._server = ThreadingHTTPServer((host, 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self.url = f"http://{host}:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def documents(self) -> dict[str, Any]:
        """What an issuer that behaves says, by path."""
        return {
            DISCOVERY: {"issuer": self.url, "jwks_uri": self.url + JWKS},
            JWKS: {"keys": self.keys},
        }

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Claims of an access token for the API `linefeed`; a change to None takes a claim away."""
        now = int(time.time())
        times = {"iat": now, "exp": now + 60}
        claims = {"iss": self.url, "aud": "linefeed", "sub": "anna", "tenant": "acme", "role": "engineer", **times}
        claims |= changes
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, key: RSAKey | ECKey | None = None, header: dict[str, Any] | None = None, **changes: Any) -> str:
        """An access token with any header, signed as that says."""
        key = key or rsa_key("rsa-1")
        whole = {"alg": "RS256", "kid": key.kid, **(header or {})}
        whole = {name: value for name, value in whole.items() if value is not None}
        signed = f"{encoded(whole)}.{encoded(self.claims(**changes))}"
        return f"{signed}.{encoded(JWSRegistry.algorithms[whole['alg']].sign(signed.encode(), key))}"


def encoded(part: bytes | dict[str, Any]) -> str:
    """A part of a token."""
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def says(status: int, body: Any = b"", **headers: str) -> Answer:
    """An answer with a status, a body (JSON where it is no bytes) and headers."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(data)

    return answer


def drips(seconds: float) -> Answer:
    """An answer that comes byte by byte and never ends within that time."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            request.wfile.write(b" ")
            request.wfile.flush()
            time.sleep(0.05)

    return answer


def _handler(issuer: Issuer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.fetched[self.path] += 1
            documents = issuer.documents()
            default = says(200, documents[self.path]) if self.path in documents else says(404)
            try:
                issuer.answers.get(self.path, default)(self)
            except OSError:  # whoever asked has hung up
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    return Handler
