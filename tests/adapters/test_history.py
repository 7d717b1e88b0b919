"""A filtered history: page by page each upload that is wanted, once, however few are looked at for a page."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.adapters.dynamodb_uploads import DynamoUploads
from shared.domain.audit import AuditAct, AuditEvent
from shared.domain.history import UploadFilter
from shared.domain.upload import Upload, UploadOptions, UploadState, UploadStatus
from shared.errors import RequestRefused
from tests.contract.cloud import Cloud

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NAMES = ["Schicht A.csv", "STRASSE.xlsx", "straße.csv", "shift_100%.json", "schicht b.csv"]
UNITS = ["press-shop", "Halle 3", "unit#1"]
PEOPLE = ["anna", "api-key", "ännchen"]
# Within a second, so that moments with and without a fraction stand side by side; several may have the same one.
MOMENTS = st.builds(lambda tenths: NOW + timedelta(milliseconds=100 * tenths), st.integers(0, 25))


@pytest.fixture
def uploads(cloud: Cloud, table: Callable[..., str]) -> DynamoUploads:
    """Of which at most twelve are looked at for a page, three at once."""
    return DynamoUploads(
        cloud.dynamodb,
        uploads_table=table("tenantId", "uploadId", byCreation=("tenantId", "createdAt"), byState=("state", "movedAt")),
        audit_table=table("uploadKey", "eventId"),
        retention_days=90,
        read_at_once=3,
    )


def an_upload(tenant: str, at: datetime, name: str, unit: str, person: str, state: UploadState) -> Upload:
    upload_id = str(uuid.uuid4())
    return Upload(
        tenant_id=tenant,
        upload_id=upload_id,
        created_at=at,
        created_by=person,
        correlation_id="c",
        request_digest="d",
        state=state,
        file_name=name,
        file_size=1,
        mime_type="text/csv",
        object_key=f"incoming/{tenant}/{upload_id}/source.csv",
        options=UploadOptions(work_unit_id=unit, import_type="csv"),
    )


def store(uploads: DynamoUploads, upload: Upload) -> None:
    event = AuditEvent(at=upload.created_at, event=AuditAct.UPLOAD_REQUESTED, correlation_id="c")
    assert uploads.create(upload, event)


def pages(uploads: DynamoUploads, tenant: str, limit: int, wanted: UploadFilter) -> list[list[Upload]]:
    """All pages, to the one without a cursor."""
    found, cursor = [], None
    while True:
        page = uploads.history(tenant, limit, cursor, wanted)
        found.append(page.items)
        cursor = page.cursor
        if cursor is None:
            return found
        assert len(found) < 100


FILTERS = st.builds(
    UploadFilter,
    statuses=st.frozensets(st.sampled_from(UploadStatus), max_size=3),
    search=st.sampled_from(["", "", "SCHICHT", "strasse", "%", "_", ".csv", "x"]),
    work_unit_id=st.sampled_from([None, None, *UNITS]),
    created_by=st.sampled_from([None, None, *PEOPLE]),
    since=st.none() | MOMENTS,
    until=st.none() | MOMENTS,
).filter(lambda wanted: wanted.since is None or wanted.until is None or wanted.since < wanted.until)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    made=st.lists(
        st.tuples(
            MOMENTS,
            st.sampled_from(NAMES),
            st.sampled_from(UNITS),
            st.sampled_from(PEOPLE),
            st.sampled_from(UploadState),
        ),
        max_size=30,
    ),
    wanted=FILTERS,
    limit=st.integers(1, 7),
)
def test_the_pages_hold_what_is_wanted_and_each_once(
    uploads: DynamoUploads,
    made: list[tuple[datetime, str, str, str, UploadState]],
    wanted: UploadFilter,
    limit: int,
) -> None:
    """Whatever is asked for, in pages of any size: the same as by looking through all of them."""
    tenant = f"tenant-{uuid.uuid4().hex}"
    there = [an_upload(tenant, *about) for about in made]
    for upload in there:
        store(uploads, upload)
    listed = pages(uploads, tenant, limit, wanted)
    assert all(len(page) <= limit for page in listed)
    found = [upload for page in listed for upload in page]
    assert sorted(one.upload_id for one in found) == sorted(one.upload_id for one in there if wanted.has(one))
    seconds = [one.created_at.replace(microsecond=0) for one in found]
    assert seconds == sorted(seconds, reverse=True)


def test_a_page_looks_at_so_many_uploads_and_says_where_to_go_on(uploads: DynamoUploads) -> None:
    """A page may be empty, and have a cursor."""
    for second in range(30):
        name = "needle.csv" if second == 0 else "hay.csv"
        at = NOW + timedelta(seconds=second)
        store(uploads, an_upload("t", at, name, "u", "p", UploadState.COMPLETED))
    listed = pages(uploads, "t", 5, UploadFilter(search="needle"))
    assert [len(page) for page in listed] == [0, 0, 1]
    assert len(pages(uploads, "t", 30, UploadFilter())[0]) == 30


def test_what_comes_meanwhile_moves_no_page(uploads: DynamoUploads) -> None:
    """Newer uploads stand before the first page; those behind a cursor stay."""
    for n in range(6):
        at = NOW + timedelta(seconds=n)
        store(uploads, an_upload("t", at, f"{n}.csv", "u", "p", UploadState.COMPLETED))
    wanted = UploadFilter(statuses=frozenset({UploadStatus.COMPLETED}))
    first = uploads.history("t", 2, None, wanted)
    store(uploads, an_upload("t", NOW + timedelta(seconds=9), "9.csv", "u", "p", UploadState.COMPLETED))
    second = uploads.history("t", 2, first.cursor, wanted)
    assert [one.file_name for one in (*first.items, *second.items)] == ["5.csv", "4.csv", "3.csv", "2.csv"]


def test_a_cursor_of_another_span_is_refused(uploads: DynamoUploads) -> None:
    """DynamoDB would answer it with an error of its own."""
    for second in range(4):
        store(
            uploads,
            an_upload("t", NOW + timedelta(seconds=second), "a.csv", "u", "p", UploadState.COMPLETED),
        )
    cursor = uploads.history("t", 1, None).cursor
    for wanted in (UploadFilter(until=NOW + timedelta(seconds=1)), UploadFilter(since=NOW + timedelta(minutes=1))):
        with pytest.raises(RequestRefused):
            uploads.history("t", 1, cursor, wanted)
