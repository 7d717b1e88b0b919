"""Every function of the stack: finds or starts an execution environment for each invocation."""

from __future__ import annotations

import threading
import time
import uuid
from collections import deque
from pathlib import Path

from local.lambda_host.environment import ExecutionEnvironment
from local.lambda_host.function import Function, InvocationResult, Platform, WorkerStatus


class UnknownFunction(LookupError):
    """No function of this name was added."""


class HostStopping(RuntimeError):
    """The host takes no invocations any more."""


class LambdaHost:
    """Runs functions in processes. All methods may be called from any thread.

    Each function's output goes to `<logs>/<module>.log`.
    """

    def __init__(self, platform: Platform, logs: Path) -> None:
        self._platform = platform
        self._logs = logs
        self._pools: dict[str, _Pool] = {}
        self._stopping = threading.Event()
        logs.mkdir(parents=True, exist_ok=True)

    def add(self, function: Function) -> None:
        """Make a function known; its first process starts with its first invocation."""
        self._pools[function.name] = _Pool(function, self._platform, self.log_of(function), self._stopping)

    def log_of(self, function: Function) -> Path:
        """Where a function's output goes."""
        return self._logs / f"{function.module}.log"

    def function(self, name: str) -> Function:
        """A function by its name or ARN, with or without a version; raises UnknownFunction."""
        return self._pool(name).function

    def invoke(self, name: str, payload: bytes, request_id: str | None = None) -> InvocationResult:
        """Run a function, by name or ARN, on a JSON event and wait for its answer.

        A handler's failure is a result. `request_id` is that of the first attempt when this is a retry.
        Raises UnknownFunction, and HostStopping once `stop` was called.
        """
        pool = self._pool(name)
        request_id = request_id or str(uuid.uuid4())
        environment = pool.acquire()
        try:
            return environment.invoke(request_id, payload)
        finally:
            pool.release(environment)

    def workers(self) -> list[WorkerStatus]:
        """Every process there is now, busy or idle."""
        return [environment.status for pool in self._pools.values() for environment in pool.environments]

    def stop(self, drain_seconds: float) -> int:
        """Take no new invocations, let those under way end within the time, then end every process.

        Returns the number of invocations that had to be cut off.
        """
        self._stopping.set()
        deadline = time.monotonic() + drain_seconds
        pools = list(self._pools.values())
        cut_off = sum(pool.drain(deadline) for pool in pools)
        environments = [environment for pool in pools for environment in pool.environments]
        for environment in environments:
            environment.terminate()
        for environment in environments:
            environment.wait_until_gone(seconds=5)
        return cut_off

    def _pool(self, name: str) -> _Pool:
        function_name = name.split(":")[6] if name.startswith("arn:") else name.split(":", maxsplit=1)[0]
        try:
            return self._pools[function_name]
        except KeyError:
            raise UnknownFunction(f"There is no function {function_name!r}") from None


class _Pool:
    """The execution environments of one function."""

    def __init__(self, function: Function, platform: Platform, log: Path, stopping: threading.Event) -> None:
        self.function = function
        self._platform = platform
        self._log = log
        self._stopping = stopping
        self._changed = threading.Condition()
        self._idle: list[ExecutionEnvironment] = []
        self._busy: set[ExecutionEnvironment] = set()
        self._starting = 0
        self._waiting: deque[object] = deque()

    @property
    def environments(self) -> list[ExecutionEnvironment]:
        """Those that have a process."""
        with self._changed:
            return [*self._busy, *self._idle]

    def acquire(self) -> ExecutionEnvironment:
        """The warm environment that was used last, a new one, or the first to become free; who came first is first."""
        with self._changed:
            self._wait_for_turn()
            if self._stopping.is_set():
                raise HostStopping(f"The local stack is stopping; {self.function.module} was not invoked")
            if self._idle:
                environment = self._idle.pop()
                self._busy.add(environment)
                return environment
            self._starting += 1
        try:
            environment = ExecutionEnvironment(self.function, self._platform, self._log)
        except BaseException:
            self._started(None)
            raise
        self._started(environment)
        return environment

    def _wait_for_turn(self) -> None:
        turn = object()
        self._waiting.append(turn)
        try:
            self._changed.wait_for(lambda: self._waiting[0] is turn and self._can_take_one())
        finally:
            self._waiting.remove(turn)
            self._changed.notify_all()

    def release(self, environment: ExecutionEnvironment) -> None:
        """Keep an environment for the next invocation, unless its process is gone or about to go."""
        with self._changed:
            self._busy.discard(environment)
            if environment.alive:
                self._idle.append(environment)
            self._changed.notify_all()

    def drain(self, deadline: float) -> int:
        """Wait until nothing is busy; the number that still was at the deadline (in monotonic seconds)."""
        with self._changed:
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._busy and not self._starting, max(0, deadline - time.monotonic()))
            return len(self._busy) + self._starting

    def _can_take_one(self) -> bool:
        self._idle = [environment for environment in self._idle if environment.alive]
        full = len(self._busy) + self._starting >= self.function.concurrency
        return self._stopping.is_set() or bool(self._idle) or not full

    def _started(self, environment: ExecutionEnvironment | None) -> None:
        with self._changed:
            self._starting -= 1
            if environment is not None:
                self._busy.add(environment)
            self._changed.notify_all()
