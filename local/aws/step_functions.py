"""Executions start once, stop at once and keep a history that can be paged.

moto runs a state machine with an interpreter of its own, which calls Lambda and S3 over HTTP. Where it differs
from AWS, and what is patched:

- Starting without a name gives every execution the name `None`; AWS makes up a UUID. Two starts with one name at
  the same time both run; AWS lets one run and gives it to both.
- StopExecution waits for the task that is running, answers without a date, forgets error and cause, and the
  history goes on after ExecutionAborted; a machine's timeout is missing from the history until its task ends.
  AWS ends the execution there and then; the function runs on and its answer is ignored.
- GetExecutionHistory ignores `maxResults`, `reverseOrder` and `nextToken`.
- `States.ALL` also catches States.Runtime and States.DataLimitExceeded; on AWS those end the execution.
- A boto3 client is made for each task, from the default session, which threads may not share; here one client a
  service is made under a lock.

The Map state has files of its own (inline_map.py, distributed_map.py). What works without a patch has a
contract test too: retry with backoff and jitter, errors by errorType, Catch, timeouts, `$$.Map.Item.Value`.
"""

from __future__ import annotations

import datetime as dt
import itertools
import logging
import threading
import time
import uuid
from types import SimpleNamespace
from typing import Any

import boto3
from botocore.config import Config
from moto.core.responses import ActionResult
from moto.stepfunctions.parser.api import ExecutionStatus, HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.error_equals_decl import ErrorEqualsDecl
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventManager
from moto.stepfunctions.parser.asl.eval.program_state import ProgramStopped, ProgramTimedOut
from moto.stepfunctions.parser.asl.utils import boto_client
from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker
from moto.stepfunctions.parser.models import StepFunctionsParserBackend, stepfunctions_parser_backends
from moto.stepfunctions.responses import StepFunctionResponse

from local.aws.patching import Patches

_NOT_CAUGHT_BY_ALL = (StatesErrorNameType.StatesRuntime, StatesErrorNameType.StatesStatesDataLimitExceeded)
_NOISY = (
    "moto.stepfunctions.parser.asl.component.eval_component",
    "moto.stepfunctions.parser.asl.component.state.exec.execute_state",
)
_START_SECONDS = 5.0
_EXECUTION_LOCK = threading.RLock()


def install(patches: Patches, endpoint: str) -> None:
    """Patch the interpreter; its calls to AWS go to `endpoint`."""
    patches.replace(boto_client, "boto3", SimpleNamespace(client=_SharedClients(endpoint).client))
    patches.wrap(StepFunctionsParserBackend, "start_execution", _start_once)
    patches.replace(StepFunctionResponse, "stop_execution", _stop_execution)
    patches.replace(ExecutionWorker, "stop", _stop_at_once)
    patches.wrap(BaseExecutionWorkerCommunication, "terminated", _terminate_once)
    patches.wrap(EventManager, "add_event", _add_to_open_history)
    patches.replace(StepFunctionResponse, "get_execution_history", _get_execution_history)
    patches.wrap(ErrorEqualsDecl, "_eval_body", _match_error)
    # They log each failed task with its whole state; the history tells the same.
    for noisy in _NOISY:
        patches.replace(logging.getLogger(noisy), "disabled", new=True)


def stop_all() -> None:
    """Abort every running execution, so that none works on while the server stops."""
    for backends in list(stepfunctions_parser_backends.values()):
        for backend in list(backends.values()):
            for machine in list(backend.state_machines):
                executions: list[Any] = list(machine.executions)
                for execution in executions:
                    if execution.exec_status == ExecutionStatus.RUNNING:
                        execution.stop(dt.datetime.now(tz=dt.UTC), None, None)


class _SharedClients:
    """Stands for the module boto3 in moto's interpreter: one client a service and region, safe among threads."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._session = boto3.Session()
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()

    def client(self, *, service_name: Any, region_name: str, config: Config, **credentials: Any) -> Any:
        with self._lock:
            known = self._clients.get((service_name, region_name))
            if known is None:
                credentials["endpoint_url"] = self._endpoint
                known = self._session.client(
                    service_name,
                    region_name=region_name,
                    config=config.merge(Config(max_pool_connections=64)),
                    **credentials,
                )
                self._clients[service_name, region_name] = known
            return known


def _start_once(original: Any) -> Any:
    def start_execution(
        backend: Any, state_machine_arn: str, name: Any = None, execution_input: Any = None, trace_header: Any = None
    ) -> Any:
        with _EXECUTION_LOCK:
            return original(backend, state_machine_arn, name or str(uuid.uuid4()), execution_input, trace_header)

    return start_execution


def _stop_execution(response: Any) -> ActionResult:
    execution = response.stepfunction_backend.describe_execution(response._get_param("executionArn"))  # noqa: SLF001
    reasons = {name: response._get_param(name) for name in ("error", "cause")}  # noqa: SLF001
    execution.stop(dt.datetime.now(tz=dt.UTC), **reasons)
    return ActionResult({"stopDate": execution.stop_date})


def _stop_at_once(worker: Any, stop_date: Any, error: str | None, cause: str | None) -> None:
    """End the execution now; the threads of its states find out when their task answers."""
    communication = worker._execution_communication  # noqa: SLF001
    deadline = time.monotonic() + _START_SECONDS
    while (
        communication.execution.exec_status == ExecutionStatus.RUNNING
        and (worker.env is None or not worker.env.is_running())
        and time.monotonic() < deadline
    ):
        time.sleep(0.01)
    with _EXECUTION_LOCK:
        if communication.execution.exec_status == ExecutionStatus.RUNNING:
            worker.env.set_stop(stop_date=stop_date, cause=cause, error=error)
            communication.terminated()


def _terminate_once(original: Any) -> Any:
    """The first end counts, is the last event of the history, and carries error and cause."""

    def terminated(communication: Any) -> None:
        with _EXECUTION_LOCK:
            execution = communication.execution
            if execution.exec_status != ExecutionStatus.RUNNING:
                return
            env = execution.exec_worker.env
            state = env.program_state()
            if isinstance(state, ProgramStopped):
                details = {"error": state.error, "cause": state.cause}
                _end_history(env, HistoryEventType.ExecutionAborted, {"executionAbortedEventDetails": details})
                execution.error, execution.cause = state.error, state.cause
            elif isinstance(state, ProgramTimedOut):
                _end_history(env, HistoryEventType.ExecutionTimedOut, {"executionTimedOutEventDetails": {}})
            env.event_manager.closed = True
            original(communication)

    return terminated


def _end_history(env: Any, event_type: HistoryEventType, details: Any) -> None:
    history = env.event_manager.get_event_history()
    if not history or history[-1]["type"] != event_type:
        env.event_manager.add_event(context=env.event_history_context, event_type=event_type, event_details=details)


def _add_to_open_history(original: Any) -> Any:
    def add_event(manager: Any, context: Any, event_type: Any, *rest: Any, **details: Any) -> Any:
        if getattr(manager, "closed", False):
            return context.last_published_event_id
        return original(manager, context, event_type, *rest, **details)

    return add_event


def _get_execution_history(response: Any) -> ActionResult:
    arn = response._get_param("executionArn")  # noqa: SLF001
    events = response.stepfunction_backend.get_execution_history(arn)["events"]
    if response._get_param("reverseOrder"):  # noqa: SLF001
        events = events[::-1]
    start = int(response._get_param("nextToken") or 0)  # noqa: SLF001
    size = response._get_int_param("maxResults") or 1000  # noqa: SLF001
    page: dict[str, Any] = {"events": list(itertools.islice(events, start, start + size))}
    if start + size < len(events):
        page["nextToken"] = str(start + size)
    return ActionResult(page)


def _match_error(original: Any) -> Any:
    def eval_body(error_equals: Any, env: Any) -> None:
        error = env.stack[-1]
        terminal = isinstance(error, StatesErrorName) and error in map(StatesErrorName, _NOT_CAUGHT_BY_ALL)
        original(error_equals, env)
        if terminal and error not in error_equals.error_names:
            env.stack[-1] = False

    return eval_body
