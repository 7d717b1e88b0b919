"""ClamAV's definitions: kept in the bucket, brought up to date by freshclam, fetched by whoever runs the engine.

freshclam gets to see what it fetched before, so that it asks ClamAV's mirrors for the changes alone: they shut out
whoever keeps downloading the whole.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
import subprocess
from pathlib import Path

from shared.domain import object_keys
from shared.errors import TransientError
from shared.services.ports import Objects

_LOG = logging.getLogger(__name__)
_FRESHCLAM_SECONDS = 540
_TYPE = "application/octet-stream"


class ClamavDefinitions:
    """The definitions in a folder of this machine, and those in the bucket."""

    def __init__(self, objects: Objects, folder: Path) -> None:
        self._objects = objects
        self.folder = folder
        self._etags: dict[str, str] = {}

    def fetch(self) -> bool:
        """Make the folder what the bucket has; whether that changed anything."""
        self.folder.mkdir(parents=True, exist_ok=True)
        changed = False
        for key in self._objects.keys(object_keys.CLAMAV_DEFINITIONS):
            stored = self._objects.describe(key, None)
            if stored and self._etags.get(key) != stored.etag:
                self._download(key)
                self._etags[key] = stored.etag
                changed = True
        return changed

    def refresh(self, configuration: Path) -> list[str]:
        """Have freshclam bring the definitions up to date, and keep those files that changed; their names.

        `configuration` is freshclam's. Raises TransientError where freshclam fails: the next time may do.
        """
        self.fetch()
        before = self._digests()
        _run_freshclam(configuration, self.folder)
        changed = [name for name, digest in self._digests().items() if before.get(name) != digest]
        for name in changed:
            with (
                (self.folder / name).open("rb") as source,
                self._objects.open_write(object_keys.CLAMAV_DEFINITIONS + name, _TYPE) as stored,
            ):
                shutil.copyfileobj(source, stored)
        return changed

    def _download(self, key: str) -> None:
        """Into the place of the old one at once, so that an engine never reads half a file."""
        target = self.folder / key.rpartition("/")[2]
        part = target.with_name(f".{target.name}")
        with self._objects.open_read(key) as source, part.open("wb") as file:
            shutil.copyfileobj(source, file)
        part.replace(target)

    def _digests(self) -> dict[str, str]:
        return {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(self.folder.iterdir())
            if path.is_file() and not path.name.startswith(".")
        }


def _run_freshclam(configuration: Path, folder: Path) -> None:
    command = ["freshclam", f"--config-file={configuration}", f"--datadir={folder}", "--stdout"]
    try:
        done = subprocess.run(  # noqa: S603 (paths of our own)
            command, capture_output=True, text=True, timeout=_FRESHCLAM_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise TransientError("freshclam did not end") from error
    _LOG.info("freshclam: %s", done.stdout)
    if done.returncode:
        raise TransientError(f"freshclam failed: {(done.stdout + done.stderr)[-500:]}")
