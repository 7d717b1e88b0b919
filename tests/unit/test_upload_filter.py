"""What a request may ask of a history is checked at the door, with a sentence."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shared.domain.history import UploadFilter
from shared.domain.upload import UploadState, UploadStatus
from shared.errors import RequestRefused
from shared.services.upload_filter import read_filter


def test_parameters_say_what_is_wanted() -> None:
    """Several statuses by commas; times in any zone."""
    wanted = read_filter(
        {
            "status": "failed, completed",
            "search": "Schicht",
            "workUnitId": "press-shop",
            "createdBy": "anna",
            "from": "2026-03-01T01:00:00+01:00",
            "to": "2026-03-02T00:00:00Z",
            "limit": "20",
        }
    )
    assert wanted == UploadFilter(
        statuses=frozenset({UploadStatus.FAILED, UploadStatus.COMPLETED}),
        search="Schicht",
        work_unit_id="press-shop",
        created_by="anna",
        since=datetime(2026, 3, 1, tzinfo=UTC),
        until=datetime(2026, 3, 2, tzinfo=UTC),
    )


@pytest.mark.parametrize("name", ["status", "search", "workUnitId", "createdBy", "from", "to"])
def test_an_empty_parameter_asks_for_nothing(name: str) -> None:
    """As a page's empty field sends it."""
    assert read_filter({name: ""}) == UploadFilter()


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"status": "completed,done"}, "“done”; there are pending, processing"),
        ({"status": "COMPLETED"}, "“COMPLETED”"),
        ({"search": "x" * 256}, "search has 256 characters"),
        ({"workUnitId": "x" * 101}, "workUnitId has 101 characters"),
        ({"createdBy": "x" * 101}, "createdBy has 101 characters"),
        ({"from": "yesterday"}, "from is a time with its zone"),
        ({"from": "2026-03-01T00:00:00"}, "from is a time with its zone"),
        ({"to": "2026-03-01"}, "to is a time with its zone"),
        ({"to": "0001-01-01T00:00:00+14:00"}, "to is a time with its zone"),
        ({"from": "2026-03-02T00:00:00Z", "to": "2026-03-02T01:00:00+01:00"}, "from must be earlier than to"),
    ],
)
def test_what_cannot_be_followed_is_refused(parameters: dict[str, str], said: str) -> None:
    """With what would do."""
    with pytest.raises(RequestRefused) as refused:
        read_filter(parameters)
    assert (refused.value.status, refused.value.code) == (422, "filter_invalid")
    assert said in refused.value.message


def test_a_status_stands_for_all_its_states() -> None:
    """As the API shows them."""
    wanted = UploadFilter(statuses=frozenset({UploadStatus.PENDING}))
    assert {UploadState.AWAITING_UPLOAD, UploadState.SCANNING, UploadState.QUEUED} <= {*wanted.states}
    assert all(state.status is UploadStatus.PENDING for state in wanted.states)
    assert UploadFilter().states == []
