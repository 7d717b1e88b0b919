"""GET, PUT and DELETE /api/import/profiles…: a tenant's profiles."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from shared import wiring
from shared.domain.identity import Permission
from shared.domain.profile import Profile
from shared.http_api import PRIVATE, answer, correlation_id, identify, new_http_api, text_body
from shared.observability import instrumented, logger
from shared.services.profiles import (
    Condition,
    delete_profile,
    find_profile,
    put_profile,
    show_profile,
    show_summary,
)

BASE = "/api/import/profiles"

app = new_http_api()


@app.get(BASE)
def get_profiles() -> Response[str]:
    """All profiles of the tenant, by name, without what may be long."""
    correlation_id(app)
    identity = identify(app, Permission.READ)
    shown = [show_summary(profile) for profile in wiring.profiles().all(identity.tenant_id)]
    return answer(HTTPStatus.OK, {"profiles": shown})


@app.get(f"{BASE}/<name>")
def get_profile(name: str) -> Response[str]:
    """One profile."""
    del name
    correlation_id(app)
    identity = identify(app, Permission.READ)
    return _shown(HTTPStatus.OK, find_profile(identity, _name(), wiring.profiles()))


@app.put(f"{BASE}/<name>")
def put_one(name: str) -> Response[str]:
    """Create a profile (201) or replace it (200), on the conditions of If-Match and If-None-Match."""
    del name
    correlation_id(app)
    identity = identify(app, Permission.IMPORT)
    profile, created = put_profile(
        _name(), text_body(app), _condition(), identity, profiles=wiring.profiles(), clock=wiring.clock
    )
    logger.info("profile saved", profile=profile.name, revision=profile.revision, replaced=not created)
    return _shown(HTTPStatus.CREATED if created else HTTPStatus.OK, profile)


@app.delete(f"{BASE}/<name>")
def delete_one(name: str) -> Response[str]:
    """Delete a profile: 204, also where there is none any more."""
    del name
    correlation_id(app)
    identity = identify(app, Permission.IMPORT)
    if delete_profile(_name(), _condition(), identity, profiles=wiring.profiles()):
        logger.info("profile deleted", profile=_name())
    return Response(status_code=int(HTTPStatus.NO_CONTENT), headers=PRIVATE)


def _name() -> str:
    """The profile's name as API Gateway has decoded it; what the router took from the path may be decoded or not."""
    return (app.current_event.path_parameters or {}).get("name", "")


def _condition() -> Condition:
    headers = app.current_event.headers
    return Condition(if_match=headers.get("if-match"), if_none_match=headers.get("if-none-match"))


def _shown(status: HTTPStatus, profile: Profile) -> Response[str]:
    return answer(status, show_profile(profile), {"ETag": f'"{profile.revision}"'})


@instrumented(correlation_id_path=None)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer an API Gateway request (payload format 2.0)."""
    return app.resolve(event, context)
