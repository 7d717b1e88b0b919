"""The whole system on the local stack: from the moment at which S3 has the file until the status says completed.

COPY, which it is compared with, goes into the same table of the same server in between, so that both meet it alike.
"""

from __future__ import annotations

import time
from pathlib import Path

from bench.database import as_functions_have_it
from bench.engine import planned
from bench.stack import running_stack
from bench.yardstick import accepted_rows
from local.client import LinefeedClient
from local.commands.attach import RunningStack
from local.postgres import Address
from shared.settings import Settings

_IMPORT_SECONDS = 600


def system_ratio(path: Path, folder: Path) -> float:
    """How many records a second the stack's warm functions import, beside COPY into the very same table."""
    accepted = accepted_rows(planned(path, Settings.model_fields["chunk_bytes"].default), folder / "accepted.txt")
    with running_stack(folder / "stack", MAX_FILE_SIZE=str(1 << 30)) as description:
        stack = RunningStack.of(description)
        with LinefeedClient(stack.api_url, stack.token) as client:
            _import(client, path, "first")
            copy = accepted.copy_rate(as_functions_have_it(Address.parse(stack.postgres_dsn)))
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
