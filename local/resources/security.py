"""IAM roles and policies, and secrets."""

from __future__ import annotations

import json
from typing import Any

from local.resources.registry import DeploymentError, World, chosen, creates, physical_name
from local.template import Created, Resource

_LONGEST_ROLE_NAME = 64
_LONGEST_SECRET_NAME = 256
_GENERATOR = (
    "ExcludeCharacters",
    "ExcludeLowercase",
    "ExcludeNumbers",
    "ExcludePunctuation",
    "ExcludeUppercase",
    "IncludeSpace",
    "PasswordLength",
    "RequireEachIncludedType",
)


@creates(
    "AWS::IAM::Role",
    properties="RoleName AssumeRolePolicyDocument Policies Description",
    without_effect="ManagedPolicyArns Tags",
)
def create_role(resource: Resource, world: World) -> Created:
    """A role with its inline policies. AWS' managed policies are not attached: moto has none of them at hand."""
    properties, iam = resource.properties, world.client("iam")
    name = physical_name(resource, given=properties.get("RoleName"), longest=_LONGEST_ROLE_NAME)
    trust = json.dumps(properties["AssumeRolePolicyDocument"])
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust, **chosen(properties, "Description"))["Role"]
    for policy in properties.get("Policies", []):
        document = json.dumps(policy["PolicyDocument"])
        iam.put_role_policy(RoleName=name, PolicyName=policy["PolicyName"], PolicyDocument=document)
    return Created(name, {"Arn": role["Arn"], "RoleId": role["RoleId"]})


@creates("AWS::IAM::Policy", properties="PolicyName PolicyDocument Roles")
def create_policy(resource: Resource, world: World) -> Created:
    """A policy within each of its roles."""
    properties = resource.properties
    for role in properties["Roles"]:
        world.client("iam").put_role_policy(
            RoleName=role,
            PolicyName=properties["PolicyName"],
            PolicyDocument=json.dumps(properties["PolicyDocument"]),
        )
    return Created(properties["PolicyName"])


@creates(
    "AWS::SecretsManager::Secret",
    properties="Name Description SecretString GenerateSecretString",
    without_effect="KmsKeyId Tags",
)
def create_secret(resource: Resource, world: World) -> Created:
    """A secret with the string that the template gives, or one that is generated as it says."""
    properties, secrets = resource.properties, world.client("secretsmanager")
    value = properties.get("SecretString")
    if "GenerateSecretString" in properties:
        value = _generated(properties["GenerateSecretString"], secrets)
    secret = secrets.create_secret(
        Name=physical_name(resource, given=properties.get("Name"), longest=_LONGEST_SECRET_NAME),
        SecretString=value or "",
        **chosen(properties, "Description"),
    )
    return Created(secret["ARN"], {"Id": secret["ARN"]})


@creates("AWS::SecretsManager::SecretTargetAttachment", properties="SecretId TargetType", without_effect="TargetId")
def attach_secret(resource: Resource, world: World) -> Created:
    """Complete the database's secret, as AWS does, with where it is; here that is the local Postgres."""
    secrets, secret_id = world.client("secretsmanager"), resource.properties["SecretId"]
    if not resource.properties["TargetType"].startswith("AWS::RDS::"):
        raise DeploymentError(f"{resource}: the local run knows secrets of RDS alone")
    secret = json.loads(secrets.get_secret_value(SecretId=secret_id)["SecretString"])
    database = world.database
    secret |= {
        "engine": "postgres",
        "host": database.host,
        "port": database.port,
        "dbname": database.database,
        "username": database.user,
        "password": database.password or secret["password"],
    }
    secrets.put_secret_value(SecretId=secret_id, SecretString=json.dumps(secret))
    return Created(secret_id)


def _generated(how: dict[str, Any], secrets: Any) -> str:
    """A random password, alone or as one key of a JSON object."""
    password: str = secrets.get_random_password(**chosen(how, *_GENERATOR))["RandomPassword"]
    if "GenerateStringKey" not in how:
        return password
    return json.dumps({**json.loads(how["SecretStringTemplate"]), how["GenerateStringKey"]: password})
