"""Delimited text as a stream → blocks of whole records, whatever stands in quotes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

from shared.domain.plan import Dialect
from shared.formats.delimited import MAX_LINE_BYTES, read_records
from shared.formats.tables import plain_structure


@dataclass(frozen=True, slots=True)
class Block:
    """Whole records: `data` lies at byte `start` of the file, and its first record starts on `line`."""

    data: bytes
    start: int
    line: int

    @property
    def end(self) -> int:
        """The offset of the byte behind it."""
        return self.start + len(self.data)


def read_blocks(
    stream: BinaryIO, dialect: Dialect, sizes: Iterable[int], *, start: int = 0, line: int = 1
) -> Iterator[Block]:
    """Cut a stream, which stands at byte `start` and at the start of line `line`, into blocks of about these sizes.

    Sizes are in bytes, and as many as there may be blocks. A block is longer only where one record is. Raises
    LineTooLong and UnicodeDecodeError.
    """
    rest = b""
    for size in sizes:
        more = stream.read(max(size - len(rest), len(rest), 1))
        data = rest + more
        if not data:
            return
        length = whole_records(data, dialect, line=line) if more else len(data)
        if length:
            yield Block(data[:length], start, line)
            start += length
            line += data.count(b"\n", 0, length)
        rest = data[length:]


def whole_records(data: bytes, dialect: Dialect, *, line: int) -> int:
    """How many bytes from the start of `data`, which goes on behind its end, are whole records for sure."""
    end = data.rfind(b"\n") + 1
    if b'"' not in data:
        return end if end or len(data) <= MAX_LINE_BYTES else _strictly_whole(data, dialect, line)
    quotes = data.count(b'"', 0, end)
    while end and quotes % 2:
        before = data.rfind(b"\n", 0, end - 1) + 1
        quotes -= data.count(b'"', before, end)
        end = before
    if end and _is_plain(data[:end], dialect):
        return end
    return _strictly_whole(data, dialect, line)


def _is_plain(data: bytes, dialect: Dialect) -> bool:
    """Quotes and line feeds are the same bytes in every encoding in which a file can be cut."""
    return plain_structure(data, dialect.delimiter) is not None


def _strictly_whole(data: bytes, dialect: Dialect, line: int) -> int:
    """Where the last record ends that is certain; a malformed one may be so only because `data` ends."""
    lines = data[: data.rfind(b"\n") + 1]
    if not lines and len(data) <= MAX_LINE_BYTES:
        return 0
    base = int(line > 1)
    end = last = 0
    malformed = None
    for record in read_records(BytesIO(lines or data), dialect, offset=base, line=line):
        end, last, malformed = last, record.end - base, record.malformed
    return end if malformed else last
