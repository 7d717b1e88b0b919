"""A local stack with faults around it, and what must hold of an upload when it has recovered from them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

from pg8000.exceptions import InterfaceError

from local.client import ENDED, ClientError
from local.postgres import Address, EmbeddedPostgres, PostgresError
from local.sessions import Person as Session
from local.sessions import make_token
from shared.adapters.record_table import CONTENT_COLUMNS
from shared.domain.identity import Role
from shared.domain.upload import UploadState
from tests.driving import Person, csv_bytes, outcome, rows
from tests.faults.injection.aws_proxy import AwsProxy
from tests.faults.injection.postgres_proxy import PostgresProxy
from tests.stack import aws_client, list_workers, start_stack, stop_stack

COUNT = 600
CHUNK_BYTES = "8192"
"""So that the file has five chunks."""

_TENANT = "tenant-a"
_RECOVERY_SECONDS = 150.0
_SWEEP_SECONDS = 5.0
"""How often the schedule's sweep comes here, where the deployed one comes every few minutes."""


class FaultySystem:
    """The stack in a process of its own, Postgres in ours to stop, and a proxy in front of each of the two."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files = folder / "files"
        self._files.mkdir()
        self._restarting = threading.Lock()
        self._postgres = EmbeddedPostgres(folder / "postgres")
        self._postgres.start()
        self.postgres_proxy = PostgresProxy(self._postgres.address.port)
        aws_port = _free_port()
        self.aws_proxy = AwsProxy(aws_port)
        self._process, self.stack = self._start(aws_port)
        self._functions = {
            function["Handler"].removesuffix(".handler"): function["FunctionName"]
            for function in self.aws("lambda").list_functions()["Functions"]
        }
        self._secret = self.aws("secretsmanager").get_secret_value(SecretId=self.stack["authSecretArn"])["SecretString"]
        try:
            self.fault_free = self._digest_without_faults()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> int:
        """Stop it all; the stack's exit status."""
        self.postgres_proxy.disarm()
        self.aws_proxy.disarm()
        status = stop_stack(self._process, seconds=150)
        self.aws_proxy.stop()
        self.postgres_proxy.stop()
        self._postgres.stop()
        return status

    def _start(self, aws_port: int) -> tuple[subprocess.Popen[bytes], dict[str, Any]]:
        outside = self._postgres.outside_address
        through_proxy = Address("127.0.0.1", self.postgres_proxy.port, outside.database, outside.user, outside.password)
        return start_stack(
            self.folder,
            CHUNK_BYTES=CHUNK_BYTES,
            LINEFEED_POSTGRES_DSN=through_proxy.dsn,
            LINEFEED_AWS_PORT=str(aws_port),
            LINEFEED_FUNCTIONS_ENDPOINT=self.aws_proxy.url,
        )

    # What faults are made of

    def aws(self, service: str) -> Any:
        """A client of AWS' endpoint, past the proxy."""
        return aws_client(self.stack, service)

    def invoke(self, module: str, event: dict[str, Any]) -> dict[str, Any]:
        """Invoke a function and wait for it."""
        answer: dict[str, Any] = self.aws("lambda").invoke(
            FunctionName=self._functions[module], Payload=json.dumps(event).encode()
        )
        return answer

    def query(self, sql: str, **values: Any) -> list[list[Any]]:
        """Run SQL, past the proxy, however often Postgres goes away meanwhile."""
        deadline = time.monotonic() + 30
        while True:
            try:
                connection = self._postgres.outside_address.connect()
                try:
                    return connection.run(sql, **values) or []
                finally:
                    connection.close()
            except (PostgresError, InterfaceError, OSError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def restart_postgres(self, seconds: float) -> None:
        """Stop Postgres as for maintenance, and start it again after so long."""
        with self._restarting:
            self._postgres.stop()
            time.sleep(seconds)
            self._postgres.start()
            self.postgres_proxy.upstream_port = self._postgres.address.port

    def kill_worker(self, module: str, upload_id: str, delay: float, seconds: float = 20) -> bool:
        """Kill -9 of the first worker of a function that is busy with an upload, a moment after it began."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for worker in list_workers(self.stack):
                if worker["module"] == module and upload_id in json.dumps(worker["event"]):
                    time.sleep(delay)
                    with suppress(ProcessLookupError):
                        os.kill(worker["pid"], signal.SIGKILL)
                    return True
            time.sleep(0.005)
        return False

    def chunks(self, upload_id: str) -> list[dict[str, Any]]:
        """The chunks of an upload; none before it is planned."""
        s3, bucket = self.aws("s3"), self.stack["bucket"]
        kept = s3.list_objects_v2(Bucket=bucket, Prefix=f"work/{_TENANT}/{upload_id}/").get("Contents", [])
        plans = [entry for entry in kept if entry["Key"].endswith("/chunks.json")]
        if not plans:
            return []
        latest = max(plans, key=lambda entry: entry["LastModified"])["Key"]
        listed: list[dict[str, Any]] = json.loads(s3.get_object(Bucket=bucket, Key=latest)["Body"].read())
        return listed

    def object_event(self, upload_id: str) -> dict[str, Any]:
        """S3's event of an upload's object."""
        place = {"bucket": {"name": self.stack["bucket"]}, "object": {"key": _object_key(upload_id)}}
        return {"Records": [{"eventName": "ObjectCreated:Post", "s3": place}]}

    def hide_object(self, upload_id: str) -> None:
        """Let an upload be of another object, so that an event of its own finds no upload."""
        self._set(upload_id, objectKey="not-here-yet")

    def show_object(self, upload_id: str) -> None:
        """Undo `hide_object`, as if all of it was long ago."""
        self._set(upload_id, objectKey=_object_key(upload_id), movedAt="2026-01-01T00:00:00.000000+00:00")

    def has_heard_of_object(self, upload_id: str) -> bool:
        """Whether the object is there, and an event of it has been looked at."""
        listed = self.aws("s3").list_objects_v2(Bucket=self.stack["bucket"], Prefix=_object_key(upload_id))
        log = Path(self.stack["logs"]) / "scan_upload.log"
        return bool(listed["KeyCount"]) and log.is_file() and _object_key(upload_id) in log.read_text()

    def awaits_file(self, upload_id: str) -> bool:
        """Whether nobody has seen the file of an upload yet."""
        key = {"tenantId": {"S": _TENANT}, "uploadId": {"S": upload_id}}
        item = self.aws("dynamodb").get_item(TableName=self._table("Uploads"), Key=key, ConsistentRead=True)["Item"]
        return bool(item["state"]["S"] == UploadState.AWAITING_UPLOAD)

    def _set(self, upload_id: str, **values: str) -> None:
        self.aws("dynamodb").update_item(
            TableName=self._table("Uploads"),
            Key={"tenantId": {"S": _TENANT}, "uploadId": {"S": upload_id}},
            UpdateExpression="SET " + ", ".join(f"{name} = :{name}" for name in values),
            ExpressionAttributeValues={f":{name}": {"S": value} for name, value in values.items()},
        )

    def _table(self, name: str) -> str:
        [table] = [table for table in self.aws("dynamodb").list_tables()["TableNames"] if name in table]
        return str(table)

    # Uploads

    def person(self) -> Person:
        """Somebody new."""
        session = Session(f"user-{uuid.uuid4().hex[:8]}", _TENANT, Role.ENGINEER, "Somebody")
        folder = self._files / uuid.uuid4().hex
        folder.mkdir()
        return Person(self.stack, _TENANT, make_token(self._secret, session, lifetime_seconds=3600), folder)

    def await_recovery(self, person: Person, upload_id: str) -> None:
        """Wait for an upload's end and check what must hold then; the sweep comes by as it would by schedule."""
        upload = self._await_end(person, upload_id)
        assert (upload["status"], outcome(upload)) == ("completed", (COUNT, COUNT, 0, 0)), upload
        self.await_rest(upload_id)
        assert self._counts(upload_id) == (COUNT, COUNT, COUNT)
        assert self.digest(upload_id) == self.fault_free
        assert person.client.status(upload_id)["progress"]["successfulRecords"] == COUNT

    def digest(self, upload_id: str) -> str:
        """Of the content of an upload's rows."""
        content = ", ".join(f'"{name}"' for name in CONTENT_COLUMNS)
        [[digest]] = self.query(
            f"SELECT md5(string_agg(ROW(source_row, {content})::text, ';' ORDER BY source_row))"
            " FROM production_records WHERE upload_id = :id",
            id=upload_id,
        )
        return str(digest)

    def _digest_without_faults(self) -> str:
        person = self.person()
        upload_id = person.send(csv_bytes(rows(COUNT)))
        assert outcome(self._await_end(person, upload_id)) == (COUNT, COUNT, 0, 0)
        assert len(self.chunks(upload_id)) >= 4
        return self.digest(upload_id)

    def _counts(self, upload_id: str) -> tuple[int, int, int]:
        """Rows in the table, different ones among them, and the ledger's sum."""
        [[stored, different, counted]] = self.query(
            "SELECT count(*), count(DISTINCT source_row),"
            " (SELECT coalesce(sum(imported), 0) FROM import_chunks WHERE upload_id = :id)"
            " FROM production_records WHERE upload_id = :id",
            id=upload_id,
        )
        return int(stored), int(different), int(counted)

    def _await_end(self, person: Person, upload_id: str) -> dict[str, Any]:
        deadline = time.monotonic() + _RECOVERY_SECONDS
        swept = time.monotonic()
        while time.monotonic() < deadline:
            with suppress(ClientError):  # the API may have its own share of the faults
                upload: dict[str, Any] = person.client.status(upload_id)["upload"]
                if upload["status"] in ENDED:
                    if upload["status"] == "completed":
                        assert self._counts(upload_id) == (COUNT, COUNT, COUNT), "completed before its rows were in"
                    return upload
            if time.monotonic() > swept + _SWEEP_SECONDS:
                self.invoke("dispatch_job", {"source": "aws.events"})
                swept = time.monotonic()
            time.sleep(0.1)
        raise AssertionError(f"stuck: {upload}")

    def await_rest(self, upload_id: str) -> None:
        """Until neither a slot nor an execution is the upload's: they are let go just after its end."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            running = any(name.startswith(upload_id) for name in self._running())
            if upload_id not in self._slot_holders() and not running:
                return
            time.sleep(0.2)
        raise AssertionError(f"a slot or an execution is left: {self._slot_holders()}, {self._running()}")

    def _slot_holders(self) -> set[str]:
        """The uploads that hold a slot."""
        slots = {"jobId": {"S": "#slots"}}
        answer = self.aws("dynamodb").get_item(TableName=self._table("Jobs"), Key=slots, ConsistentRead=True)
        item = answer.get("Item", {})
        return set(item.get("holders", {}).get("SS", []))

    def _running(self) -> set[str]:
        listed = self.aws("stepfunctions").list_executions(
            stateMachineArn=self.stack["stateMachineArn"], statusFilter="RUNNING"
        )
        return {execution["name"] for execution in listed["executions"]}


def _object_key(upload_id: str) -> str:
    return f"incoming/{_TENANT}/{upload_id}/source.csv"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
