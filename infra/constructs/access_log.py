"""The access log of an API: who called, what came of it, and nothing of what was said."""

from __future__ import annotations

import json
from collections.abc import Mapping

import jsii
from aws_cdk import aws_apigateway as apigateway_v1
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_logs as logs


@jsii.implements(apigateway.IAccessLogSettings)
class AccessLog:
    """One line of JSON a request, with the given members; their values are API Gateway's `$context` variables."""

    def __init__(self, log_group: logs.ILogGroup, members: Mapping[str, str]) -> None:
        self._destination = apigateway.LogGroupLogDestination(log_group)
        self._members = dict(members)

    @property
    def destination(self) -> apigateway.IAccessLogDestination:
        """Where the lines go."""
        return self._destination

    @property
    def format(self) -> apigateway_v1.AccessLogFormat:
        """What a line holds."""
        return apigateway_v1.AccessLogFormat.custom(json.dumps(self._members))
