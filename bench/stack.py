"""A local stack of the bench's own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local.stack_file import read_description

_START_SECONDS = 120


@contextmanager
def running_stack(folder: Path, **settings: str) -> Iterator[Mapping[str, Any]]:
    """Start one in a folder, with settings by their names in capitals; what its stack.json says."""
    folder.mkdir()
    folder.chmod(0o755)
    command = [sys.executable, "-m", "local", "up", "--state", str(folder)]
    with (folder / "up.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | settings)  # noqa: S603 (our own)
    try:
        yield _description(folder, process)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def _description(folder: Path, process: subprocess.Popen[bytes]) -> Mapping[str, Any]:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if (description := read_description(folder)) and description["pid"] == process.pid:
            return description
        time.sleep(0.1)
    raise AssertionError(f"the stack did not start: {(folder / 'up.log').read_text()}")
