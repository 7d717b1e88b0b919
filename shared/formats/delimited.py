"""Delimited text (RFC 4180 as the world writes it): bytes → records, each with its line and its byte border.

One reader serves planning and loading, so both see the same records: where planning cuts a file into chunks,
loading finds exactly the records that planning counted there, whatever the quoting. The same rules read lines that
are text already (see `text_lines`), of files that cannot be cut by bytes.
"""

from __future__ import annotations

import csv
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO, NamedTuple

from shared.domain.headers import recognized_fields
from shared.domain.plan import Dialect

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
MAX_LINE_BYTES = 1 << 20
"""No record of a table is a megabyte long; a longer line is another kind of file, or a hostile one."""

LONGEST_CELL = 131_072
"""In characters; what the csv module takes. A cell goes on so long where the quote that should end it is missing."""

CELL_TOO_LONG = f"a cell has more than {LONGEST_CELL:,} characters"

_UTF8_MARK = b"\xef\xbb\xbf"
_SAMPLE_RECORDS = 200
_HEADER_RECORDS = 50
_FIELDS_OF_A_HEADER = 2


class TextRecord(NamedTuple):
    """One record of the file.

    `line` is the physical line, counted from 1, on which it starts; `end` the offset of the byte behind it, 0 in
    what was read from lines of text.
    `malformed` says why the record could not be cut into cells; `cells` then holds its raw text alone.
    """

    line: int
    end: int
    cells: list[str]
    malformed: str | None = None

    @property
    def blank(self) -> bool:
        """True for an empty line and for a row of empty cells: these are no records of data."""
        for cell in self.cells:  # noqa: SIM110 (a generator costs more than the cells, and every record is asked)
            if cell and not cell.isspace():
                return False
        return True


class LineTooLong(ValueError):
    """A line of more than `MAX_LINE_BYTES`, or of so many characters where it is text; `line` is its number."""

    def __init__(self, line: int) -> None:
        super().__init__(f"line {line} is longer than {MAX_LINE_BYTES} bytes or characters")
        self.line = line


def read_records(stream: BinaryIO, dialect: Dialect, *, offset: int = 0, line: int = 1) -> Iterator[TextRecord]:
    """Yield the records of `stream`, which stands at byte `offset` of the file and at the start of line `line`.

    Quoting is strict: a quoted cell that goes on after its closing quote, or that is never closed, makes a
    malformed record of the lines that it swallowed, and reading goes on behind them. Blank lines come as
    records that are `blank`, so that nothing of the file goes unseen.

    Raises LineTooLong.
    """
    return _records(_ByteLines(stream, dialect.encoding, offset, line), dialect.delimiter)


def read_text_records(lines: Iterable[str], delimiter: str, first_line: int = 1) -> Iterator[TextRecord]:
    """Yield the records of physical `lines`, each with its end, by the rules of `read_records`."""
    return _records(_TextLines(lines, first_line), delimiter)


def _records(lines: _Lines, delimiter: str) -> Iterator[TextRecord]:
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
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
    if "field larger" in text:
        return f"{CELL_TOO_LONG}; maybe a quoted one is opened and never closed"
    if "unexpected end of data" in text:
        return "a quoted cell is opened and never closed"
    if "expected after" in text:
        return "text stands behind a closing quote; a quote inside a quoted cell must be doubled"
    return "the line cannot be cut into cells"


class _Lines(ABC):
    """Physical lines, those of the record that is being read, and where in the file they stand."""

    def __init__(self, offset: int, line: int) -> None:
        self._raw: list[str] = []
        self.offset = offset
        self.next_line = line

    def __iter__(self) -> Iterator[str]:
        return self

    @abstractmethod
    def __next__(self) -> str: ...

    def take_raw(self) -> str:
        """The text of the lines since the last `forget_raw`, without the last line's end."""
        return "".join(self._raw).rstrip("\r\n")

    def forget_raw(self) -> None:
        """Start a new record."""
        self._raw.clear()


class _ByteLines(_Lines):
    """The decoded lines of a stream."""

    def __init__(self, stream: BinaryIO, encoding: str, offset: int, line: int) -> None:
        super().__init__(offset, line)
        self._stream = stream
        self._encoding = encoding

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


class _TextLines(_Lines):
    """Lines that are text already."""

    def __init__(self, lines: Iterable[str], line: int) -> None:
        super().__init__(0, line)
        self._lines = iter(lines)

    def __next__(self) -> str:
        text = next(self._lines)
        self.next_line += 1
        self._raw.append(text)
        return text


@dataclass(frozen=True, slots=True)
class DelimiterChoice:
    """The delimiter that fits the start of the file best, and on what evidence."""

    delimiter: str
    evidence: str


def find_delimiter(head: BinaryIO, encoding: str) -> DelimiterChoice:
    """Choose the delimiter of the file that starts with `head`, whole lines in an encoding that can be cut by bytes.

    A line `sep=;` at the start is the file's own word. Otherwise it is the one by which the first records fall into
    the most columns, evenly, and by which some row names the most record fields. A delimiter's weight is the
    commonest number of cells in a record that it cuts, times the share of records that have it; records that it makes
    malformed speak against it. One that cuts a row of that many cells with names of record fields, which is a header,
    goes before all that do not. A file of one column has none; it is read with a comma.
    """
    start = head.tell()

    def records(delimiter: str) -> Iterator[TextRecord]:
        head.seek(start)
        return read_records(head, Dialect(encoding=encoding, delimiter=delimiter))

    return _find_delimiter(records)


def find_text_delimiter(lines: Sequence[str]) -> DelimiterChoice:
    """Choose the delimiter of a file by its first `lines`, as `find_delimiter` does."""
    return _find_delimiter(lambda delimiter: read_text_records(lines, delimiter))


def is_delimiter_line(cells: Sequence[str]) -> bool:
    """True for a row like `sep=;`, which spreadsheets read as the file's delimiter, however it was cut into cells."""
    return cells[0][:4].casefold() == "sep=" and len(cells[0]) <= len("sep=;") and not any(cells[1:])


def _find_delimiter(records_by: Callable[[str], Iterator[TextRecord]]) -> DelimiterChoice:
    best, best_rank, evidence = ",", (False, 1.0), "no delimiter divides the records evenly: one column"
    for delimiter, name in DELIMITERS.items():
        records = list(islice((record for record in records_by(delimiter) if not record.blank), _SAMPLE_RECORDS))
        if not records:
            continue
        if _names_itself(records[0], delimiter):
            return DelimiterChoice(delimiter, f"line {records[0].line} names it: sep={delimiter}")
        widths = Counter(0 if record.malformed else len(record.cells) for record in records)
        count, width = _commonest_width(widths)
        total = widths.total()
        named = [(len(record.cells), recognized_fields(record.cells)) for record in records[:_HEADER_RECORDS]]
        has_header = any(cells == width and fields >= _FIELDS_OF_A_HEADER for cells, fields in named)
        weight = width * count / total * max(*(fields for _, fields in named), 1)
        if (has_header, weight) > best_rank:
            best, best_rank = delimiter, (has_header, weight)
            evidence = f"a {name} cuts {count} of the first {total} records into {width} cells each"
    return DelimiterChoice(best, evidence)


def _commonest_width(widths: Counter[int]) -> tuple[int, int]:
    """How many records that are cut at all have the same number of cells, and that number.

    Lines of titles, which are not cut, may be more than the records of a small file.
    """
    return max(((count, width) for width, count in widths.items() if width > 1), default=(0, 1))


def _names_itself(record: TextRecord, delimiter: str) -> bool:
    """True for the row `sep=;` that was cut by its semicolon, and for `"sep=;"`."""
    return is_delimiter_line(record.cells) and (
        record.cells[0][4:] == delimiter or (not record.cells[0][4:] and len(record.cells) > 1)
    )
