"""The rate limits table: one counter for each key and window, counted up in one conditional write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from shared.adapters.aws_errors import error_code, translated
from shared.adapters.dynamodb_items import from_item, to_item
from shared.services.ports import Allowance, Clock

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoRateLimiter:
    """The port `RateLimiter`, with windows that start at whole multiples of their length."""

    def __init__(self, client: DynamoDBClient, *, table: str, clock: Clock) -> None:
        self._client = client
        self._table = table
        self._clock = clock

    def take(self, key: str, limit: int, window_seconds: int) -> Allowance:
        """Count one more under `key` if fewer than `limit` were counted in the present window."""
        now = self._clock().timestamp()
        window = int(now // window_seconds)
        ends_at = (window + 1) * window_seconds
        resets_in = max(1, round(ends_at - now))
        try:
            with translated("The rate limiter"):
                answer = self._client.update_item(
                    TableName=self._table,
                    Key=to_item({"limitKey": f"{key}#{window_seconds}#{window}"}),
                    UpdateExpression="ADD used :one SET expiresAt = :expires",
                    ConditionExpression="attribute_not_exists(used) OR used < :limit",
                    ExpressionAttributeValues=to_item({":one": 1, ":limit": limit, ":expires": ends_at}),
                    ReturnValues="UPDATED_NEW",
                )
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
            return Allowance(admitted=False, limit=limit, remaining=0, resets_in=resets_in)
        used = int(from_item(answer["Attributes"])["used"])
        return Allowance(admitted=True, limit=limit, remaining=limit - used, resets_in=resets_in)
