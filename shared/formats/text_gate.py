"""Text files, packed or not: the end of a plain one, the whole of a packed one."""

from __future__ import annotations

import struct
from typing import BinaryIO

from shared.formats.compression import MAX_UNPACKED_BYTES, open_gzip
from shared.formats.content_type import has_many_controls
from shared.formats.rejection import rejected
from shared.formats.utf16 import utf16_name

_NAME_FOLLOWS, _EXTRA_FOLLOWS = 0x08, 0x04
_HEADER_BYTES = 10
_ZIP_END = b"PK\x05\x06"
_ZIP_END_BYTES = 22
_PIECE = 1 << 18


def check_gzip(packed: BinaryIO, head: bytes) -> None:
    """Unpack the archive, which starts with `head`, to its end, keeping nothing. Raises UploadRejected.

    Members one behind the other are what gzip allows, and what comes of appending to a log; all of them are read.
    """
    name = _member_name(head)
    if name.startswith(b"/") or b"\\" in name or b".." in name.split(b"/") or any(code < 0x20 for code in name):  # noqa: PLR2004
        raise rejected("archive_name_unsafe", part=name.decode("latin-1"))
    start = tail = b""
    with open_gzip(packed, limit=MAX_UNPACKED_BYTES) as stream:
        while piece := stream.read(_PIECE):
            start = start or piece
            tail = piece if len(piece) >= _ZIP_END_BYTES else tail[-_ZIP_END_BYTES:] + piece
    check_text_end(start, tail)


def _member_name(head: bytes) -> bytes:
    """The file's name in the header of the first member; it is used for nothing, but by whoever unpacks by hand."""
    flags = head[3:4]
    if not flags or not flags[0] & _NAME_FOLLOWS:
        return b""
    at = _HEADER_BYTES
    if flags[0] & _EXTRA_FOLLOWS and len(head) >= at + 2:
        at += 2 + struct.unpack_from("<H", head, at)[0]
    return head[at:].partition(b"\x00")[0]


def check_text_end(head: bytes, tail: bytes) -> None:
    """Raises UploadRejected where a file that starts as text ends as something else, such as an archive."""
    at = tail.rfind(_ZIP_END)
    is_archive = 0 <= at <= len(tail) - _ZIP_END_BYTES
    if is_archive or (not utf16_name(head) and not utf16_name(tail) and has_many_controls(tail.replace(b"\x00", b""))):
        raise rejected("file_foreign_data")
