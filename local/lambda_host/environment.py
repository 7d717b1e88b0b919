"""One execution environment: a process that runs a function's handler, one invocation at a time."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from local.lambda_host.function import Function, InvocationResult, Platform, WorkerStatus, process_variables
from local.lambda_host.runtime_api import Invocation, RuntimeApi

INIT_SECONDS = 10.0
"""How long an initialisation may take; a function with a longer timeout has that long."""

RESPONSE_BYTES = 6 * 1024 * 1024 + 100
"""Largest answer of a synchronous invocation."""


class ExecutionEnvironment:
    """A worker process with its Runtime API. The process is started at once; the handler loads meanwhile.

    `invoke` is called by one thread at a time; everything else may be called from any.
    """

    def __init__(self, function: Function, platform: Platform, log: Path) -> None:
        self.function = function
        self._arn = platform.function_arn(function.name)
        self._changed = threading.Condition()
        self._ready = False
        self._init_error: bytes | None = None
        self._pending: Invocation | None = None
        self._current: Invocation | None = None
        self._result: InvocationResult | None = None
        self._exit_status: int | None = None
        self._terminated = False
        self._api = RuntimeApi(self)
        self._log = log
        self._process = self._start(process_variables(function, platform, self._api.address))
        threading.Thread(target=self._watch, name=f"watch-{function.module}", daemon=True).start()

    @property
    def alive(self) -> bool:
        """True while the process runs and can take another invocation."""
        return self._exit_status is None and self._init_error is None and not self._terminated

    @property
    def status(self) -> WorkerStatus:
        """What the process is doing now."""
        current = self._current
        return WorkerStatus(
            function=self.function.name,
            module=self.function.module,
            pid=self._process.pid,
            request_id=current.request_id if current else None,
            event=json.loads(current.payload) if current else None,
            peak_memory=peak_memory(self._process.pid),
        )

    def invoke(self, request_id: str, payload: bytes) -> InvocationResult:
        """Run the handler on an event. Fails as Lambda does: a crash or a timeout is a result, the process is gone."""
        if not self._wait_until_ready():
            return self._fail(request_id, "Sandbox.Timedout", f"Task timed out after {self._init_limit:.2f} seconds")
        started = time.monotonic()
        self._write_log(f"START RequestId: {request_id} Version: $LATEST")
        result = self._hand_over(request_id, payload)
        self._write_report(request_id, time.monotonic() - started)
        return result

    def terminate(self) -> None:
        """Kill the process; an invocation in it fails."""
        self._terminated = True
        self._process.kill()

    def wait_until_gone(self, seconds: float) -> None:
        """Wait until the process has been reaped."""
        with self._changed:
            self._changed.wait_for(lambda: self._exit_status is not None, seconds)

    # RuntimeEvents, called by the Runtime API's threads

    def next_invocation(self) -> Invocation | None:
        """The process asks for work: its initialisation, or the invocation before, is over."""
        with self._changed:
            self._ready = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._pending is not None or self._exit_status is not None)
            invocation, self._pending = self._pending, None
            return invocation

    def invocation_ended(self, request_id: str, payload: bytes, *, failed: bool) -> bool:
        """The process has an answer. One to an invocation that is over already is dropped."""
        with self._changed:
            if self._current is None or self._current.request_id != request_id:
                return True
            fits = len(payload) <= RESPONSE_BYTES
            self._result = (
                InvocationResult(request_id, payload, failed=failed)
                if fits
                else InvocationResult.error(
                    request_id,
                    "Function.ResponseSizeTooLarge",
                    f"Response payload size exceeded maximum allowed payload size ({RESPONSE_BYTES} bytes).",
                )
            )
            self._changed.notify_all()
            return fits

    def init_failed(self, payload: bytes) -> None:
        """The handler's module could not be imported."""
        with self._changed:
            self._init_error = payload
            self._changed.notify_all()

    # The life of the process

    @property
    def _init_limit(self) -> float:
        return max(INIT_SECONDS, self.function.timeout)

    def _start(self, variables: dict[str, str]) -> subprocess.Popen[bytes]:
        """Start the runtime client in a session of its own, so that a Ctrl-C at the terminal does not reach it."""
        with self._log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own interpreter and manifest
                [sys.executable, "-m", "awslambdaric", self.function.handler],
                cwd=self.function.code[0],
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _watch(self) -> None:
        """Wait for the end of the process, end what it started, and wake who waits for something from it."""
        os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        status = self._process.wait()
        with self._changed:
            self._exit_status = status
            self._changed.notify_all()
        self._api.close()

    def _wait_until_ready(self) -> bool:
        """Wait for the end of the initialisation, good or bad; False when it takes too long."""
        with self._changed:
            return self._changed.wait_for(lambda: self._ready or not self.alive, self._init_limit)

    def _hand_over(self, request_id: str, payload: bytes) -> InvocationResult:
        """Give the event to the process and wait for its answer, its death, or the deadline."""
        timeout = self.function.timeout
        with self._changed:
            if self._init_error is not None:
                return InvocationResult(request_id, self._init_error, failed=True)
            self._current = self._pending = Invocation(
                request_id, payload, self._arn, _new_trace_id(), time.time() + timeout
            )
            self._result = None
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._result is not None or self._exit_status is not None, timeout)
            result, exit_status = self._result, self._exit_status
            self._current = self._pending = None
        if result is not None:
            return result
        if exit_status is not None:
            return self._fail(request_id, "Runtime.ExitError", f"Runtime exited with error: {_described(exit_status)}")
        return self._fail(request_id, "Sandbox.Timedout", f"Task timed out after {timeout:.2f} seconds")

    def _fail(self, request_id: str, error_type: str, message: str) -> InvocationResult:
        """End the process, whose state nobody can trust, and report why."""
        self.terminate()
        result = InvocationResult.error(request_id, error_type, message)
        self._write_log(f"{result.document['errorMessage']} ({error_type})")
        return result

    def _write_log(self, line: str) -> None:
        """Write a line of the platform's among those of the function."""
        with self._log.open("a") as log:
            log.write(line + "\n")

    def _write_report(self, request_id: str, seconds: float) -> None:
        """Write what Lambda writes after an invocation."""
        self._write_log(
            f"REPORT RequestId: {request_id}\tDuration: {seconds * 1000:.2f} ms\t"
            f"Memory Size: {self.function.memory} MB\t"
            f"Max Memory Used: {peak_memory(self._process.pid) // 1024**2} MB"
        )


def peak_memory(pid: int) -> int:
    """The most resident memory that a process had, in bytes; 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def _described(exit_status: int) -> str:
    """How a process ended, in the words that Lambda has for it."""
    if exit_status >= 0:
        return f"exit status {exit_status}"
    return f"signal: {signal.strsignal(-exit_status) or -exit_status}".lower()


def _new_trace_id() -> str:
    """An X-Ray trace header; nothing is sampled, since there is no daemon to send it to."""
    root = f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"
    return f"Root={root};Parent={secrets.token_hex(8)};Sampled=0"
