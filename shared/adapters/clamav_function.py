"""ClamAV in a Lambda function of its own, as a container: it is asked for one pinned version and answers a verdict."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from shared.adapters.aws_errors import translated
from shared.domain.upload import SourceObject
from shared.domain.verdict import Verdict
from shared.errors import TransientError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


class ClamavFunction:
    """The port `Scanner`; `client` waits as long as the function may take."""

    def __init__(self, client: LambdaClient, *, function: str) -> None:
        self._client = client
        self._function = function

    def scan(self, source: SourceObject) -> Verdict:
        """Ask it, and wait for the answer. What it fails on may work the next time, when it has started."""
        with translated("Lambda"):
            answer = self._client.invoke(
                FunctionName=self._function, Payload=source.model_dump_json(by_alias=True).encode()
            )
        said = answer["Payload"].read()
        if "FunctionError" in answer:
            raise TransientError(f"ClamAV's function failed: {json.loads(said).get('errorType')}")
        return Verdict.model_validate_json(said)
