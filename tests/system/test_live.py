"""Uploads told as they change, through the whole stack: a ticket, a connection, the stream of the uploads table."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest

from local.client import ENDED
from tests.contract.cloud import wait_for
from tests.driving import HEADER, Person, csv_bytes, rows

New = Callable[..., Person]
Talk = Callable[["Line"], Awaitable[Any]]
LIVE = "/api/import/live"


class Line:
    """One connection, as a page has it."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.messages: list[dict[str, Any]] = []

    async def next(self, seconds: float = 30) -> dict[str, Any]:
        """The next message."""
        message: dict[str, Any] = json.loads(await self.socket.receive_str(timeout=seconds))
        self.messages.append(message)
        return message

    async def until_ended(self, upload_id: str) -> dict[str, Any]:
        """Listen until an upload has ended; its last message."""
        while (message := await self.next(60))["upload"]["uploadId"] != upload_id or (
            message["upload"]["status"] not in ENDED
        ):
            pass
        return message

    async def pong(self) -> None:
        """Whatever was sent before has come when this returns."""
        await self.socket.send_str('{"type": "ping"}')
        while (await self.next())["type"] != "pong":
            pass


def ask(stack: dict[str, Any], token: str) -> httpx.Response:
    """Ask for a ticket."""
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.post(stack["apiUrl"] + LIVE, headers=headers, trust_env=False, timeout=30)


def connected(url: str, talk: Talk, **headers: str) -> Any:
    """What comes of talking over a connection to an address."""

    async def run() -> Any:
        async with aiohttp.ClientSession() as session, session.ws_connect(url, headers=headers) as socket:
            return await talk(Line(socket))

    return asyncio.run(run())


async def at_once(line: Line) -> None:
    """Say nothing."""
    del line


def refusal(url: str, **headers: str) -> int:
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        connected(url, at_once, **headers)
    return caught.value.status


@pytest.fixture
def invited(stack: dict[str, Any], token: Callable[..., str]) -> Callable[..., str]:
    """Addresses to connect to, for anybody."""
    return lambda tenant, **session: str(ask(stack, token(tenant, **session)).json()["url"])


@pytest.fixture
def table(aws: Callable[[str], Any]) -> Callable[[str], str]:
    """A table's name by what it is called in the template."""
    names = [name for page in aws("dynamodb").get_paginator("list_tables").paginate() for name in page["TableNames"]]
    return lambda part: next(name for name in names if part in name)


def items(aws: Callable[[str], Any], table: str) -> list[dict[str, Any]]:
    """All of a table's items."""
    found: list[dict[str, Any]] = aws("dynamodb").scan(TableName=table, ConsistentRead=True)["Items"]
    return found


@pytest.mark.parametrize("session", [{}, {"lifetime": -60}])
def test_without_a_session_there_is_no_ticket(
    stack: dict[str, Any], token: Callable[..., str], session: dict[str, int]
) -> None:
    """Nor for another page with the browser's cookie."""
    ended = {"Authorization": f"Bearer {token(**session)}"} if session else {}
    refused = httpx.post(stack["apiUrl"] + LIVE, headers=ended, trust_env=False)
    assert refused.status_code == 401
    assert set(refused.json()) == {"error", "message", "supportId", "details"}
    cookie = {"Cookie": f"authjs.session-token={token()}", "Origin": "https://other.example"}
    answer = httpx.post(stack["apiUrl"] + LIVE, headers=cookie, trust_env=False)
    assert (answer.status_code, answer.json()["error"]) == (403, "origin_refused")


def test_an_upload_is_seen_moving_to_its_end(new_person: New, invited: Callable[..., str]) -> None:
    """With its counts, each message as the status route answers; a viewer is told as well."""
    person = new_person(tenant="live-ag")
    table = rows(3000)
    table[5][3] = "many"
    path = person.file(csv_bytes(table))

    async def follow(line: Line) -> tuple[list[dict[str, Any]], str]:
        started = person.client.start_upload(path, work_unit_id=person.work_unit)
        await line.next()
        await asyncio.to_thread(person.client.send_file, started, path)
        await line.until_ended(started["uploadId"])
        return line.messages, started["uploadId"]

    messages, upload_id = connected(invited("live-ag", role="viewer"), follow)
    assert {message["type"] for message in messages} == {"upload"}
    assert {message["upload"]["uploadId"] for message in messages} == {upload_id}
    told = person.client.status(upload_id)
    last = messages[-1]
    assert (last["upload"], last["progress"]) == (told["upload"], told["progress"])
    assert last["upload"]["status"] == "completed_with_errors"
    assert (last["progress"]["successfulRecords"], last["progress"]["failedRecords"]) == (2999, 1)
    assert last["upload"]["errors"][0]["value"] == "many"
    processed = [message["progress"]["processedRecords"] for message in messages]
    assert processed == sorted(processed)
    assert messages[0]["upload"]["stage"] == "awaiting_upload"


def test_an_upload_is_told_with_its_corrections(new_person: New, invited: Callable[..., str]) -> None:
    """As soon as one is started, and as the status route has them; the correction's own end names what it corrects."""
    person = new_person(tenant="live-corrections")
    table = rows(3)
    table[1][3] = "many"
    upload_id = str(person.import_file(csv_bytes(table))["uploadId"])
    header = ["linefeed:row", "linefeed:codes", "linefeed:reasons", *HEADER]
    fix = csv_bytes([["3", "", "", *rows(3)[1]]], header)

    async def follow(line: Line) -> tuple[dict[str, Any], dict[str, Any]]:
        correction = await asyncio.to_thread(person.send, fix, corrects=upload_id)
        ended = await line.until_ended(correction)
        told = [message["upload"] for message in line.messages if message["upload"]["uploadId"] == upload_id]
        return told[-1], ended["upload"]

    told, correction = connected(invited("live-corrections"), follow)
    assert [one["uploadId"] for one in told["corrections"]] == [correction["uploadId"]]
    assert (correction["corrects"], correction["status"]) == (upload_id, "completed")
    assert person.client.status(upload_id)["upload"]["correctedRecords"] == 1


def test_another_tenants_upload_is_never_seen(new_person: New, invited: Callable[..., str]) -> None:
    """Neither of two tenants hears of the other's, while both import."""
    people = {tenant: new_person(tenant=tenant) for tenant in ("live-one", "live-two")}

    async def follow(line: Line, tenant: str) -> list[dict[str, Any]]:
        upload_id = await asyncio.to_thread(people[tenant].send, csv_bytes(rows(50)))
        await line.until_ended(upload_id)
        await asyncio.sleep(2)  # longer than changes are gathered
        await line.pong()
        return [message for message in line.messages if message["type"] == "upload"]

    async def both() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        urls = {tenant: await asyncio.to_thread(invited, tenant) for tenant in people}
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(urls["live-one"]) as one,
            session.ws_connect(urls["live-two"]) as two,
        ):
            return await asyncio.gather(follow(Line(one), "live-one"), follow(Line(two), "live-two"))

    seen = [{message["upload"]["workUnitId"] for message in messages} for messages in asyncio.run(both())]
    assert seen == [{person.work_unit} for person in people.values()]


def test_a_ticket_works_once(invited: Callable[..., str]) -> None:
    """Whoever finds the address afterwards finds nothing."""
    url = invited("live-ag")
    connected(url, at_once)
    assert refusal(url) == 401


def test_of_many_that_bring_one_ticket_one_is_connected(invited: Callable[..., str]) -> None:
    """At the same moment."""
    url = invited("live-ag")

    async def attempt(session: aiohttp.ClientSession) -> int:
        try:
            async with session.ws_connect(url):
                return 101
        except aiohttp.WSServerHandshakeError as error:
            return error.status

    async def all_at_once() -> list[int]:
        async with aiohttp.ClientSession() as session:
            return await asyncio.gather(*(attempt(session) for _ in range(8)))

    assert sorted(asyncio.run(all_at_once())) == [101, *[401] * 7]


def test_a_ticket_is_kept_as_a_digest_and_expires(
    stack: dict[str, Any], token: Callable[..., str], aws: Callable[[str], Any], table: Callable[[str], str]
) -> None:
    """A minute later it opens nothing, whether or not DynamoDB has deleted it by then."""
    answer = ask(stack, token("live-ag"))
    assert answer.status_code == 201
    url, ticket = answer.json()["url"], answer.json()["url"].partition("?ticket=")[2]
    left = datetime.fromisoformat(answer.json()["expiresAt"]) - datetime.now(UTC)
    assert 0 < left.total_seconds() <= 60
    assert ticket not in json.dumps(items(aws, table("LiveTickets")))
    key = {"ticketDigest": {"S": hashlib.sha256(ticket.encode()).hexdigest()}}
    aws("dynamodb").update_item(
        TableName=table("LiveTickets"),
        Key=key,
        UpdateExpression="SET expiresAt = :past",
        ConditionExpression="attribute_exists(ticketDigest)",
        ExpressionAttributeValues={":past": {"N": str(int(time.time()) - 1)}},
    )
    assert refusal(url) == 401


def test_a_session_opens_no_connection(stack: dict[str, Any], token: Callable[..., str], new_person: New) -> None:
    """Neither as a header nor as a cookie, which a browser sends along for any page; nor does a made-up ticket."""
    started = new_person(tenant="live-ag").client._send(  # noqa: SLF001
        "POST",
        "",
        json={"fileName": "a.csv", "fileSize": 1, "mimeType": "text/csv", "workUnitId": "u", "importType": "csv"},
    )
    url = started.json()["tracking"]["websocketUrl"]
    session = token("live-ag")
    for headers in ({}, {"Authorization": f"Bearer {session}"}, {"Cookie": f"authjs.session-token={session}"}):
        assert refusal(url, **headers) == 401
    for ticket in ("", "x", session):
        assert refusal(f"{url}?ticket={ticket}") == 401
    del stack


def test_the_end_of_the_session_is_the_end_of_the_connection(
    stack: dict[str, Any], token: Callable[..., str], new_person: New
) -> None:
    """At the next change, which it is not told of."""
    url = ask(stack, token("live-short", lifetime=3)).json()["url"]
    person = new_person(tenant="live-short")

    async def outstay(line: Line) -> tuple[aiohttp.WSMsgType, int | None]:
        await asyncio.sleep(4)
        await line.pong()
        await asyncio.to_thread(person.send, csv_bytes(rows(3)))
        return (await line.socket.receive(timeout=20)).type, line.socket.close_code

    kind, code = connected(url, outstay)
    assert (kind, code) == (aiohttp.WSMsgType.CLOSE, 1000)


def test_a_connection_that_is_gone_is_forgotten(
    new_person: New,
    invited: Callable[..., str],
    aws: Callable[[str], Any],
    table: Callable[[str], str],
) -> None:
    """By its own end, and where that was not told, by the next change."""
    connections = table("LiveConnections")

    def of_tenant() -> list[str]:
        return [item["connectionId"]["S"] for item in items(aws, connections) if item["tenantId"]["S"] == "live-gone"]

    async def look(_: Line) -> list[str]:
        return await asyncio.to_thread(of_tenant)

    assert len(connected(invited("live-gone"), look)) == 1
    wait_for(lambda: not of_tenant())
    lost = {
        "connectionId": {"S": "bmV2ZXIgdGhlcmU="},
        "tenantId": {"S": "live-gone"},
        "userId": {"S": "somebody"},
        "role": {"S": "viewer"},
        "connectedAt": {"S": "2026-01-01T00:00:00+00:00"},
        "expiresAt": {"N": str(int(time.time()) + 3600)},
    }
    recent = {**lost, "connectionId": {"S": "anVzdCBub3cgbWFk"}, "connectedAt": {"S": datetime.now(UTC).isoformat()}}
    # As long ago as a connection may be that has not ended.
    lost["connectedAt"] = {"S": datetime.fromtimestamp(time.time() - 3600, UTC).isoformat()}
    for item in (lost, recent):
        aws("dynamodb").put_item(TableName=connections, Item=item)
    new_person(tenant="live-gone").import_file(csv_bytes(rows(3)))
    wait_for(lambda: "bmV2ZXIgdGhlcmU=" not in of_tenant())
    # One that is being made cannot be reached yet either.
    assert of_tenant() == ["anVzdCBub3cgbWFk"]


def test_what_clients_send_is_ignored_but_for_pings(invited: Callable[..., str]) -> None:
    """A pong, and nothing for anything else."""

    async def talk(line: Line) -> list[dict[str, Any]]:
        for message in ("", "x", "[]", '{"type": "upload"}', '{"type": "$connect"}'):
            await line.socket.send_str(message)
        await line.pong()
        return line.messages

    assert connected(invited("live-quiet"), talk) == [{"type": "pong"}]


def test_a_ticket_is_in_no_log(stack: dict[str, Any], invited: Callable[..., str]) -> None:
    """Neither one that was taken nor one that was refused, in the logs of functions and gateways."""
    url = invited("live-ag")
    connected(url, at_once)
    assert refusal(url) == 401
    ticket = url.partition("?ticket=")[2]
    logs = {path.name: path.read_text(errors="replace") for path in Path(stack["logs"]).rglob("*") if path.is_file()}
    assert "connection refused" in logs["connect_live.log"]
    assert [name for name, text in logs.items() if ticket in text] == []
