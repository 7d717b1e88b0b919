"""The Lambda host, with small handlers in a temporary folder: what a function sees, and how it may fail."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from local.lambda_host import Function, HostStopping, LambdaHost, Platform, UnknownFunction
from local.lambda_host.environment import RESPONSE_BYTES

HANDLERS = '''
import os, subprocess, sys, time


class UploadRejected(Exception):
    """An error of the domain."""


def echo(event, context):
    return {"event": event, "pid": os.getpid()}


def environment(event, context):
    return dict(os.environ)


def describe(event, context):
    first = context.get_remaining_time_in_millis()
    time.sleep(0.05)
    return {
        "requestId": context.aws_request_id,
        "arn": context.invoked_function_arn,
        "memory": context.memory_limit_in_mb,
        "first": first,
        "second": context.get_remaining_time_in_millis(),
    }


def wait(event, context):
    time.sleep(event["seconds"])
    return os.getpid()


def refuse(event, context):
    print("about to refuse", flush=True)
    raise UploadRejected("empty_file: the file is empty")


def leave(event, context):
    os._exit(3)


def answer_at_length(event, context):
    return "x" * event["bytes"]


def leave_child_behind(event, context):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    print("child", child.pid, flush=True)
    time.sleep(60)
'''

Invoke = Callable[..., Any]


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A function folder."""
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "sample.py").write_text(HANDLERS)
    (folder / "broken.py").write_text("import does_not_exist")
    return folder


@pytest.fixture
def host(tmp_path: Path) -> Iterator[LambdaHost]:
    """A host without functions."""
    platform = Platform("eu-central-1", "123456789012", "http://127.0.0.1:1", "test", "test")
    host = LambdaHost(platform, tmp_path / "logs")
    yield host
    host.stop(drain_seconds=0)


@pytest.fixture
def add(host: LambdaHost, code: Path) -> Callable[..., Function]:
    """Adds a function of the folder by its handler's name."""

    def add(handler: str, *, module: str = "sample", **settings: Any) -> Function:
        function = Function(handler, f"{module}.{handler}", (code,), **{"timeout": 20, **settings})
        host.add(function)
        return function

    return add


def payload(document: Any) -> bytes:
    return json.dumps(document).encode()


def test_an_event_goes_in_and_the_answer_comes_out(host: LambdaHost, add: Callable[..., Function]) -> None:
    """The handler gets the event as it was sent, and its return value comes back as JSON."""
    add("echo")
    result = host.invoke("echo", payload({"größe": [1, 2.5, None]}))
    assert not result.failed
    assert result.document["event"] == {"größe": [1, 2.5, None]}


def test_a_function_is_found_by_name_and_by_arn(host: LambdaHost, add: Callable[..., Function]) -> None:
    """Callers name a function, its ARN, or the ARN of a version."""
    add("echo")
    arn = "arn:aws:lambda:eu-central-1:123456789012:function:echo"
    assert {host.function(name).name for name in ("echo", arn, f"{arn}:1")} == {"echo"}
    with pytest.raises(UnknownFunction, match="other"):
        host.invoke("other", b"{}")


def test_a_warm_process_is_used_again(host: LambdaHost, add: Callable[..., Function]) -> None:
    """Two invocations one after the other run in the same process."""
    add("echo")
    assert len({host.invoke("echo", b"{}").document["pid"] for _ in range(3)}) == 1


def test_invocations_at_the_same_time_get_processes_of_their_own(
    host: LambdaHost, add: Callable[..., Function]
) -> None:
    """Four at once run in four processes at once, and a bound is kept by waiting."""
    add("wait", concurrency=4)
    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(lambda _: host.invoke("wait", payload({"seconds": 0.5})), range(8)))
    assert len({result.document for result in results}) == 4
    assert not any(result.failed for result in results)


def test_a_function_sees_its_own_environment_only(
    host: LambdaHost, add: Callable[..., Function], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of the parent's environment leaks into a function, nor from one function into another."""
    monkeypatch.setenv("SECRET_OF_THE_PARENT", "1")
    add("environment", variables={"BUCKET": "files"}, memory=512)
    seen = host.invoke("environment", b"{}").document
    assert "SECRET_OF_THE_PARENT" not in seen
    assert "HOME" not in seen
    expected = {
        "BUCKET": "files",
        "AWS_LAMBDA_FUNCTION_NAME": "environment",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "TZ": ":UTC",
    }
    assert seen.items() >= expected.items()


def test_the_context_tells_the_request_and_the_time_that_is_left(
    host: LambdaHost, add: Callable[..., Function]
) -> None:
    """The remaining time starts at the timeout and goes down."""
    add("describe", timeout=7, memory=256)
    result = host.invoke("describe", b"{}")
    seen = result.document
    assert seen["requestId"] == result.request_id
    assert seen["arn"].endswith(":function:describe")
    assert int(seen["memory"]) == 256
    assert 6000 < seen["first"] <= 7000
    assert 40 <= seen["first"] - seen["second"] < 1000


def test_an_exception_is_an_error_with_its_class_name(host: LambdaHost, add: Callable[..., Function]) -> None:
    """Step Functions matches on errorType, so it is the class's name; the process stays."""
    function = add("refuse")
    result = host.invoke("refuse", b"{}")
    assert result.failed
    assert result.document["errorType"] == "UploadRejected"
    assert result.document["errorMessage"] == "empty_file: the file is empty"
    assert "raise UploadRejected" in "".join(result.document["stackTrace"])
    assert "about to refuse" in host.log_of(function).read_text()
    assert len(host.workers()) == 1


def test_a_timeout_kills_the_process(host: LambdaHost, add: Callable[..., Function]) -> None:
    """A handler that takes too long is gone when its error arrives, and the next invocation gets a new process."""
    add("wait", timeout=1)
    started = time.monotonic()
    result = host.invoke("wait", payload({"seconds": 30}))
    assert time.monotonic() - started < 25
    assert result.document["errorType"] == "Sandbox.Timedout"
    assert result.document["errorMessage"].endswith("Task timed out after 1.00 seconds")
    assert not host.invoke("wait", payload({"seconds": 0})).failed


def test_a_process_that_ends_is_an_exit_error(host: LambdaHost, add: Callable[..., Function]) -> None:
    """A crash inside of the handler reports how the process ended."""
    add("leave")
    result = host.invoke("leave", b"{}")
    assert result.document["errorType"] == "Runtime.ExitError"
    assert result.document["errorMessage"].endswith("Runtime exited with error: exit status 3")


def test_a_worker_can_be_seen_and_killed(host: LambdaHost, add: Callable[..., Function]) -> None:
    """Tests of faults find the process by its function and event, and a kill -9 is a failed invocation."""
    add("wait")
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(host.invoke, "wait", payload({"seconds": 30}))
        while not (busy := [worker for worker in host.workers() if worker.request_id]):
            time.sleep(0.01)
        assert busy[0].event == {"seconds": 30}
        assert busy[0].peak_memory > 1_000_000
        os.kill(busy[0].pid, signal.SIGKILL)
        result = running.result(timeout=5)
    assert result.document["errorMessage"].endswith("signal: killed")


def test_what_a_worker_started_ends_with_it(host: LambdaHost, add: Callable[..., Function]) -> None:
    """No process outlives the execution environment that started it."""
    function = add("leave_child_behind", timeout=2)
    assert host.invoke(function.name, b"{}").failed
    child = int(next(line for line in host.log_of(function).read_text().splitlines() if "child" in line).split()[1])
    deadline = time.monotonic() + 30
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_module_that_cannot_be_imported_says_so(host: LambdaHost, add: Callable[..., Function]) -> None:
    """The error of the initialisation is the answer to the invocation."""
    add("handler", module="broken")
    result = host.invoke("handler", b"{}")
    assert result.failed
    assert result.document["errorType"] == "Runtime.ImportModuleError"
    assert "does_not_exist" in result.document["errorMessage"]


def test_an_answer_over_the_limit_is_an_error(host: LambdaHost, add: Callable[..., Function]) -> None:
    """A large answer passes, one over 6 MB does not."""
    add("answer_at_length")
    assert not host.invoke("answer_at_length", payload({"bytes": RESPONSE_BYTES - 2})).failed
    result = host.invoke("answer_at_length", payload({"bytes": RESPONSE_BYTES}))
    assert result.document["errorType"] == "Function.ResponseSizeTooLarge"


def test_stopping_waits_for_what_is_under_way(host: LambdaHost, add: Callable[..., Function]) -> None:
    """An invocation under way ends, new ones are refused, and no process is left."""
    add("wait")
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(host.invoke, "wait", payload({"seconds": 1}))
        while not host.workers():
            time.sleep(0.01)
        pids = [worker.pid for worker in host.workers()]
        assert host.stop(drain_seconds=10) == 0
        assert not running.result(timeout=1).failed
    with pytest.raises(HostStopping):
        host.invoke("wait", payload({"seconds": 0}))
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_stopping_cuts_off_what_takes_too_long(host: LambdaHost, add: Callable[..., Function]) -> None:
    """After the time to drain, what still runs is killed and counted."""
    add("wait")
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(host.invoke, "wait", payload({"seconds": 30}))
        while not host.workers():
            time.sleep(0.01)
        assert host.stop(drain_seconds=0.2) == 1
        assert running.result(timeout=5).document["errorType"] == "Runtime.ExitError"
