"""An upload's state moves along the allowed moves alone, with its audit event, once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from shared.adapters.dynamodb_uploads import DynamoUploads
from shared.domain.audit import AuditAct, AuditEvent
from shared.domain.upload import ALLOWED_MOVES, RESTARTS, Failure, Totals, Upload, UploadState
from shared.errors import RequestRefused, StateConflict

_SECOND = timedelta(seconds=1)


def event(upload: Upload, act: AuditAct, after: int = 0) -> AuditEvent:
    return AuditEvent(at=upload.created_at + after * _SECOND, event=act, correlation_id=upload.correlation_id)


@pytest.fixture
def created(uploads: DynamoUploads, upload: Upload) -> Upload:
    """The upload as it is in the table."""
    assert uploads.create(upload, event(upload, AuditAct.UPLOAD_REQUESTED))
    return upload


def acts(uploads: DynamoUploads, upload: Upload) -> list[AuditAct]:
    return [one.event for one in uploads.events(upload.tenant_id, upload.upload_id, 100, None).items]


def test_what_was_stored_is_read_back(uploads: DynamoUploads, created: Upload) -> None:
    """Every field, and for the own tenant alone."""
    assert uploads.get(created.tenant_id, created.upload_id) == created
    assert uploads.get("tenant-b", created.upload_id) is None
    assert uploads.get(created.tenant_id, f"progress#{created.upload_id}") is None


def test_an_id_is_taken_once(uploads: DynamoUploads, created: Upload) -> None:
    """The second creation changes nothing, and leaves no event."""
    other = created.model_copy(update={"file_name": "other.csv"})
    assert not uploads.create(other, event(other, AuditAct.UPLOAD_REQUESTED, 1))
    assert uploads.get(created.tenant_id, created.upload_id) == created
    assert acts(uploads, created) == [AuditAct.UPLOAD_REQUESTED]


def test_a_move_changes_state_fields_and_audit_together(uploads: DynamoUploads, created: Upload) -> None:
    """And what it returns is what is stored."""
    failure = Failure(code="file_empty", message="The file is empty.", support_id="s")
    moved = uploads.move(created, UploadState.FAILED, event(created, AuditAct.FILE_REJECTED, 1), failure=failure)
    assert moved.failure == failure
    assert uploads.get(created.tenant_id, created.upload_id) == moved
    assert acts(uploads, created) == [AuditAct.UPLOAD_REQUESTED, AuditAct.FILE_REJECTED]


def test_a_repeated_move_changes_nothing(uploads: DynamoUploads, created: Upload) -> None:
    """It returns the upload as the first one left it."""
    first = uploads.move(created, UploadState.SCANNING, event(created, AuditAct.FILE_RECEIVED, 1))
    assert uploads.move(created, UploadState.SCANNING, event(created, AuditAct.FILE_RECEIVED, 2)) == first
    assert len(acts(uploads, created)) == 2


@pytest.mark.parametrize("state", list(UploadState))
def test_no_move_is_made_that_is_not_allowed(uploads: DynamoUploads, created: Upload, state: UploadState) -> None:
    """From the state in the table, whatever the caller believes it to be."""
    if UploadState.AWAITING_UPLOAD.may_move_to(state) or state is UploadState.AWAITING_UPLOAD:
        return
    believed = created.model_copy(update={"state": UploadState.FINISHING})
    with pytest.raises(StateConflict):
        uploads.move(believed, state, event(created, AuditAct.IMPORT_COMPLETED, 1))
    assert uploads.get(created.tenant_id, created.upload_id) == created


def test_ended_is_where_nothing_leads_out_but_what_people_ask_for() -> None:
    """From the five ends lead undo and retry; from every other state more than that. A review is none of them."""
    undo = {UploadState.UNDOING}
    assert {state for state in UploadState if ALLOWED_MOVES[state] <= undo} == {
        state for state in UploadState if state.ended
    }
    assert all(state.ended for state in RESTARTS - {UploadState.REVIEWING})
    assert set(ALLOWED_MOVES) == set(UploadState)


def test_of_many_who_move_at_once_one_leaves_an_event(uploads: DynamoUploads, created: Upload) -> None:
    """The others find it moved."""
    with ThreadPoolExecutor(8) as pool:
        moved = list(
            pool.map(
                lambda n: uploads.move(created, UploadState.SCANNING, event(created, AuditAct.FILE_RECEIVED, n)),
                range(1, 9),
            )
        )
    assert {one.state for one in moved} == {UploadState.SCANNING}
    assert acts(uploads, created).count(AuditAct.FILE_RECEIVED) == 1


def test_a_chunks_progress_counts_once(uploads: DynamoUploads, created: Upload) -> None:
    """However often and at once it is told."""
    totals = Totals(records=10, imported=7, duplicates=2, refused=1, warnings=3)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: uploads.add_progress(created, n % 4, totals), range(32)))
    assert uploads.progress(created) == Totals(records=40, imported=28, duplicates=8, refused=4, warnings=12)


def test_history_is_one_tenants_and_leaves_no_page_out(uploads: DynamoUploads, upload: Upload) -> None:
    """Newest first, each upload once; another tenant's cursor is refused."""
    for n in range(5):
        one = upload.model_copy(update={"upload_id": f"u{n}", "created_at": upload.created_at + n * _SECOND})
        uploads.create(one, event(one, AuditAct.UPLOAD_REQUESTED))
        uploads.add_progress(one, 0, Totals(records=1, imported=1))
    first = uploads.history("tenant-a", 3, None)
    assert [one.upload_id for one in first.items] == ["u4", "u3", "u2"]
    second = uploads.history("tenant-a", 3, first.cursor)
    assert [one.upload_id for one in second.items] == ["u1", "u0"]
    assert uploads.history("tenant-b", 3, None).items == []
    for cursor in (first.cursor, "no cursor", "e30="):
        with pytest.raises(RequestRefused):
            uploads.history("tenant-b", 3, cursor)
