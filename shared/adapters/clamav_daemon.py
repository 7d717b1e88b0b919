"""clamd as a child of this process, for a container that has the engine: started when it is first needed.

It loads its definitions when it starts, which takes longer than Lambda allows for the start of a function, and keeps
them. So it is started anew where newer ones are there, rather than told to reload: for that it would hold both.
"""

from __future__ import annotations

import atexit
import logging
import subprocess
import time
from pathlib import Path

from shared.adapters.clamav_definitions import ClamavDefinitions
from shared.adapters.clamd_scanner import ClamdScanner
from shared.adapters.streamed_scan import StreamedScan
from shared.domain.upload import SourceObject
from shared.domain.verdict import Verdict
from shared.errors import TransientError
from shared.services.ports import Objects

_LOG = logging.getLogger(__name__)
_START_SECONDS = 90
_LOOK_AGAIN_SECONDS = 3600
_MOST = (2 << 30) - 1
"""Bytes of the largest file that ClamAV can look at, be it one in a workbook's archive."""


class ClamavDaemon:
    """At most one clamd; `largest` is the size in bytes of the largest file that it has to take."""

    def __init__(self, definitions: ClamavDefinitions, folder: Path, *, largest: int) -> None:
        self._definitions = definitions
        self._folder = folder
        self._largest = largest
        self._process: subprocess.Popen[bytes] | None = None
        self._looked = float("-inf")
        atexit.register(self.stop)

    @property
    def address(self) -> str:
        """Where it listens, once it is up."""
        return f"unix:{self._socket}"

    def start(self) -> None:
        """Have it up, with definitions that were the newest within the hour.

        Raises TransientError where there are none yet, and where it does not come up.
        """
        now = time.monotonic()
        if self._runs() and now - self._looked < _LOOK_AGAIN_SECONDS:
            return
        changed = self._definitions.fetch()
        self._looked = now
        if self._runs() and not changed:
            return
        self.stop()
        if not any(self._definitions.folder.iterdir()):
            raise TransientError("There are no definitions of ClamAV yet")
        self._launch()

    def stop(self) -> None:
        """End it; harmless where it does not run."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self._socket.unlink(missing_ok=True)

    @property
    def _socket(self) -> Path:
        return self._folder / "clamd.sock"

    def _runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _launch(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        configuration = self._folder / "clamd.conf"
        configuration.write_text(self._configuration())
        self._process = subprocess.Popen(  # noqa: S603 (a path of our own)
            ["clamd", f"--config-file={configuration}"],  # noqa: S607 (the container's)
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + _START_SECONDS
        while not self._socket.exists():
            if not self._runs() or time.monotonic() > deadline:
                self.stop()
                raise TransientError("clamd did not start")
            time.sleep(0.05)
        _LOG.info("clamd listens at %s", self.address)

    def _configuration(self) -> str:
        """See clamd.conf(5). What clamd passes over for its size it calls clean, unless it is told to alert."""
        lines = {
            "LocalSocket": self._socket,
            "DatabaseDirectory": self._definitions.folder,
            "Foreground": "yes",
            "OfficialDatabaseOnly": "no",
            "AlertExceedsMax": "yes",
            "StreamMaxLength": self._largest,
            "MaxFileSize": _MOST,
            "MaxScanSize": 0,
        }
        return "".join(f"{name} {value}\n" for name, value in lines.items())


class ClamavEngine:
    """The port `Scanner`, by a daemon that is had up first."""

    def __init__(self, objects: Objects, daemon: ClamavDaemon) -> None:
        self._daemon = daemon
        self._streamed = StreamedScan(objects, ClamdScanner(daemon.address))

    def scan(self, source: SourceObject) -> Verdict:
        """What ClamAV says of the pinned version."""
        self._daemon.start()
        return self._streamed.scan(source)
