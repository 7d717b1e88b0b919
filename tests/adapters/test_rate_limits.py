"""Uploads an hour: so many a user, and so many a tenant, however many requests come at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from shared.adapters.dynamodb_profiles import DynamoProfiles
from shared.adapters.dynamodb_rate_limits import DynamoRateLimiter
from shared.adapters.dynamodb_uploads import DynamoUploads
from shared.adapters.s3_objects import S3Objects
from shared.domain.identity import Identity, Role
from shared.errors import RequestRefused
from shared.services.start_upload import start_upload
from shared.settings import Settings
from tests.adapters.conftest import NOW
from tests.contract.cloud import Cloud

REQUEST = json.dumps({"fileName": "shift.csv", "fileSize": 10, "workUnitId": "unit", "importType": "csv"})
Start = Callable[..., int]


@pytest.fixture
def limiter(cloud: Cloud, table: Callable[..., str]) -> DynamoRateLimiter:
    """Counters in a table of the test's own, ten minutes into the hour."""
    return DynamoRateLimiter(cloud.dynamodb, table=table("limitKey"), clock=lambda: NOW + timedelta(minutes=10))


@pytest.fixture
def start(cloud: Cloud, table: Callable[..., str], uploads: DynamoUploads, limiter: DynamoRateLimiter) -> Start:
    """Starts an upload and returns 201, or the status of a refusal that says how long to wait; else 0."""
    profiles = DynamoProfiles(cloud.dynamodb, table=table("tenantId", "profileName"))
    objects = S3Objects(cloud.s3, bucket=cloud.bucket())
    settings = Settings(upload_rate_limit=10, tenant_upload_rate_limit=25)

    def send(user: str, tenant: str = "tenant-a") -> int:
        try:
            start_upload(
                REQUEST,
                Identity(tenant_id=tenant, user_id=user, role=Role.ENGINEER),
                idempotency_key=None,
                correlation_id="c",
                uploads=uploads,
                profiles=profiles,
                limiter=limiter,
                objects=objects,
                settings=settings,
                clock=lambda: NOW,
            )
        except RequestRefused as refusal:
            told = refusal.headers["Retry-After"], refusal.headers["RateLimit-Remaining"]
            return refusal.status if told == ("3000", "0") else 0
        return 201

    return send


def test_eighty_requests_of_one_user_at_once_and_exactly_ten_are_admitted(start: Start) -> None:
    """The others are told when to come back."""
    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda _: start("anna"), range(80)))
    assert (answers.count(201), answers.count(429)) == (10, 70)


def test_the_users_of_a_tenant_share_its_limit_and_no_others(start: Start) -> None:
    """Eight users who may each start ten uploads start 25 together; another tenant's start theirs."""
    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda n: start(f"user-{n % 8}"), range(80)))
    assert (answers.count(201), answers.count(429)) == (25, 55)
    assert start("anna", tenant="tenant-b") == 201


def test_what_one_user_is_refused_counts_for_no_colleague(start: Start) -> None:
    """A script that runs wild uses up its user's share alone."""
    assert [start("wild") for _ in range(60)].count(201) == 10
    assert [start("calm") for _ in range(10)] == [201] * 10
