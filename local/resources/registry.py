"""Which function creates which resource type, and what those functions share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.aws.access_keys import AccessKeys
from local.aws_clients import AwsClients
from local.distribution import AddedHeaders, Distribution
from local.gateway_events import Cors, Route
from local.lambda_host import LambdaHost, Platform
from local.postgres import Address
from local.scheduler import Schedule
from local.template import Created, Resource
from local.websocket_events import SocketRoute


class DeploymentError(Exception):
    """A resource that cannot be created here; the message names it."""


@dataclass
class ApiDraft:
    """An HTTP API while its resources come in one by one."""

    cors: Cors | None = None
    stage: str | None = None
    access_log_format: str | None = None
    integrations: dict[str, Route] = field(default_factory=dict)
    routes: list[Route] = field(default_factory=list)


@dataclass
class SocketApiDraft:
    """A WebSocket API while its resources come in one by one."""

    selection: str
    stage: str | None = None
    access_log_format: str | None = None
    integrations: dict[str, SocketRoute] = field(default_factory=dict)
    routes: list[SocketRoute] = field(default_factory=list)


@dataclass
class World:
    """What creators work with, and what they gather for the parts of the stack that AWS' endpoint does not serve.

    `functions` are the manifest's: handler module → the folders of its code. `providers` are the functions of
    CDK's own custom resources, as (stack, logical id). `overrides` are settings given in our own environment.
    `keys` issues each function a key of its own role; None where all may do everything. `socket_address` is where the
    WebSocket API is served, `ws://host:port`.
    """

    platform: Platform
    client: AwsClients
    host: LambdaHost
    database: Address
    functions: Mapping[str, tuple[Path, ...]]
    overrides: Mapping[str, str]
    assembly: Path
    socket_address: str
    keys: AccessKeys | None = None
    providers: frozenset[tuple[str, str]] = frozenset()
    apis: dict[str, ApiDraft] = field(default_factory=dict)
    socket_apis: dict[str, SocketApiDraft] = field(default_factory=dict)
    schedules: list[Schedule] = field(default_factory=list)
    headers: dict[str, AddedHeaders] = field(default_factory=dict)
    distributions: list[Distribution] = field(default_factory=list)


Creator = Callable[[Resource, World], Created]


@dataclass(frozen=True)
class _Registration:
    creator: Creator
    properties: frozenset[str] | None


_CREATORS: dict[str, _Registration] = {}


def creates(*types: str, properties: str, without_effect: str = "") -> Callable[[Creator], Creator]:
    """Register the creator of some resource types.

    `properties` are those that it reads, `without_effect` those that change nothing on one machine, separated by
    spaces. Any other one is an error: what the template asks for is never left out in silence.
    """

    def register(creator: Creator) -> Creator:
        for name in types:
            _CREATORS[name] = _Registration(creator, frozenset(f"{properties} {without_effect}".split()))
        return creator

    return register


def creates_placeholder(name: str, creator: Creator) -> None:
    """Register a type that only has a name here, so that none of its properties has an effect."""
    _CREATORS[name] = _Registration(creator, None)


def is_known(resource_type: str) -> bool:
    """Whether a type has a creator."""
    return resource_type in _CREATORS


def create(resource: Resource, world: World) -> Created:
    """Create one resource; raises DeploymentError that names it."""
    registration = _CREATORS.get(resource.type)
    if registration is None:
        raise DeploymentError(f"{resource}: the local run does not know this resource type (see local/resources)")
    if registration.properties is not None and (unknown := set(resource.properties) - registration.properties):
        raise DeploymentError(f"{resource}: the local run does not know its properties {', '.join(sorted(unknown))}")
    try:
        return registration.creator(resource, world)
    except (ClientError, BotoCoreError, KeyError) as error:
        raise DeploymentError(f"{resource} could not be created: {error!r}") from error


def physical_name(resource: Resource, *, given: str | None = None, longest: int) -> str:
    """The name that the template gives, or one made of stack and logical id, whose end tells it from others."""
    name = given or f"{resource.stack}-{resource.logical_id}"
    if len(name) <= longest:
        return name
    half = longest // 2
    return f"{name[:half]}{name[-(longest - half) :]}"


def decapitalized(value: Any) -> Any:
    """CloudFormation's `SomeName` keys as the `someName` of some APIs, at every depth."""
    if isinstance(value, list):
        return [decapitalized(item) for item in value]
    if isinstance(value, dict):
        return {f"{key[0].lower()}{key[1:]}": decapitalized(item) for key, item in value.items()}
    return value


def chosen(properties: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Those of the named properties that there are; their names are the same in CloudFormation and the API."""
    return {name: properties[name] for name in names if name in properties}
