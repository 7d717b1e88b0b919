"""What clients send over the WebSocket API: `{"type": "ping"}` keeps a connection open, nothing else has a meaning."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from shared.observability import instrumented

_PONG = json.dumps({"type": "pong"})


@instrumented(correlation_id_path="requestContext.requestId")
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer on the route `ping`."""
    del context
    answered = {"body": _PONG} if event["requestContext"]["routeKey"] == "ping" else {}
    return {"statusCode": int(HTTPStatus.OK), **answered}
