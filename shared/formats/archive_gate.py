"""A ZIP archive whose every byte is accounted for: the members that it lists, unpacked while they are counted.

`zipfile` believes the central directory and skips what it does not know. Here directory, local headers and data must
say the same and fill the file without a gap, so that no two readers see two different files in it.
"""

from __future__ import annotations

import struct
import unicodedata
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO

from shared.errors import UploadRejected
from shared.formats.rejection import rejected

MAX_MEMBERS = 10_000
MAX_INFLATED_BYTES = 1 << 30
MAX_RATIO = 200
"""A sheet deflates to a tenth, one of equal rows to a fiftieth; what goes beyond this is a bomb."""

_ALWAYS_INFLATED = 64 << 20
_MAX_DIRECTORY_BYTES = 8 << 20
_MAX_NAME = 255
_READ = 1 << 16
_PIECE = 1 << 18

_END = struct.Struct("<4s4H2IH")
_END_64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR_64 = struct.Struct("<4sIQI")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_LOCAL = struct.Struct("<4s5H3I2H")
_DESCRIPTORS = tuple(map(struct.Struct, ("<III", "<4xIII", "<IQQ", "<4xIQQ")))
_FULL_16, _FULL_32 = 0xFFFF, 0xFFFFFFFF
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_PATCH, _DESCRIPTOR_FOLLOWS, _UTF_8 = 0x20, 0x8, 0x800
_STORED, _DEFLATED = 0, 8
_UNIX, _SYMLINK, _KIND_OF_FILE = 3, 0o120000, 0o170000
_EXTRA_64, _EXTRA_OTHER_NAME, _EXTRA_AES = 0x0001, 0x7075, 0x9901


@dataclass(frozen=True, slots=True)
class Member:
    """A member as directory and local header agree on it; `data` is where its packed bytes begin."""

    name: str
    method: int
    crc: int
    packed: int
    size: int
    data: int


@dataclass(frozen=True, slots=True)
class _Entry:
    """A member as the central directory has it."""

    raw_name: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int
    name: str


def read_members(file: BinaryIO, size: int) -> list[Member]:
    """The members of the archive of `size` bytes; nothing is unpacked yet. Raises UploadRejected."""
    try:
        start, end, count = _directory(file, size)
        file.seek(start)
        entries = list(_entries(file.read(end - start), count))
        _check_names(entries)
        ordered = sorted(entries, key=lambda entry: entry.offset)
        if ordered and ordered[0].offset:
            raise rejected("file_foreign_data")
        if ordered and ordered[-1].offset >= start:
            raise rejected("workbook_unreadable")
        borders = [*(entry.offset for entry in ordered), start]
        members = {
            entry.name: _member(file, entry, until)
            for entry, (_, until) in zip(ordered, pairwise(borders), strict=True)
        }
    except struct.error as error:
        raise rejected("workbook_unreadable") from error
    return [members[entry.name] for entry in entries]


class InflationBudget:
    """What the members of an archive may still unpack to, all together."""

    def __init__(self, members: list[Member], archive_size: int) -> None:
        self._left = _bound(archive_size)
        if sum(member.size for member in members) > self._left:
            raise _too_large(self._left)

    def spend(self, count: int) -> None:
        """Take off bytes that came out. Raises UploadRejected when there are more than may be."""
        self._left -= count
        if self._left < 0:
            raise _too_large(MAX_INFLATED_BYTES)


def inflate(file: BinaryIO, member: Member, budget: InflationBudget) -> Iterator[bytes]:
    """The member's bytes in pieces; they are as many as was said, with the right checksum, or UploadRejected comes."""
    file.seek(member.data)
    most = min(member.size, _bound(member.packed))
    count = checksum = 0
    for piece in _unpacked(file, member):
        count += len(piece)
        budget.spend(len(piece))
        if count > most:
            raise rejected("archive_sizes_differ", part=member.name) if count > member.size else _too_large(most)
        checksum = zlib.crc32(piece, checksum)
        yield piece
    if count != member.size:
        raise rejected("archive_sizes_differ", part=member.name)
    if checksum != member.crc:
        raise rejected("workbook_unreadable")


def _bound(packed: int) -> int:
    return min(MAX_INFLATED_BYTES, max(_ALWAYS_INFLATED, MAX_RATIO * packed))


def _too_large(limit: int) -> UploadRejected:
    return rejected("archive_too_large", limit=limit)


def _unpacked(file: BinaryIO, member: Member) -> Iterator[bytes]:
    left = member.packed
    unpack = zlib.decompressobj(-zlib.MAX_WBITS)
    while left:
        packed = file.read(min(left, _READ))
        if not packed:
            raise rejected("workbook_unreadable")
        left -= len(packed)
        if member.method == _STORED:
            yield packed
            continue
        yield from _inflated(unpack, packed)
        if unpack.eof and (left or unpack.unused_data):
            raise rejected("archive_sizes_differ", part=member.name)
    if member.method == _DEFLATED and not unpack.eof:
        raise rejected("workbook_unreadable")


def _inflated(unpack: zlib._Decompress, packed: bytes) -> Iterator[bytes]:
    try:
        while packed and not unpack.eof:
            yield unpack.decompress(packed, _PIECE)
            packed = unpack.unconsumed_tail
    except zlib.error as error:
        raise rejected("workbook_unreadable") from error


def _directory(file: BinaryIO, size: int) -> tuple[int, int, int]:
    """Where the central directory begins and ends, and how many entries it has."""
    file.seek(max(size - _END.size, 0))
    end = file.read()
    if not (end.startswith(b"PK\x05\x06") and len(end) == _END.size):
        file.seek(max(size - _FULL_16 - _END.size, 0))
        code = "file_foreign_data" if b"PK\x05\x06" in file.read() else "workbook_unreadable"
        raise rejected(code)
    _, disk, first_disk, here, count, length, start, comment = _END.unpack(end)
    border = size - _END.size
    if _FULL_16 in (here, count) or _FULL_32 in (length, start):
        border, disk, first_disk, here, count, length, start = _directory_64(file, border)
    if disk or first_disk or here != count or comment:
        raise rejected("workbook_unreadable")
    if count > MAX_MEMBERS or length > _MAX_DIRECTORY_BYTES:
        raise rejected("archive_too_many_members", limit=MAX_MEMBERS)
    if start + length != border:
        raise rejected("file_foreign_data")
    return start, border, count


def _directory_64(file: BinaryIO, border: int) -> tuple[int, int, int, int, int, int, int]:
    """The same from the 64-bit record that stands before the end; its own place comes first."""
    file.seek(max(border - _LOCATOR_64.size - _END_64.size, 0))
    at = file.tell()
    record = file.read(_END_64.size)
    mark, _, where, disks = _LOCATOR_64.unpack(file.read(_LOCATOR_64.size))
    kind, _, _, _, disk, first_disk, here, count, length, start = _END_64.unpack(record)
    if mark != b"PK\x06\x07" or kind != b"PK\x06\x06" or where != at or disks > 1:
        raise rejected("workbook_unreadable")
    return at, disk, first_disk, here, count, length, start


def _entries(directory: bytes, count: int) -> Iterator[_Entry]:
    at = 0
    for _ in range(count):
        (mark, made_by, _, flags, method, _, _, crc, packed, size, name_length, extra_length, comment_length, disk, _,
         attributes, offset) = _CENTRAL.unpack_from(directory, at)  # fmt: skip
        at += _CENTRAL.size
        raw = directory[at : at + name_length]
        extra = _extra(directory[at + name_length : at + name_length + extra_length])
        at += name_length + extra_length + comment_length
        if mark != b"PK\x01\x02" or at > len(directory) or disk not in (0, _FULL_16):
            raise rejected("workbook_unreadable")
        size, packed, offset = _wide(extra.get(_EXTRA_64, b""), size, packed, offset)
        name = raw.decode("utf-8" if flags & _UTF_8 else "cp437", "replace")
        _check_entry(name, flags, method, extra)
        if made_by >> 8 == _UNIX and attributes >> 16 & _KIND_OF_FILE == _SYMLINK:
            raise rejected("archive_name_unsafe", part=name)
        yield _Entry(raw, flags, method, crc, packed, size, offset, name)
    if at != len(directory):
        raise rejected("file_foreign_data")


def _check_entry(name: str, flags: int, method: int, extra: dict[int, bytes]) -> None:
    if flags & _ENCRYPTED or _EXTRA_AES in extra:
        raise rejected("workbook_encrypted")
    if method not in (_STORED, _DEFLATED) or flags & _PATCH:
        raise rejected("archive_method_unknown", part=name)
    if _EXTRA_OTHER_NAME in extra:
        raise rejected("archive_sizes_differ", part=name)


def _extra(data: bytes) -> dict[int, bytes]:
    """The extra fields by kind; what is left at the end is padding."""
    fields = {}
    at = 0
    while at + 4 <= len(data):
        kind, length = struct.unpack_from("<HH", data, at)
        fields[kind] = data[at + 4 : at + 4 + length]
        at += 4 + length
    return fields


def _wide(field: bytes, *values: int) -> Iterator[int]:
    """The values, each that is full replaced by the next of the 64-bit field."""
    at = 0
    for value in values:
        if value == _FULL_32 and field:
            yield struct.unpack_from("<Q", field, at)[0]
            at += 8
        else:
            yield value


def _check_names(entries: list[_Entry]) -> None:
    seen: set[str] = set()
    for entry in entries:
        if not _is_plain(entry.name):
            raise rejected("archive_name_unsafe", part=entry.name[:_MAX_NAME])
        key = unicodedata.normalize("NFC", entry.name).casefold().rstrip("/")
        if key in seen:
            raise rejected("archive_names_twice", part=entry.name)
        seen.add(key)


def _is_plain(name: str) -> bool:
    """A relative path without tricks: `a/b`, or `a/b/` for a folder."""
    steps = name.removesuffix("/").split("/")
    return (
        len(name) <= _MAX_NAME
        and name.isprintable()
        and "\ufffd" not in name
        and "\\" not in name
        and ":" not in name
        and not any(step.strip() in ("", ".", "..") for step in steps)
    )


def _member(file: BinaryIO, entry: _Entry, until: int) -> Member:
    """The member, whose local header says what the directory says, and whose data ends where the next one begins."""
    file.seek(entry.offset)
    head = file.read(_LOCAL.size)
    mark, _, flags, method, _, _, crc, packed, size, name_length, extra_length = _LOCAL.unpack(head)
    raw, extra = file.read(name_length), _extra(file.read(extra_length))
    if mark != b"PK\x03\x04":
        raise rejected("workbook_unreadable")
    size, packed = _wide(extra.get(_EXTRA_64, b""), size, packed)
    told = (raw, method, flags & _ENCRYPTED)
    values, expected = (crc, packed, size), (entry.crc, entry.packed, entry.size)
    pairs = zip(values, expected, strict=True)
    later = flags & _DESCRIPTOR_FOLLOWS and all(value in (0, _FULL_32, real) for value, real in pairs)
    if told != (entry.raw_name, entry.method, 0) or not (later or values == expected):
        raise rejected("archive_sizes_differ", part=entry.name)
    data = entry.offset + _LOCAL.size + name_length + extra_length
    _check_gap(file, entry, data + entry.packed, until, described=bool(flags & _DESCRIPTOR_FOLLOWS))
    if entry.method == _STORED and entry.size != entry.packed:
        raise rejected("archive_sizes_differ", part=entry.name)
    return Member(entry.name, entry.method, entry.crc, entry.packed, entry.size, data)


def _check_gap(file: BinaryIO, entry: _Entry, end: int, until: int, *, described: bool) -> None:
    """Between a member and the next there is nothing, or the first one's data descriptor."""
    if end > until:
        raise rejected("archive_members_overlap")
    if end == until:
        return
    for form in _DESCRIPTORS if described else ():
        if form.size == until - end:
            file.seek(end)
            if form.unpack(file.read(form.size)) != (entry.crc, entry.packed, entry.size):
                raise rejected("archive_sizes_differ", part=entry.name)
            return
    raise rejected("file_foreign_data")
