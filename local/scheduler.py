"""EventBridge's schedules: invokes functions at a rate, on a thread for each."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

_LOG = logging.getLogger(__name__)
_RATE = re.compile(r"rate\((?P<value>\d+) (?P<unit>minute|hour|day)s?\)")
_SECONDS = {"minute": 60, "hour": 3600, "day": 86400}


@dataclass(frozen=True)
class Schedule:
    """What is invoked how often; `make_event` gives the event's JSON for each time."""

    name: str
    seconds: float
    function: str
    make_event: Callable[[], bytes]


def seconds_of(expression: str) -> float:
    """The seconds of a `rate(…)`; raises ValueError for anything else."""
    match = _RATE.fullmatch(expression)
    if match is None:
        raise ValueError(f"the local run knows rate(…) alone, not {expression}")
    return int(match["value"]) * _SECONDS[match["unit"]]


class Scheduler:
    """Runs schedules. `fire` hands a function's ARN and an event to AWS' endpoint, without waiting for the function."""

    def __init__(self, schedules: Iterable[Schedule], fire: Callable[[str, bytes], None]) -> None:
        self._fire = fire
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(schedule,), name=f"schedule-{schedule.name}", daemon=True)
            for schedule in schedules
        ]

    def start(self) -> None:
        """Begin to wait; the first time is after one interval, as on AWS."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Fire no more."""
        self._stopping.set()

    def _run(self, schedule: Schedule) -> None:
        while not self._stopping.wait(schedule.seconds):
            try:
                self._fire(schedule.function, schedule.make_event())
            except (BotoCoreError, ClientError):
                _LOG.exception("The schedule %s could not invoke %s", schedule.name, schedule.function)
