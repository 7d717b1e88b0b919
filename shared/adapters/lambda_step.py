"""A step, as a Lambda function that is invoked without waiting for it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from shared.adapters.aws_errors import translated

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


class LambdaStep:
    """The port `Step`."""

    def __init__(self, client: LambdaClient, *, function: str) -> None:
        self._client = client
        self._function = function

    def take(self, payload: dict[str, Any]) -> None:
        """Invoke it as an event: Lambda keeps the event and tries it three times."""
        with translated("Lambda"):
            self._client.invoke(
                FunctionName=self._function, InvocationType="Event", Payload=json.dumps(payload).encode()
            )
