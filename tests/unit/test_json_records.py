"""JSON is read to the digit, each record findable, in bounded memory; and what is not whole is never taken for it."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from shared.errors import UploadRejected
from shared.formats import json_rows, json_text, json_values
from shared.formats.json_records import JsonRecords, read_json_records
from shared.formats.json_values import MAX_DEPTH, JsonRow

GOLDEN = Path(__file__).parents[1] / "golden" / "json"


def read(data: str | bytes) -> tuple[list[str], list[JsonRow]]:
    records = read_json_records(io.BytesIO(data.encode() if isinstance(data, str) else data))
    rows = list(records)
    return records.columns, rows


def values(data: str | bytes) -> list[list[str | bool | None]]:
    return [row.values for row in read(data)[1]]


def told(data: str | bytes) -> tuple[list[str], list[JsonRow]]:
    """What is read, with the numbers that are there."""
    columns, rows = read(data)
    there = [row._replace(numbers=frozenset(at for at in row.numbers if row.values[at] is not None)) for row in rows]
    return columns, there


def told_by_decoder(data: str | bytes) -> tuple[list[str], list[JsonRow]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_rows, "_PATIENCE", 0)
        return told(data)


def rejection(data: str | bytes) -> UploadRejected:
    with pytest.raises(UploadRejected) as caught:
        read(data)
    return caught.value


def choices(data: str | bytes) -> dict[str, str]:
    records = read_json_records(io.BytesIO(data.encode() if isinstance(data, str) else data))
    list(records)
    return {decision.subject: decision.choice for decision in records.decisions}


# The shapes of files.


@pytest.mark.parametrize(
    ("data", "structure", "rows"),
    [
        ('[{"a":1},{"a":2}]', "array of records", 2),
        (' [ {"a":1}\n, {"a":2} ] \n', "array of records", 2),
        ('{"a":1}\n{"a":2}\n', "a record on each line", 2),
        ('{"a":1}\r\n\r\n  {"a":2}', "a record on each line", 2),
        ('{"a":1}{"a":2}', "records one after another", 2),
        ('{"a":\n1}\n{"a":2}', "records one after another", 2),
        ('{"a":1}', "one record", 1),
        ('{"a":1,"b":[1,2],"machine":"M","timestamp":"T"}', "one record", 1),
        ('{"machine":"M","timestamp":"T","alarms":[{"code":1},{"code":2}]}', "one record", 1),
        ('{"rows":[{"a":1},{"a":2}]}', "records in the member “rows”", 2),
        ('{"n":2,"x":[],"y":[1],"rows":[{"a":1},{"a":2}],"z":{"a":[{}]}}', "records in the member “rows”", 2),
        ('{"machine":"M","rows":[{"machine":"M","timestamp":"T"}]}', "records in the member “rows”", 1),
    ],
)
def test_the_shapes_in_which_records_come(data: str, structure: str, rows: int) -> None:
    """An array, an object that holds one, a record a line, or records with nothing between them."""
    assert choices(data)["structure"] == structure
    assert len(read(data)[1]) == rows


def test_members_beside_the_records_are_named() -> None:
    """What is left out is said."""
    records = read_json_records(io.BytesIO(b'{"count":1,"rows":[{"a":1}],"by":"MES"}'))
    list(records)
    evidence = {decision.subject: decision.evidence for decision in records.decisions}["structure"]
    assert "“count”, “by”" in evidence


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_every_encoding_of_json_is_read(encoding: str) -> None:
    """Also UTF-16 without a mark, which its zero bytes show."""
    assert values('[{"größe":"ß😀"}]'.encode(encoding)) == [["ß😀"]]


# Values.


def test_values_are_what_the_file_says() -> None:
    """Numbers to the digit and as they are spelled, apart from strings; null and what is absent are None."""
    columns, (first, second) = read('[{"n":1.50,"e":1E-7,"t":"1.50","b":true},{"t":null,"x":"","b":false,"n":-0}]')
    assert columns == ["n", "e", "t", "b", "x"]
    assert first == JsonRow(1, ["1.50", "1E-7", "1.50", True], frozenset({0, 1}))
    assert second == JsonRow(2, ["-0", None, None, False, ""], frozenset({0}))


def test_numbers_beyond_a_double_keep_their_digits() -> None:
    """As a database prints them."""
    number = "0.4999999999999999999999999999999999999997"
    assert values(f'[{{"a":{number}}},{{"a":[{number}]}}]') == [[number], [f"[{number}]"]]


def test_objects_are_flattened_only_where_the_model_knows_the_group() -> None:
    """What is nested otherwise is kept whole, as compact JSON in its own column."""
    columns, rows = read(
        '[{"Machine":{"Name":"M","firmware":{"v": 1.0}},"parts":{"good":5},"tool":{"name": "T", "x": [1, null, "ü"]}}]'
    )
    assert columns == ["Machine.Name", "Machine.firmware", "parts.good", "tool"]
    assert rows[0].values == ["M", '{"v":1.0}', "5", '{"name":"T","x":[1,null,"ü"]}']
    assert rows[0].numbers == {2}


# The number by which a person finds a record.


def test_rows_bear_the_line_on_which_the_record_starts() -> None:
    """Whatever the line ends; blank lines count."""
    assert [row.line for row in read('[\r\n{"a":1},\r\r{\n"a":\n2}\n,{"a":3}]')[1]] == [2, 4, 7]
    assert [row.line for row in read('\n{"a":1}\n\n\n{"a":2}\n{"a":3}')[1]] == [2, 5, 6]


def test_rows_are_counted_where_records_share_a_line() -> None:
    """A file on one line says nothing by its lines; the decision says so."""
    data = "[" + ",".join(f'{{"a":{n}}}' for n in range(1, 5000)) + "]"
    assert [row.line for row in read(data)[1]] == list(range(1, 5000))
    assert choices(data)["row number"] == "record"
    assert choices(data.replace("},{", "},\n{"))["row number"] == "line"


# What is wrong with one record.


@pytest.mark.parametrize(
    "bad",
    [
        '{"a":1,"a":2}',
        '{"a":{"b":1,"b":2}}',
        '{"machine":{"name":1},"machine.name":2}',
        '{"a":' + "[" * MAX_DEPTH + "]" * MAX_DEPTH + "}",
        '{"a":' + "9" * 65 + "}",
        '{"a":1e100}',
        '{"a":[1e-100]}',
        '{"a":NaN}',
        '{"a":[-Infinity]}',
        '{"a":"\\ud800"}',
        '{"\\udfff":1}',
        '{"a":["\\ude00\\ud83d"]}',
        '{"a":"x\\u0000"}',
        '{"a":{"\\u0000":1}}',
        "5",
        '"x"',
        "null",
        "[]",
    ],
)
@pytest.mark.parametrize("shape", ['[{{"a":1}},{}\n,{{"a":2}}]', '{{"a":1}}\n{}\n{{"a":2}}\n'])
def test_a_bad_record_with_a_certain_end_is_a_malformed_row(bad: str, shape: str) -> None:
    """It keeps its text, and its neighbours go in."""
    columns, (first, second, third) = read(shape.format(bad))
    assert columns == ["a"]
    assert (first.values, third.values) == (["1"], ["2"])
    assert second.malformed
    assert second.values == [bad]


@pytest.mark.parametrize(
    "bad", ['{"a":', '{"a":1,}', '{"a":1}}', '{"a":1} {"a":1}', '{"a":01}', '{"a":"\t"}', "x", "]"]
)
def test_a_line_that_is_no_json_is_a_malformed_row(bad: str) -> None:
    """The next line is a record again."""
    _, rows = read(f'{{"a":1}}\n{bad}\n{{"a":2}}')
    assert [(row.line, row.malformed is None) for row in rows] == [(1, True), (2, False), (3, True)]
    assert rows[1].values == [bad]


def test_a_bad_first_line_does_not_hide_that_the_file_is_of_lines() -> None:
    """The line behind it shows that."""
    _, rows = read('{"a":,}\n{"a":2}\n{"a":3}\n')
    assert [row.malformed is None for row in rows] == [False, True, True]


# What is wrong with the file.


@pytest.mark.parametrize(
    ("data", "code", "line"),
    [
        ("", "json_no_records", None),
        (" \n ", "json_no_records", None),
        ("[]", "json_no_records", None),
        ("[{}]", "json_no_records", None),
        ('{"rows":[]}', "json_no_records", None),
        ("hello", "json_not_records", None),
        ("5", "json_not_records", None),
        ("[1,2]", "json_record_not_object", 1),
        ('{"rows":[1,{"a":1}]}', "json_record_not_object", 1),
        ('{"x":{"y":{"z":1}}}', "json_no_array", None),
        ('{"header":["a"],"rows":[["x"]]}', "json_no_array", None),
        ('{"a":[{"x":1}],"b":1,"c":[{"x":1}]}', "json_several_arrays", None),
        ('[{"a":1}]\n[{"a":1}]', "json_text_after_end", 2),
        ('{"rows":[{"a":1}]}\n}', "json_text_after_end", 2),
        ('{"a":1},\n{"a":1}', "json_text_after_end", 1),
        ('[{"a":1},]', "json_syntax", 1),
        ('[{"a":1},,{"a":1}]', "json_syntax", 1),
        ('[{"a":1}\n\n{"a":1}]', "json_syntax", 3),
        ('[{"a":1},\n{"a":1,\n"b" 2}]', "json_syntax", 3),
        ('[\n{"a":1}}', "json_syntax", 2),
        ("[{'a':1}]", "json_syntax", 1),
        ('[{"a":1}, // comment\n{"a":1}]', "json_syntax", 1),
        ('{"rows":[{"a":1}] "x":1}', "json_syntax", 1),
        ('[{"a":"\x00"}]', "json_syntax", 1),
        ('{"n":1e999,"rows":[{"a":1}]}', "json_number_too_large", 1),
        ('{"n":1,"n":2,"rows":[{"a":1}]}', "json_duplicate_key", 1),
        ('{"n":NaN,"rows":[{"a":1}]}', "json_number_not_finite", 1),
        ('[{"a":1,"a":1},{"a":1,"a":1}]', "json_duplicate_key", 1),
        ("[" * 100_000, "json_too_deep", 1),
        ('{"a":' * 100_000, "json_too_deep", 1),
        (b'[{"a":"\xe4"}]', "json_encoding", None),
        (b'[{"a":"\xed\xa0\x80"}]', "json_encoding", None),
        ('[{"a":1}]'.encode("utf-16") + "\ud800x".encode("utf-16-le", "surrogatepass"), "json_encoding", None),
    ],
)
def test_a_file_that_cannot_be_read_says_why(data: str | bytes, code: str, line: int | None) -> None:
    """By a stable code, and with the line where there is one."""
    error = rejection(data)
    assert error.code == code
    assert line is None or re.search(rf"\bline {line}\b", error.message, re.IGNORECASE)


def test_several_arrays_of_records_are_all_named() -> None:
    """So the person sees which to choose from."""
    assert "“a”, “c”" in rejection('{"a":[{"x":1}],"b":1,"c":[{"x":1}]}').message


def test_a_record_of_more_than_a_megabyte_is_no_record() -> None:
    """In every shape; just below, it is one."""
    long = '{"a":"%s"}' % ("x" * json_text.MAX_RECORD_CHARACTERS)
    for data in (f'[{{"a":1}},{long}]', f"[{long}]", f'{{"a":1}}\n{long}\n{{"a":1}}', f'{{"x":[1],"rows":[{long}]}}'):
        assert rejection(data).code == "json_record_too_long"
    short = '{"a":"%s"}' % ("x" * (json_text.MAX_RECORD_CHARACTERS - 20))
    assert len(values(f'[{{"a":1}},{short},{short}]')) == 3
    assert len(values(f'{{"a":1}}\n{short}\n{short}\n')) == 3


def test_more_columns_than_any_table_has_are_refused() -> None:
    """Names that differ from record to record are data, not names."""
    data = "[" + ",".join(f'{{"sensor {n}":1}}' for n in range(json_values.MAX_COLUMNS + 1)) + "]"
    assert rejection(data).code == "json_too_many_columns"


# Whole files: properties.

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=10)
scalar = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | text
    | st.floats(allow_nan=False, allow_infinity=False).filter(lambda x: x == 0 or 1e-60 < abs(x) < 1e60)
)
name = st.sampled_from(["a", "b", "Teile Gut", 'q"\\', "ü😀", "", "machine.name"]) | text
flat = st.dictionaries(name, scalar, max_size=6)
small_array = st.lists(scalar | st.sampled_from(["]", "{[", ',"']), max_size=3)
alike_with_arrays = st.lists(st.tuples(scalar | small_array, small_array, text), min_size=1, max_size=12).map(
    lambda rows: [dict(zip(("a", "tags", "machine.name"), row, strict=True)) for row in rows]
)
alike = st.lists(st.tuples(scalar, scalar, text), min_size=1, max_size=12).map(
    lambda rows: [dict(zip(("a", "b", "Teile Gut"), row, strict=True)) for row in rows]
)
records_of_any_look = (st.lists(flat, min_size=1, max_size=12) | alike | alike_with_arrays).filter(any)
nested = st.recursive(scalar, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(name, inner, max_size=3))


def as_read(value: object) -> object:
    """What is read of a value that Python's json module wrote."""
    if isinstance(value, bool | str) or value is None:
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def same_as(written: list[dict[str, Any]], columns: list[str], rows: list[JsonRow]) -> None:
    assert len(rows) == len(written)
    for record, row in zip(written, rows, strict=True):
        assert row.malformed is None
        cells = dict(zip(columns, row.values, strict=False))
        assert {key: value for key, value in cells.items() if value is not None} == {
            key: as_read(value) for key, value in record.items() if value is not None
        }
        numbers = {
            key for key, value in record.items() if isinstance(value, int | float) and not isinstance(value, bool)
        }
        assert {columns[at] for at in row.numbers if cells[columns[at]] is not None} == numbers


@st.composite
def files(draw: st.DrawFn, of: st.SearchStrategy[list[dict[str, Any]]] = records_of_any_look) -> tuple[Any, str, str]:
    """Records, and how a program may write them: whole (an array or its holder) or by lines."""
    written = draw(of)
    shape = draw(st.sampled_from(["array", "holder", "lines"]))
    # A single object with arrays in it may as well be meant to hold records: see test_the_shapes_in_which_records_come.
    assume(shape != "lines" or len(written) > 1 or not any(isinstance(value, list) for value in written[0].values()))
    form: dict[str, Any] = {"ensure_ascii": draw(st.booleans())}
    if shape == "lines":
        form["separators"] = draw(st.sampled_from([(",", ":"), (", ", ": ")]))
        lines = [json.dumps(record, **form) for record in written]
        return written, draw(st.sampled_from(["\n", "\r\n", "\n\n"])).join(lines), shape
    form["indent"] = draw(st.sampled_from([None, 0, 2, "\t"]))
    form["separators"] = draw(st.sampled_from([(",", ":"), (" , ", " :\t"), None]))
    whole: object = written if shape == "array" else {"n": [1], "Datensätze": written, "z": {}}
    return written, json.dumps(whole, **form), shape


@given(file=files(), encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
@settings(max_examples=200)
def test_what_was_written_is_read_back(file: tuple[Any, str, str], encoding: str) -> None:
    """Any records, in any shape, with any spaces, in any encoding; numbers to the digit."""
    written, data, _ = file
    same_as(written, *read(data.encode(encoding)))


@given(file=files())
def test_the_template_reads_what_the_decoder_reads(file: tuple[Any, str, str]) -> None:
    """It is a shortcut: with it and without it, rows and numbers are the same."""
    _, data, _ = file
    assert told(data) == told_by_decoder(data)


@given(file=files(), block=st.integers(1, 60), encoding=st.sampled_from(["utf-8", "utf-16"]))
def test_where_the_window_ends_does_not_matter(file: tuple[Any, str, str], block: int, encoding: str) -> None:
    """Records, characters and line ends may be cut by it anywhere."""
    data = file[1].encode(encoding)
    whole = told(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_text, "_BLOCK", block)
        assert told(data) == whole


@given(
    data=st.lists(
        st.sampled_from([*list('{}[],:"\\ab1.-eE0 \n\x01'), "null", "true", "\\u0041", '{"a":"']), max_size=40
    )
)
@example(data=['"a":1', ',"a":1'])
@settings(max_examples=200)
def test_the_template_accepts_nothing_else(data: list[str]) -> None:
    """After records that look alike, anything put where a value stands is read, or refused, as the decoder does."""
    bad = "".join(data)
    for value in (bad, f'"{bad}"', f"1{bad}", f'1,"c":{bad}'):
        lines = [("1", '"x"'), ("null", '"\\n"'), (value, '"x"'), ("2", value), ("3", "null")]
        file = "\n".join(f'{{"a":{a},"b":{b}}}' for a, b in lines) + "\n"
        assert told(file) == told_by_decoder(file)


@given(file=files(), share=st.floats(0, 1, exclude_max=True), encoding=st.sampled_from(["utf-8", "utf-16"]))
@settings(max_examples=200)
def test_a_truncated_file_is_never_complete(file: tuple[Any, str, str], share: float, encoding: str) -> None:
    """Cut at any byte; records on lines of their own may be cut between two, where nothing shows it."""
    written, whole, shape = file
    data = whole.encode(encoding)
    cut = data[: int(len(data) * share)]
    if shape == "lines":
        try:
            columns, rows = read(cut)
        except UploadRejected:
            return
        assert cut.decode(encoding).rstrip("\r\n").endswith("}")
        same_as(written[: len(rows)], columns, rows)
    elif len(cut.decode(encoding, "ignore").strip("\ufeff")) < len(whole):
        rejection(cut)


@pytest.mark.parametrize("file", ["array_one_line.json", "array_indented_crlf.json", "array_utf16.json", "holder.json"])
def test_every_cut_of_a_file_is_refused(file: str) -> None:
    """Byte by byte."""
    data = (GOLDEN / file).read_bytes().rstrip()
    for end in range(len(data) - (0 if "16" in file else 1)):
        assert rejection(data[:end]).code in {"json_truncated", "json_no_records"} or end == 1, end


@given(data=st.binary(max_size=200) | st.text('[]{}",:\\u019aetrunlfs.-+ \n\x00', max_size=60).map(str.encode))
@settings(max_examples=500)
def test_any_bytes_end_in_rows_or_a_refusal(data: bytes) -> None:
    """Never in another exception."""
    try:
        _, rows = read(data)
    except UploadRejected:
        return
    assert rows


@pytest.mark.parametrize("array", ['["{"]', '["]"]', "[\n1]", "[[1]]", '[{"b":1}]', "[]", '["\\u005b"]', "[1e999]"])
def test_arrays_that_only_look_simple_make_no_template(array: str) -> None:
    """A bracket in a string, or an array over lines, is left to the decoder."""
    data = ",".join(f'{{"x [mm]":{value}}}' for value in (array, array, "[1]", "[1,2]", array, '["{"]', "1", '"["'))
    assert told(f"[{data}]") == told_by_decoder(f"[{data}]")


@given(record=st.dictionaries(name, nested, min_size=1, max_size=4))
def test_nested_values_are_kept_whole(record: dict[str, Any]) -> None:
    """What is not flattened reads back from its text as it was."""
    columns, (row,) = read(json.dumps([record]))
    for column, value in zip(columns, row.values, strict=True):
        if isinstance(record.get(column), list | dict):
            assert isinstance(value, str)
            assert json.loads(value, parse_float=Decimal) == json.loads(json.dumps(record[column]), parse_float=Decimal)


# Memory.


class Generated(io.RawIOBase):
    """A stream of pieces, which counts what it gave and hands out at most 64 KiB at a time."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""
        self.given = 0

    def read(self, size: int = -1) -> bytes:
        """The next bytes; empty at the end."""
        while len(self._rest) < 1 << 16 and (piece := next(self._pieces, b"")):
            self._rest += piece
        data, self._rest = self._rest[: min(size, 1 << 16)], self._rest[min(size, 1 << 16) :]
        self.given += len(data)
        return data


def window(records: JsonRecords) -> int:
    return len(records._text.text)  # noqa: SLF001 - the bound on it is the point


@pytest.mark.parametrize("shape", ["array", "holder", "lines", "whitespace"])
def test_the_window_stays_small(shape: str) -> None:
    """However long the file is."""
    record = b'{"timestamp":"2026-03-01T06:00:00Z","machineName":"Press 1","goodParts":480}'
    before, between, behind = {
        "array": (b"[", b",", b"]"),
        "holder": (b'{"x":1,"rows":[', b",\n", b'],"y":2}'),
        "lines": (b"", b"\n", b""),
        "whitespace": (b"[", b" " * 5000 + b",", b" " * 5_000_000 + b"]"),
    }[shape]

    def pieces() -> Iterator[bytes]:
        yield before + record
        for _ in range(200):
            yield (between + record) * (1 if shape == "whitespace" else 500)
        yield behind

    stream = Generated(pieces())
    records = read_json_records(stream)  # type: ignore[arg-type]
    largest = count = 0
    for row in records:
        count += 1
        largest = max(largest, window(records))
        assert row.values[2] == "480"
    assert count == (201 if shape == "whitespace" else 100_001)
    assert stream.given > 5 * (1 << 20)
    assert largest <= json_text.MAX_RECORD_CHARACTERS


def test_rows_come_before_the_file_is_read() -> None:
    """It is a stream: the first rows are there after the first blocks."""

    def pieces() -> Iterator[bytes]:
        yield b'[{"a":0}'
        for number in range(1, 10**7):
            yield b',\n{"a":%d}' % number

    stream = Generated(pieces())
    rows = iter(read_json_records(stream))  # type: ignore[arg-type]
    assert [next(rows).values for _ in range(3)] == [["0"], ["1"], ["2"]]
    assert stream.given < 2 << 20


# The golden files.


def table(position: int) -> list[list[str]]:
    """The cells of a table of the golden files' README."""
    tables = re.findall(r"(?:^\|.*\n)+", (GOLDEN / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    return [
        [cell.strip(" `") for cell in line.split(" |")]
        for line in tables[position].replace("| `", "`").splitlines()[2:]
    ]


@pytest.mark.parametrize("line", table(0), ids=lambda line: line[0])
def test_golden_files(line: list[str]) -> None:
    """Each is read as the README beside it says."""
    file, encoding, structure, columns, numbers, spelled = (cell.lstrip("| ") for cell in line[:6])
    data = (GOLDEN / file).read_bytes()
    found = choices(data)
    assert (found["encoding"], found["structure"]) == (encoding, structure)
    names, rows = read(data)
    assert names == columns.split(", ")
    assert [f"({row.line})" if row.malformed else str(row.line) for row in rows] == numbers.split()
    assert [rows[0].values[at] for at in sorted(rows[0].numbers)] == spelled.split()


@pytest.mark.parametrize("line", table(1), ids=lambda line: line[0])
def test_bad_golden_files(line: list[str]) -> None:
    """Each is refused with the code that the README says."""
    file, code = (cell.lstrip("| ") for cell in line[:2])
    assert rejection((GOLDEN / file).read_bytes()).code == code


def test_the_readme_lists_every_file() -> None:
    """No golden file without its line."""
    listed = {line[0] for position in (0, 1) for line in table(position)}
    assert listed == {path.name for path in GOLDEN.iterdir()} - {"README.md"}
