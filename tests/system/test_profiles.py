"""The second file of a kind needs no choice: profiles, end to end."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.client import ApiError
from shared.domain.profile import MOST_PROFILES
from tests.driving import Person, csv_bytes, outcome, rows

New = Callable[..., Person]
Query = Callable[..., list[list[Any]]]

MAPPING = {"Wann war es?": "timestamp", "Press": "machineName", "Stück gut": "goodParts", "Anteil": "quality"}


def header() -> list[str]:
    """The columns of a kind of file that no other test has."""
    return [*MAPPING, f"Notiz {uuid.uuid4().hex[:8]}"]


def export(columns: list[str], month: int = 2, days: int = 12) -> bytes:
    """Dates that can be read in two ways, thousands that may be decimals, columns of unknown names."""
    table = [[f"{day:02}/{month:02}/2026 10:00", f"Press {day}", "1.234", "85", "x"] for day in range(1, days + 1)]
    return csv_bytes(table, columns)


def refusal(call: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(ApiError) as refused:
        call()
    return refused.value.status, refused.value.error


def decisions(upload: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {one["subject"]: (one["choice"], one["evidence"]) for one in upload["decisions"]}


def test_the_second_file_of_a_kind_needs_no_choice(person: Person, new_person: New, query: Query) -> None:
    """The first is refused with questions, sent again with the answers, and saved; from then on all is known."""
    columns, name = header(), f"MES {uuid.uuid4().hex[:8]}"
    asked = person.import_file(export(columns))
    assert asked["failure"]["code"] == "file_columns_missing"
    asked = person.import_file(export(columns), mapping=MAPPING, decimal_mark=",")
    assert asked["failure"]["code"] == "column_date_ambiguous"
    answers: dict[str, Any] = {
        "mapping": MAPPING,
        "decimal_mark": ",",
        "date_order": "DMY",
        "time_zone": "Europe/Berlin",
    }
    first = person.import_file(export(columns), save_profile=name, **answers)
    assert outcome(first) == (12, 12, 0, 0)
    assert decisions(first)["saved profile"][0] == name

    second = person.import_file(export(columns, month=3))
    assert outcome(second) == (12, 12, 0, 0)
    assert second["decisions"][0] == {
        "subject": "profile", "choice": name, "evidence": "the header is that of the profile",
    }  # fmt: skip
    assert decisions(second)["dates in timestamp"][0] == "DMY"
    assert "as the profile has it" in decisions(second)["numbers in goodParts"][1]
    assert (second["profile"], second["timeZone"], second["mapping"]) == (None, None, {})
    assert query(
        "SELECT max(\"timestamp\" AT TIME ZONE 'UTC'), max(good_parts)::int, count(*)::int"
        " FROM production_records WHERE work_unit_id = :unit",
        unit=person.work_unit,
    ) == [[datetime(2026, 3, 12, 9), 1234, 24]]  # noqa: DTZ001 (told in UTC)

    colleague, stranger = new_person("tenant-a"), new_person("tenant-b")
    assert outcome(colleague.import_file(export(columns))) == (12, 12, 0, 0)
    assert stranger.import_file(export(columns))["failure"]["code"] == "file_columns_missing"
    assert refusal(lambda: stranger.client.profile(name)) == (404, "profile_not_found")
    assert name not in [one["name"] for one in stranger.client.profiles()]
    assert refusal(lambda: stranger.send(export(columns), profile=name)) == (422, "profile_not_found")


def test_an_edit_changes_how_the_next_file_goes_in(person: Person, query: Query) -> None:
    """As it was read, changed and put back; a change that somebody else made in between is not lost."""
    columns, name = header(), f"Süd {uuid.uuid4().hex[:8]}"
    answers: dict[str, Any] = {
        "mapping": MAPPING,
        "decimal_mark": ",",
        "date_order": "DMY",
        "time_zone": "Europe/Berlin",
    }
    person.import_file(export(columns), save_profile=name, dry_run=True, **answers)
    profile = person.client.profile(name)
    assert profile["header"] == columns
    assert {field: profile[field] for field in ("decimalMark", "dateOrder", "ratioScale", "delimiter")} == {
        "decimalMark": ",", "dateOrder": "DMY", "ratioScale": "percent", "delimiter": ",",
    }  # fmt: skip

    changed = {**profile, "dateOrder": "MDY", "timeZone": "UTC", "defaults": {"siteName": "Werk 3"}}
    again = person.client.put_profile(name, changed, revision=profile["revision"])
    assert (again["dateOrder"], again["createdAt"]) == ("MDY", profile["createdAt"])
    assert refusal(lambda: person.client.put_profile(name, changed, revision=profile["revision"])) == (
        412,
        "profile_changed",
    )
    upload = person.import_file(export(columns, days=1))
    assert decisions(upload)["default of siteName"][0] == "Werk 3"
    assert query(
        "SELECT \"timestamp\" AT TIME ZONE 'UTC', site_name FROM production_records WHERE work_unit_id = :unit",
        unit=person.work_unit,
    ) == [[datetime(2026, 1, 2, 10), "Werk 3"]]  # noqa: DTZ001 (told in UTC)

    person.client.delete_profile(name)
    person.client.delete_profile(name)
    assert refusal(lambda: person.client.profile(name)) == (404, "profile_not_found")
    assert person.import_file(export(columns))["failure"]["code"] == "file_columns_missing"


def test_an_export_without_a_key_is_imported_by_occurrence(person: Person) -> None:
    """The profile's identity holds for the next files; the caller's own goes before it."""
    columns, name = header(), f"log-{uuid.uuid4().hex[:8]}"
    person.client.put_profile(
        name,
        {"header": columns, "mapping": MAPPING, "identity": "occurrence", "dateOrder": "DMY", "decimalMark": ",",
         "timeZone": "Europe/Berlin"},
    )  # fmt: skip
    alike = [["01/02/2026 10:00", "Press 1", "5", "85", "x"]] * 3
    assert outcome(person.import_file(csv_bytes(alike, columns))) == (3, 3, 0, 0)
    assert outcome(person.import_file(csv_bytes([*alike, alike[0]], columns))) == (4, 1, 3, 0)
    assert outcome(person.import_file(csv_bytes(alike, columns), identity="key")) == (3, 0, 3, 0)


def test_a_named_profile_reads_files_of_another_header(person: Person) -> None:
    """And one that is deleted before its turn fails the file with a sentence."""
    columns, name = header(), f"named-{uuid.uuid4().hex[:8]}"
    person.client.put_profile(
        name, {"header": columns, "mapping": MAPPING, "dateOrder": "DMY", "timeZone": "UTC", "decimalMark": ","}
    )
    fewer = csv_bytes([["01/02/2026 10:00", "Press 1"]], columns[:2])
    upload = person.import_file(fewer, profile=f" {name} ")
    assert (outcome(upload), upload["profile"]) == ((1, 1, 0, 0), name)
    started = person.client.start_upload(person.file(fewer), work_unit_id=person.work_unit, profile=name)
    person.client.delete_profile(name)
    person.client.send_file(started, person.file(fewer))
    failed = person.client.wait(started["uploadId"], timeout=90)["upload"]
    assert (failed["status"], failed["failure"]["code"]) == ("failed", "profile_not_found")
    assert name in failed["message"]


def test_refused_rows_come_back_fixed_without_a_choice(person: Person, tmp_path: Path) -> None:
    """The download's own columns do not make it another kind of file, nor does its delimiter."""
    columns, name = header(), f"fix-{uuid.uuid4().hex[:8]}"
    person.client.put_profile(
        name, {"header": columns, "mapping": MAPPING, "dateOrder": "DMY", "timeZone": "UTC", "decimalMark": ","}
    )
    upload = person.import_file(export(columns).replace(b"Press 7", b""))
    assert outcome(upload) == (12, 11, 0, 1)
    fix = tmp_path / "fix.csv"
    person.client.download_refused_csv(upload["uploadId"], fix)
    fixed = person.import_file(fix.read_bytes().replace(b"10:00,,", b"10:00,Press 7,"))
    assert (outcome(fixed), fixed["decisions"][0]["choice"]) == ((1, 1, 0, 0), name)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"mapping": {}}, "header"),
        ({"header": ["a"], "mapping": {"b": "timestamp"}}, None),
        ({"header": ["a"], "mapping": {"a": "colour"}}, "mapping"),
        ({"header": ["a"], "timeZone": "Europe/Bonn"}, "timeZone"),
        ({"header": ["a"], "workUnitId": "w"}, "workUnitId"),
    ],
)
def test_a_profile_that_no_import_could_use_is_refused(person: Person, body: Any, named: str | None) -> None:
    """With the member at fault, in the shape of every error."""
    with pytest.raises(ApiError) as refused:
        person.client.put_profile("odd", body)
    assert refused.value.status == 422
    assert refused.value.details[0]["field"] == named


def test_profiles_are_for_those_who_may_import(new_person: New, stack: dict[str, Any]) -> None:
    """Every role may read them; nobody without a session may do anything."""
    name = f"roles-{uuid.uuid4().hex[:8]}"
    new_person().client.put_profile(name, {"header": ["a"]})
    viewer = new_person(role="viewer").client
    assert viewer.profile(name)["header"] == ["a"]
    assert refusal(lambda: viewer.put_profile(name, {"header": ["b"]})) == (403, "forbidden")
    assert refusal(lambda: viewer.delete_profile(name)) == (403, "forbidden")
    for method in ("GET", "PUT", "DELETE"):
        answer = httpx.request(method, f"{stack['apiUrl']}/api/import/profiles/{name}", trust_env=False)
        assert answer.status_code == 401


@pytest.mark.parametrize(
    "name", ["%2E%2E", "a%2Fb", "%00", "x" * 3000, "a%25b", "a%2520b", "e%CC%81", "%FF", "-a", "%20", "a%0Ab"]
)
def test_an_odd_name_is_refused_and_never_found(stack: dict[str, Any], token: Callable[..., str], name: str) -> None:
    """In the shape of every error, whatever an address can carry."""
    headers = {"Authorization": f"Bearer {token('tenant-odd')}"}
    with httpx.Client(base_url=stack["apiUrl"], headers=headers, trust_env=False) as client:
        path = f"/api/import/profiles/{name}"
        assert client.get(path).status_code == 404
        assert client.put(path, json={"header": ["a"]}).status_code in (404, 422)
        assert client.delete(path).status_code in (204, 404)
        assert client.get("/api/import/profiles").json() == {"profiles": []}


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"[]", b"null", b'{"header": NaN}', b'{"header": ["\\ud800"]}', b"[" * 9999]
)
def test_a_body_that_is_no_profile_is_refused(stack: dict[str, Any], token: Callable[..., str], body: bytes) -> None:
    """Also what is no JSON, or no text."""
    headers = {"Authorization": f"Bearer {token('tenant-odd')}"}
    answer = httpx.put(f"{stack['apiUrl']}/api/import/profiles/odd", content=body, headers=headers, trust_env=False)
    assert (answer.status_code, answer.json()["error"]) == (422, "request_invalid")


def test_a_tenant_has_so_many_profiles(new_person: New) -> None:
    """One too many is refused at the door; where the last place was taken since, the import goes on without saving."""
    person = new_person(f"tenant-{uuid.uuid4().hex[:8]}")
    for n in range(MOST_PROFILES - 1):
        person.client.put_profile(f"profile {n}", {"header": [f"column {n}"]})
    path = person.file(csv_bytes(rows(3)))
    late = person.client.start_upload(path, work_unit_id=person.work_unit, save_profile="late")
    person.client.put_profile("the last", {"header": ["a"]})
    full = (409, "too_many_profiles")
    assert refusal(lambda: person.client.put_profile("one more", {"header": ["a"]})) == full
    assert refusal(lambda: person.send(csv_bytes(rows(1)), "other.csv", save_profile="one more")) == full
    person.client.send_file(late, path)
    upload = person.client.wait(late["uploadId"], timeout=90)["upload"]
    assert outcome(upload) == (3, 3, 0, 0)
    assert "100 profiles" in decisions(upload)["profile"][1]
    assert upload["decisions"][-1]["choice"] == "late was not saved"
    assert person.import_file(csv_bytes(rows(3)), save_profile="the last")["decisions"][-1]["choice"] == "the last"
    assert len(person.client.profiles()) == MOST_PROFILES
    summary = next(one for one in person.client.profiles() if one["name"] == "profile 7")
    assert (summary["columns"], "header" in summary) == (1, False)


@pytest.mark.parametrize("option", ["profile", "save_profile"])
def test_a_name_that_no_profile_can_have_is_refused_at_the_door(person: Person, option: str) -> None:
    """Before any byte is sent."""
    assert refusal(lambda: person.send(csv_bytes(rows(1)), **{option: "a/b"})) == (422, "request_invalid")


def test_who_changed_a_profile_is_logged(new_person: New, logs: Callable[[str], str]) -> None:
    """With the tenant and the user."""
    name, user = f"log-{uuid.uuid4().hex[:8]}", f"user-{uuid.uuid4().hex[:8]}"
    client = new_person(user=user).client
    client.put_profile(name, {"header": ["a"]})
    client.delete_profile(name)
    lines = [line for line in logs("manage_profiles").splitlines() if name in line]
    assert [act for act in ("profile saved", "profile deleted") if any(act in line for line in lines)] == [
        "profile saved",
        "profile deleted",
    ]
    assert all(user in line and "tenant-a" in line for line in lines)
