"""The API keys table: `keyId` → what is kept of a key, in camelCase. Some time after its end it expires."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from shared.adapters.aws_errors import error_code, translated
from shared.adapters.dynamodb_items import expires_at, from_item, to_item
from shared.domain.api_key import ApiKey

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoApiKeys:
    """The port `ApiKeys`; `retention_days` is how long a key is still listed after its end."""

    def __init__(self, client: DynamoDBClient, *, table: str, retention_days: int) -> None:
        self._client = client
        self._table = table
        self._days = retention_days

    def add(self, key: ApiKey) -> None:
        """Store a new key."""
        item = key.model_dump(mode="json", by_alias=True, exclude_none=True)
        if key.valid_until:
            item["expiresAt"] = expires_at(key.valid_until, self._days)
        with translated("The API keys table"):
            self._client.put_item(
                TableName=self._table, Item=to_item(item), ConditionExpression="attribute_not_exists(keyId)"
            )

    def get(self, key_id: str) -> ApiKey | None:
        """The key as it is now, whosever it is; None when there is none."""
        with translated("The API keys table"):
            answer = self._client.get_item(TableName=self._table, Key=to_item({"keyId": key_id}), ConsistentRead=True)
        return _key(answer["Item"]) if "Item" in answer else None

    def all(self, tenant_id: str) -> list[ApiKey]:
        """The tenant's keys, the oldest first."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName="byTenant",
            KeyConditionExpression="tenantId = :tenant",
            ExpressionAttributeValues=to_item({":tenant": tenant_id}),
        )
        with translated("The API keys table"):
            return [_key(item) for page in pages for item in page["Items"]]

    def revoke(self, tenant_id: str, key_id: str, now: datetime) -> bool:
        """End a key of the tenant, once; False when it has none of this id."""
        try:
            with translated("The API keys table"):
                self._client.update_item(
                    TableName=self._table,
                    Key=to_item({"keyId": key_id}),
                    UpdateExpression="SET revokedAt = if_not_exists(revokedAt, :now), expiresAt = :expires",
                    ConditionExpression="tenantId = :tenant",
                    ExpressionAttributeValues=to_item(
                        {":now": now.isoformat(), ":tenant": tenant_id, ":expires": expires_at(now, self._days)}
                    ),
                )
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
            return False
        return True


def _key(item: dict[str, Any]) -> ApiKey:
    return ApiKey.model_validate({name: value for name, value in from_item(item).items() if name != "expiresAt"})
