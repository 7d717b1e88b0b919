"""The HTTP API: the manifest's routes, CORS for the pages that upload, an access log."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.constructs.access_log import AccessLog
from infra.constructs.functions import Functions
from infra.manifest import FunctionSpec

_ACCESS_LOG = {
    "requestId": "$context.requestId",
    "time": "$context.requestTimeEpoch",
    "ip": "$context.identity.sourceIp",
    "route": "$context.routeKey",
    "status": "$context.status",
    "bytes": "$context.responseLength",
    "milliseconds": "$context.responseLatency",
    "integrationError": "$context.integrationErrorMessage",
    "traceId": "$context.xrayTraceId",
}


class Api(Construct):
    """API Gateway v2 with payload 2.0. The functions check the session themselves, so no route is open.

    `with_cookies` lets pages of the `origins` send their session as a cookie.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        manifest: Mapping[str, FunctionSpec],
        functions: Functions,
        origins: list[str],
        with_cookies: bool,
        log_retention: logs.RetentionDays,
    ) -> None:
        super().__init__(scope, construct_id)
        self.http_api = apigateway.HttpApi(
            self,
            "HttpApi",
            api_name="linefeed",
            description="Uploads and their status",
            create_default_stage=False,
            cors_preflight=_cors(manifest, origins, with_cookies=with_cookies) if origins else None,
        )
        log_group = logs.LogGroup(self, "AccessLogs", retention=log_retention, removal_policy=RemovalPolicy.DESTROY)
        stage = self.http_api.add_stage(
            "Stage",
            stage_name="$default",
            auto_deploy=True,
            throttle=apigateway.ThrottleSettings(rate_limit=100, burst_limit=200),
            access_log_settings=AccessLog(log_group, _ACCESS_LOG),
        )
        self.url = stage.url
        for name, spec in manifest.items():
            self._add_routes(name, spec, functions)

    def _add_routes(self, name: str, spec: FunctionSpec, functions: Functions) -> None:
        if not spec.routes:
            return
        integration = integrations.HttpLambdaIntegration(f"{name}-integration", functions[name])
        for route in spec.routes:
            method, path = route.split(" ")
            self.http_api.add_routes(path=path, methods=[apigateway.HttpMethod(method)], integration=integration)


def _cors(
    manifest: Mapping[str, FunctionSpec], origins: list[str], *, with_cookies: bool
) -> apigateway.CorsPreflightOptions:
    return apigateway.CorsPreflightOptions(
        allow_origins=origins,
        allow_methods=[apigateway.CorsHttpMethod(method) for method in _methods(manifest)],
        allow_headers=[
            "authorization",
            "content-type",
            "idempotency-key",
            "if-match",
            "if-none-match",
            "x-correlation-id",
        ],
        expose_headers=[
            "etag",
            "retry-after",
            "ratelimit-limit",
            "ratelimit-remaining",
            "ratelimit-reset",
            "content-disposition",
        ],
        allow_credentials=with_cookies,
        max_age=Duration.hours(1),
    )


def _methods(manifest: Mapping[str, FunctionSpec]) -> list[str]:
    """The HTTP methods that the routes use."""
    return sorted({route.split(" ")[0] for spec in manifest.values() for route in spec.routes})
