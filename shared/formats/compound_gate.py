"""An .xls file: streams in a compound file (MS-CFB), whose sectors must make sense, and what may be in them."""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from shared.formats.rejection import rejected

SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

_LAST_SECTOR = 0xFFFFFFFA
_HEADER_BYTES = 512
_IN_HEADER = 109
_MINI_SECTOR = 64
_RUN_SECTORS = 512
_MAX_ENTRIES = 65_536
_MAX_MINI_TABLE_BYTES = 8 << 20
_STORAGE, _STREAM, _ROOT = 1, 2, 5
_NAMES = {
    "_vba_project_cur": "workbook_macros",
    "_vba_project": "workbook_macros",
    "vba": "workbook_macros",
    "macros": "workbook_macros",
    "encryptedpackage": "workbook_encrypted",
    "encryptioninfo": "workbook_encrypted",
    "\x01ole10native": "workbook_embedded_object",
    "objectpool": "workbook_embedded_object",
    "ctls": "workbook_active_content",
}
_EMBEDDED = ("mbd", "lnk")
_OTHER_DOCUMENTS = {
    "worddocument": "a Word document",
    "powerpoint document": "a PowerPoint presentation",
    "__properties_version1.0": "an Outlook message",
    "visiodocument": "a Visio drawing",
}
_MAX_ZIP_COMMENT = 0xFFFF


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    kind: int
    start: int
    size: int


def open_workbook_streams(file: BinaryIO, size: int) -> list[Iterator[bytes]]:
    """The workbook's stream in pieces, once the file around it was found in order. Raises UploadRejected.

    There are two in a file that Excel 95 can read too; of one name there is one, so that all readers find the same.
    """
    _check_end(file, size)
    try:
        compound = _Compound(file, size)
        for entry in compound.entries:
            _check_entry(entry)
        workbooks = [entry for entry in compound.entries if entry.kind == _STREAM and _is_workbook(entry)]
        if not workbooks:
            raise rejected("file_not_workbook", what=_other_document(compound.entries))
        if len({entry.name.casefold() for entry in workbooks}) < len(workbooks):
            raise rejected("xls_structure_wrong")
        found = [(entry, compound.sectors_of(entry)) for entry in workbooks]
        for entry in compound.entries:
            if entry.kind == _STREAM and entry not in workbooks:
                compound.sectors_of(entry)
    except (struct.error, IndexError, EOFError) as error:
        raise rejected("xls_structure_wrong") from error
    return [compound.read(entry, sectors) for entry, sectors in found]


def _check_end(file: BinaryIO, size: int) -> None:
    """No ZIP archive ends where the file ends: some readers would see that one instead."""
    start = max(size - _MAX_ZIP_COMMENT - 22, 0)
    file.seek(start)
    tail = file.read()
    at = -1
    while (at := tail.find(b"PK\x05\x06", at + 1)) >= 0:
        if at + 22 <= len(tail) and at + 22 + struct.unpack_from("<H", tail, at + 20)[0] == len(tail):
            raise rejected("file_foreign_data")


def _is_workbook(entry: _Entry) -> bool:
    return entry.name.casefold() in ("workbook", "book")


def _check_entry(entry: _Entry) -> None:
    name = entry.name.casefold()
    code = _NAMES.get(name)
    if entry.kind == _STORAGE and name.startswith(_EMBEDDED):
        code = "workbook_embedded_object"
    if code:
        raise rejected(code)


def _other_document(entries: list[_Entry]) -> str:
    names = {entry.name.casefold() for entry in entries}
    return next((what for name, what in _OTHER_DOCUMENTS.items() if name in names), "an old Office document")


class _Compound:
    """The sectors and the directory of a compound file. No sector may belong to two streams, or twice to one."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        file.seek(0)
        header = file.read(_HEADER_BYTES)
        version, order, shift, mini_shift = struct.unpack_from("<HHHH", header, 26)
        if (order, mini_shift, (version, shift)) not in ((0xFFFE, 6, (3, 9)), (0xFFFE, 6, (4, 12))):
            raise rejected("xls_structure_wrong")
        self._sector = 1 << shift
        self._count = -(-(size - self._sector) // self._sector)
        self._taken = bytearray(max(self._count, 0))
        directory, cutoff, mini_table, more = (struct.unpack_from("<I", header, at)[0] for at in (48, 56, 60, 68))
        self._cutoff = cutoff
        self._table = self._read_table(struct.unpack_from(f"<{_IN_HEADER}I", header, 76), more)
        self.entries = list(self._directory(directory))
        minis = self._chain(mini_table)
        if len(minis) * self._sector > _MAX_MINI_TABLE_BYTES:
            raise rejected("xls_structure_wrong")
        self._mini_table = _integers(b"".join(self._pieces(minis)))
        root = next((entry for entry in self.entries if entry.kind == _ROOT), None)
        self._mini_sectors = self._chain(root.start) if root else array("I")
        self._minis_taken = bytearray(len(self._mini_table))

    def sectors_of(self, entry: _Entry) -> array[int]:
        """The sectors of a stream, or its mini sectors when it is short."""
        if not entry.size:
            return array("I")
        short = entry.size < self._cutoff
        sectors = self._mini_chain(entry.start) if short else self._chain(entry.start)
        if len(sectors) * (_MINI_SECTOR if short else self._sector) < entry.size:
            raise rejected("xls_structure_wrong")
        return sectors

    def read(self, entry: _Entry, sectors: array[int]) -> Iterator[bytes]:
        """The bytes of a stream."""
        left = entry.size
        for piece in self._mini_pieces(sectors) if entry.size < self._cutoff else self._pieces(sectors):
            yield piece[:left]
            left -= min(len(piece), left)

    def _read_table(self, sectors: tuple[int, ...], more: int) -> array[int]:
        """The allocation table: for each sector the one that follows it."""
        listed = array("I", sectors)
        while more < _LAST_SECTOR:
            self._take(more)
            following = _integers(self._read(more, 1))
            listed.extend(following[:-1])
            more = following[-1]
        used = [sector for sector in listed if sector < _LAST_SECTOR]
        table = array("I")
        for sector in used:
            self._take(sector)
            table.extend(_integers(self._read(sector, 1)))
        return table

    def _directory(self, start: int) -> Iterator[_Entry]:
        count = 0
        for piece in self._pieces(self._chain(start)):
            for at in range(0, len(piece) - 127, 128):
                count += 1
                length, kind = struct.unpack_from("<HB", piece, at + 64)
                first, size = struct.unpack_from("<IQ", piece, at + 116)
                if kind and length <= 64:  # noqa: PLR2004 (what the field holds)
                    name = piece[at : at + max(length - 2, 0)].decode("utf-16-le", "replace")
                    yield _Entry(name, kind, first, size & 0xFFFFFFFF if self._sector == _HEADER_BYTES else size)
            if count > _MAX_ENTRIES:
                raise rejected("xls_structure_wrong")

    def _chain(self, start: int) -> array[int]:
        sectors = array("I")
        while start < _LAST_SECTOR:
            self._take(start)
            sectors.append(start)
            start = self._table[start]
        return sectors

    def _take(self, sector: int) -> None:
        if self._taken[sector]:
            raise rejected("xls_structure_wrong")
        self._taken[sector] = 1

    def _mini_chain(self, start: int) -> array[int]:
        sectors = array("I")
        while start < _LAST_SECTOR:
            if self._minis_taken[start]:
                raise rejected("xls_structure_wrong")
            self._minis_taken[start] = 1
            sectors.append(start)
            start = self._mini_table[start]
        return sectors

    def _pieces(self, sectors: array[int]) -> Iterator[bytes]:
        """The sectors' bytes; those that lie one behind the other are read together."""
        at = 0
        while at < len(sectors):
            end = at + 1
            while end < len(sectors) and end - at < _RUN_SECTORS and sectors[end] == sectors[end - 1] + 1:
                end += 1
            yield self._read(sectors[at], end - at)
            at = end

    def _mini_pieces(self, minis: array[int]) -> Iterator[bytes]:
        for mini in minis:
            sector, offset = divmod(mini * _MINI_SECTOR, self._sector)
            yield self._read(self._mini_sectors[sector], 1)[offset : offset + _MINI_SECTOR]

    def _read(self, sector: int, count: int) -> bytes:
        if sector + count > self._count:
            raise rejected("xls_structure_wrong")
        self._file.seek((sector + 1) * self._sector)
        return self._file.read(count * self._sector)


def _integers(data: bytes) -> array[int]:
    numbers = array("I", data[: len(data) // 4 * 4])
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
