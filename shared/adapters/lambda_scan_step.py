"""The scan of an uploaded object, as the Lambda function that S3's events invoke: it gets an event of that form."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from shared.adapters.aws_errors import translated

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


class LambdaScanStep:
    """The port `ScanStep`."""

    def __init__(self, client: LambdaClient, *, function: str, bucket: str) -> None:
        self._client = client
        self._function = function
        self._bucket = bucket

    def take(self, key: str, version_id: str | None) -> None:
        """Invoke it as an event: Lambda keeps the event and tries it three times."""
        version = {"versionId": version_id} if version_id else {}
        stored = {"key": quote_plus(key, safe="/"), **version}
        told = {"bucket": {"name": self._bucket}, "object": stored}
        record = {"eventSource": "aws:s3", "eventName": "ObjectCreated:Post", "s3": told}
        with translated("Lambda"):
            self._client.invoke(
                FunctionName=self._function,
                InvocationType="Event",
                Payload=json.dumps({"Records": [record]}).encode(),
            )
