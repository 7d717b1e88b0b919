"""The faults, one function each: what it does to one upload, or to the whole system while that upload is under way.

A fault is called just before the file is sent. What can be armed is armed then; what has to wait for its moment runs
on a thread of its own meanwhile.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from tests.faults.injection.aws_proxy import AwsFault, AwsRequest
from tests.faults.injection.aws_proxy import Kind as AwsKind
from tests.faults.injection.postgres_proxy import Kind as StreamKind
from tests.faults.injection.postgres_proxy import StreamFault
from tests.faults.system import FaultySystem

_WRITES = frozenset({"UpdateItem", "PutItem", "TransactWriteItems"})
_CLAIM = b"INSERT INTO import_chunks"

Happened = Callable[[], bool]
"""Whether the fault has happened: a moment may never come, for another fault was there before."""

Injection = Callable[[FaultySystem, str, random.Random], Happened]


@dataclass(frozen=True)
class Fault:
    """One fault; `waits` for its moment, on a thread of its own."""

    name: str
    inject: Injection
    waits: bool = True


def _kill(module: str, system: FaultySystem, upload_id: str, chance: random.Random) -> Happened:
    killed = system.kill_worker(module, upload_id, delay=chance.choice([0, 0, chance.uniform(0, 0.1)]))
    return lambda: killed


def _cut(
    stages: tuple[bytes, ...], kind: StreamKind, system: FaultySystem, upload_id: str, _: random.Random
) -> Happened:
    """On the way of a chunk: its ledger row is claimed by a statement, and then by the values for it."""
    fault = StreamFault((_CLAIM, upload_id.encode(), *stages), kind)
    system.postgres_proxy.arm(fault)
    return lambda: fault.met


def _aws(
    operations: frozenset[str], folder: str, kind: AwsKind, system: FaultySystem, upload_id: str, chance: random.Random
) -> Happened:
    """Up to six times: botocore alone tries four times."""

    def matches(request: AwsRequest) -> bool:
        about_it = upload_id in request.path or upload_id.encode() in request.body
        return request.operation in operations and request.path.find(folder) >= 0 and about_it

    times = chance.randint(1, 2) if kind == "answer_lost" else chance.randint(1, 6)
    fault = AwsFault(matches, kind, times)
    system.aws_proxy.arm(fault)
    return lambda: fault.met > 0


def _terminate_backends(system: FaultySystem, _: str, chance: random.Random) -> Happened:
    ended = 0
    for _attempt in range(5):
        time.sleep(chance.uniform(0.05, 0.5))
        ended += len(
            system.query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'linefeed' AND pid <> pg_backend_pid()"
            )
        )
    return lambda: ended > 0


def _refuse(system: FaultySystem, _: str, chance: random.Random) -> Happened:
    time.sleep(chance.uniform(0, 1))
    system.postgres_proxy.refuse(chance.uniform(0.2, 2))
    return lambda: True


def _restart_postgres(system: FaultySystem, _: str, chance: random.Random) -> Happened:
    time.sleep(chance.uniform(0, 1))
    system.restart_postgres(chance.uniform(0, 1))
    return lambda: True


def _disk_full(system: FaultySystem, upload_id: str, chance: random.Random) -> Happened:
    """Simulated: a trigger raises what Postgres raises, for the upload's first attempts."""
    name = f"full_{upload_id.replace('-', '')}"
    system.query(f"CREATE SEQUENCE {name}")  # a sequence counts on when its transaction is rolled back
    system.query(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF nextval('{name}') <= {chance.randint(1, 4)} THEN"
        " RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END IF;"
        " RETURN NEW; END $$"
    )
    system.query(
        f"CREATE TRIGGER {name} BEFORE UPDATE ON import_chunks FOR EACH ROW"
        f" WHEN (NEW.upload_id = '{upload_id}') EXECUTE FUNCTION {name}()"
    )
    return lambda: bool(system.query(f"SELECT is_called FROM {name}")[0][0])


def _events(system: FaultySystem, upload_id: str, chance: random.Random) -> Happened:
    """S3's event comes before its object, several times at once with it, and late."""
    event = system.object_event(upload_id)
    doubled = {"Records": event["Records"] * 2}
    for pause in (0, 0.1, 0.1, chance.uniform(0, 2)):
        time.sleep(pause)
        system.invoke("scan_upload", chance.choice([event, doubled]))
    return lambda: True


def _lose_event(system: FaultySystem, upload_id: str, _: random.Random) -> Happened:
    """S3's event of the object finds nothing to do, and no other comes: the sweep has to find the file."""
    system.hide_object(upload_id)
    thread = ThreadPoolExecutor(1)
    found = thread.submit(_swept, system, upload_id)
    thread.shutdown(wait=False)
    return found.result


def _swept(system: FaultySystem, upload_id: str) -> bool:
    deadline = time.monotonic() + 60
    while not system.has_heard_of_object(upload_id) and time.monotonic() < deadline:
        time.sleep(0.1)
    system.show_object(upload_id)
    found = False
    while system.awaits_file(upload_id) and time.monotonic() < deadline:
        found = upload_id in system.invoke("sweep_uploads", {"source": "aws.events"})["Payload"].read().decode()
        time.sleep(0.5)
    return found


def _chunks_again(system: FaultySystem, upload_id: str, chance: random.Random) -> Happened:
    """Some chunks, delivered again while they are loaded and after, also after the end."""
    deadline = time.monotonic() + 20
    while not (chunks := system.chunks(upload_id)) and time.monotonic() < deadline:
        time.sleep(0.02)
    for _ in range(4):
        event = {
            "tenantId": "tenant-a",
            "uploadId": upload_id,
            "correlationId": "again",
            "chunk": chance.choice(chunks),
        }
        system.invoke("load_chunk", event)
    return lambda: True


def _failing_s3(kind: AwsKind, folder: str) -> Injection:
    return partial(_aws, frozenset({"GET"}), folder, kind)


CATALOGUE = (
    *(
        Fault(f"kill_{module}", partial(_kill, module))
        for module in ("scan_upload", "dispatch_job", "plan_import", "load_chunk", "finish_import")
    ),
    Fault("cut_before_copy", partial(_cut, (b"COPY ",), "cut_before"), waits=False),
    Fault("cut_in_mid_copy", partial(_cut, (b"COPY ", b""), "cut_before"), waits=False),
    Fault("cut_before_commit", partial(_cut, (b"COMMIT",), "cut_before"), waits=False),
    Fault("cut_after_commit", partial(_cut, (b"COMMIT",), "cut_after"), waits=False),
    Fault("freeze_in_mid_copy", partial(_cut, (b"COPY ", b""), "freeze"), waits=False),
    Fault("terminate_backends", _terminate_backends),
    Fault("refuse_connections", _refuse),
    Fault("restart_postgres", _restart_postgres),
    Fault("disk_full", _disk_full, waits=False),
    Fault("status_throttled", partial(_aws, _WRITES, "/", "throttled"), waits=False),
    Fault("status_failing", partial(_aws, _WRITES, "/", "failing"), waits=False),
    Fault("status_answer_lost", partial(_aws, _WRITES, "/", "answer_lost"), waits=False),
    Fault("start_answer_lost", partial(_aws, frozenset({"StartExecution"}), "/", "answer_lost"), waits=False),
    Fault("s3_failing", _failing_s3("failing", "/incoming/"), waits=False),
    Fault("s3_truncated", _failing_s3("truncated", "/incoming/"), waits=False),
    Fault("s3_reset", _failing_s3("answer_lost", "/incoming/"), waits=False),
    Fault("s3_writes_failing", partial(_aws, frozenset({"PUT"}), "/work/", "failing"), waits=False),
    Fault("events_doubled_and_reordered", _events),
    Fault("chunks_delivered_again", _chunks_again),
    Fault("event_lost", _lose_event, waits=False),
)
"""All that can be done to the system while others use it."""
