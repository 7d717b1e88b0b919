"""Step 3: settle the totals."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from shared import wiring
from shared.observability import count_records, instrumented, logger
from shared.services.finish_import import finish_import
from shared.services.import_task import ImportTask


@instrumented(correlation_id_path="correlationId")
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """End the import; answer its totals, for whoever looks at the execution in the console."""
    del context
    task = ImportTask.model_validate(event)
    logger.append_keys(tenant_id=task.tenant_id, upload_id=task.upload_id)
    totals = finish_import(
        task.upload(wiring.uploads()),
        uploads=wiring.uploads(),
        objects=wiring.objects(),
        records=wiring.records(),
        queue=wiring.queue(),
        clock=wiring.clock,
    )
    count_records(totals)
    logger.info("import finished", **totals.model_dump())
    return totals.model_dump()
