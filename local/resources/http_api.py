"""The HTTP API and the WebSocket API: their resources come one by one and are gathered for the gateways."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from local.gateway_events import Cors, HttpApi, Route
from local.resources.registry import ApiDraft, DeploymentError, SocketApiDraft, World, creates
from local.template import Created, Resource
from local.websocket_events import SocketApi, SocketRoute

_FUNCTION_ARN = re.compile(r"arn:aws:lambda:[^:/]+:\d+:function:[^:/]+")
_DEFAULT_TIMEOUT_MILLIS = 30_000
_LONGEST_SOCKET_TIMEOUT_MILLIS = 29_000


@creates(
    "AWS::ApiGatewayV2::Api",
    properties="ProtocolType CorsConfiguration RouteSelectionExpression",
    without_effect="Name Description Tags",
)
def create_api(resource: Resource, world: World) -> Created:
    """An API of either kind; the WebSocket one is where its gateway listens already."""
    api_id = resource.logical_id.lower()
    if resource.properties["ProtocolType"] == "WEBSOCKET":
        world.socket_apis[api_id] = SocketApiDraft(resource.properties["RouteSelectionExpression"])
        return Created(api_id, {"ApiId": api_id, "ApiEndpoint": world.socket_address})
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
    socket_api = world.socket_apis.get(properties["ApiId"])
    if kind != ("AWS_PROXY", None if socket_api else "2.0") or function is None:
        raise DeploymentError(f"{resource}: the local gateways call functions alone, those of HTTP with payload 2.0")
    if socket_api:
        timeout = int(properties.get("TimeoutInMillis", _LONGEST_SOCKET_TIMEOUT_MILLIS)) / 1000
        socket_api.integrations[resource.logical_id] = SocketRoute("", function[0], timeout=timeout)
        return Created(resource.logical_id)
    timeout = int(properties.get("TimeoutInMillis", _DEFAULT_TIMEOUT_MILLIS)) / 1000
    world.apis[properties["ApiId"]].integrations[resource.logical_id] = Route("", function[0], timeout)
    return Created(resource.logical_id)


@creates(
    "AWS::ApiGatewayV2::Route", properties="ApiId RouteKey Target AuthorizationType RouteResponseSelectionExpression"
)
def create_route(resource: Resource, world: World) -> Created:
    """A route to an integration; authorizers are not known here."""
    properties = resource.properties
    if properties.get("AuthorizationType", "NONE") != "NONE":
        raise DeploymentError(f"{resource}: the local gateway has no authorizers")
    if socket_api := world.socket_apis.get(properties["ApiId"]):
        behind = socket_api.integrations[properties["Target"].removeprefix("integrations/")]
        answers = "RouteResponseSelectionExpression" in properties
        socket_api.routes.append(replace(behind, key=properties["RouteKey"], answers=answers))
        return Created(resource.logical_id)
    api = world.apis[properties["ApiId"]]
    integration = api.integrations[properties["Target"].removeprefix("integrations/")]
    api.routes.append(Route(properties["RouteKey"], integration.function, integration.timeout))
    return Created(resource.logical_id)


@creates("AWS::ApiGatewayV2::RouteResponse", properties="ApiId RouteId RouteResponseKey")
def create_route_response(resource: Resource, world: World) -> Created:
    """The way back of a WebSocket route's answer, which is passed on as it is."""
    if resource.properties["ApiId"] not in world.socket_apis or resource.properties["RouteResponseKey"] != "$default":
        raise DeploymentError(f"{resource}: the local gateway passes answers on as they are, of WebSocket APIs alone")
    return Created(resource.logical_id)


@creates(
    "AWS::ApiGatewayV2::Stage",
    properties="ApiId StageName AccessLogSettings",
    without_effect="AutoDeploy DefaultRouteSettings Description Tags",
)
def create_stage(resource: Resource, world: World) -> Created:
    """The stage that is served; its throttling is not enforced."""
    properties = resource.properties
    api = world.socket_apis.get(properties["ApiId"]) or world.apis[properties["ApiId"]]
    if isinstance(api, ApiDraft) and properties["StageName"] != "$default":
        raise DeploymentError(f"{resource}: the local gateway serves the stage $default of an HTTP API alone")
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


def socket_api(world: World) -> SocketApi:
    """The one WebSocket API of the stacks; raises DeploymentError when there is none, or another one."""
    if len(world.socket_apis) != 1:
        raise DeploymentError(f"The local gateway serves one WebSocket API; the template has {len(world.socket_apis)}")
    ((api_id, draft),) = world.socket_apis.items()
    if draft.stage is None:
        raise DeploymentError(f"The WebSocket API {api_id} has no stage")
    return SocketApi(
        api_id=api_id,
        account=world.platform.account,
        region=world.platform.region,
        stage=draft.stage,
        selection=draft.selection,
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
