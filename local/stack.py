"""The whole local stack: started in order, described in `stack.json`, stopped in reverse.

AWS' state (objects, tables, executions, secrets) is in the memory of this process and ends with it. Postgres' data
stays in the folder.
"""

from __future__ import annotations

import logging
import os
import socket
import time
import tomllib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from local.aws.access_keys import AccessKeys
from local.aws.lambda_calls import FunctionCall, FunctionResult
from local.aws.server import AwsServer
from local.aws.step_functions import stop_all as stop_all_executions
from local.aws_clients import AwsClients
from local.control import ControlServer
from local.gateway import Gateway
from local.hosts import PAGE_DOMAIN, Hosts
from local.lambda_host import HostStopping, LambdaHost, Platform
from local.page import PageServer, address_of, listen_usually
from local.page_config import write_config
from local.postgres import Address, EmbeddedPostgres, PostgresError, ensure_database
from local.resources import DeploymentError, World, create
from local.resources.custom import provider_functions
from local.resources.http_api import http_api, socket_api
from local.resources.page import the_distribution
from local.scanner import scanner_settings
from local.scheduler import Scheduler
from local.sessions import PEOPLE, make_token
from local.stack_file import STATE_FOLDER, AlreadyRunning, StackLock, remove_description, write_description
from local.synth import CACHE, ROOT, SynthesisError, synthesized_stacks
from local.template import Created, Deployment, Resource, StackTemplate, TemplateError
from local.websocket_gateway import WebSocketGateway
from shared.settings import Settings

ACCOUNT = "123456789012"
DEFAULT_REGION = "eu-central-1"
ACCESS_KEY_ID = "linefeed-local"
SECRET_ACCESS_KEY = "linefeed-local-secret"  # noqa: S105 - opens nothing but the endpoint in this process

DRAIN_SECONDS = 20.0
"""How long an invocation that is under way may take to end when the stack stops."""

_FINISH_SECONDS = 120.0
"""How long the imports that are under way may take to end before that: AWS' state does not outlive this process."""

_QUIET_SECONDS = 1.5
"""After so long without an execution the queue is empty: a free slot is filled sooner."""

COULD_NOT_START = (AlreadyRunning, SynthesisError, PostgresError, TemplateError, DeploymentError, OSError)
"""What `LocalStack.start` raises."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class StackOptions:
    """What somebody may choose for a local stack. A port of 0 takes a free one, None the usual one if it is free.

    `postgres_dsn` names a Postgres to use instead of the embedded one; `overrides` are settings by their name in
    capitals. `functions_endpoint` is where functions reach AWS' endpoint when something stands between them, which the
    tests of faults put there. With `enforce_roles` each function may do what its own role allows, and no more.
    """

    folder: Path = STATE_FOLDER
    region: str = DEFAULT_REGION
    api_port: int = 0
    aws_port: int = 0
    page_port: int | None = None
    postgres_dsn: str | None = None
    functions_endpoint: str | None = None
    overrides: Mapping[str, str] | None = None
    enforce_roles: bool = False

    @classmethod
    def from_environment(cls, folder: Path = STATE_FOLDER, *, enforce_roles: bool = False) -> StackOptions:
        """Read AWS_REGION, the fields of Settings, and LINEFEED_ with API_PORT, PAGE_PORT, POSTGRES_DSN and so on."""
        page_port = os.environ.get("LINEFEED_PAGE_PORT")
        names = (field.upper() for field in Settings.model_fields)
        given = {name: os.environ[name] for name in names if name in os.environ}
        return cls(
            folder=folder,
            region=os.environ.get("AWS_REGION", DEFAULT_REGION),
            api_port=int(os.environ.get("LINEFEED_API_PORT", "0")),
            aws_port=int(os.environ.get("LINEFEED_AWS_PORT", "0")),
            page_port=int(page_port) if page_port else None,
            postgres_dsn=os.environ.get("LINEFEED_POSTGRES_DSN"),
            functions_endpoint=os.environ.get("LINEFEED_FUNCTIONS_ENDPOINT"),
            enforce_roles=enforce_roles,
            overrides=given | scanner_settings(given),
        )


class LocalStack:
    """One running stack; a context manager. `description` is what `stack.json` says."""

    def __init__(self, options: StackOptions) -> None:
        self._options = options
        self._folder = options.folder.resolve()
        self._running = ExitStack()
        self._host: LambdaHost | None = None
        self._keys = AccessKeys({ACCESS_KEY_ID: SECRET_ACCESS_KEY})
        self.description: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start everything; when anything fails, what had started is stopped again.

        Raises what COULD_NOT_START names: AlreadyRunning, the errors of the parts, OSError for a port that is taken.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._running:
            self._running.enter_context(StackLock(self._folder))
            self._start_parts()
            self._running = self._running.pop_all()

    def stop(self) -> None:
        """Stop in reverse: no new requests, time for the imports under way, then the services, Postgres last."""
        self._running.close()

    def _start_parts(self) -> None:
        _LOG.info("AWS' state is in memory and ends with this process; Postgres' data stays in %s", self._folder)
        with ThreadPoolExecutor(2) as threads:
            synthesis = threads.submit(synthesized_stacks)
            postgres = threads.submit(self._start_postgres)
            aws = self._start_aws()
            database, outside = postgres.result()
            stacks = synthesis.result()
        platform = Platform(self._options.region, ACCOUNT, aws.endpoint, ACCESS_KEY_ID, SECRET_ACCESS_KEY)
        from_functions = replace(platform, endpoint_url=self._options.functions_endpoint or aws.endpoint)
        host = self._start_host(from_functions)
        # Bound now, because the templates name the page; it is served when all that it needs is there.
        listener = self._running.enter_context(listen_usually(self._options.page_port))
        hosts = _hosts(listener, from_functions)
        sockets = self._start_websocket_gateway(host)
        client = AwsClients(platform)
        world = World(
            platform=platform,
            client=client,
            host=host,
            database=database,
            functions=read_functions(),
            overrides=self._options.overrides or {},
            assembly=CACHE,
            socket_address=sockets.address,
            keys=self._keys if self._options.enforce_roles else None,
            providers=provider_functions(stacks),
        )
        outputs = self._deploy(stacks, world, hosts)
        sockets.serve(socket_api(world))
        self._running.callback(self._finish_imports, client, outputs["StateMachineArn"])
        self._start_scheduler(world)
        gateway = self._start_gateway(world, hosts)
        sessions = _sessions(client, outputs["AuthSecretArn"])
        write_config(the_distribution(world), client, sessions=sessions, overrides=world.overrides)
        self._start_page(world, listener, hosts)
        control = ControlServer(host.workers)
        control.start()
        self._running.callback(control.stop)
        self.description = {
            "apiUrl": gateway.url,
            "awsEndpoint": aws.endpoint,
            "region": platform.region,
            "bucket": outputs["BucketName"],
            "postgresDsn": outside.dsn,
            "stateMachineArn": outputs["StateMachineArn"],
            "pageUrl": hosts.localized(outputs["PageUrl"]),
            "sessions": sessions,
            "authSecretArn": outputs["AuthSecretArn"],
            "controlUrl": control.url,
            "logs": str(self._folder / "logs"),
            "pid": os.getpid(),
        }
        write_description(self._folder, self.description)
        self._running.callback(remove_description, self._folder)

    def _start_postgres(self) -> tuple[Address, Address]:
        """The database's address for functions, and the one for other programs."""
        if self._options.postgres_dsn:
            address = Address.parse(self._options.postgres_dsn)
            ensure_database(address)
            return address, address
        postgres = EmbeddedPostgres(self._folder / "postgres")
        # Registered first: a start that fails half way, or that nobody waits for any more, is undone too.
        self._running.callback(postgres.stop)
        postgres.start()
        return postgres.address, postgres.outside_address

    def _start_aws(self) -> AwsServer:
        aws = AwsServer(self._invoke, self._keys, self._options.aws_port)
        aws.start()
        self._running.callback(aws.stop, 1.0)
        return aws

    def _start_host(self, platform: Platform) -> LambdaHost:
        self._host = host = LambdaHost(platform, self._folder / "logs")
        self._running.callback(self._stop_functions, host)
        return host

    def _finish_imports(self, client: AwsClients, state_machine: str) -> None:
        """Wait until no import is under way or waits for its turn; what is cut off all the same is whole chunks."""
        machines, deadline, quiet_since = client("stepfunctions"), time.monotonic() + _FINISH_SECONDS, time.monotonic()
        while (now := time.monotonic()) < deadline and now < quiet_since + _QUIET_SECONDS:
            if machines.list_executions(stateMachineArn=state_machine, statusFilter="RUNNING")["executions"]:
                quiet_since = now
            time.sleep(0.1)
        if now >= deadline:
            _LOG.warning("imports are cut off; what they have loaded stays, and sending the file again adds the rest")

    def _stop_functions(self, host: LambdaHost) -> None:
        """End the executions, so that they start nothing new, and give their functions time to end."""
        stop_all_executions()
        cut_off = host.stop(DRAIN_SECONDS)
        if cut_off:
            _LOG.warning("%d invocations did not end within %g s and were cut off", cut_off, DRAIN_SECONDS)

    def _invoke(self, call: FunctionCall) -> FunctionResult:
        """What AWS' endpoint calls functions with."""
        if self._host is None:
            raise HostStopping("The Lambda host has not started")
        result = self._host.invoke(call.function_name, call.payload, call.request_id)
        return FunctionResult(result.payload, "Unhandled" if result.failed else None)

    def _deploy(self, stacks: list[StackTemplate], world: World, hosts: Hosts) -> dict[str, Any]:
        """Create every stack, with this machine's addresses in the place of public ones; the outputs of all."""
        for name, value in world.overrides.items():
            _LOG.info("%s=%s, from the environment, goes over the template's value", name, value)

        def create_here(resource: Resource) -> Created:
            return create(replace(resource, properties=hosts.localized(resource.properties)), world)

        deployment = Deployment(create_here, region=world.platform.region, account=world.platform.account)
        outputs: dict[str, Any] = {}
        for stack in stacks:
            outputs |= deployment.deploy(stack)
        return outputs

    def _start_scheduler(self, world: World) -> None:
        def fire(function: str, event: bytes) -> None:
            world.client("lambda").invoke(FunctionName=function, InvocationType="Event", Payload=event)

        scheduler = Scheduler(world.schedules, fire)
        scheduler.start()
        self._running.callback(scheduler.stop)

    def _start_websocket_gateway(self, host: LambdaHost) -> WebSocketGateway:
        """Before anything is deployed: functions are told its address."""
        gateway = WebSocketGateway(host.invoke, self._keys, access_log=self._folder / "logs" / "websocket-gateway.log")
        self._running.callback(gateway.stop)
        gateway.start()
        return gateway

    def _start_gateway(self, world: World, hosts: Hosts) -> Gateway:
        log, api = self._folder / "logs" / "gateway.log", http_api(world)
        gateway = Gateway(api, world.host.invoke, port=self._options.api_port, access_log=log)
        self._running.callback(gateway.stop)
        gateway.start()
        hosts.add(f"https://{api.domain}", gateway.url)
        return gateway

    def _start_page(self, world: World, listener: socket.socket, hosts: Hosts) -> None:
        page = PageServer(the_distribution(world), listener, s3=world.client("s3"), hosts=hosts)
        self._running.callback(page.stop)
        page.start()


def _hosts(listener: socket.socket, from_functions: Platform) -> Hosts:
    """The public names of the page and of S3, whose URLs the functions sign."""
    hosts = Hosts()
    hosts.add(f"https://{PAGE_DOMAIN}", address_of(listener))
    for host in (f"s3.{from_functions.region}.amazonaws.com", "s3.amazonaws.com"):
        hosts.add(f"https://{host}", from_functions.endpoint_url)
    return hosts


def read_functions() -> dict[str, tuple[Path, ...]]:
    """Handler module → the folders of its code, from the functions' manifest."""
    manifest = tomllib.loads((ROOT / "functions" / "manifest.toml").read_text())
    return {module: (ROOT / "functions" / spec["folder"], ROOT) for module, spec in manifest.items()}


def _sessions(client: AwsClients, secret_arn: str) -> list[dict[str, str]]:
    """Tokens for the people that there are from the start."""
    secret = client("secretsmanager").get_secret_value(SecretId=secret_arn)["SecretString"]
    return [
        {
            "name": person.name,
            "tenant": person.tenant,
            "user": person.user,
            "role": person.role.value,
            "token": make_token(secret, person),
        }
        for person in PEOPLE
    ]
