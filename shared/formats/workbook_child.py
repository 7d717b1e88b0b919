"""The process that parses a workbook: `python -m shared.formats.workbook_child`, started by `workbook.py`.

Its parent sends commands as lines of JSON and gets frames (see `workbook_frames.py`). The first line is the request;
then `{"load": n}` reads sheet n and shows its first rows, `{"keep": true}` keeps it in place of what was kept before,
and `{"stream": true}` sends the rows of the kept one. The end of the commands is the end of the process.

python-calamine can abort the process on a hostile file, so limits of the operating system hold it, and whatever
happens here is a verdict on the file to the parent.
"""

from __future__ import annotations

import errno
import gc
import json
import os
import re
import resource
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from itertools import islice
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

from python_calamine import CalamineSheet, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

from shared.formats.workbook_frames import RowTooLong, batch_size, message_frame, rows_frames
from shared.formats.workbook_package import PackageEncrypted, PackageTooLarge, copy_package
from shared.formats.workbook_xls import ErrorCells, error_cells, is_encrypted_package

HEAD_ROWS = 50
_LOG_CHARS = 1000

_SYSTEM_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENOENT, errno.EACCES})
_ISO_DURATION = re.compile(r"(-?)PT(\d+)H(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?")

Row = list[Any]


def main() -> None:
    """Serve the parent until it has what it wants, or is gone; then end without waiting for the listener."""
    commands: SimpleQueue[dict[str, Any]] = SimpleQueue()
    Thread(target=_listen, args=(commands,), daemon=True).start()
    try:
        request = commands.get()
        _limit(request["memoryBytes"], request["seconds"])
        _send(message_frame({"ready": True}))
        gc.disable()
        _serve(request, commands)
    except BaseException as error:  # noqa: BLE001 – a panic of calamine is no Exception; all are verdicts here
        sys.stderr.write(repr(error)[:_LOG_CHARS])
        sys.stderr.flush()
        with suppress(BrokenPipeError):
            _send(message_frame({"problem": _problem(error)}))
    os._exit(0)


def _listen(commands: SimpleQueue[dict[str, Any]]) -> None:
    """Take commands; when the parent is gone, so is this process, whatever it is doing."""
    with suppress(ValueError):
        for line in sys.stdin.buffer:
            commands.put(json.loads(line))
    os._exit(1)


def _limit(memory_bytes: int, seconds: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":  # elsewhere the address space cannot be limited
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


def _problem(error: BaseException) -> str:
    match error:
        case PasswordError() | PackageEncrypted():
            return "workbook_encrypted"
        case PackageTooLarge() | MemoryError() | RowTooLong():
            return "workbook_too_complex"
        case OSError() if error.errno in _SYSTEM_ERRORS:
            return "system"
        case _:
            return "workbook_unreadable"


def _serve(request: dict[str, Any], commands: SimpleQueue[dict[str, Any]]) -> None:
    workbook = _Workbook(Path(request["path"]), Path(request["folder"]), request["inflatedBytes"])
    _send(message_frame({"sheets": workbook.sheets()}))
    loaded: _Sheet | None = None
    kept: _Sheet | None = None
    while True:
        match commands.get():
            case {"load": int(index)}:
                loaded = None
                loaded = workbook.load(index)
                _send(message_frame({"size": loaded.size, "origin": loaded.origin}))
                _send_rows(loaded, HEAD_ROWS)
            case {"keep": True}:
                kept, loaded = loaded, None
            case {"stream": True}:
                if kept:
                    _send_rows(kept, None)
                return


def _send_rows(sheet: _Sheet, limit: int | None) -> None:
    rows = islice(sheet.rows(), limit)
    size = HEAD_ROWS  # at first, for the header and the titles are texts, and so no column is one of numbers there
    while batch := list(islice(rows, size)):
        for frame in rows_frames(batch):
            _send(frame)
        size = batch_size(sheet.size[1])
    _send(message_frame({"end": True}))


def _send(frame: bytes) -> None:
    view = memoryview(frame)
    while view:
        view = view[os.write(1, view) :]


class _Workbook:
    """The workbook at `path`, read through a copy in `folder` that is fit for calamine."""

    def __init__(self, path: Path, folder: Path, inflated_bytes: int) -> None:
        self._errors: ErrorCells = {}
        if _starts_as_archive(path):
            copy = copy_package(path, folder, inflated_bytes=inflated_bytes)
        else:
            if is_encrypted_package(path.read_bytes()):
                raise PackageEncrypted
            copy = folder / "workbook.xls"  # calamine goes by the suffix
            copy.symlink_to(path)
        self._workbook = CalamineWorkbook.from_path(str(copy))
        if copy.suffix == ".xls":
            self._errors = error_cells(path)
        self._iso_durations = copy.suffix == ".ods"

    def sheets(self) -> list[dict[str, Any]]:
        """Name of each sheet, whether it is visible, and whether it has cells at all."""
        return [
            {
                "name": sheet.name,
                "visible": sheet.visible == SheetVisibleEnum.Visible,
                "cells": sheet.typ == SheetTypeEnum.WorkSheet,
            }
            for sheet in self._workbook.sheets_metadata
        ]

    def load(self, index: int) -> _Sheet:
        """Read a sheet as a whole, which is the only way that calamine has."""
        sheet = self._workbook.get_sheet_by_index(index)
        return _Sheet(sheet, self._errors.get(index, {}), iso_durations=self._iso_durations)


def _starts_as_archive(path: Path) -> bool:
    """By the first bytes, as the scan tells it: `is_zipfile` would find an archive at the end of anything."""
    with path.open("rb") as file:
        return file.read(2) == b"PK"


class _Sheet:
    """The cells of a sheet, from the first row and column that hold any."""

    def __init__(self, sheet: CalamineSheet, errors: dict[int, dict[int, str]], *, iso_durations: bool) -> None:
        self._sheet = sheet
        self._errors = errors
        self._iso_durations = iso_durations
        self.size = (sheet.height, sheet.width)
        self.origin = sheet.start or (0, 0)

    def rows(self) -> Iterator[Row]:
        """The rows, none of them before `origin`."""
        rows: Iterator[Row] = islice(self._sheet.iter_rows(), self.origin[0], None)
        if self._errors:
            rows = self._with_errors(rows)
        return map(_with_durations, rows) if self._iso_durations else rows

    def _with_errors(self, rows: Iterator[Row]) -> Iterator[Row]:
        first_row, first_column = self.origin
        for number, row in enumerate(rows, first_row):
            for column, text in self._errors.get(number, {}).items():
                row[column - first_column] = text
            yield row


def _with_durations(row: Row) -> Row:
    """Durations of an .ods sheet beyond a day, which calamine leaves as texts such as `PT26H30M00S`."""
    return [_duration(cell) if type(cell) is str and cell.startswith(("PT", "-PT")) else cell for cell in row]


def _duration(text: str) -> Any:
    found = _ISO_DURATION.fullmatch(text)
    if not found:
        return text
    sign, hours, minutes, seconds = found.groups()
    length = timedelta(hours=int(hours), minutes=int(minutes or 0), seconds=float(seconds or 0))
    return -length if sign else length


if __name__ == "__main__":
    main()
