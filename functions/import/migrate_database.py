"""At each deployment: bring the database's schema up to date."""

from __future__ import annotations

import time
from typing import Any

import pg8000.native
from aws_lambda_powertools.utilities.typing import LambdaContext

from shared.adapters.migrations import apply_migrations
from shared.adapters.postgres import DatabaseAddress, configured_address, connect
from shared.errors import TransientError
from shared.observability import instrumented, logger
from shared.settings import get_settings

_PATIENCE_SECONDS = 120
_PAUSE_SECONDS = 5


@instrumented(correlation_id_path=None)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, list[str]]:
    """Apply the migrations that are missing; answer their names."""
    del event, context
    connection = _connect_patiently(configured_address(get_settings()))
    try:
        applied = apply_migrations(connection)
    finally:
        connection.close()
    logger.info("database migrated", applied=applied)
    return {"applied": applied}


def _connect_patiently(address: DatabaseAddress) -> pg8000.native.Connection:
    """Connect; CloudFormation calls a database proxy ready some time before it takes connections."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return connect(address)
        except TransientError as error:
            if time.monotonic() > deadline:
                raise
            logger.info("the database does not answer yet", reason=error.message)
            time.sleep(_PAUSE_SECONDS)
