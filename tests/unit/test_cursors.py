"""A listing's cursor comes back through the caller's hands: it leads on within the listing, or is refused."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from shared.adapters.dynamodb_items import from_cursor, to_cursor, to_item
from shared.errors import RequestRefused

_KEY = to_item({"tenantId": "acme", "uploadId": "7"})


def _encoded(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


def test_a_cursor_leads_back_to_its_key() -> None:
    """Nothing is lost on the way."""
    cursor = to_cursor(_KEY)
    assert cursor
    assert from_cursor(cursor, ("tenantId", "uploadId"), "acme") == _KEY


@pytest.mark.parametrize(
    "cursor",
    [
        "%%%",
        "é",
        _encoded([]),
        _encoded({"tenantId": {"S": "acme"}}),
        _encoded(to_item({"tenantId": "other", "uploadId": "7"})),
        _encoded(to_item({"tenantId": "acme", "uploadId": ""})),
        _encoded(to_item({"tenantId": "acme", "uploadId": "x" * 2000})),
        base64.urlsafe_b64encode(b"[" * 5000).decode(),
    ],
)
def test_a_cursor_that_no_page_gave_is_refused(cursor: str) -> None:
    """DynamoDB would refuse an empty or a long key as our own fault, and deep JSON has no end."""
    with pytest.raises(RequestRefused) as caught:
        from_cursor(cursor, ("tenantId", "uploadId"), "acme")
    assert caught.value.status == 422
