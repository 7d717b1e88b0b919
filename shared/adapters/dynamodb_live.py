"""Two tables: the tickets that open live connections, by digest, and the connections, by the id that API Gateway gives.

Both have whom they belong to, as the session said, and expire: a ticket a minute after it was given, a connection when
it or its session ends. The index `byTenant` has a tenant's connections.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from shared.adapters.aws_errors import error_code, translated
from shared.adapters.dynamodb_items import from_item, to_item
from shared.domain.identity import Identity
from shared.domain.live import Connection

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoLiveTickets:
    """The port `LiveTickets`."""

    def __init__(self, client: DynamoDBClient, *, table: str) -> None:
        self._client = client
        self._table = table

    def add(self, digest: str, identity: Identity, good_until: datetime) -> None:
        """Store a ticket."""
        item = {"ticketDigest": digest, "expiresAt": int(good_until.timestamp()), **_whose(identity)}
        with translated("The tickets table"):
            self._client.put_item(TableName=self._table, Item=to_item(item))

    def take(self, digest: str, now: datetime) -> Identity | None:
        """Delete it while it is good: of two that bring the same ticket, one finds it."""
        try:
            with translated("The tickets table"):
                answer = self._client.delete_item(
                    TableName=self._table,
                    Key=to_item({"ticketDigest": digest}),
                    ConditionExpression="expiresAt > :now",
                    ExpressionAttributeValues=to_item({":now": int(now.timestamp())}),
                    ReturnValues="ALL_OLD",
                )
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
            return None
        return _identity(from_item(answer["Attributes"]))


class DynamoLiveConnections:
    """The port `LiveConnections`."""

    def __init__(self, client: DynamoDBClient, *, table: str) -> None:
        self._client = client
        self._table = table

    def add(self, connection: Connection) -> None:
        """Store a connection."""
        item = {
            "connectionId": connection.connection_id,
            "connectedAt": connection.connected_at.isoformat(),
            "expiresAt": int(connection.ends_at.timestamp()),
            **_whose(connection.identity),
        }
        with translated("The connections table"):
            self._client.put_item(TableName=self._table, Item=to_item(item))

    def all(self, tenant_id: str) -> list[Connection]:
        """By the index, which may have one a moment late."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName="byTenant",
            KeyConditionExpression="tenantId = :tenant",
            ExpressionAttributeValues=to_item({":tenant": tenant_id}),
        )
        with translated("The connections table"):
            return [_connection(from_item(item)) for page in pages for item in page["Items"]]

    def remove(self, connection_id: str) -> None:
        """Delete a connection."""
        with translated("The connections table"):
            self._client.delete_item(TableName=self._table, Key=to_item({"connectionId": connection_id}))


def _whose(identity: Identity) -> dict[str, Any]:
    return identity.model_dump(mode="json", by_alias=True, exclude_none=True)


def _identity(item: dict[str, Any]) -> Identity:
    names = ("tenantId", "userId", "role", "keyId", "validUntil")
    return Identity.model_validate({name: item[name] for name in names if name in item})


def _connection(item: dict[str, Any]) -> Connection:
    return Connection(
        connection_id=item["connectionId"],
        identity=_identity(item),
        connected_at=datetime.fromisoformat(item["connectedAt"]),
    )
