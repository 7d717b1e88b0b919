"""Logs, metrics and traces (Powertools): one logger, one set of metrics and one tracer for a process.

Every function logs JSON with the correlation id that began with the request and ends in the ledger row, and
measures its own seconds; the metrics' dimension `service` is the function's name.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from shared.domain.upload import Totals

logger = Logger()
metrics = Metrics()
tracer = Tracer(patch_modules=("botocore",))  # all that we call; the others would be imported to be patched

Handler = Callable[[dict[str, Any], LambdaContext], Any]


def instrumented(correlation_id_path: str | None) -> Callable[[Handler], Handler]:
    """Wrap a Lambda handler with the logger's context, traces and metrics; a failure is logged and raised on.

    `correlation_id_path` is a JMESPath into the event; None where the handler finds the id itself.
    """

    def wrap(handler: Handler) -> Handler:
        @wraps(handler)
        def timed(event: dict[str, Any], context: LambdaContext) -> Any:
            started = time.monotonic()
            try:
                return handler(event, context)
            except Exception:
                logger.exception("the function failed")
                raise
            finally:
                metrics.add_metric("Seconds", MetricUnit.Seconds, time.monotonic() - started)

        traced = tracer.capture_lambda_handler(timed, capture_response=False)
        measured = metrics.log_metrics(traced)
        logged: Handler = logger.inject_lambda_context(
            measured, correlation_id_path=correlation_id_path, clear_state=True
        )
        return logged

    return wrap


def count_records(totals: Totals) -> None:
    """Count an import's records by outcome."""
    metrics.add_metric("RecordsImported", MetricUnit.Count, totals.imported)
    metrics.add_metric("RecordsDuplicate", MetricUnit.Count, totals.duplicates)
    metrics.add_metric("RecordsRefused", MetricUnit.Count, totals.refused)


def gauge_queue(*, waiting: int, dead: int) -> None:
    """Report how many jobs wait for a slot, and how many are dead letters."""
    metrics.add_metric("QueueDepth", MetricUnit.Count, waiting)
    metrics.add_metric("DeadJobs", MetricUnit.Count, dead)
