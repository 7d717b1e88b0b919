"""The WebSocket API: its routes, what feeds it, and who may do what with connections and tickets."""

from __future__ import annotations

import json

from infra.manifest import FunctionSpec
from tests.infra.templates import Templates


def test_it_has_the_manifests_routes(templates: Templates, manifest: dict[str, FunctionSpec]) -> None:
    """Among them those without which nobody is asked for a ticket, and no message is ignored."""
    routes = templates.routes("WEBSOCKET")
    assert routes == {route: name for name, spec in manifest.items() for route in spec.live}
    assert routes["$connect"] == "connect_live"
    assert {"$disconnect", "$default"} <= routes.keys()


def test_only_a_ping_is_answered(templates: Templates) -> None:
    """By a message's `type`; whatever else a client sends has no way back."""
    assert templates.api("WEBSOCKET")[1]["RouteSelectionExpression"] == "$request.body.type"
    routes = templates.of_api("AWS::ApiGatewayV2::Route", "WEBSOCKET")
    answered = [name for name, route in routes.items() if "RouteResponseSelectionExpression" in route]
    assert [routes[name]["RouteKey"] for name in answered] == ["ping"]
    assert [each["RouteId"] for each in templates.of_type("AWS::ApiGatewayV2::RouteResponse").values()] == [
        {"Ref": answered[0]}
    ]


def test_its_log_has_no_address(templates: Templates) -> None:
    """There is one, within limits; a ticket stands in the query alone, and what is said is not logged."""
    [(name, stage)] = templates.of_api("AWS::ApiGatewayV2::Stage", "WEBSOCKET").items()
    told = json.loads(stage["AccessLogSettings"]["Format"]).values()
    assert "$context.status" in told
    assert not [variable for variable in told if "path" in variable.lower() or "query" in variable.lower()]
    limits = stage["DefaultRouteSettings"]
    assert limits.keys() == {"ThrottlingBurstLimit", "ThrottlingRateLimit"}
    # Without the account's role, API Gateway refuses a stage that has a log.
    [account] = templates.of_type("AWS::ApiGateway::Account")
    assert account in templates.resources[name]["DependsOn"]


def test_the_uploads_feed_it(templates: Templates) -> None:
    """Each change within about a second; what fails is tried once more, and then let go."""
    mapping = templates.stream_reader("Uploads")
    assert templates.module_of(mapping["FunctionName"]) == "push_changes"
    assert mapping["MaximumBatchingWindowInSeconds"] == 1
    assert mapping["MaximumRetryAttempts"] == 1
    [table] = [
        each
        for name, each in templates.of_type("AWS::DynamoDB::GlobalTable").items()
        if name.startswith("TablesUploads")
    ]
    assert table["StreamSpecification"] == {"StreamViewType": "KEYS_ONLY"}


def test_what_pushes_speaks_to_connections_and_nobody_else_does(templates: Templates) -> None:
    """To those of this API, to send and to end."""
    managing = {
        (name, resource)
        for name in templates.functions()
        for action, resource in templates.may(name)
        if action == "execute-api:ManageConnections"
    }
    api = f"<{templates.api('WEBSOCKET')[0]}>"
    assert {name for name, _ in managing} == {"push_changes"}
    assert {resource.rpartition(":")[2] for _, resource in managing} == {
        f"{api}/live/POST/@connections/*",
        f"{api}/live/DELETE/@connections/*",
    }


def test_a_ticket_is_given_by_one_and_taken_by_another(templates: Templates) -> None:
    """Nobody can list or read them."""
    allowed = {
        (name, action)
        for name in templates.functions()
        for action, resource in templates.may(name)
        if resource.startswith("<TablesLiveTickets")
    }
    assert allowed == {("open_live", "dynamodb:PutItem"), ("connect_live", "dynamodb:DeleteItem")}


def test_functions_are_told_the_address_of_the_api(templates: Templates) -> None:
    """As API Gateway gives it, with the stage."""
    told = {
        name: templates.text(function["Environment"]["Variables"]["LIVE_URL"])
        for name, function in templates.functions().items()
        if "LIVE_URL" in function["Environment"]["Variables"]
    }
    address = f"<{templates.api('WEBSOCKET')[0]}.ApiEndpoint>/live"
    assert told == dict.fromkeys(("open_live", "start_upload", "push_changes"), address)
