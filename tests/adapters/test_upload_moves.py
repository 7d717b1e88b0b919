"""Whatever comes, late, twice or in any order, an upload only ever goes where a move leads."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.adapters.dynamodb_items import to_item
from shared.adapters.dynamodb_uploads import DynamoUploads
from shared.domain.audit import AuditAct, AuditEvent
from shared.domain.upload import ALLOWED_MOVES, RESTARTS, TRIED_AGAIN_FROM, Totals, Upload, UploadState
from shared.errors import StateConflict
from tests.contract.cloud import Cloud

_STATES = st.sampled_from(list(UploadState))
_STALE = st.integers(0, 50)
"""Which of the values that were seen so far a step works with: any of them may come late."""

_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("forward"), _STALE, _STATES),
        st.tuples(st.just("forward"), _STALE, _STATES),
        st.tuples(st.just("move"), _STALE, _STATES),
        st.tuples(st.just("try again"), _STALE, st.just(UploadState.QUEUED)),
        st.tuples(st.just("restart"), _STALE, st.just(UploadState.QUEUED)),
    ),
    min_size=10,
    max_size=30,
)


class Driven:
    """An upload, and every value of it that a step has seen."""

    def __init__(self, uploads: DynamoUploads, upload: Upload) -> None:
        self.uploads = uploads
        self.seen = [upload]
        self._steps = 0
        uploads.create(upload, self._event())

    def _event(self) -> AuditEvent:
        self._steps += 1
        at = self.seen[0].created_at + timedelta(seconds=self._steps)
        return AuditEvent(at=at, event=AuditAct.UPLOAD_REQUESTED, correlation_id="c")

    def now(self) -> Upload:
        """As it is stored."""
        found = self.uploads.get(self.seen[0].tenant_id, self.seen[0].upload_id)
        assert found
        return found

    def step(self, kind: str, stale: int, to: UploadState) -> None:
        """Make a move with a value that may be old; one that is refused changes nothing.

        `forward` makes one that is allowed, so that a short life sees every state.
        """
        upload = self.seen[-1 - stale % len(self.seen)]
        allowed = sorted(ALLOWED_MOVES[self.seen[-1].state])
        if kind == "forward" and allowed:
            upload, to = self.seen[-1], allowed[stale % len(allowed)]
        with suppress(StateConflict):
            if kind == "restart":
                self.uploads.restart(upload, self._event())
            elif kind == "try again":
                self.uploads.move(upload, to, self._event(), attempt=upload.attempt + 1)
            else:
                self.uploads.move(upload, to, self._event())
        self.seen.append(self.now())


def _is_a_move(kind: str, before: Upload, after: Upload) -> bool:
    if (after.state, after.attempt) == (before.state, before.attempt):
        return True
    if kind in ("move", "forward"):
        return after.state in ALLOWED_MOVES[before.state] and after.attempt == before.attempt
    begun = after.state is UploadState.QUEUED and after.attempt == before.attempt + 1
    return begun and before.state in (RESTARTS if kind == "restart" else TRIED_AGAIN_FROM)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=_STEPS)
def test_an_upload_goes_where_moves_lead_and_never_back(
    steps: list[tuple[str, int, UploadState]], cloud: Cloud, uploads: DynamoUploads, upload: Upload
) -> None:
    """Each step is one allowed move or nothing; attempts only grow; what is under way is listed, and nothing else."""
    driven = Driven(uploads, upload.model_copy(update={"upload_id": str(uuid.uuid4())}))
    for kind, stale, to in steps:
        before = driven.seen[-1]
        driven.step(kind, stale, to)
        after = driven.seen[-1]
        assert _is_a_move(kind, before, after), (kind, before.state, before.attempt, after.state, after.attempt)
        key = to_item({"tenantId": after.tenant_id, "uploadId": after.upload_id})
        item = cloud.dynamodb.get_item(TableName=uploads._table, Key=key)["Item"]  # noqa: SLF001 (it is in no value)
        assert ("movedAt" in item) is not after.state.ended


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deliveries=st.lists(st.integers(0, 7), max_size=40))
def test_progress_counts_each_chunk_once(deliveries: list[int], uploads: DynamoUploads, upload: Upload) -> None:
    """However often and in whatever order the chunks are counted."""
    upload = upload.model_copy(update={"upload_id": str(uuid.uuid4())})
    chunks = {index: Totals(records=10**index, imported=10**index) for index in range(8)}
    for index in deliveries:
        uploads.add_progress(upload, index, chunks[index])
    assert uploads.progress(upload).records == sum(10**index for index in set(deliveries))


def test_of_two_at_once_one_begins_the_next_attempt(uploads: DynamoUploads, upload: Upload) -> None:
    """A person's retry, clicked twice: the second finds the first one's done."""
    driven = Driven(uploads, upload)
    driven.step("move", 0, UploadState.FAILED)
    failed = driven.seen[-1]
    again: Callable[[], Any] = lambda: uploads.restart(failed, driven._event())  # noqa: E731, SLF001
    assert again().attempt == 2
    with pytest.raises(StateConflict):
        again()
    assert driven.now().attempt == 2
