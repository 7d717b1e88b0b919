"""ClamAV as the container has it: its definitions in the bucket, freshclam, a daemon, and the function around them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.clamav_daemon import ClamavDaemon, ClamavEngine
from shared.adapters.clamav_definitions import ClamavDefinitions
from shared.adapters.clamav_function import ClamavFunction
from shared.adapters.s3_objects import S3Objects
from shared.domain import object_keys
from shared.domain.upload import MalwareScan, SourceObject
from shared.domain.verdict import Verdict
from shared.errors import TransientError
from tests.contract.cloud import Broken, Cloud

KEY = "incoming/tenant-a/upload/source.csv"
CLEAN = b"timestamp,machineName\n2026-03-01T06:00:00Z,Press 1\n"
LARGEST = 1 << 20


def signature(name: str, text: bytes) -> str:
    """A line of an .ndb file: a text anywhere in any file."""
    return f"{name}:0:*:{text.hex()}\n"


@pytest.fixture
def objects(cloud: Cloud) -> S3Objects:
    """A bucket of the test's own."""
    return S3Objects(cloud.s3, bucket=cloud.bucket())


@pytest.fixture
def source_of(objects: S3Objects) -> Any:
    """Stores a file; its version."""

    def store(data: bytes) -> SourceObject:
        objects.write(KEY, data, "text/csv")
        stored = objects.describe(KEY, None)
        assert stored
        return stored

    return store


@pytest.fixture
def daemon(objects: S3Objects, tmp_path: Path) -> Iterator[ClamavDaemon]:
    """A daemon that takes its definitions from the bucket, with a socket whose path is short enough."""
    daemon = ClamavDaemon(ClamavDefinitions(objects, tmp_path / "definitions"), tmp_path, largest=LARGEST)
    yield daemon
    daemon.stop()


def test_without_definitions_nothing_is_scanned(objects: S3Objects, daemon: ClamavDaemon, source_of: Any) -> None:
    """It may work the next time, when they have come."""
    with pytest.raises(TransientError, match="no definitions"):
        ClamavEngine(objects, daemon).scan(source_of(CLEAN))


def test_the_engine_looks_with_the_buckets_definitions(
    objects: S3Objects, daemon: ClamavDaemon, source_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It starts by itself, also after its death, and takes newer definitions when it looks for them again."""
    where = object_keys.CLAMAV_DEFINITIONS + "test.ndb"
    objects.write(where, signature("First", b"FIRST-BAD").encode(), "text/plain")
    engine = ClamavEngine(objects, daemon)
    first, second = source_of(CLEAN + b"FIRST-BAD"), source_of(CLEAN + b"SECOND-BAD")
    assert engine.scan(first).threat == "First.UNOFFICIAL"
    assert engine.scan(second) == Verdict(scan=engine.scan(second).scan)
    daemon.stop()
    assert engine.scan(first).threat == "First.UNOFFICIAL"
    both = signature("First", b"FIRST-BAD") + signature("Second", b"SECOND-BAD")
    objects.write(where, both.encode(), "text/plain")
    assert engine.scan(second).threat is None  # not within the hour
    monkeypatch.setattr("shared.adapters.clamav_daemon._LOOK_AGAIN_SECONDS", 0)
    assert engine.scan(second).threat == "Second.UNOFFICIAL"
    assert engine.scan(source_of(bytes(LARGEST + 1))).unscanned


def test_freshclam_brings_what_is_new_into_the_bucket(objects: S3Objects, tmp_path: Path) -> None:
    """What it fetched before it gets to see again, also on another machine; what did not change is not written."""
    origin = tmp_path / "test.ndb"
    configuration = tmp_path / "freshclam.conf"
    configuration.write_text(
        "DatabaseMirror 127.0.0.1\nDatabaseOwner root\nExcludeDatabase main\nExcludeDatabase daily\n"
        f"ExcludeDatabase bytecode\nDatabaseCustomURL file://{origin}\n"
    )
    origin.write_text(signature("First", b"FIRST-BAD"))
    assert "test.ndb" in ClamavDefinitions(objects, tmp_path / "one").refresh(configuration)
    origin.write_text(signature("Second", b"SECOND-BAD"))
    other = ClamavDefinitions(objects, tmp_path / "two")
    assert "test.ndb" in other.refresh(configuration)
    assert objects.read(object_keys.CLAMAV_DEFINITIONS + "test.ndb") == origin.read_bytes()
    assert "test.ndb" not in other.refresh(configuration)


def test_a_freshclam_that_fails_keeps_what_there_was(objects: S3Objects, tmp_path: Path) -> None:
    """Old definitions are held to their age by whoever scans; an alarm hears of the failure."""
    where = object_keys.CLAMAV_DEFINITIONS + "test.ndb"
    objects.write(where, b"old", "text/plain")
    configuration = tmp_path / "freshclam.conf"
    configuration.write_text("Nonsense yes\n")
    with pytest.raises(TransientError, match="freshclam failed"):
        ClamavDefinitions(objects, tmp_path / "folder").refresh(configuration)
    assert objects.read(where) == b"old"


def test_the_function_is_asked_and_answers(cloud: Cloud) -> None:
    """The pinned version goes to it, its verdict comes back."""
    verdict = Verdict(scan=MalwareScan(engine="ClamAV 1.4.3"), threat="Bad")
    name = cloud.function(lambda _: verdict.model_dump(mode="json", by_alias=True))
    source = SourceObject(key=KEY, version_id="v", etag="e", size=1)
    assert ClamavFunction(cloud.functions, function=name).scan(source) == verdict
    assert [SourceObject.model_validate(event) for event in cloud.host.events_of(name)] == [source]


def test_a_function_that_fails_has_not_scanned(cloud: Cloud) -> None:
    """It may work the next time."""

    def fail(_: Any) -> None:
        raise Broken("Crash")

    with pytest.raises(TransientError, match="Crash"):
        ClamavFunction(cloud.functions, function=cloud.function(fail)).scan(
            SourceObject(key=KEY, version_id="v", etag="e", size=1)
        )
