"""Malware scanners: a real clamd with signatures of our own, and everything that can go wrong with one."""

from __future__ import annotations

import inspect
import io
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from infra.manifest import read_manifest
from shared.adapters.clamd_scanner import ClamdScanner
from shared.adapters.demo_scanner import DemoScanner
from shared.domain.upload import MalwareScan
from shared.domain.verdict import Verdict
from shared.errors import TransientError

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
CLEAN = b"timestamp,machineName\n2026-03-01T06:00:00Z,Press 1\n"
SIGNATURES = f"Eicar-Test:0:*:{EICAR.hex()}\nLinefeed-Test:0:*:{b'LINEFEED-TEST-SIGNATURE'.hex()}\n"
NOW = datetime(2026, 11, 26, tzinfo=UTC)


@dataclass(frozen=True)
class Clamd:
    """A daemon that runs."""

    address: str
    process: subprocess.Popen[bytes]


@pytest.fixture(scope="module")
def start_clamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Clamd]]:
    """Starts clamds of the tests' own, each of which takes at most a megabyte."""
    program = shutil.which("clamd")
    assert program, "clamd is missing; `make test` installs it"
    started: list[Clamd] = []

    def start(name: str) -> Clamd:
        folder = tmp_path_factory.mktemp(name)
        (folder / "signatures").mkdir()
        (folder / "signatures" / "test.ndb").write_text(SIGNATURES)
        socket_path = Path(f"/tmp/linefeed-clamd-{os.getpid()}-{name}.sock")
        (folder / "clamd.conf").write_text(
            f"LocalSocket {socket_path}\nDatabaseDirectory {folder}/signatures\nForeground yes\nStreamMaxLength 1M\n"
            "MaxFileSize 600K\nAlertExceedsMax yes\n"
            f"LogFile {folder}/clamd.log\nUser root\nOfficialDatabaseOnly no\n"
        )
        process = subprocess.Popen([program, f"--config-file={folder}/clamd.conf"], stdout=subprocess.DEVNULL)
        started.append(Clamd(f"unix:{socket_path}", process))
        deadline = time.monotonic() + 30
        while not socket_path.exists():
            assert time.monotonic() < deadline
            assert process.poll() is None, (folder / "clamd.log").read_text()
            time.sleep(0.05)
        return started[-1]

    yield start
    for each in started:
        each.process.terminate()
        each.process.wait(20)
        Path(each.address.removeprefix("unix:")).unlink(missing_ok=True)


@pytest.fixture(scope="module")
def clamd(start_clamd: Callable[[str], Clamd]) -> str:
    """The address of one for all tests that leave it alive."""
    return start_clamd("shared").address


def test_what_clamd_knows_is_found(clamd: str) -> None:
    """EICAR and a signature of our own, wherever they stand; with the engine that looked."""
    scanner = ClamdScanner(clamd)
    for data, threat in ((EICAR, "Eicar-Test"), (CLEAN * 1000 + b"LINEFEED-TEST-SIGNATURE" + CLEAN, "Linefeed-Test")):
        verdict = scanner.scan_stream(io.BytesIO(data))
        assert (verdict.threat, verdict.unscanned) == (f"{threat}.UNOFFICIAL", None)
        assert verdict.scan.engine.startswith("ClamAV ")


def test_a_clean_file_is_clean(clamd: str) -> None:
    """An empty one too."""
    for data in (CLEAN, b""):
        assert ClamdScanner(clamd).scan_stream(io.BytesIO(data)).model_dump(include={"threat", "unscanned"}) == {
            "threat": None,
            "unscanned": None,
        }


def test_a_file_beyond_clamds_limit_was_not_scanned(clamd: str) -> None:
    """What the daemon did not see may hold anything."""
    verdict = ClamdScanner(clamd).scan_stream(io.BytesIO(bytes(8 << 20)))
    assert (verdict.threat, verdict.unscanned) == (None, "clamd refused the file")
    verdict = ClamdScanner(clamd).scan_stream(io.BytesIO(bytes(700 << 10)))
    assert (verdict.threat, verdict.unscanned) == (None, "the file is beyond clamd's limits")


class FakeClamd:
    """Answers VERSION, and INSTREAM as a test wants."""

    def __init__(self, version: bytes, answer: bytes | None, *, hear: int) -> None:
        self._version, self._answer, self._hear = version, answer, hear
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._held: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with suppress(OSError):
            if connection.recv(10).startswith(b"zVERSION"):
                connection.sendall(self._version)
            elif self._answer is None:
                self._held.append(connection)  # heard, and never answered
                return
            else:
                connection.recv(self._hear)
                connection.sendall(self._answer)
        connection.close()

    def close(self) -> None:
        """Close the port."""
        self._listener.close()


@pytest.fixture
def fake() -> Iterator[Callable[..., FakeClamd]]:
    """Makes fakes."""
    made: list[FakeClamd] = []

    def make(version: bytes = b"ClamAV 1.4.3\0", answer: bytes | None = b"stream: OK\0", hear: int = 1) -> FakeClamd:
        made.append(FakeClamd(version, answer, hear=hear))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"INSTREAM size limit exceeded. ERROR\0",
        b"stream: Can't allocate memory ERROR\0",
        b"stream: OK, nearly\0",
        b"UNKNOWN COMMAND\0",
        b"stream: ok\0",
    ],
)
def test_whatever_is_no_plain_yes_was_not_scanned(fake: Callable[..., FakeClamd], answer: bytes) -> None:
    """A daemon that refuses the file, has no memory, or speaks another language."""
    verdict = ClamdScanner(fake(answer=answer).address, seconds=0.5).scan_stream(io.BytesIO(CLEAN * 50_000))
    assert verdict.threat is None
    assert verdict.unscanned


@pytest.mark.parametrize("answer", [None, b"", b"\0"])
def test_a_daemon_that_does_not_answer_is_asked_again(fake: Callable[..., FakeClamd], answer: bytes | None) -> None:
    """One that hangs, or dies in mid-stream, may be back in a minute: Lambda delivers the event again."""
    with pytest.raises(TransientError):
        ClamdScanner(fake(answer=answer).address, seconds=0.5).scan_stream(io.BytesIO(CLEAN * 50_000))


def test_an_early_yes_is_none(fake: Callable[..., FakeClamd]) -> None:
    """A daemon that says OK and closes before it has heard the file has not scanned it."""
    verdict = ClamdScanner(fake().address, seconds=5).scan_stream(io.BytesIO(bytes(64 << 20)))
    assert verdict.threat is None
    assert verdict.unscanned


def test_a_daemon_that_takes_its_time_is_given_up(fake: Callable[..., FakeClamd]) -> None:
    """The whole scan has a deadline, however little of it each step takes: it fits into the function's timeout."""

    class Slow(io.BytesIO):
        """A file whose every block is long in coming."""

        def read(self, size: int | None = -1, /) -> bytes:
            time.sleep(0.1)
            return super().read(size)

    started = time.monotonic()
    with pytest.raises(TransientError):
        ClamdScanner(fake(answer=None).address, seconds=0.5).scan_stream(Slow(bytes(64 << 20)))
    assert time.monotonic() - started < 30
    seconds = inspect.signature(ClamdScanner).parameters["seconds"].default
    assert seconds + 30 < read_manifest()["scan_upload"].timeout


@pytest.mark.parametrize("address", ["127.0.0.1:1", "unix:/nowhere/clamd.sock"])
def test_a_daemon_that_is_not_there_has_not_scanned(address: str) -> None:
    """At either kind of address."""
    with pytest.raises(TransientError):
        ClamdScanner(address, seconds=0.5).scan_stream(io.BytesIO(CLEAN))


def test_a_daemon_killed_in_mid_stream_has_not_scanned(start_clamd: Callable[[str], Clamd]) -> None:
    """A real one, by kill -9 while the file is on its way to it."""
    daemon = start_clamd("killed")

    class Killing(io.BytesIO):
        """A file during whose reading the daemon dies."""

        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > 1 << 19:
                daemon.process.kill()
                daemon.process.wait(20)
            return super().read(size)

    with pytest.raises(TransientError):
        ClamdScanner(daemon.address, seconds=10).scan_stream(Killing(bytes(900 << 10)))


def test_the_age_of_the_definitions_is_told(fake: Callable[..., FakeClamd]) -> None:
    """By VERSION, where official ones are loaded."""
    daemon = fake(version=b"ClamAV 1.4.3/27500/Mon Nov 23 09:26:01 2026\0")
    scan = ClamdScanner(daemon.address).scan_stream(io.BytesIO(CLEAN)).scan
    assert scan == MalwareScan(
        engine="ClamAV 1.4.3", definitions="27500", definitions_at=datetime(2026, 11, 23, 9, 26, 1, tzinfo=UTC)
    )


@pytest.mark.parametrize(
    ("age", "days", "unscanned"),
    [(timedelta(days=6), 7, False), (timedelta(days=8), 7, True), (None, 7, True), (None, 0, False)],
)
def test_old_definitions_are_no_clean_verdict(age: timedelta | None, days: int, unscanned: bool) -> None:
    """Nor are those of an unknown age, unless nobody asks; what they find counts all the same."""
    scan = MalwareScan(engine="e", definitions_at=NOW - age if age else None)
    assert bool(Verdict(scan=scan).held_to(NOW, days).unscanned) is unscanned
    assert Verdict(scan=scan, threat="t").held_to(NOW, days) == Verdict(scan=scan, threat="t")


def test_the_demo_rules_know_the_test_file_and_say_what_they_are() -> None:
    """Also where it stands across two blocks."""
    scanner = DemoScanner()
    assert scanner.scan_stream(io.BytesIO(CLEAN)).threat is None
    assert scanner.scan_stream(io.BytesIO(b"x" * ((1 << 20) - 30) + EICAR)).threat == "EICAR_test_file"
    assert "no antivirus" in scanner.scan_stream(io.BytesIO(CLEAN)).scan.engine
