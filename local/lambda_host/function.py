"""What the Lambda host is told about a function, and what it answers."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DEFAULT_CONCURRENCY = 8
"""Execution environments a function may have at once; invocations beyond them wait for one to be free."""


@dataclass(frozen=True)
class Platform:
    """What is the same for every function: where AWS is, and under which name and rights to speak to it."""

    region: str
    account: str
    endpoint_url: str
    access_key_id: str
    secret_access_key: str

    def function_arn(self, name: str) -> str:
        """The ARN of a function here."""
        return f"arn:aws:lambda:{self.region}:{self.account}:function:{name}"


@dataclass(frozen=True)
class Function:
    """A function's configuration. The first of `code` is the task root; all are on the import path.

    `timeout` is in seconds, `memory` in MB (told to the function, not enforced). `access_key_id` is
    that of the function's own role, None where all have the platform's.
    """

    name: str
    handler: str
    code: tuple[Path, ...]
    timeout: float = 3
    memory: int = 128
    variables: Mapping[str, str] = field(default_factory=dict)
    concurrency: int = DEFAULT_CONCURRENCY
    access_key_id: str | None = None

    @property
    def module(self) -> str:
        """The handler's module, which is how people know the function."""
        return self.handler.rpartition(".")[0]


@dataclass(frozen=True)
class InvocationResult:
    """The answer to one invocation: JSON, and whether it is an error's (`X-Amz-Function-Error: Unhandled`)."""

    request_id: str
    payload: bytes
    failed: bool = False

    @classmethod
    def error(cls, request_id: str, error_type: str, message: str) -> InvocationResult:
        """An error that the platform reports, as Lambda words it."""
        document = {"errorType": error_type, "errorMessage": f"RequestId: {request_id} Error: {message}"}
        return cls(request_id, json.dumps(document).encode(), failed=True)

    @property
    def document(self) -> Any:
        """The payload, parsed; None when it is empty."""
        return json.loads(self.payload) if self.payload else None


@dataclass(frozen=True)
class WorkerStatus:
    """One execution environment, for tests that look at processes or kill them.

    `request_id` and `event` are those of the invocation that it is busy with. `peak_memory` is in bytes.
    """

    function: str
    module: str
    pid: int
    request_id: str | None
    event: Any
    peak_memory: int


def process_variables(function: Function, platform: Platform, runtime_api: str) -> dict[str, str]:
    """The whole environment of a worker: Lambda's variables and the function's own, nothing of the parent's.

    boto3 must not find the developer's own AWS configuration, which it looks for below the home folder.
    """
    return {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"]),
        "LANG": "C.UTF-8",
        "TZ": ":UTC",
        "PYTHONPATH": os.pathsep.join(str(folder) for folder in function.code),
        "LAMBDA_TASK_ROOT": str(function.code[0]),
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "local",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}",
        "_HANDLER": function.handler,
        "AWS_REGION": platform.region,
        "AWS_DEFAULT_REGION": platform.region,
        "AWS_ACCESS_KEY_ID": function.access_key_id or platform.access_key_id,
        "AWS_SECRET_ACCESS_KEY": platform.secret_access_key,
        "AWS_ENDPOINT_URL": platform.endpoint_url,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "POWERTOOLS_TRACE_DISABLED": "true",
        **function.variables,
    }
