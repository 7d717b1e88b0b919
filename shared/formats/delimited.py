"""Delimited text (RFC 4180 as the world writes it): bytes → records, each with its line and its byte border.

One reader serves planning and loading, so both see the same records: where planning cuts a file into chunks,
loading finds exactly the records that planning counted there, whatever the quoting.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from shared.domain.plan import Dialect

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
MAX_LINE_BYTES = 1 << 20
"""No record of a table is a megabyte long; a longer line is another kind of file, or a hostile one."""

_UTF8_MARK = b"\xef\xbb\xbf"
_SAMPLE_RECORDS = 200


@dataclass(frozen=True, slots=True)
class TextRecord:
    """One record of the file.

    `line` is the physical line, counted from 1, on which it starts; `end` the offset of the byte behind it.
    `malformed` says why the record could not be cut into cells; `cells` then holds its raw text alone.
    """

    line: int
    end: int
    cells: list[str]
    malformed: str | None = None

    @property
    def blank(self) -> bool:
        """True for an empty line and for a row of empty cells: these are no records of data."""
        return not any(cell and not cell.isspace() for cell in self.cells)


class LineTooLong(ValueError):
    """A line of more than `MAX_LINE_BYTES`; `line` is its number."""

    def __init__(self, line: int) -> None:
        super().__init__(f"line {line} is longer than {MAX_LINE_BYTES} bytes")
        self.line = line


def read_records(stream: BinaryIO, dialect: Dialect, *, offset: int = 0, line: int = 1) -> Iterator[TextRecord]:
    """Yield the records of `stream`, which stands at byte `offset` of the file and at the start of line `line`.

    Quoting is strict: a quoted cell that goes on after its closing quote, or that is never closed, makes a
    malformed record of the lines that it swallowed, and reading goes on behind them. Blank lines come as
    records that are `blank`, so that nothing of the file goes unseen.

    Raises LineTooLong.
    """
    lines = _Lines(stream, dialect.encoding, offset, line)
    reader = csv.reader(lines, delimiter=dialect.delimiter, strict=True)
    while True:
        start = lines.next_line
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield TextRecord(start, lines.offset, [lines.take_raw()], _why(error))
        else:
            yield TextRecord(start, lines.offset, cells)
        lines.forget_raw()


def _why(error: csv.Error) -> str:
    text = str(error)
    if "unexpected end of data" in text or "field larger" in text:
        return "a quoted cell is opened and never closed"
    if "expected after" in text:
        return "text stands behind a closing quote; a quote inside a quoted cell must be doubled"
    return "the line cannot be cut into cells"


class _Lines:
    """The decoded physical lines of a stream, and where in the file it stands."""

    def __init__(self, stream: BinaryIO, encoding: str, offset: int, line: int) -> None:
        self._stream = stream
        self._encoding = encoding
        self._raw: list[str] = []
        self.offset = offset
        self.next_line = line

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        data = self._stream.readline(MAX_LINE_BYTES + 1)
        if not data:
            raise StopIteration
        if len(data) > MAX_LINE_BYTES:
            raise LineTooLong(self.next_line)
        at_start = self.offset == 0
        self.offset += len(data)
        self.next_line += 1
        if at_start:
            data = data.removeprefix(_UTF8_MARK)
        text = data.decode(self._encoding)
        self._raw.append(text)
        return text

    def take_raw(self) -> str:
        """The text of the lines since the last `forget_raw`, without the last line's end."""
        return "".join(self._raw).rstrip("\r\n")

    def forget_raw(self) -> None:
        """Start a new record."""
        self._raw.clear()


@dataclass(frozen=True, slots=True)
class DelimiterChoice:
    """The delimiter that fits the start of the file best, and on what evidence."""

    delimiter: str
    evidence: str


def find_delimiter(head: BinaryIO, encoding: str) -> DelimiterChoice:
    """Choose the delimiter by which the first records of `head` fall into the most columns, evenly.

    A delimiter's weight is the commonest number of cells in a record times the share of records that have it;
    records that it makes malformed speak against it. A file of one column has none; it is read with a comma.
    """
    start = head.tell()
    best, best_weight, evidence = ",", 1.0, "no delimiter divides the records evenly: one column"
    for delimiter, name in DELIMITERS.items():
        head.seek(start)
        widths = _widths(head, Dialect(encoding=encoding, delimiter=delimiter))
        if not widths:
            continue
        (width, count), records = widths.most_common(1)[0], widths.total()
        weight = width * count / records
        if width > 1 and weight > best_weight:
            best, best_weight = delimiter, weight
            evidence = f"a {name} cuts {count} of the first {records} records into {width} cells each"
    return DelimiterChoice(best, evidence)


def _widths(head: BinaryIO, dialect: Dialect) -> Counter[int]:
    widths: Counter[int] = Counter()
    for record in read_records(head, dialect):
        if record.blank:
            continue
        widths[0 if record.malformed else len(record.cells)] += 1
        if widths.total() == _SAMPLE_RECORDS:
            break
    return widths
