"""At each deployment: bring the database's schema up to date."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from shared.adapters.migrations import apply_migrations
from shared.adapters.postgres import configured_address, connect
from shared.observability import instrumented, logger
from shared.settings import get_settings


@instrumented(correlation_id_path=None)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, list[str]]:
    """Apply the migrations that are missing; answer their names."""
    del event, context
    connection = connect(configured_address(get_settings()))
    try:
        applied = apply_migrations(connection)
    finally:
        connection.close()
    logger.info("database migrated", applied=applied)
    return {"applied": applied}
