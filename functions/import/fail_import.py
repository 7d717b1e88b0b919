"""The step that every failure of the others leads to, and the cancelling of an upload."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from shared import wiring
from shared.domain.upload import Upload, UploadState
from shared.errors import UploadRejected
from shared.observability import instrumented, logger
from shared.services.failures import IMPORT_CANCELLED, INTERNAL_ERROR, TRIED_AGAIN_LATER, WAITS_FOR_REVIEW, failure_of
from shared.services.finish_import import cancel_import, fail_import
from shared.services.import_task import ImportTask
from shared.services.try_again import try_again_later
from shared.settings import get_settings


@instrumented(correlation_id_path="correlationId")
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, str]:
    """Let the import be tried again, or leave status, message and supportId; `error` becomes that of the execution.

    It tells the operator's alarm whether the file is at fault, also where the error came from a chunk: of that the
    Map state passes on only that there was one. What was cancelled is no failure.
    """
    del context
    task = ImportTask.model_validate(event)
    logger.append_keys(tenant_id=task.tenant_id, upload_id=task.upload_id)
    settings = get_settings()
    if try_again_later(
        task,
        uploads=wiring.uploads(),
        queue=wiring.queue(),
        clock=wiring.clock,
        attempts=settings.job_attempts,
        shortest=timedelta(seconds=settings.job_retry_seconds),
    ):
        logger.warning("the attempt failed, and another one follows", attempt=task.attempt, error=task.error)
        return {"error": TRIED_AGAIN_LATER}
    upload = task.upload(wiring.uploads())
    if upload.state is UploadState.REVIEWING:  # all but the end of planning went well
        wiring.queue().release(upload.upload_id, upload.attempt)
        return {"error": WAITS_FOR_REVIEW}
    if upload.state in (UploadState.CANCELLING, UploadState.CANCELLED):
        return _cancel(upload)
    failure = fail_import(
        upload,
        failure_of(task.error or {}),
        uploads=wiring.uploads(),
        objects=wiring.objects(),
        records=wiring.records(),
        queue=wiring.queue(),
        clock=wiring.clock,
    )
    logger.error("import failed", error=task.error, failure=failure.model_dump())
    error = "ImportFailed" if failure.code == INTERNAL_ERROR else UploadRejected.__name__
    return {"error": error, **failure.model_dump(by_alias=True)}


def _cancel(upload: Upload) -> dict[str, str]:
    totals = cancel_import(
        upload,
        uploads=wiring.uploads(),
        objects=wiring.objects(),
        records=wiring.records(),
        queue=wiring.queue(),
        clock=wiring.clock,
    )
    logger.info("import cancelled", **totals.model_dump())
    return {"error": IMPORT_CANCELLED}
