"""The way of an upload while it is under way: a bar on a terminal, a line for each step elsewhere."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

from local.commands.display import file_size

_LINE_EVERY_PERCENT = 25


class UploadView(Protocol):
    """Is told what happens to an upload; a context manager that ends with the upload."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def sent(self, size: int) -> None:
        """`size` more bytes are on their way."""

    def status(self, answer: dict[str, Any]) -> None:
        """The status API answered."""


def view_of(console: Console, file_name: str, file_bytes: int) -> UploadView:
    """The view that fits where the output goes."""
    if console.is_terminal and not console.is_dumb_terminal:
        return _Bars(console, file_name, file_bytes)
    return _Lines(console, file_name, file_bytes)


class _Bars:
    """Two bars: the bytes that were sent, and the records that have a fate."""

    def __init__(self, console: Console, file_name: str, file_bytes: int) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=32, complete_style="cyan", finished_style="green"),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}", style="dim"),
            console=console,
        )
        note = f"{file_name}, {file_size(file_bytes)}"
        self._sending = self._progress.add_task("Sending", total=file_bytes, note=note)
        self._importing: TaskID | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def sent(self, size: int) -> None:
        self._progress.advance(self._sending, size)

    def status(self, answer: dict[str, Any]) -> None:
        if self._importing is None:
            self._importing = self._progress.add_task("Importing", total=100, note="")
        upload = answer["upload"]
        note = upload["message"] if upload["stage"] else ""
        self._progress.update(self._importing, completed=answer["progress"]["percentage"], note=note)


class _Lines:
    """A line when a step begins, and one for each quarter of the records."""

    def __init__(self, console: Console, file_name: str, file_bytes: int) -> None:
        self._console = console
        self._opening = f"Sending {file_name}, {file_size(file_bytes)}."
        self._last: tuple[str | None, int] = (None, 0)

    def __enter__(self) -> Self:
        self._console.print(self._opening)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def sent(self, size: int) -> None:
        """Bytes make no lines."""

    def status(self, answer: dict[str, Any]) -> None:
        upload, percentage = answer["upload"], answer["progress"]["percentage"]
        step = (upload["stage"], percentage // _LINE_EVERY_PERCENT)
        if step != self._last and upload["stage"] is not None:
            self._console.print(f"{upload['message']}" + (f" {percentage} %" if percentage else ""))
        self._last = step
