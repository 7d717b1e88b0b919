"""The whole way of one file, from the POST to rows in Postgres."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from local.client import ApiError
from tests.driving import HEADER, Person, csv_bytes, outcome, rows

Query = Callable[..., list[list[Any]]]
New = Callable[..., Person]


def test_every_good_row_is_in_postgres_as_the_file_says(person: Person, query: Query) -> None:
    """Values, zone, leading zeros, attributes and row numbers come through; the totals say so."""
    header = [*HEADER, "batchNumber", "OEE", "Mold (°C)"]
    table = [
        ["2026-03-01T06:00:00+01:00", "Press 1", "stamping", "100", "97.5", "2.5", "000123", "0.85", "181,5"],
        ["2026-03-01T07:00:00+01:00", "Presse Süd", "", "0.1", "0.1", "0", "", "", ""],
    ]
    upload = person.import_file(csv_bytes(table, header))

    assert (upload["status"], outcome(upload)) == ("completed", (2, 2, 0, 0))
    assert query(
        'SELECT source_row, "timestamp" AT TIME ZONE \'UTC\', machine_name, process_name, total_parts_produced,'
        " good_parts, batch_number, oee_score, attributes FROM production_records"
        " WHERE upload_id = :id ORDER BY source_row",
        id=upload["uploadId"],
    ) == [
        [2, _utc(5), "Press 1", "stamping", Decimal("100.000000"), Decimal("97.500000"), "000123", Decimal("0.850000"),
         {"Mold (°C)": "181,5"}],
        [3, _utc(6), "Presse Süd", None, Decimal("0.100000"), Decimal("0.100000"), None, None, {}],
    ]  # fmt: skip


def test_a_tenant_may_have_any_name(new_person: New) -> None:
    """S3 writes keys in its events as forms do: blanks as plus signs, other characters by their bytes."""
    upload = new_person("Acme + Söhne & Co").import_file(csv_bytes(rows(3)))
    assert (upload["status"], outcome(upload)) == ("completed", (3, 3, 0, 0))


def test_refused_rows_are_told_with_row_field_value_and_reason(person: Person, tmp_path: Path) -> None:
    """As JSON in pages and as a CSV to fix; the good rows of the same file go in."""
    table = rows(5)
    table[1][4] = "101"
    table[3][3] = "many"
    upload = person.import_file(csv_bytes(table))
    assert (upload["status"], outcome(upload)) == ("completed_with_errors", (5, 3, 0, 2))

    first = person.client.refused_rows(upload["uploadId"], limit=1)
    second = person.client.refused_rows(upload["uploadId"], limit=1, cursor=first["pagination"]["nextCursor"])
    assert (
        second["pagination"]["nextCursor"] is None
        or not person.client.refused_rows(upload["uploadId"], limit=1, cursor=second["pagination"]["nextCursor"])[
            "refusedRows"
        ]
    )
    [error] = first["refusedRows"][0]["errors"]
    assert (error["row"], error["severity"]) == (3, "error")
    assert error["error"] == "Good parts cannot exceed total parts produced"
    assert first["refusedRows"][0]["record"]["goodParts"] == "101"
    [error] = second["refusedRows"][0]["errors"]
    assert (error["row"], error["field"], error["value"]) == (5, "totalPartsProduced", "many")

    person.client.download_refused_csv(upload["uploadId"], tmp_path / "refused.csv")
    downloaded = list(csv.DictReader((tmp_path / "refused.csv").read_text("utf-8-sig").splitlines()))
    assert [(row["linefeed:row"], row["goodParts"]) for row in downloaded] == [("3", "101"), ("5", "97")]


def test_the_fixed_rows_go_in_beside_the_others(person: Person, query: Query, tmp_path: Path) -> None:
    """The downloaded file, fixed in its cells alone, is a file that can be imported: our columns are ignored."""
    table = [[*row, "=A1"] for row in rows(5)]
    table[1][4] = "101"
    upload = person.import_file(csv_bytes(table, [*HEADER, "note"]))
    person.client.download_refused_csv(upload["uploadId"], tmp_path / "refused.csv")
    fixed = (tmp_path / "refused.csv").read_bytes().replace(b",101,", b",97,")
    again = person.import_file(fixed, "fixed.csv")
    assert outcome(again) == (1, 1, 0, 0)
    assert again["unmappedColumns"] == ["note"]
    [[note]] = query("SELECT attributes->>'note' FROM production_records WHERE upload_id = :id", id=again["uploadId"])
    assert note == "=A1"


def test_the_same_file_twice_adds_nothing(person: Person, query: Query) -> None:
    """With deduplication every row of the second time is a duplicate, also within a file."""
    data = csv_bytes([*rows(20), *rows(3)])
    assert outcome(person.import_file(data)) == (23, 20, 3, 0)
    assert outcome(person.import_file(data)) == (23, 0, 23, 0)
    assert _count(query, person) == 20


def test_without_deduplication_every_row_goes_in_and_is_found_later(person: Person, query: Query) -> None:
    """Two real events may look alike; a later import with deduplication finds them however they came in."""
    data = csv_bytes([*rows(20), *rows(3)])
    assert outcome(person.import_file(data, deduplicate=False)) == (23, 23, 0, 0)
    assert outcome(person.import_file(data, deduplicate=False)) == (23, 23, 0, 0)
    assert outcome(person.import_file(data)) == (23, 0, 23, 0)
    assert _count(query, person) == 46


def test_two_imports_of_one_file_at_the_same_time_add_it_once(person: Person, new_person: New, query: Query) -> None:
    """Whoever comes second finds duplicates, chunk by chunk; together they have each row once."""
    other = new_person()
    other.work_unit = person.work_unit
    data = csv_bytes(rows(4000))
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda who: outcome(who.import_file(data)), (person, other))
    assert first[0] == second[0] == 4000
    assert first[1] + second[1] == 4000
    assert first[2] + second[2] == 4000
    assert _count(query, person) == 4000


def test_chunks_are_cut_between_records_even_where_cells_hold_newlines(person: Person, query: Query) -> None:
    """Thousands of quoted newlines, quotes and delimiters, cut into many chunks: each record is one row."""
    note = 'first line\nsecond; "quoted", line\r\nthird\n'
    table = [[*row, note * (n % 4)] for n, row in enumerate(rows(3000))]
    upload = person.import_file(csv_bytes(table, [*HEADER, "note"]))
    assert outcome(upload) == (3000, 3000, 0, 0)
    [[chunks]] = query("SELECT count(*) FROM import_chunks WHERE upload_id = :id", id=upload["uploadId"])
    assert chunks > 3
    [[notes]] = query(
        "SELECT count(*) FROM production_records WHERE upload_id = :id AND attributes->>'note' = :note",
        id=upload["uploadId"],
        note=note * 3,
    )
    assert notes == 750


def test_the_console_shows_the_execution_by_the_uploads_id(person: Person, stack: dict[str, Any], aws: Any) -> None:
    """describe-execution and get-execution-history tell the steps and the totals."""
    upload = person.import_file(csv_bytes(rows(10)))
    machine = stack["stateMachineArn"]
    arn = machine.replace(":stateMachine:", ":execution:") + f":{upload['uploadId']}"
    execution = aws("stepfunctions").describe_execution(executionArn=arn)
    assert execution["status"] == "SUCCEEDED"
    assert json.loads(execution["input"])["uploadId"] == upload["uploadId"]
    history = aws("stepfunctions").get_execution_history(executionArn=arn, maxResults=1000)["events"]
    entered = [e["stateEnteredEventDetails"]["name"] for e in history if "stateEnteredEventDetails" in e]
    assert entered[0] == "Plan"
    assert "Finish" in entered


def test_one_correlation_id_leads_from_the_request_to_the_ledger(
    person: Person, query: Query, logs: Callable[[str], str]
) -> None:
    """The id of the request is in the audit trail, in the workers' logs and in the ledger row."""
    upload = person.import_file(csv_bytes(rows(10)))
    events = person.client.audit(upload["uploadId"])["events"]
    [correlation_id] = {event["correlationId"] for event in events}
    [[ledger]] = query("SELECT DISTINCT correlation_id FROM import_chunks WHERE upload_id = :id", id=upload["uploadId"])
    assert ledger == correlation_id == upload["correlationId"]
    for function in ("start_upload", "plan_import", "load_chunk", "finish_import"):
        assert correlation_id in logs(function)


def test_records_by_outcome_seconds_by_stage_and_the_queue_are_measured(
    person: Person, logs: Callable[[str], str], invoke: Callable[..., Any]
) -> None:
    """In CloudWatch's embedded metric format, with the function as dimension; the queue with each sweep."""
    table = rows(10)
    table[0][3] = "x"
    upload = person.import_file(csv_bytes([*table, *rows(1, start=5)]))
    metrics = [json.loads(line) for line in logs("finish_import").splitlines() if line.startswith('{"_aws"')]
    [measured] = [m for m in metrics if (m.get("RecordsImported"), m.get("RecordsDuplicate")) == ([9], [1])][-1:]
    assert (measured["RecordsRefused"], measured["service"]) == ([1], "finish_import")
    assert measured["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Linefeed"
    assert '"Seconds"' in logs("load_chunk")
    assert "FunctionError" not in invoke("dispatch_job", {"source": "aws.events"})
    gauges = [json.loads(line) for line in logs("dispatch_job").splitlines() if '"QueueDepth"' in line]
    assert gauges[-1].keys() >= {"QueueDepth", "DeadJobs"}
    assert upload["uploadId"] in logs("load_chunk")


def test_the_audit_trail_tells_each_act_in_order(person: Person) -> None:
    """Who asked, what was decided, how it ended."""
    upload = person.import_file(csv_bytes(rows(10)))
    events = person.client.audit(upload["uploadId"], limit=200)["events"]
    assert [event["event"] for event in events] == [
        "upload_requested",
        "file_received",
        "file_accepted",
        "import_started",
        "import_planned",
        "load_ended",
        "import_completed",
    ]
    assert events[0]["actor"] == upload["createdBy"]
    assert events[-1]["details"]["totals"]["imported"] == 10


def test_progress_ends_at_a_hundred_and_adds_up(person: Person) -> None:
    """The counters are those of the ledger, and nothing is left."""
    table = rows(500)
    table[7][3] = "x"
    seen: list[dict[str, Any]] = []
    upload_id = person.send(csv_bytes([*table, *rows(2)]))
    person.client.wait(upload_id, seen.append, timeout=60, interval=0.05)
    last = seen[-1]["progress"]
    assert (last["totalRecords"], last["processedRecords"], last["unprocessedRecords"]) == (502, 502, 0)
    assert (last["successfulRecords"], last["duplicates"], last["failedRecords"]) == (499, 2, 1)
    assert (last["percentage"], last["estimatedTimeRemaining"]) == (100, 0)
    shares = [answer["progress"]["percentage"] for answer in seen]
    assert shares == sorted(shares)


def test_history_is_paged_newest_first(new_person: New) -> None:
    """The cursor leads through all uploads once."""
    person = new_person(tenant="tenant-history")
    sent = [person.send(csv_bytes(rows(2))) for _ in range(3)]
    first = person.client.history(limit=2)
    second = person.client.history(limit=2, cursor=first["pagination"]["nextCursor"])
    listed = [upload["uploadId"] for upload in [*first["uploads"], *second["uploads"]]]
    assert listed == sent[::-1]


def test_a_repeated_request_with_its_key_is_the_same_upload(person: Person) -> None:
    """The first answer comes again; another request under the same key is refused."""
    path = person.file(csv_bytes(rows(3)))
    options: dict[str, Any] = {"work_unit_id": person.work_unit, "idempotency_key": "key-1"}
    first = person.client.start_upload(path, **options)
    again = person.client.start_upload(path, **options)
    assert again["uploadId"] == first["uploadId"]
    person.client.send_file(again, path)
    person.client.wait(first["uploadId"])
    with pytest.raises(ApiError) as refusal:
        person.client.start_upload(person.file(csv_bytes(rows(4))), **options)
    assert (refusal.value.status, refusal.value.error) == (409, "idempotency_key_reused")


def _utc(hour: int) -> Any:
    return datetime(2026, 3, 1, hour)  # noqa: DTZ001 (Postgres gives it without a zone)


def _count(query: Query, person: Person) -> int:
    [[count]] = query("SELECT count(*) FROM production_records WHERE work_unit_id = :unit", unit=person.work_unit)
    return int(count)
