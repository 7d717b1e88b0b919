"""A tenant's profiles are kept by name, changed in their order, and seen by nobody else."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.adapters.dynamodb_profiles import DynamoProfiles
from shared.domain.identity import Identity, Role
from shared.domain.profile import MOST_PROFILES, Profile
from shared.errors import RequestRefused
from shared.services.profiles import Condition, delete_profile, find_profile, put_profile
from tests.contract.cloud import Cloud

NOW = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
BODY = '{"header": ["Wann", "Wer"], "mapping": {"Wann": "timestamp", "Wer": null}}'
ANYWAY = Condition()


@pytest.fixture
def profiles(cloud: Cloud, table: Callable[..., str]) -> DynamoProfiles:
    """The profiles, in a table of the test's own."""
    return DynamoProfiles(cloud.dynamodb, table=table("tenantId", "profileName"))


def person(tenant: str = "tenant-a", user: str = "user-1") -> Identity:
    return Identity(tenant_id=tenant, user_id=user, role=Role.ENGINEER)


def made(name: str = "MES Halle 3", **changes: Any) -> Profile:
    values: dict[str, Any] = {
        "name": name,
        "header": ["Wann", "", "Größe (mm)"],
        "mapping": {"Wann": "timestamp", "Größe (mm)": None},
        "defaults": {"machineName": "Press 1"},
        "delimiter": "\t",
        "time_zone": "Europe/Berlin",
        "identity": "occurrence",
        "revision": uuid.uuid4().hex,
        "created_at": NOW,
        "created_by": "user-1",
        "updated_at": NOW,
        "updated_by": "user-1",
    }
    return Profile(**values | changes)


def put(profiles: DynamoProfiles, name: str = "one", condition: Condition = ANYWAY, **who: str) -> tuple[Profile, bool]:
    return put_profile(name, BODY, condition, person(**who), profiles=profiles, clock=lambda: NOW)


def test_what_was_stored_is_read_back(profiles: DynamoProfiles) -> None:
    """Every field, columns without a name and columns of no field among them; for the own tenant alone."""
    profile = made()
    assert profiles.put("tenant-a", profile, replacing=None)
    assert profiles.get("tenant-a", profile.name) == profile
    assert profiles.all("tenant-a") == [profile]
    assert profiles.get("tenant-b", profile.name) is None
    assert (profiles.all("tenant-b"), profiles.count("tenant-b")) == ([], 0)


def test_names_are_compared_as_they_are_given(profiles: DynamoProfiles) -> None:
    """Case and inner spaces tell them apart."""
    for name in ("mes", "MES", "m es"):
        assert profiles.put("tenant-a", made(name), replacing=None)
    assert profiles.count("tenant-a") == 3


def test_a_revision_is_replaced_once(profiles: DynamoProfiles) -> None:
    """Of many who follow the same one, one is heard; none creates what is there."""
    first = made()
    assert profiles.put("tenant-a", first, replacing=None)
    assert not profiles.put("tenant-a", made(), replacing=None)
    with ThreadPoolExecutor(8) as pool:
        heard = list(
            pool.map(lambda _: profiles.put("tenant-a", made(), replacing=first.revision), range(8)),
        )
    assert heard.count(True) == 1


def test_deleting_is_harmless_when_repeated(profiles: DynamoProfiles) -> None:
    """But a revision that is named must be the present one, if any is there."""
    profile = made()
    profiles.put("tenant-a", profile, replacing=None)
    assert not profiles.delete("tenant-a", profile.name, revision="another")
    assert profiles.delete("tenant-a", profile.name, revision=profile.revision)
    assert profiles.delete("tenant-a", profile.name, revision=profile.revision)
    assert profiles.get("tenant-a", profile.name) is None


def test_all_pages_of_large_profiles_are_read(profiles: DynamoProfiles) -> None:
    """A query's answer has at most a megabyte."""
    header = [f"column {n} {'x' * 90}" for n in range(320)]
    for n in range(40):
        profiles.put("tenant-a", made(f"profile {n:02}", header=header), replacing=None)
    assert [profile.name for profile in profiles.all("tenant-a")] == [f"profile {n:02}" for n in range(40)]
    assert profiles.count("tenant-a") == 40


def test_who_made_a_profile_stays_known(profiles: DynamoProfiles) -> None:
    """A replacement says who changed it last; it has another revision."""
    first, created = put(profiles)
    assert created
    second, created = put_profile(
        "one", BODY, ANYWAY, person(user="user-2"), profiles=profiles, clock=lambda: NOW + timedelta(hours=1)
    )
    assert not created
    assert (second.created_by, second.created_at) == ("user-1", NOW)
    assert (second.updated_by, second.updated_at) == ("user-2", NOW + timedelta(hours=1))
    assert second.revision != first.revision


@pytest.mark.parametrize(
    ("condition", "there"),
    [
        (Condition(if_match='"another"'), True),
        (Condition(if_match="*"), False),
        (Condition(if_none_match="*"), True),
    ],
)
def test_a_condition_that_does_not_hold_changes_nothing(
    profiles: DynamoProfiles, condition: Condition, there: bool
) -> None:
    """412, for PUT and, as far as it can be meant, for DELETE."""
    present = put(profiles)[0] if there else None
    with pytest.raises(RequestRefused) as refusal:
        put(profiles, condition=condition)
    assert refusal.value.status == 412
    with pytest.raises(RequestRefused) as refusal:
        delete_profile("one", condition, person(), profiles=profiles)
    assert refusal.value.status == 412
    assert profiles.get("tenant-a", "one") == present


def test_a_condition_that_holds_lets_the_change_through(profiles: DynamoProfiles) -> None:
    """The revision as an entity tag, also a weak one and one among others."""
    first, _ = put(profiles, condition=Condition(if_none_match="*"))
    second, _ = put(profiles, condition=Condition(if_match=f'"x", W/"{first.revision}"'))
    delete_profile("one", Condition(if_match=f'"{second.revision}"'), person(), profiles=profiles)
    with pytest.raises(RequestRefused) as refusal:
        find_profile(person(), "one", profiles)
    assert refusal.value.status == 404


def test_another_tenants_profile_is_neither_found_nor_deleted(profiles: DynamoProfiles) -> None:
    """Nor replaced: each tenant has names of its own."""
    mine, _ = put(profiles)
    with pytest.raises(RequestRefused) as refusal:
        find_profile(person("tenant-b"), "one", profiles)
    assert refusal.value.status == 404
    delete_profile("one", ANYWAY, person("tenant-b"), profiles=profiles)
    assert put(profiles, tenant="tenant-b")[1]
    assert profiles.get("tenant-a", "one") == mine


def test_there_are_only_so_many(profiles: DynamoProfiles) -> None:
    """A further one is refused with a sentence; one that is there can still be changed."""
    for n in range(MOST_PROFILES):
        put(profiles, f"p{n}")
    with pytest.raises(RequestRefused, match="limit") as refusal:
        put(profiles, "one too many")
    assert (refusal.value.status, refusal.value.code) == (409, "too_many_profiles")
    assert not put(profiles, "p7")[1]


@pytest.mark.parametrize("name", ["", " ", "a/b", "a#b", "..", "-a", "x" * 101, "a\nb", "a\x00", "a%2Fb"])
def test_an_odd_name_is_refused_and_never_found(profiles: DynamoProfiles, name: str) -> None:
    """It is no table's key and no part of an address."""
    with pytest.raises(RequestRefused) as refusal:
        put(profiles, name)
    assert refusal.value.status == 422
    with pytest.raises(RequestRefused) as refusal:
        find_profile(person(), name, profiles)
    assert refusal.value.status == 404
    delete_profile(name, ANYWAY, person(), profiles=profiles)
