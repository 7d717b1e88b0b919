"""The whole system on the local stack: from the moment at which S3 has the file until the status says completed."""

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

from local.client import LinefeedClient
from local.commands.attach import RunningStack
from local.stack_file import read_description

_START_SECONDS = 120
_IMPORT_SECONDS = 600


def system_rows_per_second(path: Path, folder: Path) -> float:
    """Records a second, of a file that the stack's warm functions import."""
    with _running_stack(folder / "stack") as stack, LinefeedClient(stack.api_url, stack.token) as client:
        _import(client, path, "first")  # its keys come before those that are measured, which so meet an index's end
        return _import(client, path, "second")


def _import(client: LinefeedClient, path: Path, work_unit: str) -> float:
    started = client.start_upload(path, work_unit_id=work_unit)
    client.send_file(started, path)
    sent = time.monotonic()
    answer = client.wait(started["uploadId"], timeout=_IMPORT_SECONDS)
    seconds = time.monotonic() - sent
    if answer["upload"]["status"] != "completed_with_errors":
        raise AssertionError(f"the import ended as {answer['upload']['status']}: {answer['upload']['message']}")
    return float(answer["progress"]["totalRecords"]) / seconds


@contextmanager
def _running_stack(folder: Path) -> Iterator[RunningStack]:
    folder.mkdir()
    folder.chmod(0o755)
    environment = os.environ | {"MAX_FILE_SIZE": str(1 << 30)}
    command = [sys.executable, "-m", "local", "up", "--state", str(folder)]
    with (folder / "up.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)  # noqa: S603 (our own)
    try:
        yield RunningStack.of(_description(folder, process))
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
