"""A chunk is loaded by the plan of its own upload, and of the version that was scanned."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from shared.columnar.reader import TableReader
from shared.domain.plan import Chunk
from shared.domain.upload import SourceObject, UploadState
from shared.errors import AccountingError, OutOfTime, TransientError
from shared.services.load_chunk import load_chunk
from tests.unit.test_columnar import plan_for
from tests.unit.test_quality import upload_of

SCANNED = SourceObject(key="k", version_id="v", etag="e", size=1)
NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Nothing:
    """Stands for every port, and fails when it is used."""

    def __getattr__(self, name: str) -> Any:
        pytest.fail(f"{name} was called")


@pytest.mark.parametrize(
    "change",
    [
        {"tenant_id": "another"},
        {"upload_id": "another"},
        {"source": SCANNED.model_copy(update={"version_id": "w"})},
        {"source": SCANNED.model_copy(update={"key": "incoming/another/u/source.csv"})},
    ],
)
def test_a_plan_of_another_file_loads_nothing(change: dict[str, Any]) -> None:
    """Whoever could exchange a plan could import another tenant's bytes by it, or bytes that nobody scanned."""
    plan = plan_for(["timestamp", "machine_name"])
    upload = upload_of(tenant_id="t", upload_id="u", state=UploadState.IMPORTING, source=SCANNED)
    reader = TableReader(plan.model_copy(update=change), NOW)
    port = cast("Any", Nothing())
    chunk = Chunk(index=0, start=0, end=1, first_line=2, records=1)
    with pytest.raises(AccountingError, match="not that of the file that was scanned"):
        load_chunk(upload, chunk, reader, uploads=port, objects=port, records=port, seconds_left=lambda: 1)


@pytest.mark.parametrize(("seconds", "error"), [(30.0, TransientError), (0.0, OutOfTime)])
def test_a_load_that_failed_for_want_of_time_says_so(seconds: float, error: type[Exception]) -> None:
    """Passing trouble is retried for longer: more attempts give a chunk that is too much no more time."""

    class Broken:
        def loaded(self, *_: object) -> None:
            """Not in."""

        def load(self, *_: object) -> Any:
            raise TransientError("gone")

    plan = plan_for(["timestamp", "machine_name"])
    upload = upload_of(
        tenant_id=plan.tenant_id, upload_id=plan.upload_id, state=UploadState.IMPORTING, source=plan.source
    )
    port = cast("Any", Nothing())
    with pytest.raises(TransientError) as raised:
        load_chunk(
            upload,
            Chunk(index=0, start=0, end=1, first_line=2, records=1),
            TableReader(plan, NOW),
            uploads=port,
            objects=port,
            records=cast("Any", Broken()),
            seconds_left=lambda: seconds,
        )
    assert type(raised.value) is error
