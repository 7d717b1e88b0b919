"""What was scanned is what is imported: whoever writes, tags, announces or sends what, and however often."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from local.client import StorageError
from tests.driving import Person, csv_bytes, outcome, rows

Invoke = Callable[..., dict[str, Any]]
Query = Callable[..., list[list[Any]]]
GOOD = csv_bytes(rows(4))
OTHER = csv_bytes(rows(4, machine="Press 2"))
BAD = b"\x7fELF".ljust(len(GOOD), b"\x00")


def event_of(bucket: str, key: str, version: str | None) -> dict[str, Any]:
    """What S3 tells of a new object."""
    told = {"key": key, "size": 1, "eTag": "e", "sequencer": "0"} | ({"versionId": version} if version else {})
    record = {"eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put"}
    return {"Records": [record | {"s3": {"bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"}, "object": told}}]}


def machines(query: Query, person: Person) -> list[list[Any]]:
    """What is in the table, by machine."""
    return query(
        "SELECT machine_name, count(*) FROM production_records WHERE work_unit_id = :u GROUP BY 1", u=person.work_unit
    )


def key_of(started: dict[str, Any]) -> str:
    """The object that an upload's form writes."""
    return str(started["upload"]["fields"]["key"])


def start(person: Person, data: bytes) -> dict[str, Any]:
    """An upload whose file was not sent yet."""
    return person.client.start_upload(person.file(data), work_unit_id=person.work_unit, checksum=False)


def test_a_form_that_is_sent_again_changes_nothing(person: Person, query: Query) -> None:
    """The presigned POST is good until it expires; what comes second is noted, and never imported."""
    started = start(person, GOOD)
    person.client.send_file(started, person.file(GOOD))
    assert outcome(person.client.wait(started["uploadId"], timeout=60)["upload"]) == (4, 4, 0, 0)
    person.client.send_file(started, person.file(OTHER))
    deadline = time.monotonic() + 20
    while "late_object_ignored" not in [e["event"] for e in person.client.audit(started["uploadId"])["events"]]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert machines(query, person) == [["Press 1", 4]]


def test_a_good_file_sent_after_a_bad_one_does_not_clear_it(person: Person, query: Query) -> None:
    """What was refused stays refused; the person starts a new upload."""
    started = start(person, BAD)
    person.client.send_file(started, person.file(BAD))
    assert person.client.wait(started["uploadId"], timeout=60)["upload"]["status"] == "failed"
    person.client.send_file(started, person.file(GOOD))
    time.sleep(1)
    assert person.client.status(started["uploadId"])["upload"]["status"] == "failed"
    assert machines(query, person) == []


def test_an_event_that_comes_many_times_imports_once(
    person: Person, stack: dict[str, Any], aws: Callable[[str], Any], invoke: Invoke, query: Query
) -> None:
    """Before, while and after the import."""
    started = start(person, GOOD)
    person.client.send_file(started, person.file(GOOD))
    key = key_of(started)
    version = aws("s3").head_object(Bucket=stack["bucket"], Key=key)["VersionId"]
    for _ in range(3):
        invoke("scan_upload", event_of(stack["bucket"], key, version))
    person.client.wait(started["uploadId"], timeout=60)
    invoke("scan_upload", event_of(stack["bucket"], key, version))
    assert person.client.status(started["uploadId"])["upload"]["status"] == "completed"
    assert machines(query, person) == [["Press 1", 4]]


@pytest.mark.parametrize(
    "change",
    [
        lambda key: key.replace("incoming/", "work/"),
        lambda key: key.replace("tenant-a", "tenant-b"),
        lambda key: key.replace("source.csv", "source.json"),
        lambda key: key + "/../source.csv",
        lambda key: key.replace("incoming/", "incoming//"),
        lambda key: "incoming/tenant-a/progress%231/source.csv",  # noqa: ARG005
    ],
)
def test_a_forged_event_starts_nothing(
    person: Person, stack: dict[str, Any], aws: Callable[[str], Any], invoke: Invoke, change: Callable[[str], str]
) -> None:
    """Of an object that is there, but is not the one that an upload awaits."""
    started = start(person, GOOD)
    key = change(key_of(started))
    aws("s3").put_object(Bucket=stack["bucket"], Key=key, Body=GOOD)
    answer = invoke("scan_upload", event_of(stack["bucket"], key, None))
    assert "FunctionError" not in answer
    upload = person.client.status(started["uploadId"])["upload"]
    assert (upload["status"], upload["stage"]) == ("pending", "awaiting_upload")


def test_an_event_of_a_version_that_is_not_there_starts_nothing(
    person: Person, stack: dict[str, Any], invoke: Invoke
) -> None:
    """Nor does one without any object."""
    started = start(person, GOOD)
    for version in (None, "null", "3sL4kqtJlcpXroDTDmJrmSpXd3dIbrHY"):
        answer = invoke("scan_upload", event_of(stack["bucket"], key_of(started), version))
        assert "FunctionError" not in answer
    assert person.client.status(started["uploadId"])["upload"]["stage"] == "awaiting_upload"


def test_tags_and_metadata_say_nothing_of_a_file(
    person: Person, stack: dict[str, Any], aws: Callable[[str], Any], query: Query
) -> None:
    """A verdict is in our own table. Whoever could write to the bucket could also write “clean” on it."""
    started = start(person, BAD)
    aws("s3").put_object(
        Bucket=stack["bucket"],
        Key=key_of(started),
        Body=BAD,
        ContentType="text/csv",
        ContentEncoding="identity",
        Metadata={"scan-status": "clean", "verdict": "clean"},
        Tagging="GuardDutyMalwareScanStatus=NO_THREATS_FOUND&scan-status=clean",
    )
    upload = person.client.wait(started["uploadId"], timeout=60)["upload"]
    assert (upload["status"], upload["failure"]["code"]) == ("failed", "file_not_text")
    assert machines(query, person) == []


def test_with_a_checksum_the_store_takes_these_bytes_alone(person: Person, query: Query) -> None:
    """Neither others of the same size under the same form, nor the right ones under another checksum."""
    started = person.client.start_upload(person.file(GOOD), work_unit_id=person.work_unit)
    with pytest.raises(StorageError) as caught:
        person.client.send_file(started, person.file(OTHER))
    assert caught.value.code == "BadDigest"
    fields = {**started["upload"]["fields"], "x-amz-checksum-sha256": "A" * 43 + "="}
    answer = httpx.post(started["upload"]["url"], data=fields, files={"file": GOOD}, trust_env=False)
    assert answer.status_code == 403
    person.client.send_file(started, person.file(GOOD))
    assert outcome(person.client.wait(started["uploadId"], timeout=60)["upload"]) == (4, 4, 0, 0)
    assert machines(query, person) == [["Press 1", 4]]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("key", "incoming/tenant-b/x/source.csv"),
        ("Content-Type", "text/html"),
        ("x-amz-meta-verdict", "clean"),
        ("tagging", "<Tagging/>"),
        ("acl", "public-read"),
        ("success_action_redirect", "https://evil.example"),
        ("x-amz-storage-class", "GLACIER"),
    ],
)
def test_a_form_takes_no_other_field(person: Person, field: str, value: str) -> None:
    """Nothing that was not signed, and no other value of what was."""
    started = start(person, GOOD)
    fields = {**started["upload"]["fields"], field: value}
    answer = httpx.post(started["upload"]["url"], data=fields, files={"file": GOOD}, trust_env=False)
    assert answer.status_code == 403
    assert person.client.status(started["uploadId"])["upload"]["stage"] == "awaiting_upload"
