"""The text of a JSON file as a window that slides over it: bounded memory, and the line on which it stands."""

from __future__ import annotations

import codecs
import io
import re
from typing import BinaryIO

from shared.domain.problems import file_problem
from shared.domain.upload import Decision
from shared.errors import UploadRejected

MAX_RECORD_CHARACTERS = 1 << 20
"""No record of a table is longer; so the window never holds more."""

_BLOCK = 1 << 18
_SPACE = re.compile(r"[ \t\n]*+")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8", "the file starts with a UTF-8 byte order mark"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "the file starts with a UTF-16 byte order mark"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "the file starts with a UTF-16 byte order mark"),
)
_NUL_SHOWS = "JSON starts with an ASCII character, and a zero byte stands beside it"


def reject(code: str, **values: object) -> UploadRejected:
    """The refusal of the file by a code of FILE_PROBLEMS; `values` fill its sentence."""
    return UploadRejected(file_problem(code, **values), code=code)


class JsonText:
    """A window of decoded text: `text` from `pos` on is what comes next, `line` the physical line of `pos`.

    Every kind of line end is read as a newline, so that lines are those that an editor shows.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.text = ""
        self.pos = 0
        self.line = 1
        self.at_end = False
        self.refills = 0
        self._offset = 0
        head = stream.read(2)
        while len(head) < len(codecs.BOM_UTF8) and (more := stream.read(len(codecs.BOM_UTF8) - len(head))):
            head += more
        name, mark, evidence = _encoding(head)
        self.encoding = Decision(subject="encoding", choice=name, evidence=evidence)
        self._decoder = codecs.getincrementaldecoder(name)("strict")
        self._newlines = io.IncrementalNewlineDecoder(None, translate=True)
        self._offset = mark
        self._head = head[mark:]

    def refill(self) -> bool:
        """Forget what is behind `pos` and read on; False when the file ends, or a longest record is there already."""
        rest = self.text[self.pos :]
        room = MAX_RECORD_CHARACTERS - len(rest)
        if self.at_end or room <= 0:
            return False
        more = self._read(min(room, max(_BLOCK, len(rest))))
        self.text, self.pos = rest + more, 0
        self.refills += 1
        return bool(more)

    def advance(self, end: int) -> None:
        """Go on to `end`, counting the lines on the way."""
        self.line += self.text.count("\n", self.pos, end)
        self.pos = end

    def line_at(self, pos: int) -> int:
        """The line of a place at or behind `pos`."""
        return self.line + self.text.count("\n", self.pos, pos)

    def skip_space(self) -> str:
        """Go on to the next character that is no space; gives it, or "" at the end of the file."""
        while True:
            end = _SPACE.match(self.text, self.pos).end()  # type: ignore[union-attr]
            self.advance(end)
            if end < len(self.text):
                return self.text[end]
            if not self.refill():
                return ""

    def replay(self, text: str, line: int) -> None:
        """At the end of the file: go back to `text`, which was read last and stands on `line`."""
        self.text, self.pos, self.line = text, 0, line

    def _read(self, size: int) -> str:
        """About `size` characters more; "" at the end alone."""
        while not self.at_end:
            data = self._head or self._stream.read(size)
            self._head = b""
            self.at_end = not data
            if text := self._newlines.decode(self._decode(data), final=self.at_end):
                return text
        return ""

    def _decode(self, data: bytes) -> str:
        pending = len(self._decoder.getstate()[0])
        try:
            text = self._decoder.decode(data, final=self.at_end)
        except UnicodeDecodeError as error:
            if self.at_end:
                line = self.line_at(len(self.text))
                raise reject("json_truncated", line=line) from error
            raise reject("json_encoding", offset=self._offset - pending + error.start) from error
        self._offset += len(data)
        return text


def _encoding(head: bytes) -> tuple[str, int, str]:
    """The encoding, the length of its mark, and the evidence (RFC 8259: UTF-8; RFC 4627: how UTF-16 shows)."""
    for mark, name, evidence in _MARKS:
        if head.startswith(mark):
            return name, len(mark), evidence
    if len(head) > 1 and head[1] == 0 and head[0]:
        return "utf-16-le", 0, _NUL_SHOWS
    if len(head) > 1 and head[0] == 0 and head[1]:
        return "utf-16-be", 0, _NUL_SHOWS
    return "utf-8", 0, "every byte sequence is valid UTF-8"
