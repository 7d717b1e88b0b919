"""The quality report, end to end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from local.client import IMPORTS_PATH, ApiError
from tests.driving import HEADER, Person, csv_bytes, outcome, rows

COLUMNS = [*HEADER, "availability", "performance", "quality", "oee", "Werkzeug"]


def mixed_file(count: int = 3000) -> bytes:
    """Rows with two refused ones, one that comes twice, a warning, a missing value and a slip of the keyboard."""
    table = [[*row, "0.9", "0.9", "0.9", "0.729", "W 7"] for row in rows(count)]
    table[1][4] = "101"
    table[count // 2][3] = "many"
    table[7][9] = "0.5"
    table[8][2] = ""
    for n, row in enumerate(table[10:40]):
        row[3:6] = [str(200 + n), str(197 + n), "3"]
    table[40][3:5] = ["90000", "89997"]
    table[-1] = table[0]
    return csv_bytes(table, COLUMNS)


def fields_of(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {field["field"]: field for field in report["fields"]}


def what_must_agree(report: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in report.items() if name not in ("uploadId", "createdAt", "dryRun")}


def test_the_report_accounts_for_every_row(person: Person) -> None:
    """Over several chunks: the totals are the status', the statistics those of the rows that passed."""
    person.import_file(csv_bytes(rows(10)))
    upload = person.import_file(mixed_file())
    report = person.client.report(upload["uploadId"])
    totals = report["totals"]
    assert outcome(upload) == (3000, 2989, 9, 2) == tuple(list(totals.values())[:4])
    assert totals["imported"] + totals["duplicates"] + totals["refused"] + totals["unprocessed"] == totals["records"]
    assert totals["withWarnings"] == upload["totals"]["warnings"] == 1
    assert report["statisticsOf"] == {"records": 3000, "accepted": 2998, "refused": 2, "sampled": 2998}
    assert [(one["code"], one["column"], one["rows"], one["firstRow"]) for one in report["refusalsByColumn"]] == [
        ("good_above_total", "goodParts", 1, 3),
        ("number_unreadable", "totalPartsProduced", 1, 1502),
    ]
    assert [(one["code"], one["rows"]) for one in report["warnings"]] == [("oee_differs", 1)]
    assert (report["oee"]["compared"], report["oee"]["differing"]) == (2998, 1)
    assert (report["oee"]["largestDifference"], report["oee"]["largestDifferenceRow"]) == (0.229, 9)
    assert report["unmappedColumns"] == ["Werkzeug"]
    assert report["machines"] == {"complete": True, "names": [{"name": "Press 1", "rows": 2998}], "otherRows": 0}
    assert fields_of(report)["processName"]["missing"] == 1
    assert fields_of(report)["oeeScore"]["column"] == "oee"
    assert fields_of(report)["totalPartsProduced"]["number"]["highest"] == 90000
    assert sum(report["time"]["rows"]["counts"].values()) == 2998
    assert {"encoding", "delimiter"} <= {decision["subject"] for decision in report["decisions"]}


def test_a_dry_run_has_the_report_of_the_run(person: Person) -> None:
    """But for what says that it was one."""
    person.import_file(csv_bytes(rows(10)))
    tried = person.client.report(person.import_file(mixed_file(), dry_run=True)["uploadId"])
    done = person.client.report(person.import_file(mixed_file())["uploadId"])
    assert tried["dryRun"]
    assert not done["dryRun"]
    assert what_must_agree(tried) == what_must_agree(done)


def test_imports_that_stop_have_a_report_too(person: Person) -> None:
    """Of what was read: nothing, the whole file, or some chunks of it."""
    broken = person.import_file(b'[{"timestamp": "2026-03-01T00:00:00Z", ', "shift.json")
    report = person.client.report(broken["uploadId"])
    assert (report["status"], report["failure"]["code"]) == ("failed", "json_truncated")
    assert report["statisticsOf"]["records"] == 0
    aborted = person.client.report(person.import_file(mixed_file(), on_error="abort")["uploadId"])
    assert aborted["failure"]["code"] == "file_has_refused_rows"
    assert aborted["statisticsOf"]["records"] == 3000
    assert aborted["totals"] | {"withWarnings": 0} == {
        "records": 3000, "imported": 0, "duplicates": 0, "refused": 2, "unprocessed": 2998, "withWarnings": 0,
    }  # fmt: skip
    stopped = person.client.report(person.import_file(mixed_file(), max_errors=0)["uploadId"])
    totals = stopped["totals"]
    assert totals["refused"] == stopped["statisticsOf"]["refused"] > 0
    assert totals["imported"] + totals["duplicates"] + totals["refused"] + totals["unprocessed"] == 3000


def test_types_alone_are_checked_and_the_report_says_so(person: Person) -> None:
    """What no rule refuses is counted with the rest."""
    upload = person.import_file(mixed_file(), validate_data=False)
    report = person.client.report(upload["uploadId"])
    assert (report["rulesChecked"], report["warnings"]) == (False, [])
    assert [one["code"] for one in report["refusals"]] == ["number_unreadable"]
    assert report["oee"]["differing"] == 1


def test_a_repeated_end_changes_nothing(person: Person, invoke: Callable[..., Any]) -> None:
    """Step Functions may run the last step twice."""
    upload_id = person.import_file(mixed_file())["uploadId"]
    before = person.client.report(upload_id)
    invoke("finish_import", {"tenantId": person.tenant, "uploadId": upload_id, "correlationId": "again"})
    assert person.client.report(upload_id) == before


@pytest.fixture
def get(stack: dict[str, Any], token: Callable[..., str]) -> Callable[..., httpx.Response]:
    def send(path: str, **session: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token(**session)}"}
        return httpx.get(stack["apiUrl"] + IMPORTS_PATH + path, headers=headers, trust_env=False)

    return send


def test_the_page_cannot_run_anything(person: Person, get: Callable[..., httpx.Response]) -> None:
    """Also where the file tries."""
    hostile = "<script>alert(1)</script>\"'"
    table = [[stamp, hostile, *rest] for stamp, _, *rest in rows(5)]
    upload_id = person.import_file(csv_bytes(table), f"{hostile.replace('/', '')}.csv")["uploadId"]
    answer = get(f"/{upload_id}/report?format=html", tenant=person.tenant, role="viewer")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "<script" not in answer.text
    assert "&lt;script&gt;alert(1)" in answer.text
    assert answer.text == person.client.report_page(upload_id)


def test_a_report_is_for_its_tenant_and_for_the_end(
    person: Person, new_person: Callable[..., Person], get: Callable[..., httpx.Response]
) -> None:
    """Another's is not found, one under way is told to wait, an unknown format is named."""
    upload_id = person.import_file(csv_bytes(rows(5)))["uploadId"]
    stranger = new_person("tenant-b")
    waiting = person.client.start_upload(person.file(b"x"), work_unit_id=person.work_unit)["uploadId"]
    for client, asked, expected in (
        (stranger.client, upload_id, (404, "upload_not_found")),
        (person.client, "no-such-upload", (404, "upload_not_found")),
        (person.client, waiting, (409, "import_running")),
    ):
        with pytest.raises(ApiError) as refusal:
            client.report(asked)
        assert (refusal.value.status, refusal.value.error) == expected
    answer = get(f"/{upload_id}/report?format=pdf", tenant=person.tenant)
    assert (answer.status_code, answer.json()["error"]) == (422, "format_unknown")


def test_a_file_that_was_turned_away_has_no_report(person: Person) -> None:
    """The scan refused it, so nothing was read."""
    upload = person.import_file(b"%PDF-1.7 no table")
    with pytest.raises(ApiError) as refusal:
        person.client.report(upload["uploadId"])
    assert (refusal.value.status, refusal.value.error) == (404, "no_report")
