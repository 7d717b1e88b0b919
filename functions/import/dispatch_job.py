"""A change in the queue, or the schedule of the safety sweep: start what can be started."""

from __future__ import annotations

import uuid
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from shared import wiring
from shared.domain.job import Job
from shared.observability import gauge_queue, instrumented, logger
from shared.services.dispatch_jobs import dispatch_jobs, sweep_jobs
from shared.services.failures import our_failure
from shared.services.finish_import import fail_import
from shared.settings import get_settings


@instrumented(correlation_id_path=None)
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Fill the free slots; an event without stream records is the schedule's, which sweeps first."""
    del context
    queue, executions = wiring.queue(), wiring.executions()
    if "Records" not in event:
        for job_id in sweep_jobs(queue=queue, executions=executions, end_lost=_end_lost):
            logger.warning("slot put right", upload_id=job_id)
    for job_id in dispatch_jobs(queue=queue, executions=executions, slots=get_settings().job_concurrency):
        logger.info("import started", upload_id=job_id)
    gauge_queue(len(queue.waiting(1000)))


def _end_lost(job: Job) -> None:
    """End the upload of an execution that is gone without having ended it."""
    uploads = wiring.uploads()
    upload = uploads.get(job.tenant_id, job.job_id)
    if upload is None:
        wiring.queue().release(job.job_id)
        return
    failure = our_failure(uuid.uuid4().hex[:12])
    failure = fail_import(
        upload,
        failure,
        counted=uploads.progress(upload),
        uploads=uploads,
        objects=wiring.objects(),
        queue=wiring.queue(),
        clock=wiring.clock,
    )
    logger.error("execution lost", upload_id=job.job_id, support_id=failure.support_id)
