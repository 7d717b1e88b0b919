"""An aiohttp application on a thread and a loop of its own."""

from __future__ import annotations

import asyncio
import threading

from aiohttp import web

_DRAIN_SECONDS = 20.0


class LoopServer:
    """Serves an application on a port of 127.0.0.1; a port of 0 takes a free one."""

    def __init__(self, name: str, port: int) -> None:
        self._port = port
        self._runner: web.AppRunner | None = None
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name=name, daemon=True)

    def start(self, application: web.Application) -> int:
        """Listen, and return the port; raises OSError when it is taken."""
        self._thread.start()
        return asyncio.run_coroutine_threadsafe(self._listen(application), self.loop).result()

    def stop(self) -> None:
        """Take no more requests, let those under way end, and stop; harmless when repeated."""
        if not self._thread.is_alive():
            return
        if self._runner is not None:
            asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()

    async def _listen(self, application: web.Application) -> int:
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=_DRAIN_SECONDS)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        port: int = self._runner.addresses[0][1]
        return port
