"""The adapters against real services: the patched moto server, and Postgres."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.adapters.dynamodb_jobs import DynamoJobQueue
from shared.adapters.dynamodb_uploads import DynamoUploads
from shared.domain.upload import Upload, UploadOptions, UploadState
from tests.contract.cloud import Cloud

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def table(cloud: Cloud) -> Callable[..., str]:
    """Makes a table with a key (one or two attributes) and, by name, indexes with theirs."""

    def make(*key: str, **indexes: tuple[str, ...]) -> str:
        name = f"table-{uuid.uuid4().hex[:8]}"
        attributes = {*key, *(attribute for index in indexes.values() for attribute in index)}
        more: dict[str, Any] = {}
        if indexes:
            more["GlobalSecondaryIndexes"] = [
                {"IndexName": index, "KeySchema": _schema(keys), "Projection": {"ProjectionType": "ALL"}}
                for index, keys in indexes.items()
            ]
        cloud.dynamodb.create_table(
            TableName=name,
            KeySchema=_schema(key),
            AttributeDefinitions=[{"AttributeName": a, "AttributeType": "S"} for a in sorted(attributes)],
            BillingMode="PAY_PER_REQUEST",
            **more,
        )
        return name

    return make


def _schema(key: tuple[str, ...]) -> Any:
    return [{"AttributeName": a, "KeyType": kind} for a, kind in zip(key, ("HASH", "RANGE"), strict=False)]


@pytest.fixture
def uploads(cloud: Cloud, table: Callable[..., str]) -> DynamoUploads:
    """The uploads and their audit, in tables of the test's own."""
    return DynamoUploads(
        cloud.dynamodb,
        uploads_table=table("tenantId", "uploadId", byCreation=("tenantId", "createdAt"), byState=("state", "movedAt")),
        audit_table=table("uploadKey", "eventId"),
        retention_days=90,
    )


@pytest.fixture
def queue(cloud: Cloud, table: Callable[..., str]) -> DynamoJobQueue:
    """The queue, in a table of the test's own."""
    name = table("jobId", byQueue=("queueState", "queueOrder"))
    return DynamoJobQueue(cloud.dynamodb, table=name, retention_days=90)


@pytest.fixture
def upload() -> Upload:
    """An upload that awaits its file."""
    upload_id = str(uuid.uuid4())
    return Upload(
        tenant_id="tenant-a",
        upload_id=upload_id,
        created_at=NOW,
        created_by="user-1",
        correlation_id="c-1",
        request_digest="d",
        state=UploadState.AWAITING_UPLOAD,
        file_name="shift.csv",
        file_size=10,
        mime_type="text/csv",
        object_key=f"incoming/tenant-a/{upload_id}/source.csv",
        options=UploadOptions(work_unit_id="unit", import_type="csv"),
    )
