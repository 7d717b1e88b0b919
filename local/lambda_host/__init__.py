"""Lambda on one machine: AWS's own runtime client in processes of their own, fed through the Runtime API."""

from __future__ import annotations

from local.lambda_host.function import Function, InvocationResult, Platform, WorkerStatus
from local.lambda_host.host import HostStopping, LambdaHost, UnknownFunction

__all__ = [
    "Function",
    "HostStopping",
    "InvocationResult",
    "LambdaHost",
    "Platform",
    "UnknownFunction",
    "WorkerStatus",
]
