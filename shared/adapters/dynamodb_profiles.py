"""The profiles table: `tenantId`, `profileName` → the profile in camelCase. Nothing of it expires."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from shared.adapters.aws_errors import error_code, translated
from shared.adapters.dynamodb_items import from_item, to_item
from shared.domain.profile import Profile

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_KEY = ("tenantId", "profileName")


class DynamoProfiles:
    """The port `Profiles`; each write names the revision that it follows."""

    def __init__(self, client: DynamoDBClient, *, table: str) -> None:
        self._client = client
        self._table = table

    def get(self, tenant_id: str, name: str) -> Profile | None:
        """The profile as it is now; None when the tenant has none of this name."""
        with translated("The profiles table"):
            answer = self._client.get_item(TableName=self._table, Key=_key(tenant_id, name), ConsistentRead=True)
        return _profile(answer["Item"]) if "Item" in answer else None

    def all(self, tenant_id: str) -> list[Profile]:
        """The tenant's profiles, by name."""
        return [_profile(item) for page in self._pages(tenant_id) for item in page["Items"]]

    def count(self, tenant_id: str) -> int:
        """How many profiles the tenant has."""
        return sum(page["Count"] for page in self._pages(tenant_id, Select="COUNT"))

    def put(self, tenant_id: str, profile: Profile, *, replacing: str | None) -> bool:
        """Store a profile in the place of a revision, or where there is none; False when it is not so."""
        body = profile.model_dump(mode="json", by_alias=True, exclude={"name"}, exclude_none=True)
        item = {"tenantId": tenant_id, "profileName": profile.name, **body}
        condition = "attribute_not_exists(profileName)" if replacing is None else "revision = :revision"
        return self._write("put_item", condition, replacing, Item=to_item(item))

    def delete(self, tenant_id: str, name: str, *, revision: str) -> bool:
        """Delete this revision of a profile; False when the present one has another."""
        condition = "attribute_not_exists(profileName) OR revision = :revision"
        return self._write("delete_item", condition, revision, Key=_key(tenant_id, name))

    def _write(self, call: str, condition: str, revision: str | None, **request: Any) -> bool:
        request["ConditionExpression"] = condition
        if revision is not None:
            request["ExpressionAttributeValues"] = to_item({":revision": revision})
        try:
            with translated("The profiles table"):
                getattr(self._client, call)(TableName=self._table, **request)
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
            return False
        return True

    def _pages(self, tenant_id: str, **request: Any) -> Iterator[dict[str, Any]]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="tenantId = :tenant",
            ExpressionAttributeValues=to_item({":tenant": tenant_id}),
            ConsistentRead=True,
            **request,
        )
        with translated("The profiles table"):
            yield from pages  # type: ignore[misc]


def _key(tenant_id: str, name: str) -> dict[str, Any]:
    return to_item(dict(zip(_KEY, (tenant_id, name), strict=True)))


def _profile(item: dict[str, Any]) -> Profile:
    values = from_item(item)
    body = {name: value for name, value in values.items() if name not in _KEY}
    return Profile.model_validate(body | {"name": values["profileName"]})
