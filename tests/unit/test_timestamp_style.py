"""The order of dates is decided for a column from its cells, and each cell is read exactly or refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from shared.domain.column_evidence import Ambiguity
from shared.domain.problems import FILE_PROBLEMS
from shared.domain.timestamp_style import TimestampDecision, TimestampEvidence, read_timestamp
from shared.domain.upload import DateOrder

ZONE = ZoneInfo("UTC")


def seen(cells: Iterable[str]) -> TimestampEvidence:
    evidence = TimestampEvidence()
    for cell in cells:
        evidence.see(cell)
    return evidence


def decided(cells: Iterable[str], order: DateOrder | None = None) -> TimestampDecision:
    decision = seen(cells).decide(order)
    assert isinstance(decision, TimestampDecision), decision
    return decision


def read(text: str, order: DateOrder | None = None) -> str:
    moment, _ = read_timestamp(text, ZONE, order)
    assert moment.utcoffset() == timedelta(0)
    return moment.replace(tzinfo=None).isoformat()


def code(text: str, order: DateOrder | None, zone: ZoneInfo | None = ZONE) -> str:
    with pytest.raises(PydanticCustomError) as refusal:
        read_timestamp(text, zone, order)
    return refusal.value.type


@pytest.mark.parametrize(
    ("cells", "order"),
    [
        (["2026-03-01T06:00:00Z"], "YMD"),
        (["2026/3/1 6:00", "20260301060000", "2026.03.01 06:00"], "YMD"),
        (["01 Mar 2026 06:00", "1. März 2026 06:00"], "YMD"),
        (["13/03/2026 06:00", "03/04/2026 06:00"], "DMY"),
        (["03/13/2026 06:00", "03/04/2026 06:00"], "MDY"),
        (["13-3-2026 06:00"], "DMY"),
        (["3-13-2026 6:00 PM"], "MDY"),
        (["03.04.2026 06:00"], "DMY"),
        (["03.13.2026 06:00", "03.04.2026 06:00"], "MDY"),
        (["13.03.2026 06:00", "03/04/2026 06:00"], "DMY"),
        (["03/03/2026 06:00"], "DMY"),
        (["2026-03-01 06:00", "13/03/2026 06:00"], "DMY"),
        (["n/a", "", "Thu PrePack AM", "45000.25", "99/99/2026 06:00", "31/02/2026 06:00"], "YMD"),
        (["13/03/26 06:00"], "YMD"),
    ],
)
def test_the_cells_prove_their_order(cells: list[str], order: DateOrder) -> None:
    """A part above 12 is a day; dates with points have the day first unless they prove otherwise."""
    assert decided(cells).order == order
    assert decided(reversed(cells)).order == order


@pytest.mark.parametrize(
    "cells",
    [
        ["03/04/2026 06:00"],
        ["3-4-2026 6:00 PM"],
        ["03/04/2026", "2026-03-01 06:00", "05/05/2026"],
        ["03.04.2026 06:00", "03/04/2026 06:00"],
        ["31/02/2026 06:00", "01/02/2026 06:00"],
    ],
)
def test_an_ambiguous_column_asks(cells: list[str]) -> None:
    """Nothing is guessed; the sentence names the column, both readings and the option."""
    ambiguity = seen(cells).decide(None)
    assert isinstance(ambiguity, Ambiguity)
    assert ambiguity.code == "column_date_ambiguous"
    assert all(word in ambiguity.message("Datum") for word in ("Datum", "dateOrder", "DMY", "MDY"))


def test_both_readings_are_in_the_question() -> None:
    """The person sees what the choice means."""
    ambiguity = seen(["03/04/2026 06:00"]).decide(None)
    assert isinstance(ambiguity, Ambiguity)
    assert "is 2026-04-03 with the day first and 2026-03-04 with the month first" in ambiguity.message("x")


@pytest.mark.parametrize("order", ["YMD", "DMY", "MDY"])
def test_a_given_order_answers(order: DateOrder) -> None:
    """The caller knows."""
    assert decided(["03/04/2026 06:00", "13/04/2026 06:00"], order).order == order


def test_the_majority_decides_a_column_with_both_orders_proven() -> None:
    """Where each cell shows its own order, and where the other order is but a slip; misfits are refused."""
    assert decided(["13/03/2026 06:00", "14/03/2026 06:00", "03/15/2026 06:00"]).order == "DMY"
    evidence = seen(["03/15/2026 06:00", "03/04/2026 06:00"])
    evidence.see("13/03/2026 06:00", 100)
    decision = evidence.decide(None)
    assert isinstance(decision, TimestampDecision)
    assert decision.order == "DMY"
    assert code("03/15/2026 06:00", "DMY") == "timestamp_not_in_order"


@pytest.mark.parametrize(
    "cells",
    [
        ["13/03/2026", "03/15/2026"],
        ["13/03/2026", "14/03/2026", "03/15/2026", "03/04/2026"],
        ["03/15/2026", "03.04.2026"],
    ],
)
def test_a_column_written_in_two_orders_asks_where_a_cell_may_be_of_either(cells: list[str]) -> None:
    """Two sources were put together; nobody but the caller knows which rows are whose."""
    ambiguity = seen(cells).decide(None)
    assert isinstance(ambiguity, Ambiguity)
    assert ambiguity.code == "column_date_mixed"
    assert "dateOrder" in ambiguity.message("x")


def test_one_slip_does_not_turn_a_column_of_dates_with_points() -> None:
    """Dates with points are day first by convention, and a single cell is thin proof against it."""
    evidence = seen(["03.25.2026 06:00"])
    evidence.see("03.04.2026 06:00", 1000)
    assert isinstance(evidence.decide(None), Ambiguity)


def test_plain_cells_need_not_be_shown_while_there_is_nothing_else() -> None:
    """A date alone is something else: it has to be reported."""
    evidence = seen([])
    assert not evidence.settled
    evidence.see("2026-03-01 06:00")
    assert evidence.settled
    evidence.see("2026-03-01")
    assert not evidence.settled
    assert not seen(["2026-03-01 06:00", "13/03/2026 06:00"]).settled


def test_the_evidence_is_told_with_counts_and_examples() -> None:
    """For the report, with the dates that are read as midnight."""
    decision = decided(["13.03.2026 06:00", "01.03.2026"])
    assert decision.evidence == (
        "day first: 1 (such as “13.03.2026 06:00”); with points, readable both ways: 1 (such as “01.03.2026”); "
        "without a time, read as midnight: 1 (such as “01.03.2026”)"
    )
    assert (decision.choice, decision.dates_alone) == ("day, month, year", 1)
    assert "written with the day first" in decided(["01.03.2026 06:00"]).evidence


@pytest.mark.parametrize(
    ("text", "order", "moment"),
    [
        ("01.03.2026 06:00", "DMY", "2026-03-01T06:00:00"),
        ("1.3.2026, 6:05:07", "DMY", "2026-03-01T06:05:07"),
        ("01/03/2026 06:00", "DMY", "2026-03-01T06:00:00"),
        ("03/01/2026 06:00", "MDY", "2026-03-01T06:00:00"),
        ("3/1/2026, 2:30:00\u202fPM", "MDY", "2026-03-01T14:30:00"),
        ("3-1-2026 12:00 am", "MDY", "2026-03-01T00:00:00"),
        ("3-1-2026 12:30 p.m.", "MDY", "2026-03-01T12:30:00"),
        ("3/1/2026 2:30PM +01:00", "MDY", "2026-03-01T13:30:00"),
        ("01.03.2026 06:00:00.25-0230", "DMY", "2026-03-01T08:30:00.250000"),
        ("01.03.2026", "DMY", "2026-03-01T00:00:00"),
        ("2026-03-01", "YMD", "2026-03-01T00:00:00"),
        ("20260301", "YMD", "2026-03-01T00:00:00"),
        ("2026/3/1 6:00", None, "2026-03-01T06:00:00"),
        ("2026.03.01 06:00", "MDY", "2026-03-01T06:00:00"),
        ("2026-03-01 06:00", "DMY", "2026-03-01T06:00:00"),
        ("20260301T060000Z", None, "2026-03-01T06:00:00"),
        ("2026-03-01 06:00:00 UTC", None, "2026-03-01T06:00:00"),
        ("01 Mar 2026 06:00", None, "2026-03-01T06:00:00"),
        ("01-MAR-2026 06:00", None, "2026-03-01T06:00:00"),
        ("March 1, 2026 6:00 AM", None, "2026-03-01T06:00:00"),
        ("1. März 2026 06:00", None, "2026-03-01T06:00:00"),
        ("1. Ma\u0308rz 2026 06:00", None, "2026-03-01T06:00:00"),
        ("01. Mrz. 2026 06:00", None, "2026-03-01T06:00:00"),
        ("31.Dez.2026 06:00", None, "2026-12-31T06:00:00"),
        ("1 de março de 2026 06:00", None, "2026-03-01T06:00:00"),
        ("5 out 2026 06:00", None, "2026-10-05T06:00:00"),
    ],
)
def test_a_cell_in_the_columns_order_is_read(text: str, order: DateOrder | None, moment: str) -> None:
    """Year-first dates and month names in a column of any order."""
    assert read(text, order) == moment


@pytest.mark.parametrize(
    ("text", "order", "refused"),
    [
        ("01/03/2026 06:00", None, "timestamp_unreadable"),
        ("13/03/2026 06:00", "YMD", "timestamp_unreadable"),
        ("03/13/2026 06:00", "DMY", "timestamp_not_in_order"),
        ("13.03.2026 06:00", "MDY", "timestamp_not_in_order"),
        ("31/02/2026 06:00", "DMY", "timestamp_impossible"),
        ("13/13/2026 06:00", "DMY", "timestamp_impossible"),
        ("01/03/26 06:00", "DMY", "timestamp_two_digit_year"),
        ("1-Mar-26 06:00", None, "timestamp_two_digit_year"),
        ("26-03-01 06:00", "YMD", "timestamp_two_digit_year"),
        ("2026-03-01", None, "timestamp_unreadable"),
        ("01.03/2026 06:00", "DMY", "timestamp_unreadable"),
        ("01.03.2026 6", "DMY", "timestamp_unreadable"),
        ("01.03.2026 06:0", "DMY", "timestamp_unreadable"),
        ("01.03.202606:00", "DMY", "timestamp_unreadable"),
        ("01.03.2026 +01:00", "DMY", "timestamp_unreadable"),
        ("01.03.2026 06:00:00.1234567891", "DMY", "timestamp_unreadable"),
        ("01.03.2026 24:00", "DMY", "timestamp_impossible"),
        ("01.03.2026 13:00 PM", "DMY", "timestamp_impossible"),
        ("01.03.2026 0:30 AM", "DMY", "timestamp_impossible"),
        ("01.03.2026 06:00+19:00", "DMY", "timestamp_impossible"),
        ("01.03.1899 06:00", "DMY", "timestamp_out_of_range"),
        ("01.01.1900 01:49", "DMY", "timestamp_out_of_range"),
        ("7/12/1905", "MDY", "timestamp_out_of_range"),
        ("19691231235959", "DMY", "timestamp_out_of_range"),
        ("01 Foo 2026 06:00", None, "timestamp_unreadable"),
        ("٠١.٠٣.٢٠٢٦ 06:00", "DMY", "timestamp_unreadable"),
        ("01.03.2026 06:00\n", "DMY", ""),
    ],
)
def test_a_cell_that_does_not_fit_is_refused(text: str, order: DateOrder | None, refused: str) -> None:
    """With a code, and never read in another order."""
    if refused:
        assert code(text, order) == refused
    else:
        assert read(text, order) == read(text.strip(), order)


def test_a_date_alone_in_a_zone_is_its_midnight() -> None:
    """And one without a zone is refused as any local time."""
    assert read_timestamp("01.07.2026", ZoneInfo("Europe/Berlin"), "DMY")[0] == datetime(2026, 6, 30, 22, tzinfo=UTC)
    assert code("01.07.2026", "DMY", None) == "timestamp_without_zone"


def test_daylight_saving_is_handled_in_every_order() -> None:
    """With a warning that names the choice."""
    moment, [warning] = read_timestamp("25.10.2026 02:30", ZoneInfo("Europe/Berlin"), "DMY")
    assert moment == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert (warning.code, warning.value) == ("timestamp_in_fold", "25.10.2026 02:30")


def test_what_is_finer_than_microseconds_is_cut_with_a_warning() -> None:
    """.NET and SQL Server write seven places; zeros there are no loss, and so no warning."""
    moment, [warning] = read_timestamp("2026-03-01 06:00:00.1234567", ZONE)
    assert moment == datetime(2026, 3, 1, 6, 0, 0, 123456, tzinfo=UTC)
    assert (warning.code, warning.value) == ("timestamp_cut", "2026-03-01 06:00:00.1234567")
    assert "2026-03-01T06:00:00.123456" in warning.error
    assert read_timestamp("2026-03-01 06:00:00.1234560", ZONE) == (moment, [])
    _, warnings = read_timestamp("2026-10-25 02:30:00.999999999", ZoneInfo("Europe/Berlin"))
    assert [warning.code for warning in warnings] == ["timestamp_cut", "timestamp_in_fold"]


def test_every_question_has_its_sentence() -> None:
    """The codes are those of file problems."""
    assert {"column_date_ambiguous", "column_date_mixed"} <= FILE_PROBLEMS.keys()


DATES: dict[DateOrder, list[str]] = {
    "YMD": ["{y}-{m:02}-{d:02}", "{y}/{m}/{d}", "{y}.{m:02}.{d}", "{d} {name} {y}", "{d:02}-{name}-{y}"],
    "DMY": ["{d:02}.{m:02}.{y}", "{d}/{m}/{y}", "{d:02}-{m:02}-{y}"],
    "MDY": ["{m:02}/{d:02}/{y}", "{m}-{d}-{y}"],
}
TIMES: list[Callable[[datetime], str]] = [
    lambda moment: moment.strftime("%H:%M:%S.%f"),
    lambda moment: moment.strftime("%H:%M:%S,%f"),
    lambda moment: moment.strftime("%I:%M:%S.%f %p"),
    lambda moment: moment.strftime("%I:%M:%S.%f%p").lower(),
]
MONTHS = ["Jan", "Februar", "März", "abril", "May", "junho", "Juli", "AUG", "Sept", "Okt", "novembro", "dez"]


@st.composite
def columns(draw: st.DrawFn) -> tuple[DateOrder, list[tuple[str, datetime]]]:
    """Moments, each written as one of the forms that the column's order allows."""
    order: DateOrder = draw(st.sampled_from(["YMD", "DMY", "MDY"]))
    form = draw(st.sampled_from(DATES[order]))
    time, gap = draw(st.sampled_from(TIMES)), draw(st.sampled_from([" ", ", ", "T"]))
    cells = []
    for moment in draw(
        st.lists(st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2199, 12, 30)), min_size=1, max_size=5)  # noqa: DTZ001
    ):
        offset = timezone(timedelta(minutes=draw(st.integers(-14 * 60, 14 * 60))))
        written = form.format(y=moment.year, m=moment.month, d=moment.day, name=MONTHS[moment.month - 1])
        zone = f"{moment.replace(tzinfo=offset):%z}"
        cells.append((written + gap + time(moment) + zone, moment.replace(tzinfo=offset)))
    return order, cells


@given(columns())
def test_what_is_written_in_one_order_is_read_back(column: tuple[DateOrder, list[tuple[str, datetime]]]) -> None:
    """Exactly, with the order given or proven; where it is neither, the column asks."""
    order, cells = column
    evidence = seen(text for text, _ in cells)
    for choice in (None, order):
        decision = evidence.decide(choice)
        if isinstance(decision, Ambiguity):
            assert choice is None
            assert order != "YMD"
            assert all(moment.day <= 12 for _, moment in cells)
        else:
            read_back = [read_timestamp(text, None, decision.order)[0] for text, _ in cells]
            assert read_back == [moment for _, moment in cells]


@given(st.lists(st.tuples(st.dates(date(1970, 1, 1), date(2199, 12, 31)), st.sampled_from("/-")), min_size=1))
def test_no_ambiguous_date_is_read_without_evidence(dates: list[tuple[date, str]]) -> None:
    """However many there are."""
    cells = [f"{d.month}{sep}{min(d.day, 12)}{sep}{d.year}" for d, sep in dates]
    if all(d.month == min(d.day, 12) for d, _ in dates):
        assert len({read(cell, "DMY") for cell in cells} ^ {read(cell, "MDY") for cell in cells}) == 0
    else:
        assert isinstance(seen(cells).decide(None), Ambiguity)


@given(st.text(alphabet="0123456789./-: TZapmäMrzde,+\u00a0", max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Evidence and reading agree on what is a date, and nothing else comes of hostile text."""
    evidence = decided([text], "DMY").evidence
    refused = ""
    try:
        read(text, "DMY")
    except PydanticCustomError as refusal:
        refused = refusal.type
    assert refused.startswith("timestamp_") or (not refused and not evidence.startswith("no dates"))
