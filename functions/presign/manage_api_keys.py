"""POST, GET and DELETE /api/import/api-keys…: the keys of a tenant's plant servers."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from shared import wiring
from shared.domain.identity import Permission
from shared.http_api import PRIVATE, answer, correlation_id, identify, new_http_api, text_body
from shared.observability import instrumented, logger
from shared.services.api_keys import create_key, revoke_key, show_key

BASE = "/api/import/api-keys"

app = new_http_api()


@app.post(BASE)
def post_key() -> Response[str]:
    """Make a key: 201 with its text, which is never shown again."""
    correlation_id(app)
    identity = identify(app, Permission.MANAGE_KEYS)
    key, text = create_key(text_body(app), identity, keys=wiring.api_keys(), clock=wiring.clock)
    logger.info("API key made", key_id=key.key_id)
    return answer(HTTPStatus.CREATED, {**show_key(key), "key": text})


@app.get(BASE)
def get_keys() -> Response[str]:
    """The tenant's keys, also those that have ended lately, without what they are made of."""
    correlation_id(app)
    identity = identify(app, Permission.MANAGE_KEYS)
    return answer(HTTPStatus.OK, {"apiKeys": [show_key(key) for key in wiring.api_keys().all(identity.tenant_id)]})


@app.delete(f"{BASE}/<key_id>")
def delete_key(key_id: str) -> Response[str]:
    """End a key at once: 204, also when repeated."""
    correlation_id(app)
    identity = identify(app, Permission.MANAGE_KEYS)
    revoke_key(key_id, identity, keys=wiring.api_keys(), clock=wiring.clock)
    logger.info("API key revoked", key_id=key_id)
    return Response(status_code=int(HTTPStatus.NO_CONTENT), headers=PRIVATE)


@instrumented(correlation_id_path=None)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer an API Gateway request (payload format 2.0)."""
    return app.resolve(event, context)
