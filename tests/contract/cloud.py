"""What the contract tests share: clients of the running server, and functions that are plain Python."""

from __future__ import annotations

import io
import json
import sys
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import boto3
import httpx
from botocore.config import Config

from local.aws.access_keys import AccessKeys
from local.aws.lambda_calls import FunctionCall, FunctionResult

if TYPE_CHECKING:
    import pytest
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient

REGION: Final = "eu-central-1"
ACCESS_KEY = "AKIALOCALTEST"
SECRET = "a-secret-for-tests"
ROLE = "arn:aws:iam::123456789012:role/contract"

Handler = Callable[[Any], Any]


class Broken(Exception):
    """What a function raises to fail; the error's type is its first argument."""


@dataclass
class FunctionHost:
    """Stands for the Lambda host: calls plain Python functions by name."""

    handlers: dict[str, Handler] = field(default_factory=dict)
    calls: list[FunctionCall] = field(default_factory=list)

    def invoke(self, call: FunctionCall) -> FunctionResult:
        """Run a function as Lambda would: its exception is a result."""
        self.calls.append(call)
        try:
            answer = self.handlers[call.function_name](json.loads(call.payload))
        except Broken as error:
            document = {"errorType": error.args[0], "errorMessage": "it was asked to fail"}
            return FunctionResult(json.dumps(document).encode(), "Unhandled")
        return FunctionResult(json.dumps(answer).encode())

    def events_of(self, name: str) -> list[Any]:
        """The events that a function was called with, in order."""
        return [json.loads(call.payload) for call in self.calls if call.function_name == name]


class Cloud:
    """The running server as its clients see it."""

    def __init__(self, endpoint: str, host: FunctionHost, keys: AccessKeys | None = None) -> None:
        self.endpoint = endpoint
        self.keys = keys or AccessKeys()
        self.host = host
        self.http = httpx.Client(timeout=60)
        self.s3: S3Client = self._client("s3", signature_version="s3v4")
        self.dynamodb: DynamoDBClient = self._client("dynamodb")
        self.functions: LambdaClient = self._client("lambda")
        self.machines: SFNClient = self._client("stepfunctions")

    def _client(self, service: str, **config: Any) -> Any:
        return boto3.session.Session().client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET,
            config=Config(retries={"total_max_attempts": 1}, max_pool_connections=100, **config),
        )

    def make_role(self) -> None:
        """Make the role that functions and state machines have."""
        self._client("iam").create_role(RoleName=ROLE.rpartition("/")[2], AssumeRolePolicyDocument="{}")

    def function(self, handler: Handler) -> str:
        """Make a Lambda function that runs `handler`; returns its name."""
        name = f"function-{uuid.uuid4().hex[:12]}"
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("module.py", "")
        self.host.handlers[name] = handler
        self.functions.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=ROLE,
            Handler="module.handler",
            Code={"ZipFile": code.getvalue()},
        )
        return name

    def arn(self, function: str) -> str:
        """A function's ARN."""
        return f"arn:aws:lambda:{REGION}:123456789012:function:{function}"

    def bucket(self, *, versioned: bool = True) -> str:
        """Make an empty bucket; returns its name."""
        name = f"bucket-{uuid.uuid4().hex[:12]}"
        self.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        if versioned:
            self.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return name


def wait_for(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    """The condition's value, once it is true; fails the test when that takes too long."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
    return value


@contextmanager
def eager_threads() -> Iterator[None]:
    """Threads, the server's too, take turns more often, so that a missing lock shows."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)


def slow_down(monkeypatch: pytest.MonkeyPatch, owner: type, method: str, seconds: float) -> None:
    """Let a method of moto's take longer, so that what has to wait for it shows that it does."""
    original = getattr(owner, method)

    def slowly(*args: Any, **kwargs: Any) -> Any:
        time.sleep(seconds)
        return original(*args, **kwargs)

    monkeypatch.setattr(owner, method, slowly)
