"""$connect of the WebSocket API: whoever brings a ticket is connected, anybody else is refused."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from shared import wiring
from shared.errors import RequestRefused
from shared.observability import instrumented, logger
from shared.services.live_connections import connect


@instrumented(correlation_id_path="requestContext.requestId")
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take the ticket; API Gateway makes the connection for 200 alone. Neither address nor ticket is logged."""
    del context
    ticket = (event.get("queryStringParameters") or {}).get("ticket", "")
    try:
        connection = connect(
            ticket,
            event["requestContext"]["connectionId"],
            tickets=wiring.live_tickets(),
            connections=wiring.live_connections(),
            clock=wiring.clock,
        )
    except RequestRefused as refusal:
        logger.info("connection refused", code=refusal.code, status=refusal.status)
        return {"statusCode": refusal.status}
    logger.info(
        "connected",
        connection_id=connection.connection_id,
        tenant_id=connection.identity.tenant_id,
        user_id=connection.identity.user_id,
    )
    return {"statusCode": int(HTTPStatus.OK)}
