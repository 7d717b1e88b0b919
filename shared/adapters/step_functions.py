"""The state machine, through Step Functions: one execution an upload, named after it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from shared.adapters.aws_errors import error_code, translated
from shared.services.ports import ExecutionState

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


class StepFunctionsExecutions:
    """The port `Executions`."""

    def __init__(self, client: SFNClient, *, state_machine_arn: str) -> None:
        self._client = client
        self._machine = state_machine_arn

    def start(self, name: str, payload: dict[str, Any]) -> None:
        """Start the execution of this name; nothing happens when there was one before."""
        try:
            with translated("Step Functions"):
                self._client.start_execution(stateMachineArn=self._machine, name=name, input=json.dumps(payload))
        except ClientError as error:
            if error_code(error) != "ExecutionAlreadyExists":
                raise

    def state(self, name: str) -> ExecutionState:
        """Whether the execution of this name runs."""
        arn = f"{self._machine.replace(':stateMachine:', ':execution:')}:{name}"
        try:
            with translated("Step Functions"):
                status = self._client.describe_execution(executionArn=arn)["status"]
        except ClientError as error:
            if error_code(error) != "ExecutionDoesNotExist":
                raise
            return ExecutionState.ABSENT
        return ExecutionState.RUNNING if status == "RUNNING" else ExecutionState.ENDED
