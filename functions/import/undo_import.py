"""What a request to undo leads to: the rows of the upload leave the table."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from shared import wiring
from shared.observability import instrumented, logger
from shared.services.import_task import ImportTask
from shared.services.undo_import import undo_import


@instrumented(correlation_id_path="correlationId")
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Undo the import; answer how many rows left. Where it fails, Lambda tries it again, as a repeated request does."""
    del context
    task = ImportTask.model_validate(event)
    logger.append_keys(tenant_id=task.tenant_id, upload_id=task.upload_id)
    undone = undo_import(
        task.upload(wiring.uploads()),
        uploads=wiring.uploads(),
        records=wiring.records(),
        queue=wiring.queue(),
        clock=wiring.clock,
    )
    logger.info("import undone", **undone.model_dump())
    return undone.model_dump()
