"""POST /api/import/live: an address to connect to, and be told of the tenant's uploads as they change."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from shared import wiring
from shared.domain.identity import Permission
from shared.http_api import answer, correlation_id, identify, new_http_api
from shared.observability import instrumented, logger
from shared.services.live_connections import invite
from shared.settings import get_settings

app = new_http_api()


@app.post("/api/import/live")
def post_live() -> Response[str]:
    """Answer 201 with an address that is good once and for a minute."""
    correlation_id(app)
    identity = identify(app, Permission.READ)
    invitation = invite(
        identity,
        address=get_settings().live_url,
        tickets=wiring.live_tickets(),
        limiter=wiring.limiter(),
        clock=wiring.clock,
    )
    logger.info("ticket given")
    return answer(HTTPStatus.CREATED, {"url": invitation.url, "expiresAt": invitation.expires_at.isoformat()})


@instrumented(correlation_id_path=None)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer an API Gateway request (payload format 2.0)."""
    return app.resolve(event, context)
