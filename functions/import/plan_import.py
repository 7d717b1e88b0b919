"""Step 1: plan the import."""

from __future__ import annotations

import json
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from shared import wiring
from shared.domain import object_keys
from shared.domain.plan import FEW_CHUNKS
from shared.observability import instrumented, logger
from shared.services.import_task import ImportTask
from shared.services.plan_import import plan_import
from shared.settings import get_settings


@instrumented(correlation_id_path="correlationId")
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Write the plan; answer where a Map state finds the list of chunks, and the chunks themselves if they are few.

    `review` says that the execution ends here, because a person is to look at the preview first.
    """
    del context
    task = ImportTask.model_validate(event)
    logger.append_keys(tenant_id=task.tenant_id, upload_id=task.upload_id)
    settings = get_settings()
    upload = plan_import(
        task.upload(wiring.uploads()),
        uploads=wiring.uploads(),
        objects=wiring.objects(),
        profiles=wiring.profiles(),
        queue=wiring.queue(),
        clock=wiring.clock,
        chunk_bytes=settings.chunk_bytes,
    )
    key = object_keys.chunk_list(upload.tenant_id, upload.upload_id, upload.planned_in)
    if upload.plan is None:
        logger.info("import waits for a person to look at its preview")
        return {"review": True, "bucket": settings.bucket, "chunksKey": key, "fewChunks": []}
    logger.info("import planned", records=upload.plan.records, chunks=upload.plan.chunks)
    few = json.loads(wiring.objects().read(key)) if upload.plan.chunks <= FEW_CHUNKS else []
    return {"review": False, "bucket": settings.bucket, "chunksKey": key, "fewChunks": few}
