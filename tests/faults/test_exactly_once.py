"""Exactly once, whatever happens to a load: delivered again and again, killed in mid-COPY, its event doubled."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.driving import Person, csv_bytes, outcome, rows

Query = Callable[..., list[list[Any]]]
Invoke = Callable[[str, dict[str, Any]], dict[str, Any]]


def ledger_and_table(query: Query, upload_id: str) -> tuple[int, int]:
    """Imported records by the ledger, and rows in the table, of one upload."""
    [[counted]] = query("SELECT coalesce(sum(imported), 0) FROM import_chunks WHERE upload_id = :id", id=upload_id)
    [[stored]] = query("SELECT count(*) FROM production_records WHERE upload_id = :id", id=upload_id)
    return int(counted), int(stored)


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.02)
    return pytest.fail(f"did not happen in {seconds} s: {what}")


def waiting(query: Query, statement: str) -> int:
    [[count]] = query(
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE :statement AND wait_event_type = 'Lock'",
        statement=f"%{statement} %",
    )
    return int(count)


def deliver(invoke: Invoke, event: dict[str, Any]) -> str:
    """Deliver until it ends well, as Step Functions would: a lock that is held too long is worth another attempt."""
    for _ in range(10):
        answer = invoke("load_chunk", event)
        document: str = answer["Payload"].read().decode()
        if "FunctionError" not in answer:
            return document
        assert json.loads(document)["errorType"] == "TransientError"
    return document


def test_a_chunk_delivered_four_times_at_once_is_in_once(
    person: Person, stack: dict[str, Any], aws: Any, query: Query, invoke: Invoke, hold_key: Callable[..., Any]
) -> None:
    """While the first load waits in mid-COPY three more deliveries come; each ends well, and each row is in once."""
    table = rows(400)
    with ThreadPoolExecutor(3) as pool, hold_key(person, table[200]):
        upload_id = person.send(csv_bytes(table))
        wait_for(lambda: waiting(query, "COPY"), "the load waits in mid-COPY")
        key = f"work/{person.tenant}/{upload_id}/chunks.json"
        [chunk] = json.loads(aws("s3").get_object(Bucket=stack["bucket"], Key=key)["Body"].read())
        event = {"tenantId": person.tenant, "uploadId": upload_id, "correlationId": "again", "chunk": chunk}
        deliveries = [pool.submit(deliver, invoke, event) for _ in range(3)]
        wait_for(lambda: waiting(query, "INSERT INTO import_chunks") >= 3, "three duplicates wait", seconds=60)
        assert ledger_and_table(query, upload_id) == (0, 0)
    assert [delivery.result() for delivery in deliveries] == ["null"] * 3
    upload = person.client.wait(upload_id, timeout=60)["upload"]
    assert (upload["status"], outcome(upload)) == ("completed", (400, 400, 0, 0))
    assert ledger_and_table(query, upload_id) == (400, 400)


def test_a_load_killed_in_mid_copy_leaves_nothing_and_is_done_again(
    person: Person, query: Query, hold_key: Callable[..., Any], workers: Callable[[str], list[int]]
) -> None:
    """After kill -9 of the worker: no row and no ledger row stay; the retry puts each row in once."""
    table = rows(400)
    with hold_key(person, table[200]):
        upload_id = person.send(csv_bytes(table))
        wait_for(lambda: waiting(query, "COPY"), "the load waits in mid-COPY")
        for pid in workers("load_chunk"):
            os.kill(pid, signal.SIGKILL)
        assert ledger_and_table(query, upload_id) == (0, 0)
    upload = person.client.wait(upload_id, timeout=60)["upload"]
    assert (upload["status"], outcome(upload)) == ("completed", (400, 400, 0, 0))
    assert ledger_and_table(query, upload_id) == (400, 400)
    progress = person.client.status(upload_id)["progress"]
    assert progress["successfulRecords"] == 400


def test_a_doubled_s3_event_starts_nothing_twice(
    person: Person, stack: dict[str, Any], aws: Any, query: Query, invoke: Invoke
) -> None:
    """S3 delivers at least once and late: the second and the third event find the work done."""
    upload_id = person.send(csv_bytes(rows(50)))
    key = f"incoming/{person.tenant}/{upload_id}/source.csv"
    record = {"eventName": "ObjectCreated:Post", "s3": {"bucket": {"name": stack["bucket"]}, "object": {"key": key}}}
    assert "FunctionError" not in invoke("scan_upload", {"Records": [record, record]})
    upload = person.client.wait(upload_id, timeout=60)["upload"]
    assert "FunctionError" not in invoke("scan_upload", {"Records": [record]})
    assert outcome(upload) == (50, 50, 0, 0)
    assert ledger_and_table(query, upload_id) == (50, 50)
    executions = aws("stepfunctions").list_executions(stateMachineArn=stack["stateMachineArn"])["executions"]
    assert [entry["name"] for entry in executions].count(upload_id) == 1


def test_an_object_overwritten_after_the_scan_is_not_what_is_imported(
    person: Person,
    stack: dict[str, Any],
    aws: Any,
    query: Query,
    hold_key: Callable[..., Any],
    workers: Callable[[str], list[int]],
) -> None:
    """What was scanned is what is imported: the chunks read the pinned version, and the late one leaves a trace."""
    table = rows(300)
    with hold_key(person, table[0]):
        upload_id = person.send(csv_bytes(table))
        wait_for(lambda: waiting(query, "COPY"), "the load waits in mid-COPY")
        key = f"incoming/{person.tenant}/{upload_id}/source.csv"
        aws("s3").put_object(Bucket=stack["bucket"], Key=key, Body=csv_bytes(rows(300, machine="Intruder")))
        for pid in workers("load_chunk"):
            os.kill(pid, signal.SIGKILL)  # so that the chunk is read once more, from what lies there now
    upload = person.client.wait(upload_id, timeout=60)["upload"]
    assert outcome(upload) == (300, 300, 0, 0)
    [[intruders]] = query(
        "SELECT count(*) FROM production_records WHERE upload_id = :id AND machine_name = 'Intruder'", id=upload_id
    )
    assert intruders == 0
    acts = [event["event"] for event in person.client.audit(upload_id, limit=100)["events"]]
    assert "late_object_ignored" in acts


def test_a_fault_of_ours_is_visible_and_frees_the_slot(
    person: Person, query: Query, logs: Callable[[str], str]
) -> None:
    """When the retries are used up the upload fails with a sentence and a supportId, and the next one goes on."""
    query("ALTER TABLE production_records RENAME TO records_out_of_reach")
    try:
        upload = person.client.wait(person.send(csv_bytes(rows(5))), timeout=120)["upload"]
    finally:
        query("ALTER TABLE records_out_of_reach RENAME TO production_records")
    assert (upload["status"], upload["failure"]["code"]) == ("failed", "internal_error")
    assert upload["totals"]["imported"] == 0
    wait_for(lambda: upload["failure"]["supportId"] in logs("fail_import"), "the supportId is in the log")
    assert outcome(person.import_file(csv_bytes(rows(5)))) == (5, 5, 0, 0)


def test_an_execution_stopped_by_hand_is_swept_up(
    person: Person, stack: dict[str, Any], aws: Any, query: Query, invoke: Invoke, hold_key: Callable[..., Any]
) -> None:
    """An operator stops it in the console: the sweep ends the upload and frees its slot."""
    table = rows(100)
    with hold_key(person, table[50]):
        upload_id = person.send(csv_bytes(table))
        wait_for(lambda: waiting(query, "COPY"), "the load waits in mid-COPY")
        arn = stack["stateMachineArn"].replace(":stateMachine:", ":execution:") + f":{upload_id}"
        aws("stepfunctions").stop_execution(executionArn=arn)
    assert "FunctionError" not in invoke("dispatch_job", {"source": "aws.events"})
    upload = person.client.wait(upload_id, timeout=30)["upload"]
    assert upload["status"] == "failed"
    assert outcome(person.import_file(csv_bytes(rows(5)), work_unit_id=f"{person.work_unit}-2")) == (5, 5, 0, 0)
