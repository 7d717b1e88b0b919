"""The whole local stack for system tests, in a process of its own, and the ways into it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pg8000.native
import pytest
from botocore.config import Config

from local.postgres import Address
from local.sessions import Person as Session
from local.sessions import make_token
from local.stack_file import read_description
from shared.domain.identity import Role
from tests.driving import Person

_START_SECONDS = 150
SETTINGS = {"CHUNK_BYTES": "65536", "JOB_RETRY_SECONDS": "1", "MULTIPART_BYTES": str(17 << 20)}


def start_stack(folder: Path, **settings: str) -> tuple[subprocess.Popen[bytes], dict[str, Any]]:
    """Start `python -m local up` and wait until it can be reached; return the process and its stack.json."""
    with (folder / "up.log").open("wb") as log:
        command = [sys.executable, "-m", "local", "up", "--enforce-roles", "--state", str(folder)]
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **settings})
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if (description := read_description(folder)) and description["pid"] == process.pid:
            return process, description
        time.sleep(0.1)
    process.kill()
    pytest.fail(f"the stack did not start:\n{(folder / 'up.log').read_text()}")


def stop_stack(process: subprocess.Popen[bytes], seconds: float = 60) -> int:
    """Stop as Ctrl-C does; return the exit status."""
    process.send_signal(signal.SIGINT)
    return process.wait(seconds)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The running stack's stack.json; small files have many chunks, and the wait for another attempt is short."""
    process, description = start_stack(tmp_path_factory.mktemp("stack"), **SETTINGS)
    yield description
    assert stop_stack(process) == 0


@pytest.fixture(scope="session")
def aws(stack: dict[str, Any]) -> Callable[[str], Any]:
    """boto3 clients of the stack, as an operator's tools have them."""
    return lambda service: aws_client(stack, service)


@pytest.fixture(scope="session")
def token(stack: dict[str, Any], aws: Callable[[str], Any]) -> Callable[..., str]:
    """Session tokens for anybody."""
    secret = aws("secretsmanager").get_secret_value(SecretId=stack["authSecretArn"])["SecretString"]

    def make(tenant: str = "tenant-a", user: str = "", role: str = "engineer", lifetime: int = 3600) -> str:
        session = Session(user or f"user-{uuid.uuid4().hex[:8]}", tenant, Role(role), "Somebody")
        return make_token(secret, session, lifetime_seconds=lifetime)

    return make


@pytest.fixture
def new_person(stack: dict[str, Any], token: Callable[..., str], tmp_path: Path) -> Iterator[Callable[..., Person]]:
    """Makes people, each with a user, a work unit and so a rate limit of their own."""
    made: list[Person] = []

    def make(tenant: str = "tenant-a", user: str = "", role: str = "engineer") -> Person:
        folder = tmp_path / uuid.uuid4().hex
        folder.mkdir()
        made.append(Person(stack, tenant, token(tenant, user, role), folder))
        return made[-1]

    yield make
    for person in made:
        person.client.close()


@pytest.fixture
def person(new_person: Callable[..., Person]) -> Person:
    """An engineer."""
    return new_person()


@pytest.fixture
def connect(stack: dict[str, Any]) -> Callable[[], pg8000.native.Connection]:
    """Connections to the stack's Postgres."""
    return Address.parse(stack["postgresDsn"]).connect


@pytest.fixture
def query(connect: Callable[[], pg8000.native.Connection]) -> Iterator[Callable[..., list[list[Any]]]]:
    """Runs SQL in the stack's Postgres."""
    connection = connect()
    yield lambda sql, **values: connection.run(sql, **values) or []
    connection.close()


@pytest.fixture
def invoke(aws: Callable[[str], Any]) -> Callable[[str, dict[str, Any]], dict[str, Any]]:
    """Invokes a function by its module's name, as a second delivery of an event would."""
    client = aws("lambda")
    names = {f["Handler"].removesuffix(".handler"): f["FunctionName"] for f in client.list_functions()["Functions"]}

    def call(module: str, event: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = aws("lambda").invoke(FunctionName=names[module], Payload=json.dumps(event).encode())
        return answer

    return call


@pytest.fixture
def logs(stack: dict[str, Any]) -> Callable[[str], str]:
    """What a function has logged."""
    return lambda module: (Path(stack["logs"]) / f"{module}.log").read_text()


@pytest.fixture
def workers(stack: dict[str, Any]) -> Callable[[str], list[int]]:
    """The processes that run a function, by its module's name."""
    return lambda module: [worker["pid"] for worker in list_workers(stack) if worker["module"] == module]


def aws_client(stack: dict[str, Any], service: str) -> Any:
    """A boto3 client of a stack, as an operator's tools have it."""
    return boto3.session.Session().client(
        service,  # type: ignore[call-overload]
        endpoint_url=stack["awsEndpoint"],
        region_name=stack["region"],
        aws_access_key_id="operator",
        aws_secret_access_key="operator",
        config=Config(retries={"total_max_attempts": 1}, read_timeout=120),
    )


def list_workers(stack: dict[str, Any]) -> list[dict[str, Any]]:
    """Every execution environment of a stack: module, pid, peak memory in bytes."""
    listed: list[dict[str, Any]] = httpx.get(f"{stack['controlUrl']}/workers", trust_env=False).json()
    return listed
