"""What a role's policies do not allow is refused, by each service in its own words."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local.aws.aws_actions import Demand
from local.aws.role_policies import is_allowed
from tests.contract.cloud import REGION, SECRET, Cloud

TABLE, BUCKET = "role-table", "role-bucket"


def statement(*actions: str, on: str, effect: str = "Allow", **condition: dict[str, str]) -> dict[str, Any]:
    return {
        "Effect": effect,
        "Action": list(actions),
        "Resource": on,
        **({"Condition": condition} if condition else {}),
    }


ALLOWED = [
    statement("dynamodb:GetItem", "dynamodb:PutItem", on=f"arn:aws:dynamodb:{REGION}:123456789012:table/{TABLE}"),
    statement("s3:PutObject", "s3:GetObject", on=f"arn:aws:s3:::{BUCKET}/mine/*"),
    statement("s3:GetObjectVersion", on=f"arn:aws:s3:::{BUCKET}/mine/*"),
    statement("s3:ListBucket", on=f"arn:aws:s3:::{BUCKET}", StringLike={"s3:prefix": "mine/*"}),
    statement("s3:*", on=f"arn:aws:s3:::{BUCKET}/mine/locked", effect="Deny"),
]


class RoleClients:
    """Clients with the keys of a role that may do what `ALLOWED` says."""

    def __init__(self, cloud: Cloud) -> None:
        role = f"role-{uuid.uuid4().hex[:8]}"
        iam = cloud._client("iam")  # noqa: SLF001 (no other test needs it)
        iam.create_role(RoleName=role, AssumeRolePolicyDocument="{}")
        iam.put_role_policy(
            RoleName=role, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": ALLOWED})
        )
        self._key, self._endpoint = cloud.keys.issue(role, SECRET), cloud.endpoint

    def __call__(self, service: str) -> Any:
        """A client of a service."""
        return boto3.session.Session().client(
            service,  # type: ignore[call-overload]
            endpoint_url=self._endpoint,
            region_name=REGION,
            aws_access_key_id=self._key,
            aws_secret_access_key=SECRET,
            config=Config(retries={"total_max_attempts": 1}, signature_version="s3v4" if service == "s3" else None),
        )


@pytest.fixture
def role(cloud: Cloud) -> Iterator[RoleClients]:
    """The role, a table and a bucket."""
    cloud.dynamodb.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    cloud.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    for key in ("mine/a", "other/a", "mine/locked"):
        cloud.s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    yield RoleClients(cloud)
    cloud.dynamodb.delete_table(TableName=TABLE)
    for key in ("mine/a", "other/a", "mine/locked", "mine/form"):
        cloud.s3.delete_object(Bucket=BUCKET, Key=key)
    cloud.s3.delete_bucket(Bucket=BUCKET)


def refused(call: Any, **arguments: Any) -> str:
    with pytest.raises(ClientError) as error:
        call(**arguments)
    return error.value.response["Error"]["Code"]


def test_items_are_reached_as_the_role_allows(role: RoleClients) -> None:
    """Alone and in a transaction, whose every item counts."""
    table = role("dynamodb")
    item = {"id": {"S": "1"}}
    table.put_item(TableName=TABLE, Item=item)
    assert table.get_item(TableName=TABLE, Key=item)["Item"] == item
    put, delete = (
        {"Put": {"TableName": TABLE, "Item": item}},
        {"Delete": {"TableName": TABLE, "Key": {"id": {"S": "2"}}}},
    )
    table.transact_write_items(TransactItems=[put])
    assert refused(table.transact_write_items, TransactItems=[put, delete]) == "AccessDeniedException"
    assert refused(table.delete_item, TableName=TABLE, Key=item) == "AccessDeniedException"
    assert refused(table.scan, TableName=TABLE) == "AccessDeniedException"
    assert refused(table.get_item, TableName="another", Key=item) == "AccessDeniedException"


def test_objects_are_reached_as_the_role_allows(role: RoleClients) -> None:
    """By action, prefix and condition; a denial wins."""
    s3 = role("s3")
    s3.put_object(Bucket=BUCKET, Key="mine/a", Body=b"y")
    assert s3.get_object(Bucket=BUCKET, Key="mine/a")["Body"].read() == b"y"
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET, Prefix="mine/a")["Contents"]] == ["mine/a"]
    for call, arguments in (
        (s3.get_object, {"Key": "other/a"}),
        (s3.put_object, {"Key": "other/a", "Body": b"z"}),
        (s3.get_object, {"Key": "mine/locked"}),
        (s3.delete_object, {"Key": "mine/a"}),
        (s3.copy_object, {"Key": "mine/b", "CopySource": {"Bucket": BUCKET, "Key": "other/a"}}),
        (s3.list_objects_v2, {"Prefix": "other/"}),
        (s3.list_objects_v2, {}),
        (s3.put_object_tagging, {"Key": "mine/a", "Tagging": {"TagSet": []}}),
        (s3.delete_bucket, {}),
    ):
        assert refused(call, Bucket=BUCKET, **arguments) == "AccessDenied"


def test_what_a_role_signs_can_do_no_more_than_the_role(cloud: Cloud, role: RoleClients) -> None:
    """A presigned URL, and a form that a browser posts."""
    s3 = role("s3")
    for key, status in (("mine/a", 200), ("other/a", 403)):
        url = s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": key})
        assert cloud.http.get(url).status_code == status
    for key, status in (("mine/form", 204), ("other/form", 403)):
        form = s3.generate_presigned_post(BUCKET, key)
        assert cloud.http.post(form["url"], data=form["fields"], files={"file": b"x"}).status_code == status


@pytest.mark.parametrize(
    ("service", "call", "arguments"),
    [
        ("lambda", "invoke", {"FunctionName": "f"}),
        ("lambda", "list_functions", {}),
        ("secretsmanager", "get_secret_value", {"SecretId": "s"}),
        ("stepfunctions", "start_execution", {"stateMachineArn": "arn:aws:states:eu-central-1:1:stateMachine:m"}),
        ("iam", "list_roles", {}),
        ("sts", "get_caller_identity", {}),
    ],
)
def test_other_services_are_closed(role: RoleClients, service: str, call: str, arguments: dict[str, Any]) -> None:
    """Also those of which we know no action: nothing is allowed unseen."""
    assert "AccessDenied" in refused(getattr(role(service), call), **arguments)


@pytest.mark.parametrize(
    ("statements", "allowed"),
    [
        ([statement("s3:Get*", on="arn:aws:s3:::b/*")], True),
        ([statement("S3:getobject", on="*")], True),
        ([statement("s3:GetObject", on="arn:aws:s3:::b/a")], False),
        ([statement("s3:GetObject", on="arn:aws:s3:::b/?.csv")], True),
        ([statement("s3:GetObject", on="*", StringEquals={"s3:prefix": "x"})], False),
        ([statement("s3:GetObject", on="*", IpAddress={"aws:SourceIp": "10.0.0.0/8"})], False),
        (
            [statement("s3:*", on="*"), statement("s3:*", on="*", effect="Deny", Bool={"aws:SecureTransport": "x"})],
            False,
        ),
        ([], False),
    ],
)
def test_statements_are_read_as_iam_reads_them(statements: list[dict[str, Any]], allowed: bool) -> None:
    """What is not understood allows nothing."""
    assert is_allowed(Demand("s3:GetObject", "arn:aws:s3:::b/a.csv"), statements) is allowed
