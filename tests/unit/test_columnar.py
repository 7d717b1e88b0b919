"""The columnar way accepts nothing that pydantic would refuse, and stores what pydantic would have read."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.columnar.reader import ReadRows, TableReader
from shared.columnar.rows import RowReader
from shared.domain.field_types import Reading
from shared.domain.number_style import NumberStyle
from shared.domain.plan import Dialect, ImportPlan
from shared.domain.record import RATIO_FIELDS, ProductionRecord, api_name
from shared.domain.upload import DateOrder, RatioScale, SourceObject, UploadOptions
from shared.formats.delimited import TextRecord
from shared.formats.tables import ROW, TextTable

NOW = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
FIELDS = list(ProductionRecord.model_fields)
NUMBERS = [name for name in FIELDS if name.endswith(("parts", "parts_produced", "minutes", "seconds"))]
STYLES = [NumberStyle(), NumberStyle(decimal=",", thousands="."), NumberStyle(decimal=".", thousands=" ")]


def plan_for(
    columns: list[str | None],
    *,
    style: NumberStyle = STYLES[0],
    scale: RatioScale = "fraction",
    order: DateOrder | None = None,
    **options: Any,
) -> ImportPlan:
    return ImportPlan(
        tenant_id="t",
        upload_id="u",
        source=SourceObject(key="k", version_id="v", etag="e", size=1),
        options=UploadOptions(work_unit_id="w", **{"import_type": "csv"} | options),
        dialect=Dialect(encoding="utf-8", delimiter=","),
        staged=False,
        header=[name or "" for name in columns],
        fewest_cells=len(columns),
        trailing_delimiter=False,
        columns=columns,
        attribute_names={i: f"a {i}" for i, name in enumerate(columns) if name is None},
        guarded=False,
        number_style=dict.fromkeys([*NUMBERS, *RATIO_FIELDS], style),
        date_order=order,
        ratio_scale=dict.fromkeys(RATIO_FIELDS, scale),
        records=1,
        chunks=1,
    )


def table_of(rows: list[list[str]], columns: int) -> TextTable:
    frame = pl.DataFrame(
        [[line, *(cell or None for cell in row)] for line, row in enumerate(rows, start=2)],
        schema={ROW: pl.Int64} | {str(i): pl.String for i in range(columns)},
        orient="row",
    )
    return TextTable(frame, [])


def stored(read: ReadRows) -> dict[int, dict[str, Any]]:
    """What Postgres would have of each row: its texts read as Postgres reads them."""
    rows = read.texts.rows(named=True)
    return {row.pop("source_row"): {name: _as_postgres(name, text) for name, text in row.items()} for row in rows}


def _as_postgres(name: str, text: str | None) -> Any:
    if text is None:
        return None
    if name == "attributes":
        return json.loads(text)
    if name == "timestamp":
        return datetime.fromisoformat(text).astimezone(UTC)
    return Decimal(text) if name in NUMBERS or name in RATIO_FIELDS else text


def row_wise(plan: ImportPlan, table: TextTable) -> ReadRows:
    """All of a table by pydantic."""
    records = [TextRecord(row[0], 0, [cell or "" for cell in row[1:]]) for row in table.frame.iter_rows()]
    return TableReader(plan, NOW)._read_singly(records)  # noqa: SLF001 (the way that is the measure)


def same(read: ReadRows, expected: ReadRows) -> None:
    assert stored(read) == stored(expected)
    assert read.refused == expected.refused
    assert (read.warned, read.warnings) == (expected.warned, expected.warnings)
    values, others = (one.values.sort("source_row") for one in (read, expected))
    assert values.drop("timestamp", strict=False).equals(others.drop("timestamp", strict=False))


digits = st.from_regex(r"[+-]?[0-9]{0,13}([.,][0-9]{0,8})?(e[+-]?[0-9]{1,2})?", fullmatch=True)
hostile = st.sampled_from(
    [
        "", " ", "\u00a0", "nan", "NaN", "inf", "-inf", "infinity", "1_000", "0x1F", "1e400",
        "-0", "+0", "-0.0", ".5", "5.",
        "١٢", "1 234,5", "1.234,5", "1.234", "12,345", "0.123456", "0.1234567", "0.12345600000000001",
        "999999999.999999",
        "999999999999.999999", "1000000000000", "1e-7", "1e5", " 7 ", "7%", "7 %", "%",
        "0.5%", "100", "100.0000001", "1,5",
        "2", "1.0000", "0.30000000000000004", "\x1f", "'5", "1e", "−5", "½", "9" * 30, "0.000001", "00012", "12abc",
    ]
)  # fmt: skip
small = st.integers(0, 120).map(str)
places = st.decimals(0, 5000, places=4).map(str)
number_cells = st.one_of(small, small, places, digits, hostile)
ratio_cells = st.one_of(
    st.decimals(0, 1, places=4).map(str),
    st.decimals(0, 120, places=2).map(str),
    hostile,
    digits,
    small.map("{}%".format),
)
moments = st.datetimes(datetime(2025, 3, 25), datetime(2026, 3, 2))  # noqa: DTZ001 (written in any form)
offsets = st.sampled_from(
    ["Z", "+01:00", "-0330", "+14:00", "+15:00", "+18:59", "+19:00", "", "", "+01", "z", " +01:00"]
)
stamps = st.one_of(
    st.builds(lambda moment, offset: moment.isoformat(timespec="seconds") + offset, moments, offsets),
    st.builds(lambda moment, offset: moment.isoformat(sep=" ") + offset, moments, offsets),
    moments.map(lambda moment: moment.strftime("%Y%m%d%H%M%S")),
    moments.map(lambda moment: moment.strftime("%d.%m.%Y %H:%M")),
    moments.map(lambda moment: f"{moment.month}/{moment.day}/{moment.year} {moment.hour}:{moment.minute:02}:07"),
    st.sampled_from(
        [
            "2026-02-29T00:00:00Z", "2026-03-01T12:00:00Z", "2026-03-01T12:00:00.250000Z", "2026-03-01T12:00:00.3Z",
            "2026-03-01T24:00:00Z", "2026-03-01T23:59:60Z", "2026-03-01", "20260301", "2026-03-01T10:00",
            "1899-01-01T00:00:00Z",
            "2200-01-01T00:00:00Z", "2026-03-01T10:00:00.1234567Z", "2026-03-01 10:00:00.120000000",
            "2025-03-30T02:30:00", "2025-10-26 02:30:00",
            "2026-3-1T10:00:00Z", "２０２６-03-01T10:00:00Z", " 2026-03-01T10:00:00Z ",
            "01.13.2026 10:00", "13/01/2026 10:00",
        ]
    ),
    hostile,
)  # fmt: skip
letters = st.characters(exclude_characters="\x00", exclude_categories=["Cs"])
texts = st.one_of(st.sampled_from(["Press 1", "M", "#N/A", "#REF!"]), st.text(letters, max_size=110), hostile)


def cells_of(name: str | None) -> st.SearchStrategy[str]:
    if name == "timestamp":
        return stamps
    if name in RATIO_FIELDS:
        return ratio_cells
    return number_cells if name in NUMBERS else texts


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str | None], list[list[str]]]:
    """Columns with the required fields and some others, and rows for them."""
    others = draw(st.lists(st.sampled_from([*FIELDS[2:], None]), max_size=9, unique=True))
    columns = ["timestamp", "machine_name", *others]
    rows = draw(st.lists(st.tuples(*map(cells_of, columns)).map(list), min_size=1, max_size=8))
    return columns, rows


@settings(max_examples=300)
@given(
    tables(),
    st.sampled_from(STYLES),
    st.sampled_from(["fraction", "percent"]),
    st.sampled_from([None, "YMD", "DMY", "MDY"]),
    st.sampled_from([None, "Europe/Berlin", "America/St_Johns"]),
    st.sampled_from(["csv", "excel"]),
    st.booleans(),
)
def test_columns_read_as_rows_do(
    table: tuple[list[str | None], list[list[str]]],
    style: NumberStyle,
    scale: RatioScale,
    order: DateOrder | None,
    zone: str | None,
    kind: str,
    rules: bool,
) -> None:
    """Whatever stands in the cells: the same rows stored, the same refused for the same reasons, the same warnings."""
    columns, rows = table
    plan = plan_for(
        columns, style=style, scale=scale, order=order, time_zone=zone, import_type=kind, validate_data=rules
    )
    texts_of_file = table_of(rows, len(columns))
    read = TableReader(plan, NOW).read(texts_of_file)
    same(read, row_wise(plan, texts_of_file))
    for name in {"timestamp", *NUMBERS, *RATIO_FIELDS} & {*read.texts.columns}:  # they are copied without a look
        assert not read.texts.get_column(name).str.contains(r"[\\\t\n\r]").any()


def test_plain_rows_are_accepted_by_columns_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each style's ordinary cells go the fast way: pydantic sees none of them."""
    monkeypatch.setattr(RowReader, "read", lambda *_: pytest.fail("a plain row went the slow way"))
    columns: list[str | None] = ["timestamp", "machine_name", "good_parts", "oee_score", "shift", None]
    for style, number, order, stamp, scale, ratio in (
        (STYLES[0], "1234.5", "YMD", "2025-06-01T10:00:00", "fraction", "0.85"),
        (STYLES[1], "1.234,5", "DMY", "1.6.2025 10:00", "percent", "85,5"),
        (STYLES[2], "1 234.5", "MDY", "6/1/2025 10:00:00", "percent", "85 %"),
        (STYLES[0], "7", None, "20250601100000", "fraction", "85%"),
        (STYLES[0], "7", None, "2025-06-01 10:00:00.1234560", "fraction", "85%"),
    ):
        plan = plan_for(columns, style=style, order=order, scale=scale, time_zone="Europe/Berlin")  # type: ignore[arg-type]
        read = TableReader(plan, NOW).read(table_of([[stamp, "Press", number, ratio, "", 'a "b"\\\n']] * 200, 6))
        assert (read.accepted, read.refused) == (200, [])


def test_defaults_stand_in_every_row() -> None:
    """A field that is the same for the whole file needs no column."""
    plan = plan_for(["timestamp"], defaults={"machineName": "Press", "plannedProductionMinutes": "480"})
    read = TableReader(plan, NOW).read(table_of([["2026-01-01T00:00:00Z"]] * 3, 1))
    assert read.texts.get_column("machine_name").to_list() == ["Press"] * 3
    assert read.texts.get_column("planned_production_minutes").to_list() == ["480"] * 3


def test_oee_is_derived_where_it_is_not_given() -> None:
    """Rounded half to even in the sixth place, as pydantic's way does it."""
    columns: list[str | None] = ["timestamp", "machine_name", "availability", "performance", "quality"]
    rows = [
        ["2026-01-01T00:00:00Z", "m", a, p, q]
        for a in ("0.5", "0.999999", "")
        for p in ("0.000001", "1.2")
        for q in ("1", "0.5")
    ]
    plan = plan_for(columns)
    same(TableReader(plan, NOW).read(table_of(rows, 5)), row_wise(plan, table_of(rows, 5)))


def test_warnings_are_counted_by_code_and_by_row() -> None:
    """A row with two warnings is one row."""
    columns: list[str | None] = [
        "timestamp",
        "machine_name",
        "performance",
        "total_parts_produced",
        "good_parts",
        "reject_parts",
        "rework_parts",
    ]
    rows = [
        ["2027-01-01T00:00:00Z", "m", "1.1", "10", "9", "1", "0"],
        ["2026-01-01T00:00:00Z", "m", "0.9", "10", "9", "0", "0"],
    ]
    read = TableReader(plan_for(columns), NOW).read(table_of(rows, 7))
    assert read.warned == 2
    assert read.warnings == Counter(timestamp_in_future=1, performance_above_one=1, parts_do_not_add_up=1)


def test_every_field_can_be_a_column() -> None:
    """The model has no field that columns do not read."""
    assert {api_name(name) for name in FIELDS} == {field.alias for field in ProductionRecord.model_fields.values()}
    rows = [["2026-01-01T00:00:00Z", *["1"] * (len(FIELDS) - 1)]]
    plan = plan_for(list(FIELDS))
    same(TableReader(plan, NOW).read(table_of(rows, len(FIELDS))), row_wise(plan, table_of(rows, len(FIELDS))))


def test_reading_takes_all_of_its_choices() -> None:
    """A choice that is added to `Reading` must reach the columns."""
    assert set(Reading.__dataclass_fields__) == {
        "zone",
        "ratio_scale",
        "number_style",
        "date_order",
        "now",
        "workbook",
    }
