"""S3: buckets, their policies and their notifications."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from local.resources.registry import World, creates, physical_name
from local.template import Created, Resource

_LONGEST_NAME = 63
_US_EAST_1 = "us-east-1"


@creates(
    "AWS::S3::Bucket",
    properties="BucketName BucketEncryption CorsConfiguration LifecycleConfiguration OwnershipControls "
    "PublicAccessBlockConfiguration VersioningConfiguration",
    without_effect="Tags LoggingConfiguration",
)
def create_bucket(resource: Resource, world: World) -> Created:
    """A bucket with everything that the template says about it."""
    properties, s3 = resource.properties, world.client("s3")
    name = physical_name(resource, given=properties.get("BucketName"), longest=_LONGEST_NAME).lower()
    location = {"CreateBucketConfiguration": {"LocationConstraint": world.platform.region}}
    ownership = properties.get("OwnershipControls", {}).get("Rules", [{}])[0]
    s3.create_bucket(Bucket=name, **({} if world.platform.region == _US_EAST_1 else location), **ownership)
    if "VersioningConfiguration" in properties:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration=properties["VersioningConfiguration"])
    if "PublicAccessBlockConfiguration" in properties:
        block = properties["PublicAccessBlockConfiguration"]
        s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=block)
    if "BucketEncryption" in properties:
        rules = [_encryption_rule(rule) for rule in properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]]
        s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": rules})
    if "CorsConfiguration" in properties:
        rules = [_cors_rule(rule) for rule in properties["CorsConfiguration"]["CorsRules"]]
        s3.put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": rules})
    if "LifecycleConfiguration" in properties:
        rules = [_lifecycle_rule(rule) for rule in properties["LifecycleConfiguration"]["Rules"]]
        s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": rules})
    domain = f"{name}.s3.amazonaws.com"
    regional = f"{name}.s3.{world.platform.region}.amazonaws.com"
    return Created(name, {"Arn": f"arn:aws:s3:::{name}", "DomainName": domain, "RegionalDomainName": regional})


@creates("AWS::S3::BucketPolicy", properties="", without_effect="Bucket PolicyDocument")
def create_bucket_policy(resource: Resource, world: World) -> Created:  # noqa: ARG001 - every creator's signature
    """Nothing: the policy refuses plain HTTP, which is what the local endpoint speaks."""
    return Created(resource.logical_id)


@creates(
    "Custom::S3BucketNotifications",
    properties="BucketName NotificationConfiguration",
    without_effect="ServiceToken Managed SkipDestinationValidation",
)
def create_notifications(resource: Resource, world: World) -> Created:
    """What CDK's own function does with them."""
    world.client("s3").put_bucket_notification_configuration(
        Bucket=resource.properties["BucketName"],
        NotificationConfiguration=resource.properties["NotificationConfiguration"],
    )
    return Created(resource.logical_id)


def _encryption_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "ApplyServerSideEncryptionByDefault" if name == "ServerSideEncryptionByDefault" else name: value
        for name, value in rule.items()
    }


def _cors_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    names = {"ExposedHeaders": "ExposeHeaders", "MaxAge": "MaxAgeSeconds", "Id": "ID"}
    return {names.get(name, name): value for name, value in rule.items()}


def _lifecycle_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    """A rule as the API has it; raises KeyError for a part that is not known here."""
    translated: dict[str, Any] = {"Filter": {"Prefix": ""}}
    translations: dict[str, Callable[[Any], dict[str, Any]]] = {
        "Id": lambda value: {"ID": value},
        "Status": lambda value: {"Status": value},
        "Prefix": lambda value: {"Filter": {"Prefix": value}},
        "ExpirationInDays": lambda value: {"Expiration": {"Days": int(value)}},
        "NoncurrentVersionExpiration": lambda value: {"NoncurrentVersionExpiration": value},
        "AbortIncompleteMultipartUpload": lambda value: {"AbortIncompleteMultipartUpload": value},
        "ExpiredObjectDeleteMarker": lambda value: {"Expiration": {"ExpiredObjectDeleteMarker": value}},
    }
    for name, value in rule.items():
        translated |= translations[name](value)
    return translated
