"""The scan of an uploaded object, as the Lambda function that S3's events invoke: it gets an event of that form."""

from __future__ import annotations

from urllib.parse import quote_plus

from shared.services.ports import Step


class LambdaScanStep:
    """The port `ScanStep`; `step` invokes the function."""

    def __init__(self, step: Step, *, bucket: str) -> None:
        self._step = step
        self._bucket = bucket

    def take(self, key: str, version_id: str | None) -> None:
        """Invoke it with the event that S3 would send of this version, or of the newest."""
        version = {"versionId": version_id} if version_id else {}
        stored = {"key": quote_plus(key, safe="/"), **version}
        told = {"bucket": {"name": self._bucket}, "object": stored}
        self._step.take({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Post", "s3": told}]})
