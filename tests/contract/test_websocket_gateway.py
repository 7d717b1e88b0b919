"""The local WebSocket API, as API Gateway documents its own: handshake, routes, events, the management API.

Functions are plain calls, the client is aiohttp's, and the connections are managed by boto3.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local.aws.access_keys import AccessKeys
from local.lambda_host import InvocationResult
from local.websocket_events import SocketApi, SocketRoute
from local.websocket_gateway import MESSAGE_BYTES, WebSocketGateway
from shared.adapters.api_gateway_sockets import ApiGatewaySockets
from shared.errors import TransientError
from tests.contract.cloud import Cloud, wait_for

FAILED = InvocationResult("r", b'{"errorType": "ValueError", "errorMessage": "secret"}', failed=True)


class Functions:
    """What is behind the routes; `connect` answers with the status that the query asks for."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def invoke(self, name: str, payload: bytes) -> InvocationResult:
        """Call one."""
        event = json.loads(payload)
        self.events.append((name, event))
        if name == "connect":
            status = (event.get("queryStringParameters") or {}).get("status", "200")
            return FAILED if status == "fail" else answer({"statusCode": int(status)})
        if name == "fail":
            return FAILED
        return answer({"statusCode": 200, "body": event.get("body", "")})

    def of(self, name: str) -> list[dict[str, Any]]:
        """The events that a function had."""
        return [event for called, event in self.events if called == name]


def answer(document: Any) -> InvocationResult:
    return InvocationResult("r", json.dumps(document).encode())


@pytest.fixture
def functions() -> Functions:
    """The functions, and what they were called with."""
    return Functions()


@pytest.fixture
def serve(functions: Functions, cloud: Cloud, tmp_path: Path) -> Iterator[Callable[..., WebSocketGateway]]:
    """Starts gateways with routes for pings that are answered, for failing and for everything else."""
    del cloud  # its policies are asked
    started: list[WebSocketGateway] = []

    def start(**limits: float) -> WebSocketGateway:
        gateway = WebSocketGateway(functions.invoke, AccessKeys(), access_log=tmp_path / "access.log", **limits)  # type: ignore[arg-type]
        started.append(gateway)
        gateway.start()
        gateway.serve(API)
        return gateway

    yield start
    for gateway in started:
        gateway.stop()


API = SocketApi(
    "api1",
    "123456789012",
    "eu-central-1",
    "live",
    "$request.body.type",
    access_log_format='{"route": "$context.routeKey", "status": "$context.status", "x": "$context.other"}',
    routes=(
        SocketRoute("$connect", "connect"),
        SocketRoute("$disconnect", "disconnect"),
        SocketRoute("$default", "default"),
        SocketRoute("ping", "echo", answers=True),
        SocketRoute("fail", "fail", answers=True),
    ),
)


@pytest.fixture
def gateway(serve: Callable[..., WebSocketGateway]) -> WebSocketGateway:
    """One with API Gateway's own limits."""
    return serve()


Talk = Callable[[aiohttp.ClientWebSocketResponse, str], Awaitable[Any]]


def connected(gateway: WebSocketGateway, functions: Functions, talk: Talk, query: str = "") -> Any:
    """What a client comes to that is connected; `talk` gets its socket and the connection's id."""

    async def run() -> Any:
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{gateway.address}/live{query}") as socket:
            connection_id = functions.of("connect")[-1]["requestContext"]["connectionId"]
            return await talk(socket, connection_id)

    return asyncio.run(run())


def manager(gateway: WebSocketGateway, key: str = "operator") -> Any:
    """boto3's client of the management API."""
    return boto3.session.Session().client(
        "apigatewaymanagementapi",
        endpoint_url=f"{gateway.address.replace('ws', 'http', 1)}/live",
        region_name="eu-central-1",
        aws_access_key_id=key,
        aws_secret_access_key="secret",
        config=Config(retries={"total_max_attempts": 1}),
    )


def status_of(call: Callable[..., Any], **arguments: Any) -> tuple[int, str]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    response = caught.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


@pytest.mark.parametrize(("status", "seen"), [("401", 401), ("403", 403), ("302", 302), ("fail", 500), ("9999", 500)])
def test_a_connection_is_refused_unless_its_function_answers_with_2xx(
    gateway: WebSocketGateway, functions: Functions, status: str, seen: int
) -> None:
    """The client sees the status; nothing is connected, and so nothing is disconnected."""
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        connected(gateway, functions, lambda *_: asyncio.sleep(0), query=f"?status={status}")
    assert caught.value.status == seen
    assert functions.of("disconnect") == []


def test_the_function_of_connect_sees_the_handshake(gateway: WebSocketGateway, functions: Functions) -> None:
    """Query, headers and the context, as the developer guide has them; and what ends it is told with its code."""

    async def leave(socket: aiohttp.ClientWebSocketResponse, _: str) -> None:
        await socket.close(code=4001)

    connected(gateway, functions, leave, query="?ticket=a%20b&ticket=c")
    [event] = functions.of("connect")
    assert event["queryStringParameters"] == {"ticket": "c"}
    assert event["multiValueQueryStringParameters"] == {"ticket": ["a b", "c"]}
    assert event["headers"]["Upgrade"] == "websocket"
    context = event["requestContext"]
    told = {name: context[name] for name in ("routeKey", "eventType", "stage", "apiId", "messageDirection")}
    assert told == {
        "routeKey": "$connect",
        "eventType": "CONNECT",
        "stage": "live",
        "apiId": "api1",
        "messageDirection": "IN",
    }
    assert context["identity"]["sourceIp"] == "127.0.0.1"
    assert gateway.address == f"ws://{context['domainName']}"
    [ended] = wait_for(lambda: functions.of("disconnect"))
    assert ended["requestContext"]["connectionId"] == context["connectionId"]
    assert ended["requestContext"]["disconnectStatusCode"] == 4001
    assert "queryStringParameters" not in ended


def test_a_message_takes_the_route_that_it_names(gateway: WebSocketGateway, functions: Functions) -> None:
    """Whatever names none goes to `$default`, whose answer has no way back; nobody reaches `$connect` by a message."""

    async def talk(socket: aiohttp.ClientWebSocketResponse, _: str) -> str:
        for message in ("no JSON", "[]", '{"type": "other"}', '{"type": 1}', '{"type": "$connect"}'):
            await socket.send_str(message)
        await socket.send_str('{"type": "ping"}')
        return await socket.receive_str(timeout=5)

    assert connected(gateway, functions, talk) == '{"type": "ping"}'
    assert len(functions.of("default")) == 5
    assert len(functions.of("connect")) == 1
    [event] = functions.of("echo")
    context = event["requestContext"]
    assert (context["routeKey"], context["eventType"]) == ("ping", "MESSAGE")
    assert context["messageId"]


def test_a_function_that_fails_is_told_without_its_error(gateway: WebSocketGateway, functions: Functions) -> None:
    """And the connection stays."""

    async def talk(socket: aiohttp.ClientWebSocketResponse, _: str) -> tuple[str, str]:
        await socket.send_str('{"type": "fail"}')
        failure = await socket.receive_str(timeout=5)
        await socket.send_str('{"type": "ping"}')
        return failure, await socket.receive_str(timeout=5)

    failure, pong = connected(gateway, functions, talk)
    assert json.loads(failure)["message"] == "Internal server error"
    assert "secret" not in failure
    assert pong


def test_a_connection_is_reached_by_its_id(gateway: WebSocketGateway, functions: Functions) -> None:
    """POST sends, GET describes, DELETE ends; from then on, as for one that never was, it is gone."""
    managing = manager(gateway)

    async def talk(socket: aiohttp.ClientWebSocketResponse, connection_id: str) -> list[str]:
        longest = "ü" * (MESSAGE_BYTES // 2)
        for data in ('{"a": 1}', longest):
            await asyncio.to_thread(managing.post_to_connection, ConnectionId=connection_id, Data=data.encode())
        texts = [await socket.receive_str(timeout=5) for _ in range(2)]
        assert texts == ['{"a": 1}', longest]
        too_long = {"ConnectionId": connection_id, "Data": b"x" * (MESSAGE_BYTES + 1)}
        assert (await asyncio.to_thread(status_of, managing.post_to_connection, **too_long))[0] == 413
        described = await asyncio.to_thread(managing.get_connection, ConnectionId=connection_id)
        assert described["Identity"]["SourceIp"] == "127.0.0.1"
        assert described["ConnectedAt"] <= described["LastActiveAt"]
        await asyncio.to_thread(managing.delete_connection, ConnectionId=connection_id)
        assert (await socket.receive(timeout=5)).type is aiohttp.WSMsgType.CLOSE
        return [connection_id, "bmV2ZXIgdGhlcmU="]

    for connection_id in connected(gateway, functions, talk):
        for call, arguments in (
            (managing.post_to_connection, {"Data": b"{}"}),
            (managing.get_connection, {}),
            (managing.delete_connection, {}),
        ):
            assert status_of(call, ConnectionId=connection_id, **arguments) == (410, "GoneException")
    assert wait_for(lambda: functions.of("disconnect"))


def test_our_adapter_knows_who_is_gone(gateway: WebSocketGateway, functions: Functions) -> None:
    """From who could not be reached, which may be another time."""
    sockets = ApiGatewaySockets(manager(gateway))

    async def talk(socket: aiohttp.ClientWebSocketResponse, connection_id: str) -> str:
        assert await asyncio.to_thread(sockets.send, connection_id, b"{}")
        assert await socket.receive_str(timeout=5) == "{}"
        await asyncio.to_thread(sockets.close, connection_id)
        assert (await socket.receive(timeout=5)).type is aiohttp.WSMsgType.CLOSE
        return connection_id

    connection_id = connected(gateway, functions, talk)
    assert not sockets.send(connection_id, b"{}")
    sockets.close(connection_id)
    gateway.stop()
    with pytest.raises(TransientError):
        sockets.send(connection_id, b"{}")


def test_a_connection_is_managed_by_whoever_may(gateway: WebSocketGateway, functions: Functions, cloud: Cloud) -> None:
    """A role by its policy, by method; nobody without a signature."""
    allowed = "arn:aws:execute-api:eu-central-1:123456789012:api1/live/POST/@connections/*"
    statement = {"Effect": "Allow", "Action": "execute-api:ManageConnections", "Resource": allowed}
    key = role_with(cloud, gateway, statement)
    stranger = role_with(cloud, gateway, {**statement, "Resource": allowed.replace("api1", "api2")})

    async def talk(socket: aiohttp.ClientWebSocketResponse, connection_id: str) -> None:
        post = {"ConnectionId": connection_id, "Data": b"{}"}
        await asyncio.to_thread(manager(gateway, key).post_to_connection, **post)
        assert await socket.receive_str(timeout=5) == "{}"
        for call, arguments in (
            (manager(gateway, key).delete_connection, {"ConnectionId": connection_id}),
            (manager(gateway, stranger).post_to_connection, post),
        ):
            assert await asyncio.to_thread(status_of, call, **arguments) == (403, "ForbiddenException")
        url = f"{gateway.address.replace('ws', 'http', 1)}/live/@connections/{connection_id}"
        unsigned = await asyncio.to_thread(httpx.post, url, content=b"{}", trust_env=False)
        assert unsigned.status_code == 403

    connected(gateway, functions, talk)


def role_with(cloud: Cloud, gateway: WebSocketGateway, statement: dict[str, str]) -> str:
    """A role's access key, for this gateway."""
    name = f"manager-{time.monotonic_ns()}"
    iam = cloud._client("iam")  # noqa: SLF001
    iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")
    iam.put_role_policy(
        RoleName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )
    return gateway._keys.issue(name, "secret")  # noqa: SLF001


def test_a_message_that_is_too_long_ends_the_connection(gateway: WebSocketGateway, functions: Functions) -> None:
    """With 1009; the longest one passes."""

    async def talk(socket: aiohttp.ClientWebSocketResponse, _: str) -> int | None:
        longest = '{"type": "ping"}'.ljust(MESSAGE_BYTES)
        await socket.send_str(longest)
        assert await socket.receive_str(timeout=5) == longest
        await socket.send_str(longest + " ")
        await socket.receive(timeout=5)
        return socket.close_code

    assert connected(gateway, functions, talk) == 1009


def test_a_silent_connection_is_ended(serve: Callable[..., WebSocketGateway], functions: Functions) -> None:
    """After a while in which nobody said anything."""

    async def silent(socket: aiohttp.ClientWebSocketResponse, _: str) -> int | None:
        await socket.receive(timeout=20)
        return socket.close_code

    started = time.monotonic()
    assert connected(serve(idle_seconds=0.5), functions, silent) == 1001
    assert time.monotonic() - started > 0.5


def test_pings_keep_a_connection_until_it_is_too_old(
    serve: Callable[..., WebSocketGateway], functions: Functions
) -> None:
    """It lives longer than a silent one, and not for ever."""

    async def ping(socket: aiohttp.ClientWebSocketResponse, _: str) -> int | None:
        while not socket.closed:
            await socket.send_str('{"type": "ping"}')
            await socket.receive(timeout=20)
            await asyncio.sleep(0.1)
        return socket.close_code

    started = time.monotonic()
    assert connected(serve(idle_seconds=1.5, longest_seconds=3), functions, ping) == 1001
    assert time.monotonic() - started > 2.5


@pytest.mark.parametrize("path", ["/other", "/", "/live/x", "/other/@connections/x"])
def test_nothing_else_is_served(gateway: WebSocketGateway, path: str) -> None:
    """Nor is the API itself to whoever does not want a WebSocket."""
    url = gateway.address.replace("ws", "http", 1)
    assert httpx.get(url + path, trust_env=False).status_code == 403
    assert httpx.get(f"{url}/live", trust_env=False).status_code == 426


def test_what_happens_is_logged_without_the_address(
    gateway: WebSocketGateway, functions: Functions, tmp_path: Path
) -> None:
    """In the template's format; a ticket stands in no line."""

    async def talk(socket: aiohttp.ClientWebSocketResponse, _: str) -> None:
        await socket.send_str('{"type": "ping"}')
        await socket.receive_str(timeout=5)

    connected(gateway, functions, talk, query="?ticket=secret")
    lines = wait_for(lambda: len(read := (tmp_path / "access.log").read_text().splitlines()) == 3 and read)
    assert [json.loads(line)["route"] for line in lines] == ["$connect", "ping", "$disconnect"]
    assert json.loads(lines[0]) == {"route": "$connect", "status": "200", "x": "-"}
    assert "secret" not in "".join(lines)


def test_a_stop_ends_the_connections_and_tells_the_functions(gateway: WebSocketGateway, functions: Functions) -> None:
    """A client sees 1001, and comes back to another gateway."""

    async def talk(socket: aiohttp.ClientWebSocketResponse, _: str) -> int | None:
        stopping = asyncio.create_task(asyncio.to_thread(gateway.stop))
        await socket.receive(timeout=5)
        await stopping
        return socket.close_code

    assert connected(gateway, functions, talk) == 1001
    assert functions.of("disconnect")
