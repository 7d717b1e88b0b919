"""The statistics of the parts of a file, merged, are those of the whole; and they are what is in the file."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import reduce
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.columnar.quality import quality_of
from shared.columnar.reader import ReadRows
from shared.domain.plan import Dialect, ImportPlan
from shared.domain.problems import Problem, Severity
from shared.domain.quality import MOST_NAMES, MOST_PERIODS, MOST_REFUSALS, SAMPLE_ROWS, Quality
from shared.domain.quality_report import report_of
from shared.domain.refused import RefusedRow
from shared.domain.upload import Decision, PlanSummary, SourceObject, Totals, Upload, UploadOptions, UploadState
from shared.domain.value_sketch import MOST_BUCKETS, ValueSketch, sketch_of

START = datetime(2026, 3, 1, tzinfo=UTC)
SCHEMA: dict[str, Any] = {
    "source_row": pl.Int64,
    "timestamp": pl.Datetime("us", "UTC"),
    "machine_name": pl.String,
    "process_name": pl.String,
    "part_number": pl.String,
    "good_parts": pl.Float64,
    "cycle_time_seconds": pl.Float64,
    "availability": pl.Float64,
    "performance": pl.Float64,
    "quality": pl.Float64,
    "oee_score": pl.Float64,
}
COLUMNS = list(SCHEMA)[1:]


def plan_of(records: int, **options: Any) -> ImportPlan:
    return ImportPlan(
        tenant_id="t",
        upload_id="u",
        source=SourceObject(key="k", version_id="v", etag="e", size=1),
        options=UploadOptions(work_unit_id="w", import_type="csv", **options),
        dialect=Dialect(encoding="utf-8", delimiter=","),
        staged=False,
        header=COLUMNS,
        fewest_cells=len(COLUMNS),
        trailing_delimiter=False,
        columns=list(COLUMNS),
        attribute_names={},
        guarded=False,
        number_style={},
        date_order=None,
        ratio_scale={},
        records=records,
        chunks=1,
    )


def read_of(rows: list[tuple[Any, ...]], refused: list[RefusedRow] | None = None, **warnings: int) -> ReadRows:
    values = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    return ReadRows(values, values, refused or [], warned=sum(warnings.values()), warnings=Counter(warnings))


def refused_row(row: int, *problems: tuple[str, str | None, str]) -> RefusedRow:
    errors = [Problem(field, value, code, f"{code} is wrong") for code, field, value in problems]
    return RefusedRow(row=row, cells=["x"], errors=errors)


class Maker:
    """Makes rows by seed, with as many different names, days and values as are asked for."""

    def __init__(self, seed: int, variety: int, absent: float) -> None:
        self._random = random.Random(seed)
        self._variety = variety
        self._absent = absent

    def _maybe(self, value: Any) -> Any:
        return None if self._random.random() < self._absent else value

    def row(self, row: int) -> tuple[Any, ...]:
        """One accepted row."""
        draw, many = self._random, self._variety
        return (
            row,
            START + timedelta(hours=7 * draw.randrange(many * 3), minutes=draw.randrange(60)),
            f"Press {draw.randrange(many)}",
            self._maybe(draw.choice(["stamping", "Schweißen"])),
            self._maybe("P" * draw.randrange(1, 40)),
            self._maybe(float(draw.randrange(many))),
            self._maybe(10.0 ** draw.randrange(-6, 12) * draw.randrange(1, 10)),
            *(self._maybe(draw.randrange(101) / 100) for _ in range(4)),
        )

    def refused(self, row: int) -> RefusedRow:
        """One refused row."""
        draw = self._random
        fields = ["goodParts", None, f"attribute {draw.randrange(self._variety)}"]
        problems = [(f"code_{draw.randrange(3)}", draw.choice(fields), str(draw.random())) for _ in range(2)]
        return refused_row(row, *problems)

    def part(self, first: int, count: int) -> ReadRows:
        """Rows that follow each other; the row number stands still sometimes, as in a file of one line."""
        rows = [self.row(first + n // 2) for n in range(count)]
        refused = [self.refused(first + n) for n in range(count // 3)]
        return read_of(rows, refused, oee_differs=count // 5)


@settings(max_examples=60)
@given(
    st.integers(0, 2**32),
    st.sampled_from([1, 3, 50, 700]),
    st.sampled_from([0.0, 0.3, 1.0]),
    st.lists(st.integers(0, 300), min_size=1, max_size=5),
    st.sampled_from([1, SAMPLE_ROWS * 3]),
    st.randoms(),
)
def test_any_chunks_in_any_order_make_the_statistics_of_the_whole(
    seed: int, variety: int, absent: float, sizes: list[int], records: int, order: random.Random
) -> None:
    """Also over many names, days and values, and where the sample is a part of the rows."""
    plan = plan_of(records, time_zone="Europe/Berlin")
    maker = Maker(seed, variety, absent)
    parts = [maker.part(1000 * i, size) for i, size in enumerate(sizes)]
    whole = quality_of(parts, plan)
    qualities = [quality_of([part], plan) for part in parts]
    order.shuffle(qualities)
    assert reduce(Quality.merged, qualities, Quality()) == whole
    middle = len(qualities) // 2
    left, right = (reduce(Quality.merged, some, Quality()) for some in (qualities[:middle], qualities[middle:]))
    assert left.merged(right) == right.merged(left) == whole
    assert Quality.model_validate_json(whole.model_dump_json(by_alias=True)) == whole


def test_the_statistics_are_bounded() -> None:
    """Whatever the file holds."""
    part = Maker(1, 20_000, 0.0).part(0, 6000)
    quality = quality_of([part], plan_of(6000))
    assert len(quality.machines.counts) == MOST_NAMES
    assert quality.machines.other_rows == 6000 - sum(quality.machines.counts.values())
    assert len(quality.refusals.by_column) == MOST_REFUSALS
    assert quality.refusals.others > 0
    assert len(quality.periods.counts) <= MOST_PERIODS
    assert quality.periods.period == "year"
    assert max(len(number.sketch.counts) for number in quality.numbers.values()) <= MOST_BUCKETS
    assert len(quality.model_dump_json(by_alias=True)) < 100_000


@given(
    st.lists(st.decimals(0, 10**9, places=6).map(float), min_size=1, max_size=600), st.sampled_from([0.25, 0.5, 0.75])
)
def test_a_quantile_is_as_near_as_it_says(values: list[float], share: float) -> None:
    """Of the value with that rank, by the relative error that is told; exact while the values are few."""
    sketch = reduce(ValueSketch.merged, (sketch_of(Counter([_bits(value)])) for value in values))
    exact = sorted(values)[max(1, -(-len(values) * int(share * 4) // 4)) - 1]
    found = sketch.quantile(share)
    assert found is not None
    assert sketch.total == len(values)
    assert abs(found - exact) <= exact * sketch.relative_error * (1 + 1e-12)
    assert sketch.relative_error == 0 or len(set(values)) > MOST_BUCKETS


def _bits(value: float) -> int:
    return int(pl.Series([value]).reinterpret(dtype=pl.UInt64)[0])


@given(st.lists(st.decimals(0, 999_999_999_999, places=6), min_size=1, max_size=50))
def test_a_sum_is_exact(values: list[Decimal]) -> None:
    """Of the doubles that the values are, also where their millionths need more than 64 bits."""
    rows = [(i, START, "m", None, None, float(value), *(None,) * 5) for i, value in enumerate(values * 40)]
    quality = quality_of([read_of(rows)], plan_of(1))
    wanted = sum(40 * int(float(value) * 1e6 + 0.5) for value in values)
    assert quality.numbers["goodParts"].sum_millionths == wanted


def test_days_are_those_of_the_zone() -> None:
    """The night shift's rows before midnight UTC are of the next day in Berlin."""
    rows = [(i, START + timedelta(hours=hour), "m", *(None,) * 8) for i, hour in enumerate((21, 22, 23, 47))]
    assert quality_of([read_of(rows)], plan_of(1)).periods.counts == {"2026-03-01": 3, "2026-03-02": 1}
    berlin = quality_of([read_of(rows)], plan_of(1, time_zone="Europe/Berlin"))
    assert berlin.periods.counts == {"2026-03-01": 2, "2026-03-02": 1, "2026-03-03": 1}


def test_a_sample_is_spread_over_machines_that_take_turns() -> None:
    """The rows that are sampled do not follow the period of the file."""
    rows = [
        (i, START + timedelta(minutes=i // 40), "m", None, None, float(i % 40), *(None,) * 5) for i in range(40_000)
    ]
    quality = quality_of([read_of(rows)], plan_of(40_000))
    sketch = quality.numbers["goodParts"].sketch
    assert sketch.total == quality.sampled == pytest.approx(10_000, rel=0.05)
    assert len(sketch.counts) == 40
    assert min(sketch.counts.values()) > 150
    assert max(sketch.counts.values()) < 350


def test_nothing_read_is_no_statistics() -> None:
    """An empty chunk, one of refused rows alone, and columns without a value."""
    assert quality_of([], plan_of(1)) == quality_of([read_of([])], plan_of(1)) == Quality()
    refused = quality_of([read_of([], [refused_row(3, ("required", "timestamp", ""))])], plan_of(1))
    assert (refused.records, refused.accepted, refused.refusals.by_code) == (1, 0, {"required": 1})
    bare = quality_of([read_of([(1, START, "m", *(None,) * 8)])], plan_of(1))
    assert bare.present["goodParts"] == 0
    assert bare.numbers == {}


def test_a_row_counts_once_for_a_reason() -> None:
    """Of a refused row its errors count, its warnings do not; the first row of a reason is its example."""
    warning = Problem("oeeScore", "1", "oee_differs", "…", Severity.WARNING)
    twice = refused_row(9, ("required", "shift", ""), ("number_unreadable", "goodParts", "nine"))
    rows = [refused_row(7, ("number_unreadable", "goodParts", "x" * 500)), twice]
    rows[1].errors.append(warning)
    refusals = quality_of([read_of([], rows)], plan_of(1)).refusals
    assert (refusals.rows, refusals.by_code) == (2, {"number_unreadable": 2, "required": 1})
    [unreadable, required] = refusals.by_column
    assert (unreadable.field, unreadable.rows, unreadable.first_row, unreadable.value) == ("goodParts", 2, 7, "x" * 100)
    assert (required.field, required.rows, required.first_row) == ("shift", 1, 9)


def upload_of(**changes: Any) -> Upload:
    upload = Upload(
        tenant_id="t",
        upload_id="u",
        created_at=START,
        created_by="somebody",
        correlation_id="c",
        request_digest="",
        state=UploadState.COMPLETED_WITH_ERRORS,
        file_name="shift.csv",
        file_size=1,
        mime_type="text/csv",
        object_key="k",
        options=UploadOptions(work_unit_id="press-shop", import_type="csv"),
        plan=PlanSummary(
            records=42,
            chunks=1,
            header=["Zeit", "machineName", "Gutmenge", "oee", "Note"],
            columns={"Zeit": "timestamp", "machineName": "machineName", "Gutmenge": "goodParts", "oee": "oeeScore"},
            unmapped_columns=["Note"],
            decisions=[Decision(subject="encoding", choice="utf-8", evidence="all of it is")],
        ),
        totals=Totals(records=42, imported=38, duplicates=2, refused=2, warnings=1),
    )
    return upload.model_copy(update=changes)


def known_quality() -> Quality:
    """40 rows whose good parts are 1 to 39 and a slip of 9,700; one row states another OEE, one has no factor."""
    rows: list[tuple[Any, ...]] = []
    for n in range(1, 41):
        good = float(n) if n < 40 else 9700.0
        oee = 0.5 if n == 7 else 0.729
        factors = (0.9, 0.9, 0.9) if n != 8 else (None, 0.9, 0.9)
        rows.append((n + 1, START + timedelta(hours=n), f"Press {n % 2}", None, None, good, None, *factors, oee))
    refused = [
        refused_row(50, ("number_unreadable", "goodParts", "ca. 5")),
        refused_row(51, ("row_malformed", None, "x")),
    ]
    return quality_of([read_of(rows, refused, oee_differs=1)], plan_of(42))


def test_a_report_is_what_one_counts_by_hand() -> None:
    """Every number of a small file."""
    report = report_of(upload_of(), known_quality())
    assert report.totals.model_dump() == {
        "records": 42, "imported": 38, "duplicates": 2, "refused": 2, "unprocessed": 0, "with_warnings": 1,
    }  # fmt: skip
    assert report.statistics_of.model_dump() == {"records": 42, "accepted": 40, "refused": 2, "sampled": 40}
    assert [(one.code, one.rows) for one in report.refusals] == [("number_unreadable", 1), ("row_malformed", 1)]
    assert [(one.column, one.rows, one.first_row, one.example) for one in report.refusals_by_column] == [
        ("Gutmenge", 1, 50, "ca. 5"),
        (None, 1, 51, "x"),
    ]
    assert [(one.code, one.rows) for one in report.warnings] == [("oee_differs", 1)]
    fields = {field.field: field for field in report.fields}
    good = fields["goodParts"]
    assert (good.column, good.present, good.missing, good.missing_share) == ("Gutmenge", 40, 0, 0.0)
    assert good.number is not None
    assert (good.number.lowest, good.number.highest, good.number.mean) == (1.0, 9700.0, 262.0)
    assert good.number.quartiles is not None
    assert good.number.quartiles.model_dump() == {"lower": 10, "median": 20, "upper": 30, "relative_error": 0}
    assert good.number.outliers is not None
    assert good.number.outliers.model_dump() == {
        "low": -50, "high": 90, "rows": 1, "estimated": False, "examples": [{"value": 9700, "row": 41}],
    }  # fmt: skip
    assert (fields["availability"].present, fields["availability"].missing_share) == (39, 0.025)
    assert fields["cycleTimeSeconds"].number is None
    assert fields["cycleTimeSeconds"].missing_share == 1
    assert (fields["machineName"].shortest, fields["machineName"].longest) == (7, 7)
    assert report.unmapped_columns == ["Note"]
    assert "shift" in report.absent_fields
    assert report.time.span is not None
    assert (report.time.span.first.at, report.time.span.first.row) == (START + timedelta(hours=1), 2)
    assert (report.time.span.last.at, report.time.span.last.row) == (START + timedelta(hours=40), 41)
    assert report.time.rows.counts == {"2026-03-01": 23, "2026-03-02": 17}
    assert [(one.name, one.rows) for one in report.machines.names] == [("Press 0", 20), ("Press 1", 20)]
    assert report.machines.complete
    assert report.processes.names == []
    assert report.oee.model_dump() == {
        "stated": True, "compared": 39, "differing": 1, "tolerance": 0.002, "largest_difference": 0.229,
        "largest_difference_row": 8,
    }  # fmt: skip


def test_a_derived_oee_is_not_compared_with_itself() -> None:
    """Where the file states none."""
    plan = plan_of(1).model_copy(update={"columns": [*COLUMNS[:-1], None]})
    row = (2, START, "m", None, None, 1.0, 1.0, 0.9, 0.9, 0.9, 0.729)
    quality = quality_of([read_of([row])], plan)
    assert quality.oee.compared == 0
    assert quality.present["oeeScore"] == 1


def test_alike_values_have_no_outliers() -> None:
    """Where the middle half of a column is one value, distance from it says nothing."""
    rows = [(n, START, "m", None, None, 5.0 if n else 6.0, *(None,) * 5) for n in range(100)]
    report = report_of(upload_of(), quality_of([read_of(rows)], plan_of(1)))
    [number] = [field.number for field in report.fields if field.field == "goodParts"]
    assert number is not None
    assert number.outliers is None


def test_an_import_that_failed_before_reading_has_a_report_of_its_failure() -> None:
    """With zeros, and not an error."""
    report = report_of(upload_of(plan=None, totals=None, state=UploadState.FAILED), Quality())
    assert (report.totals.records, report.fields, report.time.span) == (0, [], None)
