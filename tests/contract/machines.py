"""State machines for the contract tests, made and run in few words."""

from __future__ import annotations

import json
import uuid
from typing import Any

from tests.contract.cloud import ROLE, Cloud, wait_for

NOT_RETRIED = {"ErrorEquals": ["UploadRejected", "StateConflict"], "MaxAttempts": 0}
RETRIED = {
    "ErrorEquals": ["States.TaskFailed", "States.Timeout"],
    "IntervalSeconds": 1,
    "BackoffRate": 2,
    "MaxAttempts": 5,
    "MaxDelaySeconds": 60,
    "JitterStrategy": "FULL",
}


def task(cloud: Cloud, function: str, **more: Any) -> dict[str, Any]:
    """A state that hands its input to a function, the last one unless `Next` is given."""
    end = {} if "Next" in more else {"End": True}
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": cloud.arn(function), "Payload.$": "$"},
        "ResultPath": None,
        **end,
        **more,
    }


def catch(following: str) -> list[dict[str, Any]]:
    """A Catch for everything that puts what went wrong into `$.error`."""
    return [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": following}]


def machine(cloud: Cloud, states: dict[str, Any], **more: Any) -> str:
    """Make a machine that begins with the first state; returns its ARN."""
    definition = {"StartAt": next(iter(states)), "States": states, **more}
    name = f"machine-{uuid.uuid4().hex[:12]}"
    made = cloud.machines.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE)
    return made["stateMachineArn"]


def start(cloud: Cloud, arn: str, data: Any = None, **more: Any) -> str:
    """Start an execution; returns its ARN."""
    started = cloud.machines.start_execution(stateMachineArn=arn, input=json.dumps(data or {}), **more)
    return started["executionArn"]


def end_of(cloud: Cloud, execution: str) -> Any:
    """Wait for the execution's end and describe it."""
    wait_for(lambda: status(cloud, execution) != "RUNNING")
    return cloud.machines.describe_execution(executionArn=execution)


def run(cloud: Cloud, arn: str, data: Any = None) -> Any:
    """Start an execution, wait for its end and describe it."""
    return end_of(cloud, start(cloud, arn, data))


def status(cloud: Cloud, execution: str) -> str:
    """RUNNING, SUCCEEDED, FAILED, ABORTED or TIMED_OUT."""
    return cloud.machines.describe_execution(executionArn=execution)["status"]


def history(cloud: Cloud, execution: str) -> list[str]:
    """The types of all events, in order."""
    events = cloud.machines.get_execution_history(executionArn=execution)["events"]
    return [event["type"] for event in events]
