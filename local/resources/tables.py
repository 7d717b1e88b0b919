"""DynamoDB tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local.resources.registry import World, chosen, creates, physical_name
from local.template import Created, Resource

_LONGEST_NAME = 255
_SAME = ("AttributeDefinitions", "KeySchema", "BillingMode", "GlobalSecondaryIndexes", "LocalSecondaryIndexes")
_COMMON = f"TableName StreamSpecification TimeToLiveSpecification {' '.join(_SAME)}"


@creates("AWS::DynamoDB::GlobalTable", properties=f"{_COMMON} Replicas", without_effect="SSESpecification")
def create_global_table(resource: Resource, world: World) -> Created:
    """The replica in the stack's region; there is no other one here."""
    replicas = {replica["Region"]: replica for replica in resource.properties["Replicas"]}
    return _create_table(resource, world, replicas[world.platform.region])


@creates(
    "AWS::DynamoDB::Table",
    properties=f"{_COMMON} PointInTimeRecoverySpecification DeletionProtectionEnabled",
    without_effect="SSESpecification Tags",
)
def create_table(resource: Resource, world: World) -> Created:
    """A table of one region."""
    return _create_table(resource, world, resource.properties)


def _create_table(resource: Resource, world: World, replica: Mapping[str, Any]) -> Created:
    """`replica` has the point-in-time recovery and the protection from deletion."""
    properties, dynamodb = resource.properties, world.client("dynamodb")
    name = physical_name(resource, given=properties.get("TableName"), longest=_LONGEST_NAME)
    settings = chosen(properties, *_SAME)
    if "StreamSpecification" in properties:
        settings["StreamSpecification"] = {"StreamEnabled": True, **properties["StreamSpecification"]}
    if replica.get("DeletionProtectionEnabled"):
        settings["DeletionProtectionEnabled"] = True
    table = dynamodb.create_table(TableName=name, **settings)["TableDescription"]
    if "TimeToLiveSpecification" in properties:
        dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=properties["TimeToLiveSpecification"])
    if "PointInTimeRecoverySpecification" in replica:
        dynamodb.update_continuous_backups(
            TableName=name, PointInTimeRecoverySpecification=replica["PointInTimeRecoverySpecification"]
        )
    attributes = {"Arn": table["TableArn"], "TableId": table.get("TableId"), "StreamArn": table.get("LatestStreamArn")}
    return Created(name, {attribute: value for attribute, value in attributes.items() if value is not None})
