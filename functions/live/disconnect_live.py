"""$disconnect of the WebSocket API.

API Gateway does its best to tell; a connection whose end it did not tell is found gone at the next change.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from shared import wiring
from shared.observability import instrumented, logger


@instrumented(correlation_id_path="requestContext.requestId")
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Forget the connection."""
    del context
    connection_id = event["requestContext"]["connectionId"]
    wiring.live_connections().remove(connection_id)
    logger.info("disconnected", connection_id=connection_id)
    return {"statusCode": int(HTTPStatus.OK)}
