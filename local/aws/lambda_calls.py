"""Every Lambda call goes through one callback; asynchronous ones are queued, retried and never block their source.

moto runs a function's code in a Docker container, and an S3 or stream event inside the request that caused it,
so that the uploader waits for the function and its failure is swallowed. AWS queues such events, runs them
elsewhere and retries a failed one twice. Patched is `LambdaFunction.invoke`, through which Step Functions, S3,
SNS, schedules and the Invoke API all pass; DynamoDB streams have pollers of their own (dynamodb_streams.py).
Unlike on AWS the retries come within seconds, not minutes. Of destinations the one is served that hears of the last
failure, where it is a function; its event is that of the Lambda guide, “Capturing records of Lambda asynchronous
invocations”.
"""

from __future__ import annotations

import json
import logging
import queue
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from moto.awslambda.exceptions import LambdaClientError
from moto.awslambda.models import LambdaFunction

from local.aws.patching import Patches

_LOG = logging.getLogger(__name__)
_RETRIES = 2
_RETRY_SECONDS = (0.5, 1.0)
_THREADS = 16


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """One attempt to run a function. A retry carries the `request_id` of the first attempt, as on AWS."""

    function_name: str
    payload: bytes
    request_id: str
    asynchronous: bool


@dataclass(frozen=True, slots=True)
class Retrying:
    """How often a function that failed is tried again, and the function that hears of its last failure."""

    retries: int = _RETRIES
    on_failure: str | None = None


@dataclass(frozen=True, slots=True)
class FunctionResult:
    """What the function answered, as JSON; `function_error` (`Unhandled`, as Lambda says) marks a failure.

    The payload of a failure is `{"errorType", "errorMessage", ...}`; its errorType is the error's name in
    Step Functions.
    """

    payload: bytes
    function_error: str | None = None


_AS_LAMBDA_DOES = Retrying()

InvokeFunction = Callable[[FunctionCall], FunctionResult]


class AsyncCalls:
    """Lambda's queue of asynchronous events, worked off by threads of this process."""

    def __init__(self, invoke: InvokeFunction) -> None:
        self._invoke = invoke
        self._waiting: queue.SimpleQueue[tuple[FunctionCall, Retrying]] = queue.SimpleQueue()
        self._changed = threading.Condition()
        self._open = 0
        self._threads = 0
        self._stopping = threading.Event()

    def submit(self, call: FunctionCall, retrying: Retrying = _AS_LAMBDA_DOES) -> None:
        """Queue a call; it returns at once. After `stop` the call is dropped."""
        with self._changed:
            if self._stopping.is_set():
                return
            self._open += 1
            if self._threads < min(self._open, _THREADS):
                self._threads += 1
                threading.Thread(target=self._work, name=f"async-lambda-{self._threads}", daemon=True).start()
        self._waiting.put((call, retrying))

    def drain(self, seconds: float) -> int:
        """Wait until every queued call has ended, at most `seconds`; returns how many have not."""
        with self._changed:
            self._changed.wait_for(lambda: self._open == 0, timeout=seconds)
            return self._open

    def stop(self) -> None:
        """Take no more calls, and give up retries that are waited for."""
        self._stopping.set()

    def _work(self) -> None:
        while True:
            call, retrying = self._waiting.get()
            try:
                self._run(call, retrying)
            finally:
                with self._changed:
                    self._open -= 1
                    self._changed.notify_all()

    def _run(self, call: FunctionCall, retrying: Retrying) -> None:
        for attempt in range(retrying.retries + 1):
            failure = failure_of(self._invoke, call)
            if failure is None:
                return
            if attempt < retrying.retries:
                _LOG.warning("%s failed, is retried: %s", call.function_name, failure)
                if self._stopping.wait(_RETRY_SECONDS[min(attempt, len(_RETRY_SECONDS) - 1)]):
                    return
        if retrying.on_failure is None:
            _LOG.error("%s failed for the last time, its event is dropped: %s", call.function_name, failure)
            return
        _LOG.error("%s failed for the last time, which %s hears: %s", call.function_name, retrying.on_failure, failure)
        self.submit(_of_the_last_failure(call, retrying, failure or ""))


def failure_of(invoke: InvokeFunction, call: FunctionCall) -> str | None:
    """Run the call; returns None when it went well, otherwise what went wrong."""
    try:
        result = invoke(call)
    except Exception as error:  # noqa: BLE001 - it is retried and told as any other failure
        return repr(error)
    return result.payload.decode(errors="replace") if result.function_error else None


def install(patches: Patches, invoke: InvokeFunction, asynchronous: AsyncCalls) -> None:
    """Send every call of a Lambda function through `invoke`, or to the queue when nobody waits for its answer."""

    def invoke_function(function: Any, body: Any, request_headers: Any, response_headers: Any) -> bytes:
        kind = _invocation_type(request_headers)
        if kind == "DryRun":
            return b"{}"
        call = FunctionCall(
            function_name=function.function_name,
            payload=_payload(body),
            request_id=str(uuid.uuid4()),
            asynchronous=kind == "Event",
        )
        response_headers["x-amzn-RequestId"] = call.request_id
        if call.asynchronous:
            asynchronous.submit(call, _retrying(function))
            return b"{}"
        result = _answer(invoke, call)
        if result.function_error:
            response_headers["x-amz-function-error"] = result.function_error
        return result.payload

    patches.replace(LambdaFunction, "invoke", invoke_function)


def _invocation_type(request_headers: Any) -> str:
    """What the caller wants; moto's own event sources send no headers at all."""
    if not request_headers:
        return "Event"
    return str(request_headers.get("x-amz-invocation-type", "RequestResponse"))


def _payload(body: Any) -> bytes:
    payload = body.encode() if isinstance(body, str) else bytes(body or b"")
    try:
        json.loads(payload or b"{}")
    except ValueError as error:
        raise LambdaClientError("InvalidRequestContentException", f"Could not parse request body: {error}") from error
    return payload or b"{}"


def _retrying(function: Any) -> Retrying:
    if not function.event_invoke_config:
        return _AS_LAMBDA_DOES
    config = function.event_invoke_config[-1].config
    destination = config.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination", "")
    return Retrying(
        retries=int(config.get("MaximumRetryAttempts", _RETRIES)),
        on_failure=destination.partition(":function:")[2].partition(":")[0] or None,
    )


def _error_of(failure: str) -> Any:
    """The failure as the function told it, where it is one of the function's."""
    try:
        return json.loads(failure)
    except ValueError:
        return {"errorMessage": failure}


def _of_the_last_failure(call: FunctionCall, retrying: Retrying, failure: str) -> FunctionCall:
    """The call of the function that hears of it."""
    record = {
        "version": "1.0",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "requestContext": {
            "requestId": call.request_id,
            "functionArn": call.function_name,
            "condition": "RetriesExhausted",
            "approximateInvokeCount": retrying.retries + 1,
        },
        "requestPayload": json.loads(call.payload),
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "responsePayload": _error_of(failure),
    }
    return FunctionCall(str(retrying.on_failure), json.dumps(record).encode(), str(uuid.uuid4()), asynchronous=True)


def _answer(invoke: InvokeFunction, call: FunctionCall) -> FunctionResult:
    """The callback's result; its own breakdown is Lambda's service error, which Step Functions may retry."""
    try:
        return invoke(call)
    except Exception as error:
        _LOG.exception("The host could not run %s", call.function_name)
        raise LambdaClientError("ServiceException", repr(error)) from error
