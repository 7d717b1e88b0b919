"""Which text encoding a file is written in, from all of its bytes."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import BinaryIO

_BLOCK = 1 << 20
_NOT_IN_CP1252_TEXT = bytes([0x00, 0x81, 0x8D, 0x8F, 0x90, 0x9D])
UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True)
class Encoding:
    """A codec's name, and on what evidence it was chosen."""

    name: str
    evidence: str


def find_encoding(stream: BinaryIO) -> Encoding | None:
    """Read `stream` to its end and say how it is encoded; None when no supported encoding fits.

    UTF-8 checks itself: text in another encoding is practically never valid UTF-8, so validity over the whole
    file is the evidence. What is not UTF-8 is taken for Windows-1252, the encoding of Western European exports,
    unless it holds bytes that Windows-1252 does not define. A NUL stands in no text that a table can hold.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    position, ascii_only, marked = 0, True, False
    while block := stream.read(_BLOCK):
        if b"\x00" in block:
            return None
        if position == 0:
            marked = block.startswith(codecs.BOM_UTF8)
        try:
            decoder.decode(block)
        except UnicodeDecodeError as error:
            return _single_byte(stream, block, position + max(error.start, 0))
        ascii_only = ascii_only and block.isascii()
        position += len(block)
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return _single_byte(stream, b"", position)
    if marked:
        return Encoding("utf-8", "the file starts with a UTF-8 byte order mark")
    if ascii_only:
        return Encoding("utf-8", "every byte is plain ASCII")
    return Encoding("utf-8", "every byte sequence is valid UTF-8")


def _single_byte(stream: BinaryIO, block: bytes, offender: int) -> Encoding | None:
    """Windows-1252 when the rest of the file allows it; bytes before `block` were valid UTF-8, hence allowed."""
    while block:
        if len(block.translate(None, _NOT_IN_CP1252_TEXT)) != len(block):
            return None
        block = stream.read(_BLOCK)
    return Encoding("cp1252", f"byte {offender} is not valid UTF-8, and every byte is defined in Windows-1252")
