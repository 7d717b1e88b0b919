"""The WebSocket API that tells pages what changes, and what feeds it: the stream of the uploads table.

A connection is opened by a ticket, which its own function takes; what is said over it comes from `push_changes`.
"""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_apigateway as apigateway_v1
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.constructs.access_log import AccessLog
from infra.constructs.functions import Functions
from infra.manifest import FunctionSpec

_ACCESS_LOG = {
    "requestId": "$context.requestId",
    "time": "$context.requestTimeEpoch",
    "ip": "$context.identity.sourceIp",
    "event": "$context.eventType",
    "route": "$context.routeKey",
    "connectionId": "$context.connectionId",
    "status": "$context.status",
    "error": "$context.error.message",
    "integrationError": "$context.integrationErrorMessage",
}
"""Without the address, which has a ticket in it."""

_ANSWERED = frozenset({"ping"})
"""Routes whose function's answer goes back to the client; on the others it has no way there."""

_TOLD = ("open_live", "start_upload", "push_changes")
"""Functions that are told the API's address."""

_STAGE = "live"


class LiveApi(Construct):
    """API Gateway's WebSocket API, with the routes that the manifest has under `live`."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        manifest: Mapping[str, FunctionSpec],
        functions: Functions,
        uploads: dynamodb.ITableV2,
        log_retention: logs.RetentionDays,
    ) -> None:
        super().__init__(scope, construct_id)
        self._functions = functions
        self._api = apigateway.WebSocketApi(
            self,
            "WebSocketApi",
            api_name="linefeed-live",
            description="Uploads as they change",
            route_selection_expression="$request.body.type",
        )
        for name, spec in manifest.items():
            self._add_routes(name, spec)
        self._add_stage(log_retention)
        # `wss://…` of AWS, where the stage's own `url` would be put together here.
        self.origin = self._api.api_endpoint
        for name in _TOLD:
            functions[name].add_environment("LIVE_URL", f"{self.origin}/{_STAGE}")
        self._let_push()
        self._feed(uploads)

    def _add_routes(self, name: str, spec: FunctionSpec) -> None:
        for route in spec.live:
            integration = integrations.WebSocketLambdaIntegration(f"{name}-integration", self._functions[name])
            self._api.add_route(route, integration=integration, return_response=route in _ANSWERED)

    def _add_stage(self, log_retention: logs.RetentionDays) -> None:
        log_group = logs.LogGroup(self, "AccessLogs", retention=log_retention, removal_policy=RemovalPolicy.DESTROY)
        stage = apigateway.WebSocketStage(
            self,
            "Stage",
            web_socket_api=self._api,
            stage_name=_STAGE,
            auto_deploy=True,
            throttle=apigateway.ThrottleSettings(rate_limit=100, burst_limit=200),
            access_log_settings=AccessLog(log_group, _ACCESS_LOG),
        )
        stage.node.add_dependency(self._log_account())

    def _log_account(self) -> apigateway_v1.CfnAccount:
        """A setting of the account and region: without it API Gateway refuses a WebSocket API with an access log."""
        role = iam.Role(
            self,
            "LogRole",
            assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"),
            managed_policies=[
                iam.ManagedPolicy.from_aws_managed_policy_name("service-role/AmazonAPIGatewayPushToCloudWatchLogs")
            ],
        )
        # The setting outlives the stack, and so must the role that it names.
        role.apply_removal_policy(RemovalPolicy.RETAIN)
        return apigateway_v1.CfnAccount(self, "LogAccount", cloud_watch_role_arn=role.role_arn)

    def _let_push(self) -> None:
        """Send to the connections of this API, and end them."""
        connections = [
            Stack.of(self).format_arn(
                service="execute-api",
                resource=self._api.api_id,
                resource_name=f"{_STAGE}/{method}/@connections/*",
            )
            for method in ("POST", "DELETE")
        ]
        self._functions["push_changes"].add_to_role_policy(
            iam.PolicyStatement(actions=["execute-api:ManageConnections"], resources=connections)
        )

    def _feed(self, uploads: dynamodb.ITableV2) -> None:
        """A second's changes at once, so that a burst is told as its newest state."""
        self._functions["push_changes"].add_event_source(
            sources.DynamoEventSource(
                uploads,
                starting_position=lambda_.StartingPosition.LATEST,
                batch_size=1000,
                max_batching_window=Duration.seconds(1),
                # Tenants side by side, each in order: many connections of one keep the others waiting no longer.
                parallelization_factor=10,
                # What is not told now is told with the next change, and can be asked for.
                retry_attempts=1,
            )
        )
