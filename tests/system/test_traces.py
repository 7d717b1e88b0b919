"""What logs and errors tell: enough to find a failure by its supportId, and nothing that is secret or personal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.client import IMPORTS_PATH
from tests.driving import HEADER, Person, csv_bytes, rows

SECRETIVE = "Mustermann-geheim"


def test_logs_hold_no_token_and_nothing_of_the_files(
    new_person: Callable[..., Person], stack: dict[str, Any], token: Callable[..., str], aws: Callable[[str], Any]
) -> None:
    """Neither of what goes in, nor of what is refused, nor the signature that lets a browser write."""
    person = new_person()
    table = [[*row, SECRETIVE] for row in rows(20, machine=SECRETIVE)]
    table[3][3], table[4][0] = SECRETIVE, f"{SECRETIVE}\r\nfake log line"
    path = person.file(csv_bytes(table, [*HEADER, "operatorName"]))
    started = person.client.start_upload(path, work_unit_id=person.work_unit)
    person.client.send_file(started, path)
    person.client.wait(started["uploadId"], timeout=60)
    bad = token() + "x"
    httpx.get(stack["apiUrl"] + IMPORTS_PATH, headers={"Authorization": f"Bearer {bad}"}, trust_env=False)
    secret = aws("secretsmanager").get_secret_value(SecretId=stack["authSecretArn"])["SecretString"]
    fields = started["upload"]["fields"]
    signatures = [value for name, value in fields.items() if name.lower() in ("policy", "x-amz-signature", "signature")]
    assert signatures
    logs = {path.name: path.read_text(errors="replace") for path in Path(stack["logs"]).rglob("*") if path.is_file()}
    assert any(started["uploadId"] in text for text in logs.values())
    for word in (SECRETIVE, "fake log line", bad, bad.split(".")[3], secret, *signatures):
        assert [name for name, text in logs.items() if word in text] == []


def test_a_refusal_is_found_by_its_support_id(
    stack: dict[str, Any], token: Callable[..., str], logs: Callable[[str], str]
) -> None:
    """In the answer and in one line of the log, with the tenant and the code."""
    headers = {"Authorization": f"Bearer {token(tenant='tenant-a')}"}
    answer = httpx.get(f"{stack['apiUrl']}{IMPORTS_PATH}/none/report", headers=headers, trust_env=False).json()
    [line] = [json.loads(line) for line in logs("read_status").splitlines() if answer["supportId"] in line]
    assert (line["code"], line["tenant_id"]) == (answer["error"], "tenant-a")


@pytest.mark.parametrize(
    "path", ["/%2e%2e/%2e%2e/etc/passwd", "/x/errors?cursor=%00", "/x/report?format=__class__", "/x/y/z"]
)
def test_an_error_names_nothing_of_the_inside(stack: dict[str, Any], token: Callable[..., str], path: str) -> None:
    """No class, no file, no query, no resource."""
    headers = {"Authorization": f"Bearer {token()}"}
    answer = httpx.get(stack["apiUrl"] + IMPORTS_PATH + path, headers=headers, trust_env=False)
    assert 400 <= answer.status_code < 500
    for word in ("Traceback", ".py", "boto", "dynamodb", "arn:", "Exception", "shared."):
        assert word not in answer.text


NAMES = (
    "../../etc/passwd.csv",
    "..\\..\\boot.ini.csv",
    "CON.csv",
    "shift\x00.csv",
    "shift\r\nSet-Cookie: a=b.csv",
    "\u202egpj.csv",
    "=cmd|' /C calc'!A0.csv",
    "<img src=x onerror=alert(1)>.csv",
    "a" * 251 + ".csv",
    "Schicht “Früh” 100 %.csv",
    ".csv",
)


@pytest.fixture(scope="module")
def sent(
    stack: dict[str, Any], token: Callable[..., str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, tuple[Person, str]]]:
    """By its name, who has sent a file and the upload's id; all are under way together."""
    data = csv_bytes([["never", *rows(1)[0][1:]], *rows(2)])
    sent = {}
    for name in NAMES:
        person = Person(stack, "tenant-a", token(), tmp_path_factory.mktemp("names"))
        started = person.client._send(  # noqa: SLF001 (the client takes a name from the disk, which holds fewer)
            "POST",
            "",
            json={"fileName": name, "fileSize": len(data), "workUnitId": person.work_unit, "importType": "csv"},
        ).json()
        person.client.send_file(started, person.file(data))
        sent[name] = person, str(started["uploadId"])
    yield sent
    for person, _ in sent.values():
        person.client.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_files_name_is_shown_and_leads_nowhere(
    sent: dict[str, tuple[Person, str]], stack: dict[str, Any], aws: Callable[[str], Any], name: str, tmp_path: Path
) -> None:
    """It comes back as it was given, is escaped on the page, and is in no key, header or line of a log."""
    person, upload_id = sent[name]
    upload = person.client.wait(upload_id, timeout=60)["upload"]
    assert (upload["fileName"], upload["totals"]["imported"]) == (name, 2)
    page = person.client.report_page(upload_id)
    assert "<img src=x" not in page
    assert "\r\nSet-Cookie" not in page
    pages = aws("s3").get_paginator("list_objects_v2").paginate(Bucket=stack["bucket"])
    keys = [entry["Key"] for page_of_keys in pages for entry in page_of_keys["Contents"]]
    made = {"source.csv", "plan.json", "chunks.json", "000000.json", "000000.jsonl", "refused-rows.csv", "quality.json"}
    assert {key.rpartition("/")[2] for key in keys if upload_id in key} == made
    target = tmp_path / "refused.csv"
    person.client.download_refused_csv(upload_id, target)
    assert target.stat().st_size
