"""The registry of resource types: nothing that a template asks for is left out in silence."""

from __future__ import annotations

from typing import Any, cast

import pytest

from local.resources import DeploymentError, World, create
from local.resources.custom import provider_functions
from local.resources.registry import decapitalized, physical_name
from local.scheduler import seconds_of
from local.template import Resource, StackTemplate

NO_WORLD = cast("World", None)


def resource(resource_type: str, **properties: Any) -> Resource:
    return Resource("Stack", "Thing", resource_type, properties)


def test_an_unknown_type_is_named() -> None:
    """With the resource that has it."""
    with pytest.raises(
        DeploymentError, match=r"Stack/Thing \(AWS::Kinesis::Stream\).*does not know this resource type"
    ):
        create(resource("AWS::Kinesis::Stream"), NO_WORLD)


def test_an_unknown_property_is_named() -> None:
    """A property that is neither made real nor known to have no effect stops the deployment."""
    with pytest.raises(DeploymentError, match=r"Stack/Thing \(AWS::S3::Bucket\).*ReplicationConfiguration"):
        create(resource("AWS::S3::Bucket", ReplicationConfiguration={}), NO_WORLD)


def test_a_placeholder_has_the_attributes_that_are_asked_for() -> None:
    """A security group has a name and an id, and any properties."""
    created = create(resource("AWS::EC2::SecurityGroup", GroupDescription="x"), NO_WORLD)
    assert created.ref == "local-Thing"
    assert created.attributes["GroupId"] == "local-Thing-GroupId"


def test_functions_behind_custom_resources_are_recognized() -> None:
    """By being the service token of a custom resource that is created natively here."""
    token = {"Fn::GetAtt": ["Provider", "Arn"]}
    other = {"Fn::GetAtt": ["Mine", "Arn"]}
    resources = {
        "Notifications": {"Type": "Custom::S3BucketNotifications", "Properties": {"ServiceToken": token}},
        "Unknown": {"Type": "Custom::Unknown", "Properties": {"ServiceToken": other}},
        "Provider": {"Type": "AWS::Lambda::Function"},
    }
    assert provider_functions([StackTemplate("S", {"Resources": resources})]) == {("S", "Provider")}


def test_names_are_kept_short_enough() -> None:
    """Start and end stay, since the end tells resources apart."""
    thing = Resource("LongStackName", "LogicalIdWithHash1234", "T", {})
    assert physical_name(thing, longest=100) == "LongStackName-LogicalIdWithHash1234"
    short = physical_name(thing, longest=20)
    assert len(short) == 20
    assert short.endswith("Hash1234")
    assert physical_name(thing, given="mine", longest=20) == "mine"


def test_keys_are_decapitalized_at_every_depth() -> None:
    """Values stay as they are."""
    assert decapitalized({"Ab": [{"Cd": "Ef"}]}) == {"ab": [{"cd": "Ef"}]}


def test_rates_are_read() -> None:
    """Anything but a rate is an error, not a schedule that never fires."""
    assert [seconds_of(f"rate({rate})") for rate in ("1 minute", "5 minutes", "2 hours", "1 day")] == [
        60,
        300,
        7200,
        86400,
    ]
    with pytest.raises(ValueError, match="cron"):
        seconds_of("cron(0 12 * * ? *)")
