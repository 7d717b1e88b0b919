"""The whole system on the local stack: from the moment at which S3 has the file until the status says completed.

COPY, which it is compared with, goes into the same table of the same server in between, so that both meet it alike.
"""

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

from bench.engine import planned
from bench.yardstick import accepted_rows
from local.client import LinefeedClient
from local.commands.attach import RunningStack
from local.postgres import Address
from local.stack_file import read_description
from shared.adapters.postgres import DatabaseAddress
from shared.settings import Settings

_START_SECONDS = 120
_IMPORT_SECONDS = 600


def system_ratio(path: Path, folder: Path) -> float:
    """How many records a second the stack's warm functions import, beside COPY into the very same table."""
    accepted = accepted_rows(planned(path, Settings.model_fields["chunk_bytes"].default), folder / "accepted.txt")
    with _running_stack(folder / "stack") as stack, LinefeedClient(stack.api_url, stack.token) as client:
        _import(client, path, "first")
        copy = accepted.copy_rate(_database(stack))
        return _import(client, path, "second") / copy


def _import(client: LinefeedClient, path: Path, work_unit: str) -> float:
    started = client.start_upload(path, work_unit_id=work_unit)
    client.send_file(started, path)
    sent = time.monotonic()
    answer = client.wait(started["uploadId"], timeout=_IMPORT_SECONDS)
    seconds = time.monotonic() - sent
    if answer["upload"]["status"] != "completed_with_errors":
        raise AssertionError(f"the import ended as {answer['upload']['status']}: {answer['upload']['message']}")
    return float(answer["progress"]["totalRecords"]) / seconds


def _database(stack: RunningStack) -> DatabaseAddress:
    own = Address.parse(stack.postgres_dsn)
    return DatabaseAddress(own.host, own.port, own.user, own.password or None, own.database, tls=False)


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
