"""The scan, as a Lambda function that is given S3's event once more without waiting for it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

from shared.adapters.aws_errors import translated
from shared.domain.upload import Upload

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


class LambdaScanStep:
    """The port `ScanStep`."""

    def __init__(self, client: LambdaClient, *, function: str, bucket: str) -> None:
        self._client = client
        self._function = function
        self._bucket = bucket

    def take(self, upload: Upload) -> None:
        """Invoke it with the event that S3 would send, of the version that was pinned or else of the newest."""
        stored: dict[str, Any] = {"key": quote_plus(upload.object_key, safe="/")}
        if upload.source:
            stored["versionId"] = upload.source.version_id
        record = {
            "eventSource": "aws:s3",
            "eventName": "ObjectCreated:Post",
            "s3": {"bucket": {"name": self._bucket}, "object": stored},
        }
        with translated("Lambda"):
            self._client.invoke(
                FunctionName=self._function,
                InvocationType="Event",
                Payload=json.dumps({"Records": [record]}).encode(),
            )
