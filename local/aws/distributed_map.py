"""A distributed Map fails when more of its items fail than it tolerates.

moto's Map state in distributed mode turns a failed item into null and succeeds, whatever its tolerance; its
workers call themselves once for every item, so that a thousand items overflow the stack; and a missing
ItemReader object is States.Runtime. On AWS a Map run with more failed items than `ToleratedFailureCount` or
`ToleratedFailurePercentage` (both 0 unless given) starts no more items, aborts those that wait for a retry and
fails with States.ExceedToleratedFailureThreshold; an item list that cannot be read is States.ItemReaderFailed.

One machine also stands in for many here: a run has at most as many items under way as there are processors. More of
them would not be done sooner, and each would hold its memory and its place in Postgres for longer.

Not closed: ItemBatcher, JSON lines, ResultWriter and a percentage without a decimal point are not understood,
and the child executions cannot be listed.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from botocore.exceptions import ClientError
from moto.stepfunctions.parser.api import HistoryEventType, MapRunFailedEventDetails, MapRunStatus
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEvent,
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.state.exec.state_map.item_reader.item_reader_decl import ItemReader
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.distributed_iteration_component import (
    DistributedIterationComponent,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.itemprocessor import (
    distributed_item_processor_worker,
    map_run_record,
)
from moto.stepfunctions.parser.asl.eval.program_state import ProgramEnded, ProgramTimedOut
from moto.stepfunctions.parser.asl.eval.states import ItemData, MapData

from local.aws.inline_map import AT_ONCE
from local.aws.patching import Patches


def install(patches: Patches) -> None:
    """Patch the Map state's distributed mode."""
    worker = distributed_item_processor_worker.DistributedItemProcessorWorker
    patches.replace(worker, "eval", _work)
    patches.replace(worker, "_eval_job", _run_item)
    patches.wrap(DistributedIterationComponent, "_map_run", _abort_the_rest)
    patches.wrap(DistributedIterationComponent, "_map_run", _limit_concurrency)
    patches.wrap(map_run_record.MapRunRecord, "set_stop", _keep_first_status)
    patches.wrap(ItemReader, "_eval_body", _read_items)


def _work(worker: Any) -> None:
    """Run items until there are none, one has failed the run, or the execution has ended."""
    pool, env = worker._job_pool, worker._env  # noqa: SLF001
    job = pool.next_job()
    while job is not None:
        if env.is_running():
            frame = env.open_inner_frame()
            worker._eval_job(env=frame, job=job)  # noqa: SLF001
            env.delete_frame(frame)
        else:
            job.job_output = RuntimeError("The execution ended before this item.")
        # Taken before this job is closed: closing the last one lets the Map state go on.
        following = pool.next_job()
        pool.close_job(job)
        job = following


def _run_item(worker: Any, env: Any, job: Any) -> None:
    """Run one item; its output is an exception when the Map run has to end."""
    record = worker._map_run_record  # noqa: SLF001
    counters = (record.item_counter, record.execution_counter)
    for counter in counters:
        counter.total.count()
        counter.running.count()
    outcome, output = _evaluate(worker, env, job)
    for counter in counters:
        counter.running.offset(-1)
        getattr(counter, outcome).count()
        if outcome == "succeeded":
            counter.results_written.count()
    job.job_output = output
    if outcome in {"failed", "timed_out"} and _exceeds_tolerance(worker, record):
        cause = "The specified tolerated failure threshold was exceeded"
        job.job_output = _map_failure(env, StatesErrorNameType.StatesExceedToleratedFailureThreshold, cause)


def _evaluate(worker: Any, env: Any, job: Any) -> tuple[str, Any]:
    """The name of the counter that the item belongs to, and its output."""
    env.states.context_object.context_object_data["Map"] = MapData(
        Item=ItemData(Index=job.job_index, Value=job.job_input)
    )
    env.states.reset(job.job_input)
    env.stack.append(env.states.get_input())
    try:
        worker._eval_input(env_frame=env)  # noqa: SLF001
        job.job_program.eval(env)
        state = env.program_state()
    except Exception:  # noqa: BLE001 - whatever it was, the item has failed
        state = None
    if isinstance(state, ProgramEnded):
        return "succeeded", env.states.get_input()
    if not worker._env.is_running():  # noqa: SLF001
        return "aborted", None
    return ("timed_out" if isinstance(state, ProgramTimedOut) else "failed"), None


def _exceeds_tolerance(worker: Any, record: Any) -> bool:
    """True when a limit that was given is exceeded; without one, no failure is tolerated."""
    failed = record.item_counter.failed.get() + record.item_counter.timed_out.get()
    limits = [record.tolerated_failure_count] if record.tolerated_failure_count else []
    if record.tolerated_failure_percentage:
        limits.append(record.tolerated_failure_percentage * worker._job_pool._jobs_number / 100)  # noqa: SLF001
    return bool(failed > min(limits, default=0))


def _map_failure(env: Any, error: StatesErrorNameType, cause: str) -> FailureEventException:
    name = StatesErrorName(typ=error)
    details: Any = {"mapRunFailedEventDetails": MapRunFailedEventDetails(error=name.error_name, cause=cause)}
    return FailureEventException(
        FailureEvent(
            env=env,
            error_name=name,
            event_type=HistoryEventType.MapRunFailed,
            event_details=details,
        )
    )


def _abort_the_rest(original: Any) -> Any:
    """When the run fails, items that are between two tries stop; a running function's answer is ignored."""

    def map_run(component: Any, env: Any, eval_input: Any) -> None:
        try:
            original(component, env, eval_input)
        except Exception:
            if not env.is_running():
                eval_input.map_run_record.set_stop(MapRunStatus.ABORTED)
            env.set_stop(stop_date=dt.datetime.now(tz=dt.UTC), cause=None, error=None)
            raise

    return map_run


def _limit_concurrency(original: Any) -> Any:
    def map_run(component: Any, env: Any, eval_input: Any) -> None:
        record = eval_input.map_run_record
        record.max_concurrency = min(record.max_concurrency or AT_ONCE, AT_ONCE)
        original(component, env, eval_input)

    return map_run


def _keep_first_status(original: Any) -> Any:
    def set_stop(record: Any, status: MapRunStatus) -> None:
        if record.stop_date is None:
            original(record, status)

    return set_stop


def _read_items(original: Any) -> Any:
    def eval_body(reader: Any, env: Any) -> None:
        try:
            original(reader, env)
        except (ClientError, ValueError) as error:
            raise _map_failure(env, StatesErrorNameType.StatesItemReaderFailed, str(error)) from error

    return eval_body
