"""A change in the queue, or the schedule of the safety sweep: start what can be started."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from shared import wiring
from shared.adapters.dynamodb_jobs import queued_jobs
from shared.observability import gauge_queue, instrumented, logger
from shared.services.dispatch_jobs import dispatch_jobs, sweep_jobs, sweep_tenants, wake_jobs
from shared.settings import get_settings


@instrumented(correlation_id_path=None)
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Fill the free slots; an event without stream records is the schedule's, which sweeps first."""
    del context
    if "Records" not in event:
        _sweep()
    slots = get_settings().job_concurrency
    queue, executions = wiring.queue(), wiring.executions()
    for job_id in dispatch_jobs(announced=queued_jobs(event), queue=queue, executions=executions, slots=slots):
        logger.info("import started", upload_id=job_id)


def _sweep() -> None:
    queue = wiring.queue()
    for job_id in sweep_jobs(queue=queue, executions=wiring.executions(), fail_step=wiring.fail_step()):
        logger.warning("slot put right", upload_id=job_id)
    for job_id in wake_jobs(queue=queue, clock=wiring.clock):
        logger.info("import is tried again", upload_id=job_id)
    gauge_queue(waiting=sweep_tenants(queue=queue, clock=wiring.clock), dead=len(queue.dead()))
