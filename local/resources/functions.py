"""Lambda functions, their versions, permissions and event sources."""

from __future__ import annotations

import io
import logging
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.lambda_host import Function
from local.lambda_host.function import DEFAULT_CONCURRENCY
from local.resources.registry import DeploymentError, World, chosen, creates, physical_name
from local.template import Created, Resource

_LOG = logging.getLogger(__name__)
_LONGEST_NAME = 64
_DEFAULT_TIMEOUT = 3
_DEFAULT_MEMORY = 128
_RUNTIME_IN_IMAGES = "python3.13"


def _empty_zip() -> bytes:
    """What AWS' endpoint gets for code: the functions run from their folders."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("README", "The local run takes a function's code from its folder.")
    return file.getvalue()


@creates(
    "AWS::Lambda::Function",
    properties="FunctionName Handler ImageConfig Role Runtime Timeout MemorySize Environment Description "
    "ReservedConcurrentExecutions",
    without_effect="Architectures Code EphemeralStorage Layers LoggingConfig PackageType Tags TracingConfig VpcConfig",
)
def create_function(resource: Resource, world: World) -> Created:
    """A function of the manifest: known to AWS' endpoint by its configuration, and run by the Lambda host."""
    name = physical_name(resource, given=resource.properties.get("FunctionName"), longest=_LONGEST_NAME)
    arn = world.platform.function_arn(name)
    if (resource.stack, resource.logical_id) in world.providers:
        # A custom resource that is created natively here; its function would never be called.
        return Created(name, {"Arn": arn})
    properties = resource.properties
    variables = _variables(properties.get("Environment", {}).get("Variables", {}), world)
    timeout = int(properties.get("Timeout", _DEFAULT_TIMEOUT))
    memory = int(properties.get("MemorySize", _DEFAULT_MEMORY))
    world.host.add(
        Function(
            name=name,
            handler=_handler(properties),
            code=_code(resource, world),
            timeout=timeout,
            memory=memory,
            variables=variables,
            access_key_id=_access_key(properties["Role"], world),
            concurrency=min(DEFAULT_CONCURRENCY, int(properties.get("ReservedConcurrentExecutions", 1000))),
        )
    )
    world.client("lambda").create_function(
        FunctionName=name,
        Code={"ZipFile": _EMPTY_ZIP},
        Environment={"Variables": variables},
        Timeout=timeout,
        MemorySize=memory,
        Handler=_handler(properties),
        Runtime=properties.get("Runtime", _RUNTIME_IN_IMAGES),
        **chosen(properties, "Role", "Description"),
    )
    return Created(name, {"Arn": arn})


_EMPTY_ZIP = _empty_zip()


@creates("AWS::Lambda::Version", properties="FunctionName", without_effect="Description CodeSha256")
def create_version(resource: Resource, world: World) -> Created:
    """A published version; its ARN leads to the one code that there is."""
    version = world.client("lambda").publish_version(FunctionName=resource.properties["FunctionName"])
    arn = f"{world.platform.function_arn(version['FunctionName'])}:{version['Version']}"
    return Created(arn, {"FunctionArn": arn, "Version": version["Version"]})


@creates(
    "AWS::Lambda::Permission",
    properties="Action FunctionName Principal SourceArn SourceAccount",
)
def create_permission(resource: Resource, world: World) -> Created:
    """A statement in the function's policy."""
    world.client("lambda").add_permission(
        StatementId=physical_name(resource, longest=100),
        **chosen(resource.properties, "Action", "FunctionName", "Principal", "SourceArn", "SourceAccount"),
    )
    return Created(resource.logical_id)


@creates(
    "AWS::Lambda::EventInvokeConfig",
    properties="FunctionName Qualifier MaximumRetryAttempts MaximumEventAgeInSeconds DestinationConfig",
)
def create_invoke_config(resource: Resource, world: World) -> Created:
    """How often an event is tried, and which function hears of its last failure; its age counts for nothing here."""
    properties = resource.properties
    world.client("lambda").put_function_event_invoke_config(
        **chosen(properties, "FunctionName", "MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")
    )
    return Created(resource.logical_id)


@creates(
    "AWS::Lambda::EventSourceMapping",
    properties="EventSourceArn FunctionName BatchSize StartingPosition MaximumRetryAttempts "
    "MaximumBatchingWindowInSeconds BisectBatchOnFunctionError FunctionResponseTypes FilterCriteria",
    without_effect="ParallelizationFactor",
)
def create_event_source(resource: Resource, world: World) -> Created:
    """A stream or queue that feeds a function."""
    mapping = world.client("lambda").create_event_source_mapping(**resource.properties)
    return Created(mapping["UUID"], {"Id": mapping["UUID"]})


def _access_key(role_arn: str, world: World) -> str | None:
    """A key of the function's role, where roles are enforced."""
    role = role_arn.rpartition("/")[2]
    return world.keys.issue(role, world.platform.secret_access_key) if world.keys else None


def _handler(properties: Mapping[str, Any]) -> str:
    """The handler; that of a container is the command which its runtime client is given."""
    return str(properties["Handler"] if "Handler" in properties else properties["ImageConfig"]["Command"][0])


def _code(resource: Resource, world: World) -> tuple[Path, ...]:
    module = _handler(resource.properties).rpartition(".")[0]
    try:
        return world.functions[module]
    except KeyError:
        raise DeploymentError(f"{resource}: functions/manifest.toml has no {module}") from None


def _variables(templated: Mapping[str, str], world: World) -> dict[str, str]:
    """The template's environment, with the local database's address and the settings that we were given."""
    variables = {name: str(value) for name, value in templated.items()}
    if "DATABASE_HOST" in variables:
        database = world.database
        variables |= {
            "DATABASE_HOST": database.host,
            "DATABASE_PORT": str(database.port),
            "DATABASE_TLS": "verify-full" if database.tls else "disable",
        }
    return variables | {name: value for name, value in world.overrides.items() if name in variables}
