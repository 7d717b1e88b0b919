"""gzip-ed files, unpacked as a stream: memory does not grow with them, and a bomb is stopped while it goes off."""

from __future__ import annotations

import io
import zlib
from typing import TYPE_CHECKING, BinaryIO

from shared.domain.problems import file_problem
from shared.errors import UploadRejected

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_UNPACKED_BYTES = 5 << 30
"""Of a gzip-ed file: as large as a single upload may be."""

MAX_RATIO = 300
"""Unpacked bytes for each packed one. Tables come to 5 to 30; deflate itself ends at 1032."""

_RATIO_COUNTS_FROM = 16 << 20
"""Below this many unpacked bytes nothing is a bomb: a small file of one row a thousand times is none."""

_MAGIC = b"\x1f\x8b\x08"
_GZIP_ONLY = 16 + zlib.MAX_WBITS
_READ_BYTES = 16_384
_BUFFER_BYTES = 262_144


def is_gzip(head: bytes) -> bool:
    """True when a file that starts so is a gzip archive."""
    return head.startswith(_MAGIC)


def open_gzip(stream: BinaryIO, *, limit: int) -> BinaryIO:
    """The unpacked bytes of the gzip archive `stream`, all of its members one behind the other.

    Reading raises UploadRejected for an archive that is damaged or cut off, that unpacks to more than `limit` bytes,
    or to more than `MAX_RATIO` times its size.
    """
    return io.BufferedReader(_Unpacked(stream, limit), _BUFFER_BYTES)


def unpacked_start(head: bytes, size: int) -> bytes | None:
    """The first `size` bytes, or as many as there are, of an archive that starts with `head`; None when damaged."""
    try:
        return zlib.decompressobj(_GZIP_ONLY).decompress(head, size)
    except zlib.error:
        return None


class _Unpacked(io.RawIOBase):
    """A gzip archive as the bytes that it holds."""

    def __init__(self, packed: BinaryIO, limit: int) -> None:
        self._packed = packed
        self._limit = limit
        self._member = zlib.decompressobj(_GZIP_ONLY)
        self._waiting = b""
        self._bytes_in = 0
        self._bytes_out = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        data = self._unpack(len(view))
        view[: len(data)] = data
        self._bytes_out += len(data)
        self._check_size()
        return len(data)

    def _unpack(self, most: int) -> bytes:
        """The next bytes, at most so many; none at the end."""
        while True:
            if not self._waiting and not self._fill():
                if self._member.eof:
                    return b""
                raise _rejected("file_gzip_corrupt")
            if self._member.eof and not self._begin_member():
                continue
            try:
                data = self._member.decompress(self._waiting, most)
            except zlib.error as error:
                raise _rejected("file_gzip_corrupt") from error
            self._waiting = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            if data:
                return data

    def _fill(self) -> bool:
        """Read on; False at the archive's end, with what the decompressor still holds back given out first."""
        self._waiting = self._packed.read(_READ_BYTES)
        self._bytes_in += len(self._waiting)
        return bool(self._waiting)

    def _begin_member(self) -> bool:
        """Start on the next member; False where there are only the zeros that may pad an archive."""
        self._waiting = self._waiting.lstrip(b"\x00")
        if self._waiting:
            self._member = zlib.decompressobj(_GZIP_ONLY)
        return bool(self._waiting)

    def _check_size(self) -> None:
        if self._bytes_out > self._limit:
            raise _rejected("file_gzip_too_large", limit=self._limit)
        if self._bytes_out > _RATIO_COUNTS_FROM and self._bytes_out > self._bytes_in * MAX_RATIO:
            raise _rejected("file_gzip_ratio", ratio=MAX_RATIO)


def _rejected(code: str, **values: object) -> UploadRejected:
    return UploadRejected(file_problem(code, **values), code=code)
