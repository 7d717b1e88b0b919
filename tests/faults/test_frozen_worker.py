"""A worker that stands still in mid-COPY keeps its duplicate waiting for two lock timeouts, and no longer."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.driving import Person, csv_bytes, outcome, rows
from tests.faults.watching import Invoke, Query, ledger_and_table, wait_for, waiting
from tests.stack import list_workers


@pytest.mark.full
def test_the_duplicate_of_a_frozen_worker_loads_its_chunk(
    person: Person, stack: dict[str, Any], aws: Any, query: Query, invoke: Invoke, hold_key: Callable[..., Any]
) -> None:
    """Its session is ended; when it goes on, nothing of what it still sends comes in."""
    table = rows(400)
    with hold_key(person, table[200]):
        upload_id = person.send(csv_bytes(table))
        wait_for(lambda: waiting(query, "COPY"), "the load waits in mid-COPY")
        [frozen] = [
            worker["pid"]
            for worker in list_workers(stack)
            if worker["event"] and worker["module"] == "load_chunk" and worker["event"]["uploadId"] == upload_id
        ]
        os.kill(frozen, signal.SIGSTOP)
    try:
        chunks = aws("s3").get_object(Bucket=stack["bucket"], Key=f"work/{person.tenant}/{upload_id}/chunks.json")
        [chunk] = json.loads(chunks["Body"].read())
        event = {"tenantId": person.tenant, "uploadId": upload_id, "correlationId": "again", "chunk": chunk}
        began = time.monotonic()
        assert "FunctionError" not in invoke("load_chunk", event)
        assert time.monotonic() - began < 60
        assert ledger_and_table(query, upload_id) == (400, 400)
    finally:
        os.kill(frozen, signal.SIGCONT)
    upload = person.client.wait(upload_id, timeout=60)["upload"]
    assert (upload["status"], outcome(upload)) == ("completed", (400, 400, 0, 0))
    assert ledger_and_table(query, upload_id) == (400, 400)
