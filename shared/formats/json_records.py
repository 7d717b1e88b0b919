"""JSON → rows: an array of records, an object that holds one, or records one after another; in bounded memory.

ijson, the usual streaming reader, was measured and not taken. Let 1 be the rate at which it makes dicts, in C (yajl2),
of records with 20 members. It cannot tell lines, and of two members with one name it lets the last one win; with a
mapping class that refuses them its rate is 0.45 to 0.5. The json module's decoder, also in C, decodes at 1.5 to 2: one
record at a time out of a sliding window, with all members, the spelling of numbers, and the place where the record
ends. With the checks around it in Python that becomes 0.5. So records that look like an earlier one are read by a
pattern made from it (`json_template`): at 1.6 to 2.2 in all, 1 where two looks alternate, and 0.2 where hardly two
records look alike.

What is wrong with one record whose end is certain makes that row malformed; what breaks the file's structure rejects
the file. A file that ends too early is always rejected, wherever it is cut, with one exception that nothing can see:
records on lines of their own, cut exactly between two of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

from shared.domain.headers import recognized_fields
from shared.domain.upload import Decision
from shared.errors import UploadRejected
from shared.formats.json_rows import JsonRowReader
from shared.formats.json_text import JsonText, reject
from shared.formats.json_values import (
    MAX_COLUMNS,
    JsonFault,
    JsonRow,
    Members,
    UnreadableJson,
    check_names,
    check_texts,
    compact,
    decode,
    faulty,
    kind_of,
)

_HEAD_ROWS = 1000
_MAX_GAP = 200
_SHOWN_NAMES = 20
_SHOWN_CHARACTERS = 100


def read_json_records(stream: BinaryIO) -> JsonRecords:
    """The records of a JSON file, to be iterated once; raises UploadRejected, also in the middle of the iteration."""
    return JsonRecords(stream)


class JsonRecords:
    """Iterates over the rows of a file.

    `columns` are the names of the members, in the order in which they first came: they grow while rows are read, and
    are complete at the end.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._text = JsonText(stream)
        self._reader = JsonRowReader(self._text)
        self._structure = ""
        self._others: list[str] = []
        self._rows = self._read()

    @property
    def columns(self) -> list[str]:
        """The names of the columns so far."""
        return self._reader.columns.names

    @property
    def decisions(self) -> list[Decision]:
        """What was decided about the file; complete when all rows were read."""
        found = f"{self._reader.records} records"
        if self._others:
            found += f"; these other members of the object were left out: {_listed(self._others)}"
        number, evidence = "line", "records start on lines of their own"
        if self._reader.by_ordinal:
            number, evidence = "record", "several records start on one line, so they are counted"
        return [
            self._text.encoding,
            Decision(subject="structure", choice=self._structure, evidence=found),
            Decision(subject="row number", choice=number, evidence=evidence),
        ]

    def __iter__(self) -> Iterator[JsonRow]:
        return self._rows

    def _read(self) -> Iterator[JsonRow]:
        batches = self._batches()
        yield from self._numbered_head(batches)
        for batch in batches:
            yield from batch
        if not self.columns:
            raise self._reader.first_fault or reject("json_no_records")

    def _numbered_head(self, batches: Iterator[list[JsonRow]]) -> list[JsonRow]:
        """The first rows, whose lines decide how rows are numbered."""
        head: list[JsonRow] = []
        for batch in batches:
            head += batch
            if len(head) >= _HEAD_ROWS or (len(head) > 1 and self._text.refills > 1):
                break
        lines = [row.line for row in head]
        self._reader.by_ordinal = len(set(lines)) < len(lines)
        if self._reader.by_ordinal:
            return [row._replace(line=number) for number, row in enumerate(head, 1)]
        return head

    def _batches(self) -> Iterator[list[JsonRow]]:
        text = self._text
        match text.skip_space():
            case "":
                raise reject("json_no_records")
            case "[":
                self._structure = "array of records"
                text.pos += 1
                yield from self._array()
                self._expect_end()
            case "{":
                yield from self._objects()
            case _:
                raise reject("json_not_records", start=text.text[text.pos : text.pos + 20])

    # The top level is an object: the first of several, the only record, or the holder of an array of records.

    def _objects(self) -> Iterator[list[JsonRow]]:
        text = self._text
        line = text.line
        try:
            members, end = self._decode_next()
        except UnreadableJson as error:
            if error.cut and not text.at_end:
                yield from self._holder()  # No record is that long.
            elif self._next_line_is_record():
                yield from self._lines()
            else:
                raise self._unreadable(error) from error
            return
        raw = text.text[text.pos : end]
        text.advance(end)
        line_end = text.line
        following = text.skip_space()
        if not following:
            text.replay(raw, line)
            yield from self._only_object(members)
        elif text.line > line_end == line and (following == "{" or not _looks_like_holder(members)):
            yield [self._reader.row(members, raw, line)]
            yield from self._lines()
        elif following == "{":
            self._structure = "records one after another"
            yield [self._reader.row(members, raw, line)]
            yield from self._sequence(closing="")
        else:
            raise reject("json_text_after_end", line=text.line)

    def _next_line_is_record(self) -> bool:
        """True when the line behind the present one is a whole record, so that the present one is a bad record."""
        _, line_end, rest = self._text.text[self._text.pos :].partition("\n")
        line = rest.lstrip(" \t\n").partition("\n")[0]
        try:
            return bool(line_end) and line.startswith("{") and not line[decode(line, 0)[1] :].strip(" \t")
        except UnreadableJson:
            return False

    def _only_object(self, members: Members) -> Iterator[list[JsonRow]]:
        """The file is one object: the holder of an array of records, unless it looks more like a record itself."""
        names = [name for name, _ in members]
        arrays = [name for name, value in members if _holds_objects(value)]
        if len(arrays) > 1:
            raise reject("json_several_arrays", members=_listed(arrays))
        if _looks_like_holder(members):
            yield from self._holder()
            return
        nested = [value for _, value in members if isinstance(value, (list, tuple))]
        if nested and not arrays and recognized_fields(_flattened(members)) <= 1:
            if [] in nested:
                raise reject("json_no_records")
            raise reject("json_no_array", members=_listed(names))
        self._structure = "one record"
        yield from self._sequence(closing="")

    def _holder(self) -> Iterator[list[JsonRow]]:
        """Read the members of an object of which one is an array of records."""
        text = self._text
        text.pos += 1
        names: list[str] = []
        records: str | None = None
        while True:
            names.append(self._member_name(names))
            if not self._at_array_of_objects():
                self._others.append(names[-1])
                self._skip_value()
            elif records is not None:
                raise reject("json_several_arrays", members=_listed([records, names[-1]]))
            else:
                records = names[-1]
                self._structure = f"records in the member {_listed([records])}"
                text.pos += 1
                yield from self._array()
            if text.skip_space() == "}":
                break
            self._expect(",")
        text.pos += 1
        self._expect_end()
        if records is None:
            raise reject("json_no_array", members=_listed(names))

    def _member_name(self, others: list[str]) -> str:
        if self._text.skip_space() != '"':
            self._expect('"')
        try:
            name, end = self._decode_next()
        except UnreadableJson as error:
            raise self._unreadable(error) from error
        try:
            check_names([*others, name])
            check_texts(name)
        except JsonFault as fault:
            raise faulty(fault, self._text.line) from fault
        if len(others) >= MAX_COLUMNS:
            raise reject("json_too_many_columns", limit=MAX_COLUMNS)
        self._text.advance(end)
        self._text.skip_space()
        self._expect(":")
        return str(name)

    def _at_array_of_objects(self) -> bool:
        """Stand at a member's value; True when it is an array whose first entry is an object."""
        text = self._text
        if text.skip_space() != "[":
            return False
        ahead = text.text[text.pos + 1 :].lstrip(" \t\n")
        while not ahead and text.refill():
            ahead = text.text[text.pos + 1 :].lstrip(" \t\n")
        return ahead.startswith("{")

    def _skip_value(self) -> None:
        """Go behind a value that is no record; its faults are the file's."""
        try:
            value, end = self._decode_next()
            compact(value)
        except UnreadableJson as error:
            raise self._unreadable(error) from error
        except JsonFault as fault:
            raise faulty(fault, self._text.line) from fault
        if _holds_objects(value):
            raise reject(
                "json_record_not_object",
                line=self._text.line,
                reason=f"the record is {kind_of(value[0])}, not an object",
            )
        self._text.advance(end)

    # Records one after another, in an array or not.

    def _array(self) -> Iterator[list[JsonRow]]:
        """Read records from behind `[` to behind `]`."""
        if self._text.skip_space() == "]":
            self._text.pos += 1
        else:
            yield from self._sequence(closing="]")

    def _sequence(self, closing: str) -> Iterator[list[JsonRow]]:
        """Read records up to `closing`, divided by commas; with none, up to the end of the file, by space at most."""
        text = self._text
        going = True
        while going:
            batch = self._reader.similar_rows()
            line = text.line
            try:
                value, end = self._decode_next()
            except UnreadableJson as error:
                raise self._unreadable(error) from error
            batch.append(self._reader.row(value, text.text[text.pos : end], line))
            going = self._after_record(end, closing)
            yield batch

    def _after_record(self, end: int, closing: str) -> bool:
        """Go from the end of a record to the next one; False when there is none."""
        text, gap = self._text, self._reader.gap
        if gap is not None and text.text.startswith(gap + "{", end):
            text.advance(end + len(gap))
            return True
        refills = text.refills
        text.advance(end)
        following = text.skip_space()
        if following == closing:
            text.pos += len(closing)
            return False
        if closing:
            self._expect(",")
            if text.skip_space() == closing:
                raise reject("json_syntax", line=text.line, reason="a comma stands behind the last record")
        elif following != "{":
            raise reject("json_text_after_end", line=text.line)
        if refills == text.refills and text.pos - end <= _MAX_GAP:
            self._reader.gap = text.text[end : text.pos]
        return True

    # Each record on a line of its own.

    def _lines(self) -> Iterator[list[JsonRow]]:
        """Read a record from each line; what is wrong with a line is that row's alone."""
        text = self._text
        self._structure = "a record on each line"
        self._reader.gap = "\n"
        while text.skip_space():
            batch = self._reader.similar_rows()
            if text.skip_space():
                batch.append(self._line_row())
            yield batch

    def _line_row(self) -> JsonRow:
        text = self._text
        while (end := text.text.find("\n", text.pos)) < 0:
            if not text.refill():
                if not text.at_end:
                    raise reject("json_record_too_long", line=text.line)
                end = len(text.text)
                break
        raw = text.text[text.pos : end].rstrip(" \t")
        line, last = text.line, text.at_end and end == len(text.text)
        try:
            value, value_end = decode(raw, 0)
        except UnreadableJson as error:
            if error.cut and last:
                raise reject("json_truncated", line=line) from error
            row = self._reader.malformed(raw, line, JsonFault(error.code, error.reason))
        else:
            if value_end < len(raw):
                reason = f"text stands behind the record: “{raw[value_end : value_end + 20]}”"
                row = self._reader.malformed(raw, line, JsonFault("json_syntax", reason))
            else:
                row = self._reader.row(value, raw, line)
        text.advance(end)
        return row

    # Reading on, and what cannot be read.

    def _decode_next(self) -> tuple[Any, int]:
        """The value at `pos`, wholly in the window, and its end there. Raises UnreadableJson."""
        text = self._text
        while True:
            try:
                value, end = decode(text.text, text.pos)
            except UnreadableJson:
                if not text.refill():
                    raise
            else:
                if end < len(text.text) or not text.refill():  # A number may go on behind the window.
                    return value, end

    def _unreadable(self, error: UnreadableJson) -> UploadRejected:
        text = self._text
        if not error.cut:
            return reject(error.code, line=text.line_at(error.pos), reason=error.reason)
        if text.at_end:
            return reject("json_truncated", line=text.line_at(len(text.text)))
        return reject("json_record_too_long", line=text.line)

    def _expect(self, character: str) -> None:
        """Go behind `character`, which must come next."""
        text = self._text
        found = text.text[text.pos : text.pos + 1]
        if not found:
            raise reject("json_truncated", line=text.line)
        if found != character:
            raise reject("json_syntax", line=text.line, reason=f"“{character}” is missing before “{found}”")
        text.pos += 1

    def _expect_end(self) -> None:
        if self._text.skip_space():
            raise reject("json_text_after_end", line=self._text.line)


def _looks_like_holder(members: Members) -> bool:
    """True when the objects in the object's arrays name at least as many fields of the record as it does itself."""
    inner = [name for _, value in members if _holds_objects(value) for entry in value for name in _names(entry)]
    return bool(inner) and recognized_fields([name for name, _ in members]) <= recognized_fields(inner)


def _names(value: object) -> list[str]:
    return [name for name, _ in value] if isinstance(value, tuple) else []


def _holds_objects(value: object) -> bool:
    return isinstance(value, list) and any(isinstance(entry, tuple) for entry in value)


def _flattened(members: Members) -> list[str]:
    return [full for name, value in members for full in (name, *(f"{name}.{inner}" for inner in _names(value)))]


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"“{name[:_SHOWN_CHARACTERS]}”" for name in names[:_SHOWN_NAMES])
    return f"{shown} and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else shown
