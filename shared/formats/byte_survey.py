"""One pass over a file's bytes: is it UTF-8, and if not, which bytes, words and lines tell what else it is."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import BinaryIO

MULTIBYTE = ("cp932", "euc_jp", "gb18030", "big5", "cp949")
"""Encodings of more than one byte a character that are not Unicode: Japanese, Chinese, Korean."""

MOST_WORD_BYTES = 64
_BLOCK = 1 << 20
_ASCII = bytes(range(0x80))
_HIGH = re.compile(rb"[\x80-\xff]")
_WORD = re.compile(rb"[A-Za-z\x80-\xff]+")
_MOST_WORDS = 2_000
_MOST_LINES = 4_000
_MOST_LINE_BYTES = 4_096
_MOST_SAMPLE_BYTES = 65_536


@dataclass(slots=True)
class ByteSurvey:
    """What a file's bytes show.

    `utf8_fault` is the line, counted from 1, of the first bytes that are not UTF-8; None when all are; `cut_off`
    says that these are the first bytes of a character, at the file's end. `high_bytes` are the byte values beyond
    ASCII that occur; `words` distinct words that hold such bytes, each value among them; `sample` lines that hold
    such bytes, from the start of the file; `multibyte` the names of `MULTIBYTE` that define the whole file.
    """

    marked: bool = False
    has_nul: bool = False
    utf8_fault: int | None = None
    cut_off: bool = False
    high_bytes: bytes = b""
    sample: bytes = b""
    multibyte: tuple[str, ...] = MULTIBYTE
    _words: dict[bytes, None] = field(default_factory=dict)
    _lines_seen: int = 0

    @property
    def ascii_only(self) -> bool:
        """True when no byte is beyond ASCII."""
        return not self.high_bytes

    @property
    def words(self) -> list[bytes]:
        """Distinct words with bytes beyond ASCII, each of at most `MOST_WORD_BYTES`."""
        return list(self._words)

    def defines(self, name: str) -> bool:
        """True when every byte of the file is a character in this single-byte encoding, and none a control one."""
        if not is_readable(self.high_bytes, name):
            return False
        return not any("\x80" <= sign <= "\x9f" for sign in self.high_bytes.decode(name))

    def see(self, data: bytes) -> None:
        """Note the bytes beyond ASCII of the next part of the file, and a sample of the words and lines around them."""
        high = data.translate(None, _ASCII)
        if not high:
            return
        new = set(high.translate(None, self.high_bytes))
        self.high_bytes = bytes(sorted({*self.high_bytes, *new}))
        for value in new:
            self._keep_words(_line_around(data, data.index(value)))
        position = 0
        while self._lines_seen < _MOST_LINES and (found := _HIGH.search(data, position)):
            line = _line_around(data, found.start())
            self._lines_seen += 1
            if len(self.sample) < _MOST_SAMPLE_BYTES:
                self.sample += line + b"\n"
            if len(self._words) < _MOST_WORDS:
                self._keep_words(line)
            position = max(_line_end(data, found.start()), found.end())

    def _keep_words(self, line: bytes) -> None:
        for found in _WORD.finditer(line):
            word = found.group()[:MOST_WORD_BYTES]
            if not word.isascii():
                self._words.setdefault(word)


def survey_bytes(stream: BinaryIO, head: bytes) -> ByteSurvey:
    """Survey the file that starts with `head` and goes on with `stream`, as far as its first NUL byte."""
    survey = ByteSurvey(marked=head.startswith(codecs.BOM_UTF8))
    utf8 = codecs.getincrementaldecoder("utf-8")()
    others = {name: codecs.getincrementaldecoder(name)() for name in MULTIBYTE}
    line = 1
    for data in chain(_whole_lines(stream, head), (b"",)):
        survey.has_nul = b"\x00" in data
        if survey.has_nul:
            return survey
        survey.see(data)
        if survey.utf8_fault is None:
            survey.utf8_fault = _fault(utf8, data, line)
            survey.cut_off = survey.utf8_fault is not None and not data
            line += data.count(b"\n")
        if survey.utf8_fault is not None:
            others = {name: decoder for name, decoder in others.items() if _fault(decoder, data, 1) is None}
    survey.multibyte = tuple(others)
    return survey


def is_readable(data: bytes, name: str) -> bool:
    """True when the bytes are text in the encoding of this name."""
    try:
        data.decode(name)
    except UnicodeDecodeError:
        return False
    return True


def _fault(decoder: codecs.IncrementalDecoder, data: bytes, line: int) -> int | None:
    """The line of the first bytes that the decoder does not know, where `data` starts in `line`; empty data end it."""
    waiting = len(decoder.getstate()[0])
    try:
        decoder.decode(data, final=not data)
    except UnicodeDecodeError as error:
        return line + data.count(b"\n", 0, max(error.start - waiting, 0))
    return None


def _whole_lines(stream: BinaryIO, head: bytes) -> Iterator[bytes]:
    """The file in parts of about a block that end with a line, so that no word is cut; lines may be longer."""
    rest, block = b"", head
    while block:
        data = rest + block
        cut = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1 or len(data)
        yield data[:cut]
        rest = data[cut:]
        block = stream.read(_BLOCK)
    if rest:
        yield rest


def _line_around(data: bytes, position: int) -> bytes:
    """The line that holds the byte at `position`, or as much of it around there as a sample needs."""
    nearest = max(position - _MOST_LINE_BYTES, 0)
    start = max(data.rfind(b"\n", nearest, position), data.rfind(b"\r", nearest, position), nearest - 1) + 1
    return data[start : _line_end(data, position)]


def _line_end(data: bytes, position: int) -> int:
    farthest = min(position + _MOST_LINE_BYTES, len(data))
    ends = (data.find(mark, position, farthest) for mark in (b"\n", b"\r"))
    return min((end for end in ends if end >= 0), default=farthest)
