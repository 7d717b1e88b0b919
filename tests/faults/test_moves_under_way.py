"""What a person asks for while an import is under way, or after a fault of ours."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from shared.services.failures import IMPORT_CANCELLED
from tests.driving import Person, csv_bytes, outcome, rows
from tests.faults.watching import Invoke, Query, ledger_and_table, wait_for, waiting

HoldKey = Callable[[Person, list[str]], AbstractContextManager[None]]
TABLE = rows(3000)
"""Three chunks of the stack's size."""


def _half_way(person: Person, query: Query) -> str:
    """An upload of TABLE, whose last row's key is held: a chunk is in, and another one waits in mid-COPY."""
    upload_id = person.send(csv_bytes(TABLE))
    wait_for(lambda: ledger_and_table(query, upload_id)[0] > 0, "a chunk is in")
    wait_for(lambda: waiting(query, "COPY"), "another one waits in mid-COPY")
    return upload_id


def _chunks(query: Query, upload_id: str) -> dict[int, Any]:
    """When each chunk of the ledger was loaded."""
    found = query("SELECT chunk_index, loaded_at FROM import_chunks WHERE upload_id = :id", id=upload_id)
    return {int(index): at for index, at in found}


def _running(aws: Callable[[str], Any], stack: dict[str, Any], upload_id: str) -> bool:
    listed = aws("stepfunctions").list_executions(stateMachineArn=stack["stateMachineArn"], statusFilter="RUNNING")
    return any(execution["name"].startswith(upload_id) for execution in listed["executions"])


def test_an_import_is_cancelled_half_way(
    person: Person, stack: dict[str, Any], aws: Callable[[str], Any], query: Query, hold_key: HoldKey
) -> None:
    """What is in by then is said and stays, nothing goes in any more, and the slot is free."""
    with hold_key(person, TABLE[-1]):
        upload_id = _half_way(person, query)
        for _ in range(2):  # repeated, it is the same
            assert person.client.cancel(upload_id)["upload"]["stage"] == "cancelling"
    upload = person.client.wait(upload_id, timeout=90)["upload"]
    assert upload["status"] == "cancelled"
    wait_for(lambda: not _running(aws, stack, upload_id), "its execution ends")
    arn = stack["stateMachineArn"].replace(":stateMachine:", ":execution:") + f":{upload_id}"
    assert aws("stepfunctions").describe_execution(executionArn=arn)["error"] == IMPORT_CANCELLED
    counted, stored = ledger_and_table(query, upload_id)
    totals = upload["totals"]
    assert counted == stored == totals["imported"] > 0
    assert totals["imported"] + totals["duplicates"] + totals["refused"] + totals["unprocessed"] == 3000
    assert person.client.cancel(upload_id)["upload"]["status"] == "cancelled"
    acts = [event["event"] for event in person.client.audit(upload_id, limit=100)["events"]]
    assert [acts.count(act) for act in ("cancel_requested", "import_cancelled")] == [1, 1]
    assert outcome(person.import_file(csv_bytes(rows(5, machine="Mill")))) == (5, 5, 0, 0)

    person.client.retry(upload_id)
    again = person.client.wait(upload_id, timeout=90)["upload"]
    assert (again["status"], outcome(again)) == ("completed", (3000, 3000, 0, 0))
    assert ledger_and_table(query, upload_id) == (3000, 3000)


def test_one_that_waits_in_the_queue_is_cancelled(person: Person, query: Query, hold_key: HoldKey) -> None:
    """It never begins; those that hold the slots go on."""
    with hold_key(person, TABLE[0]):
        busy = [person.send(csv_bytes(TABLE[:1]), name=f"{n}.csv") for n in range(5)]
        wait_for(
            lambda: all(person.client.status(one)["upload"]["status"] == "processing" for one in busy),
            "all slots are taken",
            seconds=60,
        )
        upload_id = person.send(csv_bytes(TABLE[1:5]))
        wait_for(lambda: person.client.status(upload_id)["upload"]["stage"] == "queued", "it waits", seconds=60)
        person.client.cancel(upload_id)
        upload = person.client.wait(upload_id, timeout=60)["upload"]
    assert upload["status"] == "cancelled"
    assert ledger_and_table(query, upload_id) == (0, 0)
    ended = [person.client.wait(one, timeout=90)["upload"]["status"] for one in busy]
    assert ended == ["completed"] * 5


def test_a_retry_loads_what_is_missing_and_no_more(
    person: Person,
    stack: dict[str, Any],
    aws: Callable[[str], Any],
    query: Query,
    invoke: Invoke,
    workers: Callable[[str], list[int]],
    hold_key: HoldKey,
) -> None:
    """After a fault of ours: the chunks that are in stay as they are, and all is counted once."""
    with hold_key(person, TABLE[-1]):
        upload_id = _half_way(person, query)
        arn = stack["stateMachineArn"].replace(":stateMachine:", ":execution:") + f":{upload_id}"
        aws("stepfunctions").stop_execution(executionArn=arn)
        for pid in workers("load_chunk"):
            os.kill(pid, signal.SIGKILL)  # so that the chunk that waits does not come in late
    assert "FunctionError" not in invoke("dispatch_job", {"source": "aws.events"})
    failed = person.client.wait(upload_id, timeout=60)["upload"]
    assert (failed["status"], failed["failure"]["code"]) == ("failed", "internal_error")
    before = _chunks(query, upload_id)
    assert before

    for _ in range(2):
        person.client.retry(upload_id)
    answer = person.client.wait(upload_id, timeout=90)
    assert (answer["upload"]["status"], outcome(answer["upload"])) == ("completed", (3000, 3000, 0, 0))
    assert (answer["upload"]["attempt"], answer["progress"]["successfulRecords"]) == (2, 3000)
    after = _chunks(query, upload_id)
    assert {index: after[index] for index in before} == before
    assert len(after) > len(before)
    assert ledger_and_table(query, upload_id) == (3000, 3000)


def test_after_an_undo_the_same_file_goes_in_as_a_new_upload(person: Person, query: Query) -> None:
    """It finds no duplicates of what has left."""
    first = person.import_file(csv_bytes(TABLE[:200]))["uploadId"]
    person.client.undo(first)
    assert person.client.wait(first, timeout=60)["upload"]["status"] == "undone"
    second = person.import_file(csv_bytes(TABLE[:200]))
    assert outcome(second) == (200, 200, 0, 0)
    assert (ledger_and_table(query, first), ledger_and_table(query, second["uploadId"])) == ((0, 0), (200, 200))
