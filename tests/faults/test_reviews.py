"""A review whose planning is killed, or whose execution is lost, holds no slot, and goes in once it is confirmed."""

from __future__ import annotations

import pytest

from tests.driving import csv_bytes, rows
from tests.faults.system import COUNT, FaultySystem
from tests.faults.watching import wait_for


@pytest.mark.parametrize("delay", [0.0, 0.05, 0.1])
def test_a_planning_that_is_killed_comes_to_its_review(system: FaultySystem, delay: float) -> None:
    """Before and after it has moved the upload; and what the failure step is called for late changes nothing."""
    person = system.person()
    path = person.file(csv_bytes(rows(COUNT)))
    started = person.client.start_upload(path, work_unit_id=person.work_unit, preview=True)
    upload_id = str(started["uploadId"])
    person.client.send_file(started, path)
    system.kill_worker("plan_import", upload_id, delay)
    wait_for(lambda: person.client.status(upload_id)["upload"]["stage"] == "reviewing", "it is in review", seconds=90)
    system.await_rest(upload_id)
    lost = {"tenantId": person.tenant, "uploadId": upload_id, "correlationId": "c", "error": {"Error": "ExecutionLost"}}
    assert "FunctionError" not in system.invoke("fail_import", lost)
    assert person.client.preview(upload_id)["records"] == COUNT
    person.client.confirm(upload_id)
    system.kill_worker("plan_import", upload_id, delay)
    system.await_recovery(person, upload_id)
