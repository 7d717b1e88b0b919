"""The verdicts table: `objectKey`, `versionId` → what a scanner said of this version, in camelCase."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from shared.adapters.aws_errors import error_code, translated
from shared.adapters.dynamodb_items import expires_at, from_item, to_item
from shared.domain.upload import SourceObject
from shared.domain.verdict import ObjectVerdict, Verdict

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_DAYS = 7
"""Once a version was decided on, its verdict stands in the upload's own record and audit."""


class DynamoVerdicts:
    """The ports `Verdicts` and `Scanner`: what was said by itself before is the answer when it is asked for."""

    def __init__(self, client: DynamoDBClient, *, table: str) -> None:
        self._client = client
        self._table = table

    def keep(self, result: ObjectVerdict, now: datetime) -> None:
        """Keep a verdict; the first of a version stands, but for a threat."""
        item = {
            "objectKey": result.key,
            "versionId": result.version_id,
            "etag": result.etag,
            "verdict": result.verdict.model_dump(mode="json", by_alias=True, exclude_none=True),
            "expiresAt": expires_at(now, _DAYS),
        }
        first = {} if result.verdict.threat else {"ConditionExpression": "attribute_not_exists(objectKey)"}
        try:
            with translated("The verdicts table"):
                self._client.put_item(TableName=self._table, Item=to_item(item), **first)  # type: ignore[arg-type]
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise

    def scan(self, source: SourceObject) -> Verdict | None:
        """What was said of the pinned version; None until then."""
        key = to_item({"objectKey": source.key, "versionId": source.version_id})
        with translated("The verdicts table"):
            item = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item")
        if item is None:
            return None
        kept = from_item(item)
        verdict = Verdict.model_validate(kept["verdict"])
        if kept["etag"] != source.etag:
            return Verdict(scan=verdict.scan, unscanned="the verdict is of other bytes")
        return verdict
