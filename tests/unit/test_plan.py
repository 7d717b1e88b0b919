"""A plan's chunks hold the records of the file, each once and in order, wherever they are cut."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.columnar.reader import TableReader
from shared.domain.plan import ImportPlan
from shared.domain.upload import SourceObject, Upload, UploadOptions, UploadState
from shared.errors import UploadRejected
from shared.formats.delimited import read_records
from shared.services.draft_plan import DraftPlan, make_plan
from shared.services.load_chunk import read_chunk
from shared.services.plan_import import read_ahead
from shared.services.ports import Objects

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SMALLEST_CHUNK = 1


class OneObject:
    """The one object that planning reads, and what it writes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.written: dict[str, bytes] = {}

    @contextmanager
    def open_range(self, source: SourceObject, start: int, end: int) -> Iterator[BinaryIO]:
        """Its bytes, of the pinned version alone."""
        assert source.version_id == "v1"
        yield io.BytesIO(self._data[start:end])

    @contextmanager
    def open_read(self, key: str) -> Iterator[BinaryIO]:
        """What was written."""
        yield io.BytesIO(self.written[key])

    def write(self, key: str, data: bytes, content_type: str) -> None:
        """Keep it."""
        del content_type
        self.written[key] = data


def planned(data: bytes, chunk_bytes: int = 1 << 20, **options: Any) -> DraftPlan:
    return _plan(OneObject(data), len(data), chunk_bytes, options)


def _plan(bucket: OneObject, size: int, chunk_bytes: int, options: dict[str, Any]) -> DraftPlan:
    return make_plan(_upload(size, options), cast("Objects", bucket), chunk_bytes)


def _upload(size: int, options: dict[str, Any]) -> Upload:
    return Upload(
        tenant_id="t",
        upload_id="u",
        created_at=NOW,
        created_by="p",
        correlation_id="c",
        request_digest="d",
        state=UploadState.PLANNING,
        file_name="f.csv",
        file_size=size,
        mime_type="text/csv",
        object_key="k",
        options=UploadOptions(work_unit_id="w", **{"import_type": "csv"} | options),
        source=SourceObject(key="k", version_id="v1", etag="e", size=size),
    )


@dataclass(frozen=True)
class Reading:
    """What became of a file: the accepted rows' texts by row, and line and code of each refusal."""

    draft: DraftPlan
    rows: dict[int, dict[str, Any]]
    refused: list[tuple[int, str]]


def read_file(data: bytes, chunk_bytes: int = 1 << 20, **options: Any) -> Reading:
    """Plan a file and read all of its chunks."""
    bucket = OneObject(data)
    draft = _plan(bucket, len(data), chunk_bytes, options)
    reader = TableReader(draft.plan, NOW)
    parts = [part for chunk in draft.chunks for part in read_chunk(chunk, reader, cast("Objects", bucket))]
    return Reading(
        draft,
        {row.pop("source_row"): row for part in parts for row in part.texts.rows(named=True)},
        [(row.row, problem.code) for part in parts for row in part.refused for problem in row.errors],
    )


def refusals(data: bytes, **options: Any) -> list[tuple[int, str]]:
    """Line and code of each row that the file's plan refuses."""
    return read_file(data, **options).refused


cell = st.text(alphabet=st.sampled_from('ab1 ,;"\n\r\tü'), max_size=12)


@given(
    notes=st.lists(cell, min_size=1, max_size=40),
    chunk_bytes=st.integers(SMALLEST_CHUNK, 400),
    line_end=st.sampled_from(["\n", "\r\n"]),
)
def test_the_chunks_records_are_the_files_records_in_order(notes: list[str], chunk_bytes: int, line_end: str) -> None:
    """Any cells, any chunk size: nothing lost, nothing twice, the counts and the lines right."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator=line_end, quoting=csv.QUOTE_ALL)
    writer.writerow(["timestamp", "machineName", "note"])
    writer.writerows(["2026-03-01T00:00:00Z", f"m{n}", note] for n, note in enumerate(notes))
    data = out.getvalue().encode()
    draft = planned(data, chunk_bytes)

    assert [chunk.index for chunk in draft.chunks] == list(range(draft.plan.chunks))
    assert [c.start for c in draft.chunks[1:]] == [c.end for c in draft.chunks[:-1]]
    assert draft.chunks[-1].end == len(data)
    read = []
    for chunk in draft.chunks:
        part = io.BytesIO(data[chunk.start : chunk.end])
        records = list(read_records(part, draft.plan.dialect, offset=chunk.start, line=chunk.first_line))
        assert len(records) == chunk.records
        for record in records:
            assert record.line == data[: data.index(record.cells[1].encode() + b'"')].count(b"\n") + 1
        read += [record.cells[1:] for record in records]
    assert read == [[f"m{n}", note] for n, note in enumerate(notes)]
    assert draft.plan.records == len(notes)


def test_the_decisions_are_told_with_their_evidence() -> None:
    """What was decided for the whole file, and why."""
    data = "Zeitstempel;Maschine;OEE;Farbe\n2026-03-01T00:00:00Z;Süd;85;rot\n".encode("cp1252")
    draft = planned(data, time_zone="Europe/Berlin")
    assert {d.subject: d.choice for d in draft.summary.decisions} == {
        "encoding": "cp1252",
        "delimiter": ";",
        "header": "line 1",
        "scale of oeeScore": "percent",
        "dates in timestamp": "YMD",
        "time zone": "Europe/Berlin",
    }
    assert all(d.evidence for d in draft.summary.decisions)
    assert draft.summary.columns == {"Zeitstempel": "timestamp", "Maschine": "machineName", "OEE": "oeeScore"}
    assert draft.summary.unmapped_columns == ["Farbe"]


def test_what_the_caller_chose_is_told() -> None:
    """Nobody else can know it who reads the report, and not only what a profile chose."""
    draft = planned(
        b"Wann,Farbe,goodParts\n2026-03-01T00:00:00Z,rot,5\n",
        identity="occurrence",
        mapping={"Wann": "timestamp", "goodParts": None},
        defaults={"machineName": "Press 1"},
    )
    told = {d.subject: d.choice for d in draft.summary.decisions if d.evidence == "given by the caller"}
    assert told == {
        "identity": "occurrence",
        "mapping": "“Wann” is timestamp; “goodParts” is an attribute",
        "default of machineName": "Press 1",
    }


def test_a_mapping_of_many_columns_is_told_in_short() -> None:
    """What is told of a file is kept in a table's item, and a mapping may name thousands of columns."""
    names = [f"c{n}" for n in range(5000)]
    data = ",".join(["timestamp,machineName", *names]) + "\n2026-03-01T00:00:00Z,m" + ",1" * 5000 + "\n"
    [mapping] = [
        d for d in planned(data.encode(), mapping=dict.fromkeys(names)).summary.decisions if d.subject == "mapping"
    ]
    assert mapping.choice.endswith("; and 4,980 more")


def test_a_date_is_told_as_it_stands_in_the_file() -> None:
    """With its time, so that a person finds it; the first of its kind."""
    rows = "".join(f"{day}/02/2026 10:{day}:00,m\n" for day in range(20, 29))
    [told] = [
        decision.evidence
        for decision in planned(f"timestamp,machineName\n{rows}".encode(), time_zone="UTC").summary.decisions
        if decision.subject == "dates in timestamp"
    ]
    assert told == "day first: 9 (such as “20/02/2026 10:20:00”)"


HEADER = "timestamp,machineName,note\n"
GOOD = "2026-03-01T00:00:00Z,m,x"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_headers_of_our_download_are_as_they_were_before_it(encoding: str) -> None:
    """The download guards them as it guards cells; the rows that come back keep their attributes' names."""
    data = "linefeed:row,timestamp,machineName,'=a,'+b,'c\n2,2026-03-01T00:00:00Z,m,'=1,'+x,'y\n"
    read = read_file(data.encode(encoding))
    assert read.draft.summary.unmapped_columns == ["=a", "+b", "'c"]
    assert json.loads(read.rows[2]["attributes"]) == {"=a": "=1", "+b": "+x", "'c": "'y"}


def test_a_row_that_may_have_shifted_is_refused() -> None:
    """An unquoted delimiter before an empty last cell moves all cells by one, though the last one is empty."""
    data = f"{HEADER}{GOOD}\n2026-03-01T00:00:00Z,m,a,\n2026-03-01T00:00:00Z,m\n".encode()
    assert refusals(data) == [(3, "row_too_many_cells"), (4, "row_too_few_cells")]


def test_a_delimiter_behind_every_row_is_a_style() -> None:
    """Of the rows alone, or of the header alone; a cell too many is still refused."""
    assert refusals(f"{HEADER}{GOOD},\n{GOOD},\n".encode()) == []
    assert refusals(f"{HEADER[:-1]},\n{GOOD}\n{GOOD}\n".encode()) == []
    assert refusals(f"{HEADER}{GOOD},\n{GOOD},y\n".encode()) == [(2, "row_too_many_cells"), (3, "row_too_many_cells")]


def test_a_malformed_row_is_refused_and_the_next_is_read() -> None:
    """With its line."""
    assert refusals(f'{HEADER}2026-03-01T00:00:00Z,"m"x,y\n{GOOD}\n'.encode()) == [(2, "row_malformed")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_quote_that_is_never_closed_ends_where_no_cell_goes_on(encoding: str) -> None:
    """Whether the file is cut or staged: what it swallowed is one refused row, and the rows behind it are read."""
    torn = '2026-03-01T00:00:00Z,m,"x\n' + f"{GOOD}\n" * 6000
    found = read_file(f"{HEADER}{GOOD}\n{torn}".encode(encoding))
    assert found.refused == [(3, "row_malformed")]
    assert (min(found.rows), max(found.rows)) == (2, 6003)


def test_a_text_in_json_that_is_too_long_is_refused_alone() -> None:
    """The record before it goes in."""
    records = [{"timestamp": "2026-03-01T00:00:00Z", "machineName": "m", "note": note} for note in ("x", "y" * 200_000)]
    found = read_file("\n".join(map(json.dumps, records)).encode(), import_type="json")
    assert (list(found.rows), found.refused) == ([1], [(2, "row_malformed")])


def test_a_column_of_fractions_and_percents_is_asked_for() -> None:
    """105 % would go in as 1.05 %; with the scale given, what does not fit is refused."""
    ratios = ["85", "90", "95", "0.9", "1.05"]
    data = "timestamp,machineName,performance\n" + "".join(f"2026-03-01T00:00:00Z,m,{ratio}\n" for ratio in ratios)
    with pytest.raises(UploadRejected, match=r"“performance” has values up to 1: 1, .* ratioScale") as rejection:
        planned(data.encode())
    assert rejection.value.code == "column_ratio_mixed"
    assert refusals(data.encode(), ratio_scale="percent") == [(5, "ratio_ambiguous")]


def test_blank_lines_are_no_records() -> None:
    """Neither empty lines nor rows of empty cells."""
    draft = planned(f"\n{HEADER}\n{GOOD}\n,,\n\n".encode())
    assert draft.plan.records == 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "file_empty"),
        (HEADER.encode(), "file_no_records"),
        (b'"timestamp\n', "file_header_unreadable"),
        (b"a,b\n1,2\n", "file_columns_missing"),
    ],
)
def test_a_file_without_a_table_is_rejected(data: bytes, code: str) -> None:
    """With its code."""
    with pytest.raises(UploadRejected) as rejection:
        planned(data)
    assert rejection.value.code == code


@pytest.mark.parametrize(
    ("options", "kept", "found"),
    [
        ({"max_errors": 5}, 5, 5),
        ({"max_errors": 3}, 3, 4),
        ({"max_errors": 1}, 1, 2),
        ({"max_errors": 0}, 0, 1),
        ({"max_errors": 0, "on_error": "abort"}, 5, 5),
    ],
)
def test_where_an_import_stops_follows_from_the_file(options: dict[str, Any], kept: int, found: int) -> None:
    """Before the chunk with the first refused row too many; chunks are loaded side by side, and none sees all."""
    rows = [f"2026-03-01T00:0{n}:00Z,M,{'x' if n % 2 else n}" for n in range(10)]
    data = "\n".join(["timestamp,machineName,goodParts", *rows, ""]).encode()
    bucket = OneObject(data)
    draft = _plan(bucket, len(data), 50, options)
    assert [chunk.records for chunk in draft.chunks] == [2] * 5
    ahead = read_ahead(_upload(len(data), options), draft, cast("Objects", bucket))
    assert (len(ahead.chunks), ahead.plan.chunks, ahead.summary.chunks) == (kept, kept, kept)
    assert (ahead.summary.stopped, ahead.summary.records) == (kept < 5, 10)
    assert sum(key.startswith("refused/") for key in bucket.written) == found


def test_a_plan_survives_its_way_through_s3() -> None:
    """What is written is what is read."""
    plan = planned(f"{HEADER}{GOOD}\n".encode()).plan
    assert ImportPlan.model_validate_json(plan.model_dump_json(by_alias=True)) == plan
