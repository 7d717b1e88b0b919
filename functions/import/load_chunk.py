"""Step 2, once for each chunk: load it."""

from __future__ import annotations

import gc
from datetime import datetime
from functools import lru_cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from shared import wiring
from shared.columnar.reader import TableReader
from shared.domain import object_keys
from shared.domain.plan import ImportPlan
from shared.observability import instrumented, logger
from shared.services.import_task import ImportTask
from shared.services.load_chunk import load_chunk

_MARGIN_SECONDS = 20
"""Of the function's timeout, left over for undoing and for telling of it: what is killed says nothing."""

gc.freeze()  # what was imported stays: the collector need not go through it again with every chunk


@instrumented(correlation_id_path="correlationId")
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Load the chunk that the Map state hands out; it answers nothing, for the ledger is what counts."""
    task = ImportTask.model_validate(event)
    if task.chunk is None:
        raise ValueError("the event has no chunk")
    logger.append_keys(tenant_id=task.tenant_id, upload_id=task.upload_id, chunk=task.chunk.index)
    upload = task.upload(wiring.uploads())
    try:
        totals = load_chunk(
            upload,
            task.chunk,
            _reader(upload.tenant_id, upload.upload_id, upload.planned_in, upload.created_at),
            uploads=wiring.uploads(),
            objects=wiring.objects(),
            records=wiring.records(),
            seconds_left=lambda: context.get_remaining_time_in_millis() / 1000 - _MARGIN_SECONDS,
        )
    except Exception as error:
        wiring.uploads().note_fault(upload, type(error).__name__)  # a distributed Map would not pass it on
        raise
    logger.info("chunk loaded", **totals.model_dump())


@lru_cache(maxsize=8)
def _reader(tenant_id: str, upload_id: str, planned_in: int, created_at: datetime) -> TableReader:
    """What reads an upload, kept between chunks: the plan is written once, before the first chunk is handed out."""
    plan = ImportPlan.model_validate_json(wiring.objects().read(object_keys.plan(tenant_id, upload_id, planned_in)))
    return TableReader(plan, created_at)
