"""The shipped sample is what its generator makes, is a plausible plant, and holds the flaws that are expected of it."""

from __future__ import annotations

import csv
import io
import itertools
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from local.samples import SAMPLE, SAMPLE_EXPECTED
from local.samples.generate import SAMPLE_ROWS, Expected, generate
from shared.columnar.reader import TableReader
from shared.domain.problems import Severity
from shared.domain.upload import SourceObject, Upload, UploadOptions, UploadState
from shared.services.draft_plan import DraftPlan, make_plan
from shared.services.load_chunk import read_chunk
from shared.services.ports import Objects

Row = dict[str, str]


def rows_by_line(path: Path) -> Iterator[tuple[int, Row]]:
    """Each row with the line on which it starts, by the standard library's reader."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        header = next(reader)
        start = reader.line_num + 1
        for cells in reader:
            yield start, dict(zip(header, cells, strict=False))
            start = reader.line_num + 1


def sound_rows(path: Path, expected: Expected) -> list[Row]:
    """The rows that are not to be refused."""
    refused = {row.row for row in expected.refused_rows}
    return [row for line, row in rows_by_line(path) if line not in refused]


def key(row: Row) -> tuple[datetime, str, str]:
    """What a row is identified by, within its work unit."""
    return datetime.fromisoformat(row["LastUpdatedTimestamp"]), row["MachineName"], row["ProcessName"]


class OneFile:
    """A bucket that holds one file."""

    def __init__(self, path: Path) -> None:
        self._data = path.read_bytes()

    @contextmanager
    def open_range(self, _: SourceObject, start: int, end: int) -> Iterator[BinaryIO]:
        """Stream a range of it."""
        yield io.BytesIO(self._data[start:end])


def plan_of(path: Path) -> DraftPlan:
    """The plan that the system makes for a file, sent with the options that a demo sends."""
    now = datetime(2025, 11, 24, tzinfo=UTC)
    upload = Upload(
        tenant_id="t",
        upload_id="u",
        created_at=now,
        created_by="p",
        correlation_id="c",
        request_digest="d",
        state=UploadState.PLANNING,
        file_name=path.name,
        file_size=path.stat().st_size,
        mime_type="text/csv",
        object_key="k",
        options=UploadOptions(work_unit_id="w", import_type="csv"),
        source=SourceObject(key="k", version_id="v", etag="e", size=path.stat().st_size),
    )
    return make_plan(upload, cast("Objects", OneFile(path)), 8 << 20)


@pytest.fixture(scope="module")
def expected() -> Expected:
    """What is expected of the shipped sample."""
    return Expected.read(SAMPLE_EXPECTED)


def test_the_shipped_file_is_what_the_generator_makes(tmp_path: Path, expected: Expected) -> None:
    """Neither the sample nor its expectations were touched by hand (`python -m local.samples.generate` renews both)."""
    made = tmp_path / "made.csv"
    assert generate(made, rows=SAMPLE_ROWS) == expected
    assert made.read_bytes() == SAMPLE.read_bytes()


def test_the_sample_is_large_and_flawed_enough_to_show_something(expected: Expected) -> None:
    """Thousands of rows, a few dozen bad ones of many kinds, some duplicates, and still small to clone."""
    assert expected.records >= 10_000
    assert len(expected.refused_by_kind) >= 8
    assert 24 <= expected.refused <= 100
    assert expected.duplicates >= 50
    assert SAMPLE.stat().st_size < 2_500_000


def test_what_is_expected_adds_up(expected: Expected) -> None:
    """Every record has one fate, and every refused row is listed."""
    assert expected.imported + expected.duplicates + expected.refused == expected.records
    assert sum(expected.refused_by_kind.values()) == len(expected.refused_rows) == expected.refused
    assert expected.records == sum(1 for _ in rows_by_line(SAMPLE))


def test_the_duplicates_are_those_that_a_plain_count_of_keys_finds(expected: Expected) -> None:
    """A row is a duplicate by its instant, machine and process, however the instant is written."""
    keys = Counter(key(row) for row in sound_rows(SAMPLE, expected))
    assert len(keys) == expected.imported
    assert keys.total() - len(keys) == expected.duplicates


def test_the_numbers_of_a_plant_agree(expected: Expected) -> None:
    """But for the rows that carry a warning, the parts add up, and the OEE is the product of its three."""
    odd = 0
    for row in sound_rows(SAMPLE, expected):
        total, *parts = (
            Decimal(row[name]) for name in ("TotalPartsProduced", "GoodParts", "RejectParts", "ReworkParts")
        )
        minutes = Decimal(row["OperatingTime"]) + Decimal(row["DowntimeMinutes"])
        product = Decimal(1)
        for name in ("Availability", "Performance", "Quality"):
            product *= Decimal(row[name] or 0)
        odd += (
            sum(parts) != total
            or minutes > Decimal(row["PlannedProductionTime"])
            or abs(product - Decimal(row["OEE"] or 0)) > Decimal("0.0005")
            or Decimal(row["Performance"] or 0) > 1
        )
    assert odd == expected.warnings


def test_the_sample_has_what_real_exports_have(expected: Expected) -> None:
    """Leading zeros, umlauts, quoted commas, doubled quotes, newlines within cells, and hours without production."""
    rows = sound_rows(SAMPLE, expected)
    notes = "".join(row["WorkOrderNote"] for row in rows)
    assert all(mark in notes for mark in (",", '"', "\n", "ü"))
    assert all(row["BatchNumber"].startswith("0") and len(row["BatchNumber"]) == 9 for row in rows)
    assert any(row["Performance"] == "" for row in rows)
    times = [key(row)[0] for row in rows]
    assert (max(times) - min(times)).days >= 20


@pytest.mark.parametrize(("rows", "bad_share"), [(1, 0.0), (7, 0.3), (30_000, 0.05), (110_000, 0.0)])
def test_a_file_of_any_size_holds_exactly_what_is_told(tmp_path: Path, rows: int, bad_share: float) -> None:
    """The count of keys agrees with the expectations, whatever the size and the share of bad rows."""
    path = tmp_path / "made.csv"
    expected = generate(path, rows=rows, seed=7, bad_share=bad_share)
    assert expected.records == rows
    assert expected.refused == round(rows * bad_share)
    sound = sound_rows(path, expected)
    assert len(sound) == rows - expected.refused
    assert len({key(row) for row in sound}) == expected.imported


def test_another_seed_makes_another_file(tmp_path: Path) -> None:
    """The seed alone tells the files apart."""
    made = []
    for seed, name in itertools.product((1, 2), ("a", "b")):
        path = tmp_path / f"{seed}{name}.csv"
        generate(path, rows=200, seed=seed)
        made.append(path.read_bytes())
    assert made[0] == made[1]
    assert made[2] == made[3]
    assert made[0] != made[2]


def test_more_flaws_than_rows_are_refused(tmp_path: Path) -> None:
    """A file cannot consist of bad rows alone, for then there would be none to repeat."""
    with pytest.raises(ValueError, match="do not fit"):
        generate(tmp_path / "x.csv", rows=10, bad_share=0.99)


def test_the_system_refuses_exactly_what_is_expected(expected: Expected) -> None:
    """Read as an import reads it, each expected row is refused by its field and code, and no other row is."""
    draft = plan_of(SAMPLE)
    reader = TableReader(draft.plan, now=datetime(2025, 11, 24, tzinfo=UTC))
    refused, warned, keys = [], Counter[str](), set()
    for chunk in draft.chunks:
        for read in read_chunk(chunk, reader, cast("Objects", OneFile(SAMPLE))):
            for row in read.refused:
                [error] = [problem for problem in row.errors if problem.severity is Severity.ERROR]
                refused.append((row.row, error.field, error.code))
            keys |= set(read.values.select("timestamp", "machine_name", "process_name").iter_rows())
            warned += read.warnings
    assert refused == [(row.row, row.field, row.code) for row in expected.refused_rows]
    assert warned == expected.warnings_by_code
    assert len(keys) == expected.imported
    assert draft.summary.records == expected.records


def test_two_columns_of_the_sample_map_to_no_field() -> None:
    """They show that nothing of a file is lost; all others are known by the source system's names."""
    assert plan_of(SAMPLE).summary.unmapped_columns == ["MoldTemperatureC", "WorkOrderNote"]
