"""A ClamAV daemon that takes connections and never says a word."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from tests.driving import Person, csv_bytes, rows
from tests.stack import aws_client, list_workers, start_stack, stop_stack


@pytest.mark.full
@pytest.mark.timeout(500)
def test_a_file_that_a_hung_daemon_has_to_scan_is_put_away(tmp_path: Path) -> None:
    """Three scans of a minute each are given up; the person is told, and no worker and no slot is held."""
    with socket.create_server(("127.0.0.1", 0)) as hung:  # the kernel takes the connections
        process, stack = start_stack(tmp_path, SCANNER="clamd", CLAMD_ADDRESS=f"127.0.0.1:{hung.getsockname()[1]}")
        try:
            person = Person(stack, "tenant-a", stack["sessions"][0]["token"], tmp_path)
            upload_id = person.send(csv_bytes(rows(3)))
            upload = person.client.wait(upload_id, timeout=300)["upload"]
            assert (upload["status"], upload["failure"]["code"]) == ("failed", "file_scan_failed")
            assert upload["failure"]["supportId"]
            events = [event["event"] for event in person.client.audit(upload_id)["events"]]
            assert events == ["upload_requested", "file_received", "file_rejected"]
            assert not any(worker["event"] for worker in list_workers(stack) if worker["module"] == "scan_upload")
            dynamodb = aws_client(stack, "dynamodb")
            [jobs] = [name for name in dynamodb.list_tables()["TableNames"] if "Jobs" in name]
            assert upload_id not in json.dumps(dynamodb.scan(TableName=jobs)["Items"])
        finally:
            assert stop_stack(process) == 0
