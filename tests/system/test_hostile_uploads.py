"""A hostile file through every door: its upload fails by its code, it lies in quarantine, and no row of it is in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.driving import Person
from tests.hostile import HOSTILE, Hostile

_HANDFUL = (
    "bomb_that_says_it_is_small",
    "archive_behind_a_table",
    "billion_laughs",
    "vba_project",
    "far_cell",
    "sectors_in_a_circle",
    "gzip_bomb",
)


@pytest.mark.parametrize(
    "hostile", [hostile for hostile in HOSTILE if hostile.name in _HANDFUL], ids=lambda hostile: hostile.name
)
def test_a_hostile_upload_leaves_nothing(
    hostile: Hostile, person: Person, stack: dict[str, Any], aws: Any, query: Callable[..., list[list[Any]]]
) -> None:
    """No execution was started for it, and its one copy is where no importer reads."""
    upload = person.import_file(hostile.make(), hostile.file_name)
    upload_id = upload["uploadId"]
    assert (upload["status"], upload["failure"]["code"]) == ("failed", hostile.code)
    assert person.client.audit(upload_id)["events"][-1]["event"] == "file_rejected"
    listed = aws("s3").list_object_versions(Bucket=stack["bucket"]).get("Versions", [])
    keys = [entry["Key"] for entry in listed if upload_id in entry["Key"]]
    assert [key.split("/")[0] for key in keys] == ["quarantine"]
    executions = aws("stepfunctions").list_executions(stateMachineArn=stack["stateMachineArn"])["executions"]
    assert upload_id not in [execution["name"] for execution in executions]
    for table in ("production_records", "import_chunks"):
        assert query(f"SELECT count(*) FROM {table} WHERE upload_id = :id", id=upload_id) == [[0]]
