"""The filter of a history, as the parameters of a request give it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from shared.domain.history import UploadFilter
from shared.domain.upload import UploadStatus
from shared.errors import RequestRefused

_LONGEST = {"search": 255, "workUnitId": 100, "createdBy": 100}
"""Characters; as many as what is looked for can have."""


def read_filter(parameters: Mapping[str, str]) -> UploadFilter:
    """The filter; an empty parameter asks for nothing. Raises RequestRefused 422 for one that cannot be followed."""
    texts = {name: _text(name, parameters) for name in _LONGEST}
    since, until = _time("from", parameters), _time("to", parameters)
    if since and until and since >= until:
        raise _refused("from must be earlier than to: uploads are listed from then on, and until before that.")
    return UploadFilter(
        statuses=_statuses(parameters.get("status", "")),
        search=texts["search"],
        work_unit_id=texts["workUnitId"] or None,
        created_by=texts["createdBy"] or None,
        since=since,
        until=until,
    )


def _statuses(text: str) -> frozenset[UploadStatus]:
    """One or more, divided by commas; API Gateway joins those of a repeated parameter so."""
    names = {name.strip() for name in text.split(",")} - {""}
    if unknown := sorted(names - set(UploadStatus)):
        known = ", ".join(UploadStatus)
        raise _refused(f"There is no status “{unknown[0][:40]}”; there are {known}.")
    return frozenset(map(UploadStatus, names))


def _text(name: str, parameters: Mapping[str, str]) -> str:
    text = parameters.get(name, "")
    if len(text) > _LONGEST[name]:
        raise _refused(f"{name} has {len(text):,} characters; it may have {_LONGEST[name]}.")
    return text


def _time(name: str, parameters: Mapping[str, str]) -> datetime | None:
    text = parameters.get(name, "")
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            return at.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise _refused(
        f"{name} is a time with its zone, like 2026-03-01T00:00:00Z (a + in an address is written %2B), and not "
        f"“{text[:40]}”."
    )


def _refused(message: str) -> RequestRefused:
    return RequestRefused(message, status=422, code="filter_invalid")
