"""The HTTP API: its resources come one by one and are gathered for the gateway."""

from __future__ import annotations

import re
from collections.abc import Mapping

from local.gateway_events import Cors, HttpApi, Route
from local.resources.registry import ApiDraft, DeploymentError, World, creates
from local.template import Created, Resource

_FUNCTION_ARN = re.compile(r"arn:aws:lambda:[^:/]+:\d+:function:[^:/]+")
_DEFAULT_TIMEOUT_MILLIS = 30_000


@creates("AWS::ApiGatewayV2::Api", properties="ProtocolType CorsConfiguration", without_effect="Name Description Tags")
def create_api(resource: Resource, world: World) -> Created:
    """An HTTP API; a WebSocket one is not known here."""
    if resource.properties["ProtocolType"] != "HTTP":
        raise DeploymentError(f"{resource}: the local gateway speaks HTTP alone")
    api_id = resource.logical_id.lower()
    cors = resource.properties.get("CorsConfiguration")
    world.apis[api_id] = ApiDraft(cors=_cors(cors) if cors else None)
    endpoint = f"https://{api_id}.execute-api.{world.platform.region}.amazonaws.com"
    return Created(api_id, {"ApiId": api_id, "ApiEndpoint": endpoint})


@creates(
    "AWS::ApiGatewayV2::Integration",
    properties="ApiId IntegrationType IntegrationUri PayloadFormatVersion TimeoutInMillis",
)
def create_integration(resource: Resource, world: World) -> Created:
    """A function behind routes."""
    properties = resource.properties
    kind = (properties["IntegrationType"], properties.get("PayloadFormatVersion"))
    function = _FUNCTION_ARN.search(properties["IntegrationUri"])
    if kind != ("AWS_PROXY", "2.0") or function is None:
        raise DeploymentError(f"{resource}: the local gateway calls functions with payload 2.0 alone")
    timeout = int(properties.get("TimeoutInMillis", _DEFAULT_TIMEOUT_MILLIS)) / 1000
    world.apis[properties["ApiId"]].integrations[resource.logical_id] = Route("", function[0], timeout)
    return Created(resource.logical_id)


@creates("AWS::ApiGatewayV2::Route", properties="ApiId RouteKey Target AuthorizationType")
def create_route(resource: Resource, world: World) -> Created:
    """A route to an integration; authorizers are not known here."""
    properties = resource.properties
    if properties.get("AuthorizationType", "NONE") != "NONE":
        raise DeploymentError(f"{resource}: the local gateway has no authorizers")
    api = world.apis[properties["ApiId"]]
    integration = api.integrations[properties["Target"].removeprefix("integrations/")]
    api.routes.append(Route(properties["RouteKey"], integration.function, integration.timeout))
    return Created(resource.logical_id)


@creates(
    "AWS::ApiGatewayV2::Stage",
    properties="ApiId StageName AccessLogSettings",
    without_effect="AutoDeploy DefaultRouteSettings Description Tags",
)
def create_stage(resource: Resource, world: World) -> Created:
    """The stage that is served; its throttling is not enforced."""
    properties = resource.properties
    if properties["StageName"] != "$default":
        raise DeploymentError(f"{resource}: the local gateway serves the stage $default alone")
    api = world.apis[properties["ApiId"]]
    api.stage = properties["StageName"]
    api.access_log_format = properties.get("AccessLogSettings", {}).get("Format")
    return Created(properties["StageName"])


def http_api(world: World) -> HttpApi:
    """The one API of the stacks; raises DeploymentError when there is none, or another one."""
    if len(world.apis) != 1:
        raise DeploymentError(f"The local gateway serves one HTTP API; the template has {len(world.apis)}")
    ((api_id, draft),) = world.apis.items()
    if draft.stage is None:
        raise DeploymentError(f"The HTTP API {api_id} has no stage")
    return HttpApi(
        api_id=api_id,
        account=world.platform.account,
        region=world.platform.region,
        stage=draft.stage,
        cors=draft.cors,
        access_log_format=draft.access_log_format,
        routes=tuple(draft.routes),
    )


def _cors(configuration: Mapping[str, object]) -> Cors:
    def listed(name: str) -> tuple[str, ...]:
        values = configuration.get(name, [])
        return tuple(str(value) for value in values) if isinstance(values, list) else ()

    max_age = configuration.get("MaxAge")
    return Cors(
        allow_origins=listed("AllowOrigins"),
        allow_methods=listed("AllowMethods"),
        allow_headers=listed("AllowHeaders"),
        expose_headers=listed("ExposeHeaders"),
        max_age=int(str(max_age)) if max_age is not None else None,
        allow_credentials=configuration.get("AllowCredentials") is True,
    )
