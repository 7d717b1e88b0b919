"""An aiohttp application on a thread and a loop of its own."""

from __future__ import annotations

import asyncio
import socket
import threading

from aiohttp import web

_DRAIN_SECONDS = 20.0


def listen(port: int) -> socket.socket:
    """A socket that listens on a port of 127.0.0.1, 0 for a free one; raises OSError when it is taken."""
    return socket.create_server(("127.0.0.1", port))


class LoopServer:
    """Serves an application to what comes to a socket, also before it was started."""

    def __init__(self, name: str) -> None:
        self._runner: web.AppRunner | None = None
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name=name, daemon=True)

    def start(self, application: web.Application, listener: socket.socket) -> None:
        """Serve from now on."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._serve(application, listener), self.loop).result()

    def stop(self) -> None:
        """Take no more requests, let those under way end, and stop; harmless when repeated."""
        if not self._thread.is_alive():
            return
        if self._runner is not None:
            asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()

    async def _serve(self, application: web.Application, listener: socket.socket) -> None:
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=_DRAIN_SECONDS)
        await self._runner.setup()
        await web.SockSite(self._runner, listener).start()
