"""The page's distribution on 127.0.0.1: objects of a bucket and, under `/api`, the gateway, at one origin."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import aiohttp
from aiohttp import web
from botocore.exceptions import ClientError
from yarl import URL

from local.distribution import BucketOrigin, Distribution, HttpOrigin
from local.gateway import BODY_BYTES
from local.hosts import Hosts
from local.loop_server import LoopServer, listen

USUAL_PORT = 8470
"""So that a browser finds what it kept for the page when the stack has been started anew."""

_HOST = "127.0.0.1"
_OWN_TO_A_CONNECTION = frozenset(
    {"connection", "content-length", "date", "host", "keep-alive", "server", "te", "trailer", "transfer-encoding"}
)
_ACCESS_DENIED = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code></Error>'


def listen_usually(port: int | None) -> socket.socket:
    """A socket that listens on the port, 0 for a free one; None for the usual one, or a free one where it is taken.

    What comes before it is served waits. Raises OSError when the port is taken.
    """
    if port is not None:
        return listen(port)
    try:
        return listen(USUAL_PORT)
    except OSError:
        return listen(0)


def address_of(listener: socket.socket) -> str:
    """The origin of the page that is served there."""
    return f"http://{_HOST}:{listener.getsockname()[1]}"


class PageServer:
    """Serves a distribution on a thread of its own.

    It answers to the machine's own address alone: a name that somebody made lead here (DNS rebinding) would let their
    page read the ready-made sessions in config.json.
    """

    def __init__(self, distribution: Distribution, listener: socket.socket, *, s3: Any, hosts: Hosts) -> None:
        self._distribution = distribution
        self._listener = listener
        self._s3 = s3
        self._hosts = hosts
        self._server = LoopServer("page")
        self._client: aiohttp.ClientSession | None = None

    def start(self) -> None:
        """Serve what comes to the listener."""
        app = web.Application(client_max_size=BODY_BYTES + 1)
        app.router.add_route("*", "/{path:.*}", self._serve)
        app.cleanup_ctx.append(self._with_client)
        self._server.start(app, self._listener)

    def stop(self) -> None:
        """Take no more requests, let those under way end, and stop."""
        self._server.stop()

    async def _with_client(self, _: web.Application) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()) as self._client:
            yield

    async def _serve(self, incoming: web.Request) -> web.Response:
        """Answer by the behaviour of the path, with the headers that it adds."""
        address = URL(address_of(self._listener))
        if incoming.host == f"localhost:{address.port}":
            return web.Response(
                status=HTTPStatus.TEMPORARY_REDIRECT, headers={"Location": f"{address}{incoming.path_qs}"}
            )
        if incoming.host != address.authority:
            return _refusal("Nothing of this name is served here.")
        behaviour = self._distribution.behaviour(incoming.path)
        if incoming.method not in behaviour.methods:
            return _refusal("The request's method is not allowed here.")
        if isinstance(behaviour.origin, BucketOrigin):
            answer = await self._object(behaviour.origin, incoming)
        else:
            answer = await self._pass_on(behaviour.origin, incoming)
        answer.headers.update(self._hosts.localized(behaviour.headers.to(incoming.headers.get("Origin"))))
        return answer

    async def _object(self, origin: BucketOrigin, incoming: web.Request) -> web.Response:
        """An object, or 304 where the browser has it; 403 where there is none, for nobody may list the bucket."""
        key = unquote(incoming.rel_url.raw_path).removeprefix("/") or self._distribution.root_object
        try:
            found = await asyncio.to_thread(self._s3.get_object, Bucket=origin.bucket, Key=key)
        except ClientError:
            return web.Response(status=HTTPStatus.FORBIDDEN, text=_ACCESS_DENIED, content_type="application/xml")
        headers = {"ETag": found["ETag"], "Cache-Control": found["CacheControl"]}
        if incoming.headers.get("If-None-Match") == found["ETag"]:
            return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
        body = await asyncio.to_thread(found["Body"].read)
        return web.Response(body=body, headers={**headers, "Content-Type": found["ContentType"]})

    async def _pass_on(self, origin: HttpOrigin, incoming: web.Request) -> web.Response:
        """Another server's answer to the request as it came, but for the name of the host."""
        assert self._client is not None  # noqa: S101 - requests come when it is open
        url = URL(self._hosts.localized(origin.origin) + incoming.raw_path, encoded=True)
        headers = [(name, value) for name, value in incoming.headers.items() if _is_passed_on(name)]
        headers.append(("X-Forwarded-For", incoming.remote or ""))
        try:
            async with self._client.request(
                incoming.method,
                url,
                headers=headers,
                data=await incoming.read() or None,
                allow_redirects=False,
                skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
            ) as answer:
                passed_back = web.Response(status=answer.status, body=await answer.read())
                for name, value in answer.headers.items():
                    if _is_passed_on(name):
                        passed_back.headers.add(name, value)
                return passed_back
        except aiohttp.ClientError as error:
            return web.Response(status=HTTPStatus.BAD_GATEWAY, text=f"The API does not answer: {error}")


def _is_passed_on(header: str) -> bool:
    return header.lower() not in _OWN_TO_A_CONNECTION


def _refusal(why: str) -> web.Response:
    """As CloudFront refuses what is not for the distribution."""
    return web.Response(status=HTTPStatus.FORBIDDEN, text=f"The request could not be satisfied. {why}")
