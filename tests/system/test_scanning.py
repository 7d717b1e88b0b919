"""What a scanner says later, and a scan that nobody could do, each by its function with its own role."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.driving import Person, csv_bytes, rows
from tests.stack import start_stack, stop_stack

Invoke = Callable[[str, dict[str, Any]], dict[str, Any]]


def _stored(aws: Callable[[str], Any], stack: dict[str, Any], person: Person, upload_id: str) -> dict[str, Any]:
    key = f"incoming/{person.tenant}/{upload_id}/source.csv"
    head = aws("s3").head_object(Bucket=stack["bucket"], Key=key)
    return {"objectKey": key, "eTag": head["ETag"].strip('"'), "versionId": head["VersionId"]}


def _scan_result(stack: dict[str, Any], stored: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": "0",
        "detail-type": "GuardDuty Malware Protection Object Scan Result",
        "source": "aws.guardduty",
        "time": datetime.now(UTC).isoformat(),
        "detail": {
            "schemaVersion": "1.0",
            "scanStatus": "COMPLETED",
            "resourceType": "S3_OBJECT",
            "s3ObjectDetails": {"bucketName": stack["bucket"], **stored, "s3Throttled": False},
            "scanResultDetails": {"scanResultStatus": "THREATS_FOUND", "threats": [{"name": "Late"}]},
        },
    }


def test_a_verdict_that_comes_after_the_end_changes_nothing(
    person: Person, stack: dict[str, Any], aws: Callable[[str], Any], invoke: Invoke
) -> None:
    """The upload is over; nothing of it is kept, and nothing starts anew."""
    upload = person.import_file(csv_bytes(rows(3)))
    event = _scan_result(stack, _stored(aws, stack, person, upload["uploadId"]))
    assert "FunctionError" not in invoke("take_verdict", event)
    assert person.client.status(upload["uploadId"])["upload"]["status"] == "completed"


def test_a_verdict_has_the_scan_done_again(
    person: Person, stack: dict[str, Any], aws: Callable[[str], Any], invoke: Invoke
) -> None:
    """It is kept, and the scan function hears of it, by the rights that the two roles have."""
    answer = person.client.start_upload(person.file(csv_bytes(rows(3))), work_unit_id=person.work_unit, checksum=False)
    key = answer["upload"]["fields"]["key"]
    stored = {"objectKey": key, "eTag": "0" * 32, "versionId": "none-yet"}
    assert "FunctionError" not in invoke("take_verdict", _scan_result(stack, stored))
    tables = aws("dynamodb").list_tables()["TableNames"]
    [table] = [name for name in tables if "Verdicts" in name]
    item = aws("dynamodb").get_item(TableName=table, Key={"objectKey": {"S": key}, "versionId": {"S": "none-yet"}})[
        "Item"
    ]
    assert item["verdict"]["M"]["threat"] == {"S": "Late"}


def test_a_file_that_nobody_can_scan_is_put_away(tmp_path: Path) -> None:
    """With a ClamAV daemon that is away: Lambda tries again, gives up, and the person is told."""
    process, stack = start_stack(tmp_path, SCANNER="clamd", CLAMD_ADDRESS="127.0.0.1:1")
    try:
        person = Person(stack, "tenant-a", stack["sessions"][0]["token"], tmp_path)
        upload = person.import_file(csv_bytes(rows(3)))
        assert (upload["status"], upload["failure"]["code"]) == ("failed", "file_scan_failed")
        assert upload["failure"]["supportId"]
        events = [event["event"] for event in person.client.audit(upload["uploadId"])["events"]]
        assert events == ["upload_requested", "file_received", "file_rejected"]
    finally:
        stop_stack(process)
