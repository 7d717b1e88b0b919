"""Executions: started once, retried, caught, stopped, and told in a history."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.stepfunctions.parser.backend.execution import Execution
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker

from tests.contract.cloud import Broken, Cloud, slow_down, wait_for
from tests.contract.machines import NOT_RETRIED, RETRIED, catch, end_of, history, machine, run, start, status, task

RETRY = [NOT_RETRIED, RETRIED]


def fail_with(error: str) -> Any:
    def handler(_: Any) -> None:
        raise Broken(error)

    return handler


def test_a_running_execution_is_not_started_twice(cloud: Cloud) -> None:
    """The same name and input give the execution that runs; another input, or one that has ended, is refused."""
    go_on = threading.Event()
    function = cloud.function(lambda _: go_on.wait(10))
    arn = machine(cloud, {"Only": task(cloud, function)})
    first = start(cloud, arn, {"n": 1}, name="upload-1")
    assert start(cloud, arn, {"n": 1}, name="upload-1") == first
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        start(cloud, arn, {"n": 2}, name="upload-1")
    go_on.set()
    assert end_of(cloud, first)["status"] == "SUCCEEDED"
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        start(cloud, arn, {"n": 1}, name="upload-1")
    assert cloud.host.events_of(function) == [{"n": 1}]


def test_of_simultaneous_starts_one_runs(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """A double event of the queue starts nothing twice. Unpatched, they run side by side."""
    slow_down(monkeypatch, Execution, "__init__", 0.05)
    arn = machine(cloud, {"Wait": {"Type": "Wait", "Seconds": 5, "End": True}})
    with ThreadPoolExecutor(10) as pool:
        started = list(pool.map(lambda _: start(cloud, arn, name="upload-1"), range(10)))
    assert len(set(started)) == 1
    assert len(cloud.machines.list_executions(stateMachineArn=arn)["executions"]) == 1


def test_executions_without_a_name_are_different_ones(cloud: Cloud) -> None:
    """Unpatched, they are all called None, and the second is the first, or refused."""
    arn = machine(cloud, {"Only": {"Type": "Pass", "End": True}})
    assert start(cloud, arn) != start(cloud, arn)


def test_an_error_of_the_domain_is_caught_without_a_retry(cloud: Cloud) -> None:
    """Its errorType is the error's name. This works in moto as it is."""
    rejecting, failing = cloud.function(fail_with("UploadRejected")), cloud.function(lambda _: None)
    states = {
        "Plan": task(cloud, rejecting, Retry=RETRY, Catch=catch("Fail")),
        "Fail": task(cloud, failing, Next="Failed"),
        "Failed": {"Type": "Fail", "Error": "ImportFailed"},
    }
    description = run(cloud, machine(cloud, states), {"uploadId": "u"})
    assert (description["status"], description["error"]) == ("FAILED", "ImportFailed")
    assert len(cloud.host.events_of(rejecting)) == 1
    told = cloud.host.events_of(failing)[0]
    assert (told["uploadId"], told["error"]["Error"]) == ("u", "UploadRejected")
    assert json.loads(told["error"]["Cause"])["errorType"] == "UploadRejected"


def test_a_transient_error_is_retried_with_backoff_and_jitter(cloud: Cloud) -> None:
    """A failing function, and a host that breaks down. This works in moto as it is."""
    failures = iter([Broken("OperationalError"), OSError("no processes")])

    def handler(_: Any) -> None:
        for failure in failures:
            raise failure

    function = cloud.function(handler)
    execution = start(cloud, machine(cloud, {"Load": task(cloud, function, Retry=RETRY)}))
    assert end_of(cloud, execution)["status"] == "SUCCEEDED"
    assert len(cloud.host.events_of(function)) == 3
    assert history(cloud, execution).count("TaskFailed") == 2


def test_a_task_that_takes_too_long_is_caught_as_a_timeout(cloud: Cloud) -> None:
    """Under the name States.Timeout. This works in moto as it is."""
    go_on = threading.Event()
    slow, failing = cloud.function(lambda _: go_on.wait(10)), cloud.function(lambda _: None)
    states = {
        "Slow": task(cloud, slow, TimeoutSeconds=1, Catch=catch("Fail")),
        "Fail": task(cloud, failing),
    }
    assert run(cloud, machine(cloud, states))["status"] == "SUCCEEDED"
    assert cloud.host.events_of(failing)[0]["error"]["Error"] == "States.Timeout"
    go_on.set()


def test_the_history_tells_every_step(cloud: Cloud) -> None:
    """As the console shows it."""
    function = cloud.function(lambda _: None)
    states = {"Plan": task(cloud, function, Next="Done"), "Done": {"Type": "Succeed"}}
    execution = start(cloud, machine(cloud, states))
    end_of(cloud, execution)
    assert history(cloud, execution) == [
        "ExecutionStarted",
        *["TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSucceeded", "TaskStateExited"],
        *["SucceedStateEntered", "SucceedStateExited"],
        "ExecutionSucceeded",
    ]


def test_the_history_is_paged_in_both_directions(cloud: Cloud) -> None:
    """Unpatched, every request is answered with all of it."""
    arn = machine(
        cloud, {f"S{n}": {"Type": "Pass", "Next": f"S{n + 1}"} for n in range(5)} | {"S5": {"Type": "Succeed"}}
    )
    execution = start(cloud, arn)
    end_of(cloud, execution)
    pages = cloud.machines.get_paginator("get_execution_history").paginate(
        executionArn=execution, reverseOrder=True, PaginationConfig={"PageSize": 4}
    )
    numbers = [[event["id"] for event in page["events"]] for page in pages]
    assert numbers == [[14, 13, 12, 11], [10, 9, 8, 7], [6, 5, 4, 3], [2, 1]]


def test_an_execution_is_stopped_at_once(cloud: Cloud) -> None:
    """Unpatched, it runs until the task answers, forgets why it was stopped, and its history goes on."""
    go_on = threading.Event()
    slow, after = cloud.function(lambda _: go_on.wait(10)), cloud.function(lambda _: None)
    states = {"Slow": task(cloud, slow, Retry=RETRY, Catch=catch("After"), Next="After"), "After": task(cloud, after)}
    execution = start(cloud, machine(cloud, states))
    wait_for(lambda: cloud.host.events_of(slow))
    stopped = cloud.machines.stop_execution(executionArn=execution, error="Cancelled", cause="by the user")
    description = cloud.machines.describe_execution(executionArn=execution)
    assert (description["status"], description["error"], description["cause"]) == (
        "ABORTED", "Cancelled", "by the user"
    )  # fmt: skip
    assert stopped["stopDate"] == description["stopDate"]
    go_on.set()
    time.sleep(0.3)
    assert history(cloud, execution)[-1] == "ExecutionAborted"
    assert cloud.host.events_of(after) == []


def test_an_execution_that_has_just_been_started_can_be_stopped(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """While its definition is still being read. Unpatched, that is an internal error."""
    slow_down(monkeypatch, ExecutionWorker, "_get_evaluation_entrypoint", 0.2)
    arn = machine(cloud, {"Wait": {"Type": "Wait", "Seconds": 10, "End": True}})
    execution = start(cloud, arn)
    cloud.machines.stop_execution(executionArn=execution)
    assert status(cloud, execution) == "ABORTED"


def test_a_machine_that_takes_too_long_ends_with_its_timeout(cloud: Cloud) -> None:
    """Unpatched, the history lacks it until the task has answered."""
    go_on = threading.Event()
    function = cloud.function(lambda _: go_on.wait(10))
    execution = start(cloud, machine(cloud, {"Slow": task(cloud, function)}, TimeoutSeconds=1))
    assert end_of(cloud, execution)["status"] == "TIMED_OUT"
    assert history(cloud, execution)[-1] == "ExecutionTimedOut"
    go_on.set()


def test_a_mistake_in_the_machine_is_not_caught(cloud: Cloud) -> None:
    """States.ALL does not stand for States.Runtime. Unpatched, it does, and hides what fails on AWS."""
    function = cloud.function(lambda _: None)
    wrong = task(cloud, function, Parameters={"FunctionName": cloud.arn(function), "Payload.$": "$.absent"})
    states = {"Plan": {**wrong, "Catch": catch("Fail")}, "Fail": task(cloud, function)}
    description = run(cloud, machine(cloud, states))
    assert (description["status"], description["error"]) == ("FAILED", "States.Runtime")
    assert cloud.host.events_of(function) == []
