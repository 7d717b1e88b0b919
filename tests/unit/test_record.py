"""A row is read exactly, or refused with a code, a field and a sentence; never guessed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.column_evidence import Ambiguity
from shared.domain.field_types import RatioEvidence, Reading
from shared.domain.number_style import POINT, NumberStyle
from shared.domain.problems import Severity
from shared.domain.record import ProductionRecord, read_record
from shared.domain.upload import RatioScale

NOW = datetime(2026, 6, 1, tzinfo=UTC)
READING = Reading(zone=None, ratio_scale={}, number_style={}, date_order=None, now=NOW)
BERLIN = Reading(zone=ZoneInfo("Europe/Berlin"), ratio_scale={}, number_style={}, date_order=None, now=NOW)
KEY = {"timestamp": "2026-03-01T06:00:00Z", "machine_name": "Press 1"}


def read(reading: Reading = READING, **cells: str) -> ProductionRecord:
    record, problems = read_record(KEY | cells, reading)
    assert record is not None, problems
    return record


def codes(reading: Reading = READING, **cells: str) -> list[tuple[str | None, str]]:
    _, problems = read_record(KEY | cells, reading)
    return [(problem.field, problem.code) for problem in problems]


@given(st.decimals(min_value=0, max_value=999_999_999_999, places=6))
def test_a_number_is_kept_to_its_last_place(number: Decimal) -> None:
    """What the file says in up to six places is what is stored."""
    assert read(good_parts=f"{number:f}").good_parts == number


@pytest.mark.parametrize(
    ("text", "value"),
    [("7", "7"), ("+7.50", "7.5"), (".5", "0.5"), ("1e3", "1000"), (" 12 ", "12"), ("007", "7"), ("-0", "0")],
)
def test_plain_numbers_are_read(text: str, value: str) -> None:
    """Signs, exponents and missing zeros are no obstacle."""
    assert read(good_parts=text).good_parts == Decimal(value)


def test_a_printed_binary_fraction_is_rounded() -> None:
    """What a database prints of 0.5 in forty places is 0.5."""
    text = "." + "4" + "9" * 38 + "7"
    assert read(good_parts=text).good_parts == Decimal("0.5")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("many", "number_unreadable"),
        ("1 000", "number_unreadable"),
        ("NaN", "number_unreadable"),
        ("Infinity", "number_unreadable"),
        ("0x10", "number_unreadable"),
        ("1_000", "number_unreadable"),
        ("٣", "number_unreadable"),
        ("1,5", "number_has_comma"),
        ("1.234,5", "number_has_comma"),
        ("1,234", "number_has_comma"),
        ("-1", "number_too_small"),
        ("0.1234567", "number_too_precise"),
        ("1000000000000", "number_too_large"),
        ("1e400", "number_too_large"),
    ],
)
def test_what_is_no_plain_number_is_refused(text: str, code: str) -> None:
    """Nothing becomes null, and no comma is dropped."""
    assert codes(good_parts=text) == [("goodParts", code)]


def test_a_comma_is_answered_with_both_readings() -> None:
    """The sentence names the choices."""
    _, [problem] = read_record(KEY | {"good_parts": "1,234"}, READING)
    assert (problem.value, "1.234 or 1234" in problem.error) == ("1,234", True)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-01T06:00:00Z", datetime(2026, 3, 1, 6, tzinfo=UTC)),
        ("2026-03-01 06:00+01:00", datetime(2026, 3, 1, 5, tzinfo=UTC)),
        ("2026-03-01T06:00:00.25-0230", datetime(2026, 3, 1, 8, 30, 0, 250_000, tzinfo=UTC)),
        ("20260301060000Z", datetime(2026, 3, 1, 6, tzinfo=UTC)),
    ],
)
def test_timestamps_with_an_offset_are_moments(text: str, moment: datetime) -> None:
    """ISO 8601, and the compact form of MES exports."""
    assert read(timestamp=text).timestamp == moment


@given(
    st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2199, 12, 30)),  # noqa: DTZ001
    st.integers(-14 * 60, 14 * 60),
)
def test_every_iso_timestamp_with_an_offset_is_read_back(local: datetime, minutes: int) -> None:
    """What isoformat writes, the record has."""
    moment = local.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    record, _ = read_record(KEY | {"timestamp": moment.isoformat()}, READING, business_rules=False)
    assert record is not None
    assert record.timestamp == moment


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("01/02/2026 06:00", "timestamp_unreadable"),
        ("2026-03-01", "timestamp_unreadable"),
        ("Thu PrePack AM", "timestamp_unreadable"),
        ("45000.25", "timestamp_unreadable"),
        ("2026-02-30T06:00:00Z", "timestamp_impossible"),
        ("2026-03-01T25:00:00Z", "timestamp_impossible"),
        ("1899-12-31T01:49:00Z", "timestamp_out_of_range"),
        ("2026-03-01T06:00:00", "timestamp_without_zone"),
        ("   ", "required"),
    ],
)
def test_what_names_no_moment_is_refused(text: str, code: str) -> None:
    """Never now, never a guess between day and month, never a zone out of nowhere."""
    assert codes(timestamp=text) == [("timestamp", code)]


def test_a_given_zone_reads_local_times() -> None:
    """Winter and summer have their own offset."""
    assert read(BERLIN, timestamp="2026-01-15 06:00:00").timestamp == datetime(2026, 1, 15, 5, tzinfo=UTC)
    assert read(BERLIN, timestamp="20250715060000").timestamp == datetime(2025, 7, 15, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "code", "hour"),
    [("2026-03-29 02:30:00", "timestamp_in_gap", 1), ("2025-10-26 02:30:00", "timestamp_in_fold", 0)],
)
def test_daylight_saving_leaves_a_warning_with_the_choice(text: str, code: str, hour: int) -> None:
    """The row goes in, and the warning says which moment was taken."""
    record, [problem] = read_record(KEY | {"timestamp": text}, BERLIN)
    assert record is not None
    assert (record.timestamp.hour, record.timestamp.minute) == (hour, 30)
    assert (problem.code, problem.severity) == (code, Severity.WARNING)
    assert record.timestamp.astimezone(BERLIN.zone).isoformat() in problem.error


def test_text_stays_as_it_is() -> None:
    """Leading zeros, spaces and umlauts are kept; a blank cell is absent."""
    record = read(batch_number="000123", part_number=" Ä-1 ", site_name="  ")
    assert (record.batch_number, record.part_number, record.site_name) == ("000123", " Ä-1 ", None)


@pytest.mark.parametrize(("text", "code"), [("x" * 101, "text_too_long"), ("a\x00b", "text_has_nul"), ("", "required")])
def test_text_that_does_not_fit_is_refused(text: str, code: str) -> None:
    """With the field and a code."""
    assert codes(machine_name=text) == [("machineName", code)]


def test_all_that_is_wrong_with_a_row_is_told_at_once() -> None:
    """One round of fixing is enough."""
    assert codes(good_parts="x", reject_parts="-1", timestamp="?") == [
        ("timestamp", "timestamp_unreadable"),
        ("goodParts", "number_unreadable"),
        ("rejectParts", "number_too_small"),
    ]


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ({"good_parts": "101"}, "good_above_total"),
        ({"reject_parts": "101"}, "reject_above_total"),
        ({"quality": "140%"}, "quality_above_one"),
        ({"availability": "1.01"}, "availability_above_one"),
        ({"oee_score": "1.5"}, "oee_above_one"),
    ],
)
def test_a_broken_rule_refuses_the_row(cells: dict[str, str], code: str) -> None:
    """And with validation off, the same row goes in."""
    record, problems = read_record(KEY | {"total_parts_produced": "100"} | cells, READING)
    assert record is None
    assert [problem.code for problem in problems] == [code]
    assert read_record(KEY | cells, READING, business_rules=False)[1] == ()


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        (
            {"total_parts_produced": "10", "good_parts": "8", "reject_parts": "1", "rework_parts": "0"},
            "parts_do_not_add_up",
        ),
        (
            {"planned_production_minutes": "60", "downtime_minutes": "30", "operating_minutes": "31"},
            "times_above_planned",
        ),
        ({"performance": "1.2"}, "performance_above_one"),
        ({"availability": "0.9", "performance": "0.9", "quality": "0.9", "oee_score": "0.732"}, "oee_differs"),
        ({"timestamp": "2026-06-01T00:00:01Z"}, "timestamp_in_future"),
    ],
)
def test_a_doubtful_row_goes_in_with_a_warning(cells: dict[str, str], code: str) -> None:
    """Warnings are counted; they keep nothing out."""
    record, [problem] = read_record(KEY | cells, READING)
    assert record is not None
    assert (problem.code, problem.severity) == (code, Severity.WARNING)


def test_oee_is_derived_from_its_parts_where_it_is_not_given() -> None:
    """A × P × Q to six places."""
    assert read(availability="0.9", performance="95%", quality="0.99").oee_score == Decimal("0.846450")
    assert read(availability="0.9", performance="0.95").oee_score is None


def scale_of(evidence: RatioEvidence, style: NumberStyle, given: RatioScale | None = None) -> str:
    """The scale, or the code of what stays open."""
    found = evidence.decide(style, given)
    return found.code if isinstance(found, Ambiguity) else found[0]


@pytest.mark.parametrize(
    ("column", "scale"),
    [
        (["0.85", "0.9", "1.2", "0"], "fraction"),
        (["85", "90.5", "120", "0"], "percent"),
        (["85%", "90%", "0.5"], "fraction"),
        (["85", "90", "0.7"], "percent"),
        (["0.85", "0.9", "85"], "fraction"),
        (["", "n/a"], "fraction"),
        (["85", "90", "1.05"], "percent"),
        (["85", "90", "95", "0.9", "1.05"], "column_ratio_mixed"),
        (["85", "0.9", "1.05"], "fraction"),
        ([*["85"] * 1000, "0.9", "1.05"], "percent"),
    ],
)
def test_the_scale_of_ratios_is_decided_for_the_column(column: list[str], scale: str) -> None:
    """By the majority of its values; not where 1.05 may be 105 % or 1.05 %."""
    evidence = RatioEvidence()
    for text in column:
        evidence.see(text)
    assert scale_of(evidence, POINT) == scale


def test_a_ratio_that_fits_the_columns_scale_badly_is_refused() -> None:
    """0.7 among percents may be 0.7 % or 70 %; 85 among fractions may be 85 % or 8500 %."""
    percents = replace(READING, ratio_scale={"quality": "percent", "performance": "percent"})
    assert read(percents, quality="85", performance="120").quality == Decimal("0.85")
    assert codes(percents, quality="0.7") == [("quality", "ratio_ambiguous")]
    assert codes(performance="85") == [("performance", "ratio_ambiguous")]
    assert read(percents, quality="0.7%").quality == Decimal("0.007")


COMMA = NumberStyle(decimal=",", thousands=".")
COMMAS = replace(
    READING,
    ratio_scale={"quality": "percent"},
    number_style=dict.fromkeys(("good_parts", "quality", "availability"), COMMA),
    date_order="DMY",
)


def test_each_field_is_read_in_its_columns_style() -> None:
    """A field without a style has a decimal point."""
    record = read(COMMAS, good_parts="1.234,5", quality="98,5", availability="0,9", performance="1.05")
    assert (record.good_parts, record.quality) == (Decimal("1234.5"), Decimal("0.985"))
    assert (record.availability, record.performance) == (Decimal("0.9"), Decimal("1.05"))
    assert read(COMMAS, quality="98,5 %", timestamp="13.03.2026 06:00Z").quality == Decimal("0.985")
    assert codes(COMMAS, performance="1,05", good_parts="12.5") == [
        ("goodParts", "number_has_point"),
        ("performance", "number_has_comma"),
    ]


def test_a_doubtful_ratio_is_answered_in_its_columns_style() -> None:
    """So that the corrected cell fits the column."""
    _, [problem] = read_record(KEY | {"quality": "0,7"}, COMMAS)
    assert problem.code == "ratio_ambiguous"
    assert "0,7% or 70%" in problem.error


@pytest.mark.parametrize(
    ("column", "style", "scale"),
    [
        (["85,5", "90", "120,25"], COMMA, "percent"),
        (["0,855", "0,9", "1,2"], COMMA, "fraction"),
        (["0,855", "1,125", "1,250"], COMMA, "fraction"),
        (["1.125", "85.5"], POINT, "fraction"),
    ],
)
def test_the_scale_is_decided_in_the_columns_style(column: list[str], style: NumberStyle, scale: str) -> None:
    """1,125 is a fraction of one where the comma is the decimal mark."""
    evidence = RatioEvidence()
    for text in column:
        evidence.see(text)
    assert scale_of(evidence, style) == scale


def test_plain_ratios_may_be_counted_in_bulk_and_a_given_scale_decides() -> None:
    """As the columnar engine does; the caller's word counts more than any evidence."""
    evidence = RatioEvidence()
    evidence.see("0,9", 5)
    evidence.add(small=2, between=1, large=3, largest=Decimal("99.5"))
    assert evidence.decide(POINT, "percent") == (
        "percent",
        "2 values of 0 to 2, 3 above, the largest 99.5; cells with % count as such; given by the caller",
    )
    assert scale_of(evidence, COMMA) == "fraction"
    assert scale_of(evidence, POINT, "fraction") == "fraction"
