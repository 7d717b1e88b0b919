"""The child process that parses a workbook, as its parent sees it: commands go down, frames come up.

Whatever befalls the child (a crash, a limit, garbage on the pipe) becomes an UploadRejected, whose cause says for the
log what it was. Only a child that could not start, or had no disk to work on, is the system's fault.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import python_calamine

from shared.domain.problems import file_problem
from shared.errors import TransientError, UploadRejected
from shared.formats.typed_rows import TypedColumn, cells_by_row
from shared.formats.workbook_columns import read_columns
from shared.formats.workbook_frames import HEADER, MAX_FRAME_BYTES, MESSAGE, ROWS, BadFrame, read_message

_PACKAGE_ROOTS = (Path(__file__).parents[2], Path(python_calamine.__file__).parents[1])
_COMMAND = [sys.executable, "-P", "-S", "-m", "shared.formats.workbook_child"]
_PIPE_BYTES = 1 << 20
_LOG_BYTES = 2000
_SECONDS_TO_DIE = 10
_VERDICTS = frozenset({"workbook_encrypted", "workbook_too_complex", "workbook_unreadable"})
_OUT_OF_MEMORY = (b"memory allocation of", b"MemoryError", b"capacity overflow", b"failed to map segment")
_KILLED_FOR_RESOURCES = (-signal.SIGXCPU, -signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class WorkbookLimits:
    """What reading a workbook may take.

    `memory_bytes` is the child's address space; `inflated_bytes` what the parts with cells may inflate to, on disk;
    `cells` rows × columns of a sheet's used area; `seconds` the child's CPU time, and the time waited for it.
    """

    memory_bytes: int = 3 << 30
    inflated_bytes: int = 1 << 30
    cells: int = 50_000_000
    seconds: int = 300


@dataclass(frozen=True, slots=True)
class LoadedSheet:
    """A sheet that the child has read: its used area, which begins at `origin` (row, column; from 0), and its start."""

    rows: int
    columns: int
    origin: tuple[int, int]
    head: list[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class SheetName:
    """A sheet of the workbook; `cells` is False for a chart or a macro sheet."""

    name: str
    visible: bool
    cells: bool


class ChildFailure(Exception):
    """What befell the child, for the log: the cause of an UploadRejected."""


def rejected(code: str, **values: object) -> UploadRejected:
    """The rejection of the file by a code of FILE_PROBLEMS."""
    return UploadRejected(file_problem(code, **values), code=code)


class WorkbookProcess:
    """A child process that has one workbook open. `close` ends it, and must be called.

    Raises UploadRejected, and TransientError where the child cannot work at all.
    """

    def __init__(self, path: Path, limits: WorkbookLimits) -> None:
        self._folder = TemporaryDirectory(prefix="workbook-", ignore_cleanup_errors=True)
        self._seconds_left = float(limits.seconds)
        self._ready = False
        log = Path(self._folder.name, "log")
        try:
            with log.open("wb") as stderr:
                self._process = subprocess.Popen(  # noqa: S603 (our own interpreter and module)
                    _COMMAND,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    bufsize=0,
                    pipesize=_PIPE_BYTES,
                    cwd=self._folder.name,
                    env=_environment(),
                )
        except OSError as error:
            self._folder.cleanup()
            raise TransientError("The process that reads workbooks could not be started.") from error
        self._log = log
        self.send(
            {
                "path": str(path),
                "folder": self._folder.name,
                "memoryBytes": limits.memory_bytes,
                "inflatedBytes": limits.inflated_bytes,
                "seconds": limits.seconds,
            }
        )

    def close(self) -> None:
        """Kill the child and remove what it wrote."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()
        self._folder.cleanup()

    def send(self, command: dict[str, Any]) -> None:
        """Send a command. That the child is gone shows when its answer is read."""
        with suppress(BrokenPipeError):
            if self._process.stdin:
                self._process.stdin.write(json.dumps(command).encode() + b"\n")

    def sheets(self) -> list[SheetName]:
        """The sheets of the workbook, in its order."""
        self._message("ready")
        self._ready = True
        try:
            return [
                SheetName(str(sheet["name"]), bool(sheet["visible"]), bool(sheet["cells"]))
                for sheet in self._message("sheets")["sheets"]
            ]
        except (TypeError, KeyError) as error:
            raise self.failure(error) from error

    def load(self, index: int) -> LoadedSheet:
        """Have the child read the sheet at `index`; `send({"keep": True})` makes it the one that is streamed."""
        self.send({"load": index})
        size = self._message("size")
        try:
            (rows, columns), (row, column) = map(int, size["size"]), map(int, size["origin"])
        except (TypeError, ValueError, KeyError) as error:
            raise self.failure(error) from error
        head = [row for _, read in self.batches(columns) for row in cells_by_row(read)]
        return LoadedSheet(rows, columns, (row, column), head)

    def batches(self, width: int) -> Iterator[tuple[int, list[TypedColumn]]]:
        """The batches of rows that come up to the end: the number of rows, and `width` columns."""
        while True:
            kind, payload = self._frame()
            try:
                if kind == MESSAGE:
                    self._expect(read_message(payload), "end")
                    return
                count, columns = read_columns(payload)
                if len(columns) != width:
                    raise BadFrame("a batch of another width")  # noqa: TRY301 (one way for all bad frames)
            except BadFrame as error:
                raise self.failure(error) from error
            yield count, columns

    def failure(self, error: Exception) -> UploadRejected:
        """The rejection of the file over what the child sent."""
        rejection = rejected("workbook_unreadable")
        rejection.__cause__ = error
        return rejection

    def _message(self, key: str) -> dict[str, Any]:
        kind, payload = self._frame()
        try:
            if kind != MESSAGE:
                raise BadFrame("rows where a message should be")  # noqa: TRY301 (as above)
            return self._expect(read_message(payload), key)
        except BadFrame as error:
            raise self.failure(error) from error

    def _expect(self, message: dict[str, Any], key: str) -> dict[str, Any]:
        """The message, if it is the one that is due; the child's verdict on the file comes in place of any."""
        if key in message:
            return message
        problem = message.get("problem")
        if problem == "system":
            raise TransientError("The process that reads workbooks cannot work.") from ChildFailure(self._log_text())
        if problem in _VERDICTS:
            raise rejected(problem) from ChildFailure(self._log_text())
        raise BadFrame(f"a message without {key}")

    def _frame(self) -> tuple[bytes, bytes]:
        kind, length = HEADER.unpack(self._read(HEADER.size))
        if kind not in (MESSAGE, ROWS) or length > MAX_FRAME_BYTES:
            error = BadFrame("no frame")
            raise self.failure(error) from error
        return kind, self._read(length)

    def _read(self, size: int) -> bytes:
        """Read `size` bytes from the child; the time that this waits is counted against the limit."""
        descriptor = self._process.stdout.fileno() if self._process.stdout else -1
        waiting = select.poll()
        waiting.register(descriptor, select.POLLIN | select.POLLHUP)
        parts: list[bytes] = []
        while size:
            started = time.monotonic()
            ready = waiting.poll(max(0, self._seconds_left) * 1000)
            self._seconds_left -= time.monotonic() - started
            if not ready:
                raise rejected("workbook_too_complex") from ChildFailure("no answer in time")
            part = os.read(descriptor, min(size, _PIPE_BYTES))
            if not part:
                raise self._death()
            parts.append(part)
            size -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _death(self) -> UploadRejected | TransientError:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_SECONDS_TO_DIE)
        status, text = self._process.returncode, self._log_text()
        cause = ChildFailure(f"ended with {status}: {text}")
        error: UploadRejected | TransientError
        if not self._ready:
            error = TransientError("The process that reads workbooks could not be started.")
        elif status in _KILLED_FOR_RESOURCES or any(sign in text.encode() for sign in _OUT_OF_MEMORY):
            error = rejected("workbook_too_complex")
        else:
            error = rejected("workbook_unreadable")
        error.__cause__ = cause
        return error

    def _log_text(self) -> str:
        with self._log.open("rb") as log:
            return log.read(_LOG_BYTES).decode(errors="replace")


def _environment() -> dict[str, str]:
    """What the interpreter needs to find our code and python-calamine, and nothing that is a secret."""
    environment = {
        "PYTHONPATH": os.pathsep.join(map(str, _PACKAGE_ROOTS)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "MALLOC_ARENA_MAX": "1",  # an arena for the second thread would take 64 MB of the address space
    }
    if "LD_LIBRARY_PATH" in os.environ:  # Lambda's Python finds its own library by it
        environment["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
    return environment
