"""ZIP archives and compound files, byte by byte: as no library writes them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

STORED, DEFLATED = 0, 8


@dataclass(frozen=True)
class Raw:
    """A member of an archive. What is None is what is right."""

    name: str
    data: bytes = b""
    packed: bytes | None = None
    method: int = DEFLATED
    flags: int = 0
    told_size: int | None = None
    local_size: int | None = None
    local_name: str | None = None
    crc: int | None = None
    attributes: int = 0
    extra: bytes = b""
    behind: bytes = b""
    shares_data_of: int | None = None


def raw_zip(
    members: Sequence[Raw],
    *,
    before: bytes = b"",
    before_directory: bytes = b"",
    behind: bytes = b"",
    comment: bytes = b"",
    count: int | None = None,
) -> bytes:
    """An archive of these members; offsets count from the end of `before`."""
    body, directory = b"", b""
    offsets: list[int] = []
    for member in members:
        packed = _packed(member)
        size = len(member.data) if member.told_size is None else member.told_size
        crc = zlib.crc32(member.data) if member.crc is None else member.crc
        name, local_name = member.name.encode(), (member.local_name or member.name).encode()
        offsets.append(len(body) if member.shares_data_of is None else offsets[member.shares_data_of])
        sizes = struct.pack("<3I", crc, len(packed), size if member.local_size is None else member.local_size)
        if member.shares_data_of is None:
            head = struct.pack("<4s5H", b"PK\x03\x04", 20, member.flags, member.method, 0, 33) + sizes
            body += head + struct.pack("<2H", len(local_name), 0) + local_name + packed + member.behind
        directory += struct.pack("<4s6H3I", b"PK\x01\x02", 3 << 8 | 20, 20, member.flags, member.method, 0, 33,
                                 crc, len(packed), size)  # fmt: skip
        directory += struct.pack("<5H2I", len(name), len(member.extra), 0, 0, 0, member.attributes, offsets[-1])
        directory += name + member.extra
    total = len(members) if count is None else count
    start = len(body) + len(before_directory)
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, total, total, len(directory), start, len(comment)) + comment
    return before + body + before_directory + directory + end + behind


def _packed(member: Raw) -> bytes:
    if member.packed is not None:
        return member.packed
    if member.method != DEFLATED:
        return member.data
    pack = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return pack.compress(member.data) + pack.flush()


_SECTOR, _END, _FREE, _FAT = 512, 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD


def compound_file(
    streams: Mapping[str, bytes], *, storages: Sequence[str] = (), next_sectors: Mapping[int, int] | None = None
) -> bytes:
    """A compound file of these streams, padded to the length of long ones; `next_sectors` overwrites its table.

    Sector 0 holds the directory, 1 the table; the first stream begins at 2 + the number of further directory sectors.
    """
    entries = 1 + len(storages) + len(streams)
    directory_sectors = -(-entries // 4)
    table = [*range(1, directory_sectors), _END]
    directory = _entry("Root Entry", 5, _END, 0) + b"".join(_entry(name, 1, 0, 0) for name in storages)
    body = b""
    for name, data in streams.items():
        padded = data.ljust(4096, b"\x00")
        padded += bytes(-len(padded) % _SECTOR)
        first, count = len(table), len(padded) // _SECTOR
        directory += _entry(name, 2, first, len(padded))
        table += [*range(first + 1, first + count), _END]
        body += padded
    fats = 1
    while fats * _SECTOR // 4 < len(table) + fats:
        fats += 1
    fat_sectors = range(len(table), len(table) + fats)
    table += [_FAT] * fats
    for sector, following in (next_sectors or {}).items():
        table[sector] = following
    table += [_FREE] * (fats * _SECTOR // 4 - len(table))
    directory = directory.ljust(directory_sectors * _SECTOR, b"\x00")
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<5H", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    head += struct.pack("<9I", 0, fats, 0, 0, 4096, _END, 0, _END, 0)
    head += struct.pack("<109I", *fat_sectors, *[_FREE] * (109 - fats))
    return head + directory + body + struct.pack(f"<{len(table)}I", *table)


def _entry(name: str, kind: int, start: int, size: int) -> bytes:
    text = name.encode("utf-16-le") + b"\x00\x00"
    links = struct.pack("<3I", _FREE, _FREE, _FREE)
    return (
        text.ljust(64, b"\x00")
        + struct.pack("<HBB", len(text), kind, 1)
        + links
        + bytes(36)
        + struct.pack("<IQ", start, size)
    )


def biff(kind: int, data: bytes = b"") -> bytes:
    """A record of an .xls workbook."""
    return struct.pack("<HH", kind, len(data)) + data
