"""Python values ↔ DynamoDB items, and what all tables have in common."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from shared.errors import cursor_refused


class _PlainDeserializer(TypeDeserializer):
    """Gives numbers as int where boto3 gives Decimal: every number that we store is a whole one."""

    def _deserialize_n(self, value: str) -> int:
        return int(value)


_serializer = TypeSerializer()
_deserializer = _PlainDeserializer()

Item = dict[str, Any]

_KEY_CHARACTERS = 500
"""More than any key of ours has; DynamoDB takes up to 1,024 bytes."""


def to_item(values: dict[str, Any]) -> Item:
    """DynamoDB's form of plain JSON values (no floats: DynamoDB's numbers are decimals)."""
    return {name: _serializer.serialize(value) for name, value in values.items()}


def from_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """Plain JSON values of an item."""
    return {name: _deserializer.deserialize(value) for name, value in item.items()}


def expires_at(start: datetime, days: int) -> int:
    """The TTL attribute's value, in epoch seconds."""
    return int((start + timedelta(days=days)).timestamp())


def moment(at: datetime) -> str:
    """A time that sorts as a text."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def to_cursor(key: Item | None) -> str | None:
    """A LastEvaluatedKey as an opaque text for the caller."""
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode() if key else None


def from_cursor(cursor: str, attributes: tuple[str, ...], partition: str) -> Item:
    """The key in a cursor: texts of `attributes`, of which the first is the partition's key.

    Raises RequestRefused 422 for a text that no listing of this partition gave: a cursor comes back through the
    caller's hands and must not lead into another tenant's partition.
    """
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        texts = {name: str(key[name]["S"]) for name in attributes}
    except (binascii.Error, ValueError, KeyError, TypeError, RecursionError) as error:
        raise cursor_refused() from error
    if texts[attributes[0]] != partition or not all(0 < len(text) <= _KEY_CHARACTERS for text in texts.values()):
        raise cursor_refused()
    return to_item(texts)
