"""What the read side shows of refused rows: all of them, in pages that an answer can hold."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, BinaryIO, cast

import pytest

from shared.domain import object_keys
from shared.domain.problems import row_problem
from shared.domain.refused import RefusedRow
from shared.domain.upload import PlanSummary, Totals, Upload, UploadOptions, UploadState
from shared.errors import RequestRefused
from shared.services.ports import Objects
from shared.services.read_status import refused_rows, sample_of_errors, show_refused_row, show_upload

_HEADER = ["timestamp", "machineName", "goodParts"]


class Stored:
    """The port `Objects` as far as it is read, over a dictionary."""

    def __init__(self, objects: dict[str, bytes]) -> None:
        self._objects = objects

    def keys(self, prefix: str, *, start_after: str = "") -> Iterator[str]:
        """In order."""
        return (key for key in sorted(self._objects) if key.startswith(prefix) and key > start_after)

    @contextmanager
    def open_read(self, key: str, start: int = 0) -> Iterator[BinaryIO]:
        """From a byte on."""
        yield io.BytesIO(self._objects[key][start:])


def an_upload() -> Upload:
    plan = PlanSummary(records=1, chunks=1, header=_HEADER, columns={}, unmapped_columns=[], decisions=[])
    return Upload(
        tenant_id="tenant",
        upload_id="upload",
        created_at=datetime(2026, 3, 1, tzinfo=UTC),
        created_by="u",
        correlation_id="c",
        request_digest="d",
        state=UploadState.COMPLETED_WITH_ERRORS,
        file_name="f.csv",
        file_size=1,
        mime_type="text/csv",
        object_key="k",
        options=UploadOptions(work_unit_id="w", import_type="csv"),
        plan=plan,
    )


def _row(row: int, *cells: str) -> RefusedRow:
    return RefusedRow(row=row, cells=list(cells), errors=[row_problem("required", field="goodParts")])


def _store(*chunks: list[RefusedRow]) -> Objects:
    return cast("Objects", Stored(a_store(*chunks)))


def a_store(*chunks: list[RefusedRow]) -> dict[str, bytes]:
    lines = [b"".join(row.model_dump_json().encode() + b"\n" for row in rows) for rows in chunks]
    return {object_keys.refused_rows("tenant", "upload", index): data for index, data in enumerate(lines)}


def _pages(objects: Objects, limit: int) -> list[list[int]]:
    pages, cursor = [], None
    while True:
        page = refused_rows(an_upload(), limit, cursor, objects)
        pages.append([row["row"] for row in page.items])
        cursor = page.cursor
        if cursor is None:
            return pages


def test_the_totals_of_an_import_that_was_stopped_add_up() -> None:
    """What has no fate is said."""
    totals = Totals(records=9, imported=3, duplicates=1, refused=2)
    shown = show_upload(an_upload().model_copy(update={"totals": totals}))["totals"]
    assert shown["unprocessed"] == 3
    assert shown["imported"] + shown["duplicates"] + shown["refused"] + shown["unprocessed"] == shown["records"]


def test_pages_follow_each_other_over_the_chunks() -> None:
    """Each row comes once."""
    objects = _store([_row(2, "a"), _row(3, "b")], [_row(7, "c")], [_row(8, "d"), _row(9, "e")])
    assert _pages(objects, 2) == [[2, 3], [7, 8], [9]]


def test_the_status_has_a_bounded_sample_of_what_is_wrong() -> None:
    """Of the first rows, in the shape that errors have everywhere, with long values cut; none while it is running."""
    broken = RefusedRow(row=3, cells=["a"], errors=[row_problem("required", field="x", value="y" * 9_000)] * 30)
    objects = _store([_row(2, "a"), broken], [_row(n, "b") for n in range(4, 100)])
    assert sample_of_errors(an_upload(), objects) == []
    sample = sample_of_errors(an_upload().model_copy(update={"refused_rows_key": "k"}), objects)
    assert sample[0] == {
        "row": 2,
        "field": "goodParts",
        "value": None,
        "code": "required",
        "error": "A value is required here",
        "severity": "error",
    }
    assert len(sample) == 20
    assert max(len(json.dumps(error)) for error in sample) < 500


def test_a_page_of_long_rows_is_shorter_than_asked_for() -> None:
    """A function's answer may have six megabytes; a row may have a quarter of them."""
    long = "x" * 900_000
    pages = _pages(_store([_row(n, long, "m") for n in range(5)]), 200)
    assert [row for page in pages for row in page] == [0, 1, 2, 3, 4]
    assert max(len(page) for page in pages) < 5
    assert min(len(page) for page in pages) > 0


def test_a_row_longer_than_an_answer_is_shown_cut_and_does_not_stop_those_behind() -> None:
    """Its texts end by saying that they were cut, and the row says so too."""
    page = refused_rows(
        an_upload(), 200, None, _store([_row(1, "a", "m"), _row(2, "x" * 8_000_000, "m"), _row(3, "b")])
    )
    assert [row["row"] for row in page.items] == [1, 2, 3]
    assert [row.get("truncated") for row in page.items] == [None, True, None]
    assert page.items[1]["record"]["timestamp"] == "x" * 10_000 + "… (cut, of 8,000,000 characters)"
    assert page.items[1]["record"]["machineName"] == "m"


_LONG = '😀"\\\x01' * 300_000


@pytest.mark.parametrize(
    "row",
    [
        _row(2, *[_LONG[:100_000]] * 60),
        _row(2, *[""] * 1_000_000),
        _row(2, *["é"] * 500_000),
        _row(2, _LONG),
        RefusedRow(row=2, cells=["a", "b"], errors=[row_problem("required", field="x", value=_LONG)] * 30),
    ],
)
def test_no_page_is_larger_than_a_functions_answer(row: RefusedRow) -> None:
    """Whatever a row is long by, also where all of it must be escaped; and every page leads to the next."""
    objects = _store([_row(1, "a"), row, *[_row(n, "x" * 5_000) for n in range(3, 200)]])
    rows, cursor = [], None
    while True:
        page = refused_rows(an_upload(), 200, cursor, objects)
        body = json.dumps({"refusedRows": page.items}, ensure_ascii=False)
        assert len(json.dumps({"statusCode": 200, "body": body})) < 6_000_000
        rows += page.items
        cursor = page.cursor
        if cursor is None:
            break
    assert [row["row"] for row in rows] == list(range(1, 200))
    assert rows[1]["truncated"] is True
    assert isinstance(rows[1]["record"], str) == (len(row.cells) == 1)


@pytest.mark.parametrize(
    ("cells", "record"),
    [
        (("t", "m"), {"timestamp": "t", "machineName": "m", "goodParts": ""}),
        (
            ("t", "m", "1", "x", "y"),
            {"timestamp": "t", "machineName": "m", "goodParts": "1", "Column 4": "x", "Column 5": "y"},
        ),
        (('2026,"unclosed',), '2026,"unclosed'),
    ],
)
def test_every_cell_of_a_row_is_shown(cells: tuple[str, ...], record: Any) -> None:
    """Also those behind the last column, which are why it was refused."""
    assert show_refused_row(_row(2, *cells), _HEADER)["record"] == record


@pytest.mark.parametrize("cursor", ["", "x", "1", "1:2:3", "-1:0", "0:-1", "0:1"])
def test_a_cursor_that_no_page_gave_is_refused(cursor: str) -> None:
    """As the caller's fault."""
    with pytest.raises(RequestRefused) as caught:
        refused_rows(an_upload(), 5, cursor, _store([_row(2, "a")]))
    assert (caught.value.status, caught.value.code) == (422, "cursor_invalid")
