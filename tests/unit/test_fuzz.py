"""Whatever bytes come: an error with a code, or a fate for every record; never a crash, and never a silent success."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Literal
from zipfile import ZipFile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.domain.problems import FILE_PROBLEMS
from shared.errors import UploadRejected
from tests.unit.test_plan import Reading, read_file
from tests.workbooks import patch_zip

GOLDEN = Path(__file__).parents[1] / "golden"
SEEDS = {
    kind: [path.read_bytes() for path in sorted((GOLDEN / kind).iterdir()) if path.suffix != ".md"]
    for kind in ("csv", "json")
}
WORKBOOKS = [GOLDEN / "excel" / f"typed.{kind}" for kind in ("xlsx", "xlsb", "ods", "xls")]
HEADER = b"timestamp,machineName,goodParts\n"

noise = st.binary(max_size=60) | st.binary(min_size=1000, max_size=5000)
edits = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 40), noise), min_size=1, max_size=4)


def damaged(data: bytes, changes: list[tuple[float, int, bytes]]) -> bytes:
    """Some bytes cut out and others put in."""
    for share, length, put in changes:
        at = int(share * len(data))
        data = data[:at] + put + data[at + length :]
    return data


def result_of(data: bytes, import_type: Literal["csv", "json", "excel"]) -> Reading | UploadRejected:
    try:
        return read_file(data, chunk_bytes=300, import_type=import_type, time_zone="Europe/Berlin")
    except UploadRejected as rejection:
        return rejection


def check(data: bytes, import_type: Literal["csv", "json", "excel"]) -> None:
    found = result_of(data, import_type)
    if isinstance(found, UploadRejected):
        assert (found.code in FILE_PROBLEMS, bool(found.message)) == (True, True)
        return
    refused = {row for row, _ in found.refused}
    assert found.draft.plan.records == len(found.rows) + len(refused) > 0
    assert not refused & found.rows.keys()


@settings(max_examples=150)
@pytest.mark.parametrize("import_type", ["csv", "json"])
@given(st.data())
def test_damaged_files(import_type: Literal["csv", "json"], data: st.DataObject) -> None:
    """Real files with bytes lost and others put in."""
    check(damaged(data.draw(st.sampled_from(SEEDS[import_type])), data.draw(edits)), import_type)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("workbook", WORKBOOKS, ids=lambda path: path.suffix)
@given(data=st.data())
def test_damaged_workbooks(workbook: Path, data: st.DataObject, tmp_path: Path) -> None:
    """Damaged as files, and damaged within their archive, which is then whole."""
    changes = data.draw(edits)
    if workbook.suffix == ".xls" or data.draw(st.booleans()):
        check(damaged(workbook.read_bytes(), changes), "excel")
        return
    copy = tmp_path / workbook.name
    copy.write_bytes(workbook.read_bytes())
    with ZipFile(copy) as archive:
        part = data.draw(st.sampled_from(sorted(archive.namelist())))
    patch_zip(copy, part, lambda content: damaged(content, changes))
    check(copy.read_bytes(), "excel")


@settings(max_examples=150)
@pytest.mark.parametrize("import_type", ["csv", "json"])
@given(noise, st.booleans())
def test_random_bytes(import_type: Literal["csv", "json"], data: bytes, packed: bool) -> None:
    """By themselves and behind a good header, plain and gzip-ed."""
    for file in (data, HEADER + data):
        check(gzip.compress(file) if packed else file, import_type)


@settings(max_examples=150)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_json_value(value: object) -> None:
    """Whatever its shape."""
    check(json.dumps(value).encode(), "json")
