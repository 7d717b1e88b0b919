"""Exactly once, whatever happens to a load: delivered again and again, killed in mid-COPY, its event doubled."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.driving import Person, csv_bytes, outcome, rows
from tests.faults.watching import Invoke, Query, ledger_and_table, wait_for, waiting


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


def dead_letter(aws: Any, upload_id: str) -> str:
    """The last error of an upload's job as an operator finds it; empty where the job is not dead."""
    items = aws("dynamodb").query(
        TableName=jobs_table(aws),
        IndexName="byQueue",
        KeyConditionExpression="queueState = :dead",
        ExpressionAttributeValues={":dead": {"S": "dead"}},
    )["Items"]
    return next((item["lastError"]["S"] for item in items if item["jobId"]["S"] == upload_id), "")


def jobs_table(aws: Any) -> str:
    [name] = [name for name in aws("dynamodb").list_tables()["TableNames"] if "Jobs" in name]
    return str(name)


def test_a_fault_of_ours_is_visible_and_frees_the_slot(
    person: Person, aws: Any, query: Query, logs: Callable[[str], str]
) -> None:
    """When the retries are used up the upload fails with a sentence and a supportId, and the next one goes on.

    Who undoes it has no use for another attempt: its job is a dead letter no more.
    """
    query("ALTER TABLE production_records RENAME TO records_out_of_reach")
    try:
        upload = person.client.wait(person.send(csv_bytes(rows(5))), timeout=120)["upload"]
    finally:
        query("ALTER TABLE records_out_of_reach RENAME TO production_records")
    assert (upload["status"], upload["failure"]["code"]) == ("failed", "internal_error")
    assert upload["totals"]["imported"] == 0
    wait_for(lambda: dead_letter(aws, upload["uploadId"]), "its job is a dead letter")
    assert upload["failure"]["supportId"] in dead_letter(aws, upload["uploadId"])
    wait_for(lambda: upload["failure"]["supportId"] in logs("fail_import"), "the supportId is in the log")
    assert outcome(person.import_file(csv_bytes(rows(5)))) == (5, 5, 0, 0)
    person.client.undo(upload["uploadId"])
    assert person.client.wait(upload["uploadId"], timeout=60)["upload"]["status"] == "undone"
    wait_for(lambda: not dead_letter(aws, upload["uploadId"]), "its job is no dead letter any more")


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


def test_an_outage_that_outlasts_the_retries_is_followed_by_another_attempt(
    person: Person, stack: dict[str, Any], aws: Any, query: Query, invoke: Invoke, hold_key: Callable[..., Any]
) -> None:
    """The slot is free meanwhile, what was loaded stays, the rest is loaded, and a late step of before does nothing."""
    table = rows(3000)
    with hold_key(person, table[-1]):
        upload_id = person.send(csv_bytes(table))
        wait_for(lambda: ledger_and_table(query, upload_id)[0] > 0, "a chunk is in")
        wait_for(lambda: waiting(query, "COPY"), "another one waits in mid-COPY")
        arn = stack["stateMachineArn"].replace(":stateMachine:", ":execution:") + f":{upload_id}"
        aws("stepfunctions").stop_execution(executionArn=arn)
        first = {"tenantId": person.tenant, "uploadId": upload_id, "correlationId": "c", "attempt": 1}
        failed = first | {"error": {"Error": "TransientError", "Cause": "{}"}}
        assert json.loads(invoke("fail_import", failed)["Payload"].read())["error"] == "TriedAgainLater"
        upload = person.client.status(upload_id)["upload"]
        assert (upload["status"], upload["stage"]) == ("pending", "queued")
        assert json.loads(invoke("finish_import", first)["Payload"].read())["errorType"] == "StateConflict"
    wait_for(lambda: goes_on(person, invoke, upload_id), "the next attempt begins", seconds=30)
    upload = person.client.wait(upload_id, timeout=60)["upload"]
    assert (upload["status"], outcome(upload)) == ("completed", (3000, 3000, 0, 0))
    assert ledger_and_table(query, upload_id) == (3000, 3000)
    executions = aws("stepfunctions").list_executions(stateMachineArn=stack["stateMachineArn"])["executions"]
    names = [entry["name"] for entry in executions if entry["name"].startswith(upload_id)]
    assert sorted(names) == [upload_id, f"{upload_id}-2"]
    acts = [event["event"] for event in person.client.audit(upload_id, limit=100)["events"]]
    assert acts.count("attempt_failed") == 1


def goes_on(person: Person, invoke: Invoke, upload_id: str) -> bool:
    """Let the sweep look whether an upload's job is due; whether the upload has left the queue."""
    assert "FunctionError" not in invoke("dispatch_job", {"source": "aws.events"})
    return bool(person.client.status(upload_id)["upload"]["stage"] != "queued")


def test_a_file_whose_event_was_lost_is_found_by_the_sweep(
    person: Person, aws: Any, query: Query, invoke: Invoke, logs: Callable[[str], str]
) -> None:
    """It lies there, nobody has told: after a few minutes the sweep has it scanned, and it goes in."""
    table = next(name for name in aws("dynamodb").list_tables()["TableNames"] if "Uploads" in name)
    path = person.file(csv_bytes(rows(20)))
    started = person.client.start_upload(path, work_unit_id=person.work_unit)
    upload_id = started["uploadId"]
    key = {"tenantId": {"S": person.tenant}, "uploadId": {"S": upload_id}}
    elsewhere, there = {"S": "not-here-yet"}, {"S": f"incoming/{person.tenant}/{upload_id}/source.csv"}
    aws("dynamodb").update_item(
        TableName=table,
        Key=key,
        UpdateExpression="SET objectKey = :elsewhere",
        ExpressionAttributeValues={":elsewhere": elsewhere},
    )
    person.client.send_file(started, path)
    wait_for(lambda: there["S"] in logs("scan_upload"), "the event has come and found no upload of its key")
    aws("dynamodb").update_item(
        TableName=table,
        Key=key,
        UpdateExpression="SET objectKey = :there, movedAt = :longAgo",
        ExpressionAttributeValues={":there": there, ":longAgo": {"S": "2026-01-01T00:00:00.000000+00:00"}},
    )
    answer = invoke("sweep_uploads", {"source": "aws.events"})
    assert upload_id in json.loads(answer["Payload"].read())
    upload = person.client.wait(upload_id, timeout=60)["upload"]
    assert (upload["status"], outcome(upload)) == ("completed", (20, 20, 0, 0))
    assert ledger_and_table(query, upload_id) == (20, 20)
