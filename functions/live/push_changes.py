"""The stream of the uploads table: tell those who are connected."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from shared import wiring
from shared.adapters.dynamodb_uploads import changed_uploads
from shared.observability import instrumented, logger
from shared.services.push_changes import push_changes

_MARGIN_SECONDS = 10
"""For a connection that is being waited for while the time runs out, and the end of the function."""


@instrumented(correlation_id_path=None)
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """One message for each upload that changed; who cannot be reached does not hold the stream up."""
    pushed = push_changes(
        changed_uploads(event),
        uploads=wiring.uploads(),
        objects=wiring.objects(),
        connections=wiring.live_connections(),
        keys=wiring.api_keys(),
        sockets=wiring.sockets(),
        seconds_left=lambda: context.get_remaining_time_in_millis() / 1000 - _MARGIN_SECONDS,
        clock=wiring.clock,
    )
    if pushed.sent or pushed.ended:
        logger.info("changes pushed", sent=pushed.sent, ended=pushed.ended)
    if pushed.failed:
        logger.warning("connections not reached", connections=pushed.failed)
