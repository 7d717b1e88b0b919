"""What the read side shows of refused rows: all of them, in pages that an answer can hold."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, BinaryIO, cast

import pytest

from shared.domain import object_keys
from shared.domain.problems import row_problem
from shared.domain.refused import RefusedRow
from shared.domain.upload import PlanSummary, Upload, UploadOptions, UploadState
from shared.errors import RequestRefused
from shared.services.ports import Objects
from shared.services.read_status import refused_rows, show_refused_row

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


def _upload() -> Upload:
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
    lines = [b"".join(row.model_dump_json().encode() + b"\n" for row in rows) for rows in chunks]
    stored = {object_keys.refused_rows("tenant", "upload", index): data for index, data in enumerate(lines)}
    return cast("Objects", Stored(stored))


def _pages(objects: Objects, limit: int) -> list[list[int]]:
    pages, cursor = [], None
    while True:
        page = refused_rows(_upload(), limit, cursor, objects)
        pages.append([row.row for row in page.items])
        cursor = page.cursor
        if cursor is None:
            return pages


def test_pages_follow_each_other_over_the_chunks() -> None:
    """Each row comes once."""
    objects = _store([_row(2, "a"), _row(3, "b")], [_row(7, "c")], [_row(8, "d"), _row(9, "e")])
    assert _pages(objects, 2) == [[2, 3], [7, 8], [9]]


def test_a_page_of_long_rows_is_shorter_than_asked_for() -> None:
    """A function's answer may have six megabytes; a row may have one of them."""
    long = "x" * 900_000
    pages = _pages(_store([_row(n, long, "m") for n in range(5)]), 200)
    assert [row for page in pages for row in page] == [0, 1, 2, 3, 4]
    assert max(len(page) for page in pages) < 5
    assert min(len(page) for page in pages) > 0


def test_a_row_longer_than_a_page_comes_alone() -> None:
    """It does not stop the ones behind it."""
    assert _pages(_store([_row(1, "a"), _row(2, "x" * 3_000_000), _row(3, "b")]), 200) == [[1], [2], [3]]


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
    assert show_refused_row(_row(2, *cells), _upload())["record"] == record


@pytest.mark.parametrize("cursor", ["", "x", "1", "1:2:3", "-1:0", "0:-1", "0:1"])
def test_a_cursor_that_no_page_gave_is_refused(cursor: str) -> None:
    """As the caller's fault."""
    with pytest.raises(RequestRefused) as caught:
        refused_rows(_upload(), 5, cursor, _store([_row(2, "a")]))
    assert (caught.value.status, caught.value.code) == (422, "cursor_invalid")
