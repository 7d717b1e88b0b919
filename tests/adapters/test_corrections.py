"""A correction is stored and known to the upload that it corrects, or neither."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta

import pytest

from shared.adapters.dynamodb_uploads import DynamoUploads
from shared.domain.audit import AuditAct, AuditEvent
from shared.domain.correction import MOST_CORRECTIONS
from shared.domain.upload import Upload, UploadState
from shared.errors import StateConflict, TransientError

Correct = Callable[[Upload, int], Upload]


def event(upload: Upload, act: AuditAct, after: int = 0) -> AuditEvent:
    at = upload.created_at + timedelta(seconds=after)
    return AuditEvent(at=at, event=act, correlation_id=upload.correlation_id)


@pytest.fixture
def ended(uploads: DynamoUploads, upload: Upload) -> Upload:
    """An upload that has ended with refused rows."""
    ended = upload.model_copy(update={"state": UploadState.COMPLETED_WITH_ERRORS})
    assert uploads.create(ended, event(upload, AuditAct.UPLOAD_REQUESTED))
    return ended


def correction_of(upload: Upload, number: int = 1) -> Upload:
    return upload.model_copy(
        update={
            "upload_id": str(uuid.uuid4()),
            "corrects": upload.upload_id,
            "state": UploadState.AWAITING_UPLOAD,
            "created_at": upload.created_at + timedelta(seconds=number),
        }
    )


def create(uploads: DynamoUploads, correction: Upload, corrected: Upload) -> bool:
    return uploads.create_correction(
        correction,
        event(correction, AuditAct.UPLOAD_REQUESTED),
        corrected,
        event(correction, AuditAct.CORRECTION_STARTED),
    )


def acts(uploads: DynamoUploads, upload: Upload) -> list[AuditAct]:
    return [one.event for one in uploads.events(upload.tenant_id, upload.upload_id, 200, None).items]


def test_a_correction_and_its_upload_know_each_other(uploads: DynamoUploads, ended: Upload) -> None:
    """In the order in which they came, each with an event; nothing else of the upload changes."""
    first, second = correction_of(ended), correction_of(ended, 2)
    assert create(uploads, first, ended)
    assert create(uploads, second, ended)
    found = uploads.get(ended.tenant_id, ended.upload_id)
    assert found is not None
    assert [one.upload_id for one in found.corrections] == [first.upload_id, second.upload_id]
    assert found.model_copy(update={"corrections": []}) == ended
    assert uploads.get(ended.tenant_id, first.upload_id) == first
    assert acts(uploads, ended) == [AuditAct.UPLOAD_REQUESTED, *[AuditAct.CORRECTION_STARTED] * 2]
    assert acts(uploads, first) == [AuditAct.UPLOAD_REQUESTED]


def test_a_repeated_correction_changes_nothing(uploads: DynamoUploads, ended: Upload) -> None:
    """However many repeat it at once: it is noted once."""
    correction = correction_of(ended)

    def ask(_: int) -> bool:
        with suppress(TransientError):
            return create(uploads, correction, ended)
        return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(16))) == 1
    found = uploads.get(ended.tenant_id, ended.upload_id)
    assert found is not None
    assert len(found.corrections) == 1
    assert acts(uploads, ended).count(AuditAct.CORRECTION_STARTED) == 1


def test_an_upload_that_was_moved_takes_no_correction(uploads: DynamoUploads, ended: Upload) -> None:
    """Nothing is stored: neither the correction, nor an event."""
    uploads.move(ended, UploadState.UNDOING, event(ended, AuditAct.UNDO_REQUESTED, 1))
    correction = correction_of(ended, 2)
    with pytest.raises(StateConflict):
        create(uploads, correction, ended)
    assert uploads.get(ended.tenant_id, correction.upload_id) is None
    assert AuditAct.CORRECTION_STARTED not in acts(uploads, ended)
    assert acts(uploads, correction) == []


def test_an_upload_has_so_many_corrections(uploads: DynamoUploads, ended: Upload) -> None:
    """All of them are read at once, in their order; what is not there is left out."""
    made = [correction_of(ended, number) for number in range(1, MOST_CORRECTIONS + 1)]
    for correction in made:
        assert create(uploads, correction, ended)
    with pytest.raises(StateConflict):
        create(uploads, correction_of(ended, MOST_CORRECTIONS + 1), ended)
    ids = [correction.upload_id for correction in made]
    assert uploads.several(ended.tenant_id, ids) == made
    assert uploads.several(ended.tenant_id, [str(uuid.uuid4()), ids[0]]) == made[:1]
    assert uploads.several("tenant-b", ids) == []
