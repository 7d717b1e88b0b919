"""The folder of a local stack: who runs it (a lock), and how to reach it (`stack.json`)."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

STATE_FOLDER = Path(__file__).resolve().parent.parent / ".local"
"""Where a stack keeps its state unless it is told otherwise."""

_DESCRIPTION = "stack.json"
_LOCK = "stack.lock"


class AlreadyRunning(Exception):
    """Another process runs the stack of this folder."""


class StackLock:
    """Held while a stack runs. The system lets go of it when the process ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _LOCK
        self._file: IO[str] | None = None

    def __enter__(self) -> Self:
        file = self._path.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip()
            file.close()
            raise AlreadyRunning(f"The stack in {self._path.parent} is already running (process {holder})") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self._file = file
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()


def write_description(folder: Path, description: dict[str, Any]) -> None:
    """Put `stack.json` in its place at once, for its owner's eyes only: it holds tokens."""
    fresh = folder / f"{_DESCRIPTION}.new"
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(description, indent=2) + "\n")
    fresh.replace(folder / _DESCRIPTION)


def read_description(folder: Path = STATE_FOLDER) -> dict[str, Any] | None:
    """What `stack.json` says, or None when no stack runs in the folder."""
    try:
        description: dict[str, Any] = json.loads((folder / _DESCRIPTION).read_text())
        os.kill(description["pid"], 0)
    except (FileNotFoundError, ProcessLookupError):
        return None
    except PermissionError:
        pass
    return description


def remove_description(folder: Path) -> None:
    """Take `stack.json` away."""
    (folder / _DESCRIPTION).unlink(missing_ok=True)
