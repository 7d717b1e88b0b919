"""Postgres is spoken to over TLS with a certificate that a known authority signed, or not at all."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from shared.adapters.postgres import DatabaseAddress, connect
from shared.errors import TransientError

SSL_REQUEST = bytes.fromhex("0000000804d2162f")
PASSWORD = "the-password"


def certificate(folder: Path, host: str) -> Path:
    """A certificate for a host, signed by its own key, and the key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = dt.datetime.now(dt.UTC)
    names = x509.SubjectAlternativeName([x509.DNSName(host), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{host}.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


class Impostor:
    """Stands where Postgres should be, and keeps what it is told after the request for TLS."""

    def __init__(self, answer: bytes, pem: Path | None) -> None:
        self.told = b""
        self.asked = b""
        self._answer, self._pem = answer, pem
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with suppress(OSError):
            connection, _ = self._listener.accept()
            with connection:
                connection.settimeout(5)
                self.asked = connection.recv(8)
                connection.sendall(self._answer)
                self._listen(connection)

    def _listen(self, connection: socket.socket) -> None:
        if self._pem is None:
            self.told = connection.recv(4096)
            return
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._pem)
        with context.wrap_socket(connection, server_side=True) as secure:
            self.told = secure.recv(4096)

    def close(self) -> None:
        """End; what it was told is whole then."""
        self._listener.close()
        self._thread.join(10)


@pytest.fixture
def impostor() -> Iterator[Callable[..., Impostor]]:
    """Makes impostors."""
    made: list[Impostor] = []

    def make(answer: bytes, pem: Path | None = None) -> Impostor:
        made.append(Impostor(answer, pem))
        return made[-1]

    yield make
    for each in made:
        each.close()


def address(port: int, host: str = "localhost") -> DatabaseAddress:
    return DatabaseAddress(host, port, "linefeed", PASSWORD, "linefeed", tls=True)


@pytest.mark.parametrize("answer", [b"N", b"E", b""])
def test_a_server_that_will_not_speak_tls_is_told_nothing(impostor: Callable[..., Impostor], answer: bytes) -> None:
    """Whoever stands between cannot talk the client out of it."""
    server = impostor(answer)
    with pytest.raises(TransientError):
        connect(address(server.port))
    server.close()
    assert (server.asked, server.told) == (SSL_REQUEST, b"")


def test_a_certificate_that_nobody_signed_is_told_nothing(impostor: Callable[..., Impostor], tmp_path: Path) -> None:
    """The handshake ends before the user's name is sent."""
    server = impostor(b"S", certificate(tmp_path, "localhost"))
    with pytest.raises(TransientError):
        connect(address(server.port))
    server.close()
    assert (server.asked, server.told) == (SSL_REQUEST, b"")


def test_a_known_authority_is_not_enough_under_another_name(
    impostor: Callable[..., Impostor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The certificate must be for the host; with both right the client begins to speak."""
    right, wrong = certificate(tmp_path, "localhost"), certificate(tmp_path, "database.example")
    for pem, told in ((wrong, False), (right, True)):
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        server = impostor(b"S", pem)
        with pytest.raises(TransientError):
            connect(address(server.port))
        server.close()
        assert (b"linefeed" in server.told) is told
