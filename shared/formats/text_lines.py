"""The physical lines of a text file in any encoding, for files that cannot be cut by bytes.

In a file whose lines end with LF or CRLF a lone CR is text, as it is where such files are cut by bytes. In a file of
the old Macintosh kind, whose lines end with CR, a line feed (within a quoted cell) ends a physical line too.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from typing import BinaryIO, Literal

from shared.formats.delimited import MAX_LINE_BYTES, LineTooLong

HEAD_BYTES = 262_144
"""How much of a file's start tells how its lines end."""

_QUOTED = re.compile(r'"[^"]*"')
_LONE_CR = re.compile(r"\r(?!\n)")


def line_ends(head: bytes) -> Literal["lf", "cr"]:
    """How the lines end of a file that starts with `head`, in an encoding in which CR and LF are one byte each.

    `lf` stands for CRLF too. Only such a file can be cut behind line feeds.
    """
    return _line_ends(head.decode("latin-1"))


def read_lines(stream: BinaryIO, encoding: str) -> Iterator[str]:
    """Yield the lines of `stream`, each with its end as it stands, without a byte order mark.

    Raises LineTooLong, and UnicodeDecodeError for bytes that are no text in this encoding.
    """
    decoder = codecs.getincrementaldecoder(encoding)()
    block = stream.read(HEAD_BYTES)
    text = decoder.decode(block).removeprefix("\ufeff")
    newline = "" if _line_ends(text) == "cr" else "\n"
    number, rest = 0, ""
    while block:
        # What looks like the last line may go on, also with the LF of a CRLF.
        *lines, rest = io.StringIO(rest + text, newline=newline) if rest or text else ("",)
        for line in lines:
            number += 1
            if len(line) > MAX_LINE_BYTES:
                raise LineTooLong(number)
            yield line
        if len(rest) > MAX_LINE_BYTES:
            raise LineTooLong(number + 1)
        block = stream.read(HEAD_BYTES)
        text = decoder.decode(block, final=not block)
    yield from io.StringIO(rest + text, newline=newline)


def _line_ends(text: str) -> Literal["lf", "cr"]:
    for part in (_QUOTED.sub("", text), text):
        line_feeds, lone = part.count("\n"), len(_LONE_CR.findall(part, 0, max(len(part) - 1, 0)))
        if line_feeds or lone:
            return "cr" if lone > line_feeds else "lf"
    return "lf"
