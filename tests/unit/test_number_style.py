"""How numbers are written is decided for a column from its cells, and each cell is read exactly or refused."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from shared.domain.column_evidence import Ambiguity
from shared.domain.number_style import (
    POINT,
    NumberDecision,
    NumberEvidence,
    NumberStyle,
    Thousands,
    common_mark,
    plain_form,
    read_number,
)
from shared.domain.problems import FILE_PROBLEMS
from shared.domain.upload import DecimalMark

STYLES = [
    NumberStyle(decimal=decimal, thousands=thousands)
    for decimal in get_args(DecimalMark)
    for thousands in get_args(Thousands)
    if decimal != thousands
]
SPELLINGS: dict[str, list[str]] = {" ": [" ", "\u00a0", "\u202f", "\u2009"], "'": ["'", "’"]}


def style(text: str) -> NumberStyle:
    """`,.` is a decimal comma with thousands points."""
    return NumberStyle.model_validate({"decimal": text[0], "thousands": text[1:]})


def seen(cells: Iterable[str]) -> NumberEvidence:
    evidence = NumberEvidence()
    for cell in cells:
        evidence.see(cell)
    return evidence


def decided(cells: Iterable[str], mark: DecimalMark | None = None) -> NumberDecision:
    decision = seen(cells).decide(mark, None)
    assert isinstance(decision, NumberDecision), decision
    return decision


def code(text: str, written: NumberStyle) -> str:
    with pytest.raises(PydanticCustomError) as refusal:
        read_number(text, written)
    return refusal.value.type


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["0.123"], "."),
        (["12.5", "7"], "."),
        (["1234.567"], "."),
        ([".5"], "."),
        (["5."], "."),
        (["1.5e3"], "."),
        (["1.234E+05"], "."),
        (["1,234.5"], ".,"),
        (["1,234,567"], ".,"),
        (["12.5", "1,234"], ".,"),
        (["55,2"], ","),
        (["0,850"], ","),
        (["1234,567"], ","),
        ([",5"], ","),
        (["1,5E+03"], ","),
        (["1.234,5"], ",."),
        (["1.234.567"], ",."),
        (["55,2", "1.234"], ",."),
        (["1 234,5"], ", "),
        (["1\u202f234,567"], ", "),
        (["1\u00a0234.567"], ". "),
        (["1'234.5"], ".'"),
        (["1’234,5"], ",'"),
        (["85,5 %", "90%"], ","),
        (["-55,2", "+1,5"], ","),
        (["1", "22", "1000"], "."),
        (["1 234", "7"], ". "),
        (["1'234"], ".'"),
        (["1 234", "5,5"], ", "),
        (["n/a", "", "1.2.3", "1,23,456", "٣,٤", "--5,5"], "."),
    ],
)
def test_the_cells_prove_their_style(cells: list[str], expected: str) -> None:
    """A cell that can be read one way only decides for the others, in whatever order they come."""
    assert decided(cells).style == style(expected)
    assert decided(reversed(cells)).style == style(expected)


@pytest.mark.parametrize("cells", [["1.234"], ["12,345"], ["1.234", "12,345"], ["123.456", "5", "1 234"], ["001,234"]])
def test_an_ambiguous_column_asks(cells: list[str]) -> None:
    """Nothing is guessed; the sentence names the column, both readings and the option."""
    ambiguity = seen(cells).decide(None, None)
    assert isinstance(ambiguity, Ambiguity)
    assert ambiguity.code == "column_number_ambiguous"
    assert all(word in ambiguity.message("Menge") for word in ("Menge", "decimalMark", cells[0]))


def test_both_readings_are_in_the_question() -> None:
    """The person sees what the choice means."""
    ambiguity = seen(["7", "12,345%"]).decide(None, None)
    assert isinstance(ambiguity, Ambiguity)
    assert "12345 with a decimal point and 12.345 with a decimal comma" in ambiguity.message("x")


@pytest.mark.parametrize(
    ("cells", "mark", "expected"),
    [(["1.234"], ".", "."), (["1.234"], ",", ",."), (["12,345"], ".", ".,"), (["12,345"], ",", ",")],
)
def test_a_given_mark_or_the_files_answers(cells: list[str], mark: DecimalMark, expected: str) -> None:
    """With the mark known, the other one can only divide thousands."""
    assert decided(cells, mark).style == style(expected)
    from_the_file = seen(cells).decide(None, mark)
    assert isinstance(from_the_file, NumberDecision)
    assert from_the_file.style == style(expected)


def test_the_columns_own_proof_counts_more_than_the_files() -> None:
    """Columns of one file may be written by different systems."""
    decision = seen(["12.5", "1.234"]).decide(None, ",")
    assert isinstance(decision, NumberDecision)
    assert decision.style == POINT


def test_what_the_columns_of_a_file_prove_together() -> None:
    """One mark, or none where they differ or none proves any."""
    point, comma, silent = seen(["0.5"]), seen(["0,5"]), seen(["1.234", "7"])
    assert common_mark([point, silent]) == "."
    assert common_mark([comma, silent, comma]) == ","
    assert common_mark([point, comma]) is None
    assert common_mark([silent]) is None


def test_the_majority_decides_a_mixed_column_and_the_others_are_refused() -> None:
    """Without any thousands separator, as it could as well be a decimal mark."""
    mixed = decided(["55,2", "7,5", "1.234,5", "12.5", "1.234"])
    assert mixed.style == style(",")
    assert [code(text, mixed.style) for text in ("12.5", "1.234", "1.234,5")] == ["number_has_point"] * 3
    assert read_number("1,234", mixed.style) == Decimal("1.234")


@pytest.mark.parametrize("cells", [["5,5", "5.5"], ["1,234.5", "5,5", "7,5", "1,234"]])
def test_a_column_written_in_two_ways_asks_where_a_cell_may_be_of_either(cells: list[str]) -> None:
    """No majority, or a cell that each of the ways attested in the column reads otherwise."""
    ambiguity = seen(cells).decide(None, None)
    assert isinstance(ambiguity, Ambiguity)
    assert ambiguity.code == "column_number_mixed"
    assert "decimalMark" in ambiguity.message("x")


def test_a_slip_does_not_take_the_thousands_from_who_gave_the_mark() -> None:
    """The caller said how the column is meant; only the slip is refused."""
    evidence = NumberEvidence()
    evidence.see("1.234,5", 500)
    evidence.see("12.5")
    decision = evidence.decide(",", None)
    assert isinstance(decision, NumberDecision)
    assert decision.style == style(",.")
    assert code("12.5", decision.style) == "number_has_point"


def test_once_a_point_is_proven_plain_cells_need_not_be_shown() -> None:
    """Until something contradicts it; and what was not shown still counts in the majority."""
    evidence = seen(["7", "1.234"])
    assert not evidence.settled
    evidence.see("0.5")
    assert evidence.settled
    evidence.see("1,234")
    assert evidence.settled
    evidence.add(points=10)
    evidence.see("0,5")
    evidence.see("7,5")
    assert not evidence.settled
    decision = evidence.decide(None, None)
    assert isinstance(decision, NumberDecision)
    assert decision.style == POINT


def test_the_evidence_is_told_with_counts_and_examples() -> None:
    """For the report."""
    decision = decided(["55,2", "7,5", "1.234"])
    assert decision.evidence == "with a decimal comma: 2 (such as “55,2”); readable both ways: 1 (such as “1.234”)"
    assert decision.choice == "decimal comma, thousands divided by point"


@pytest.mark.parametrize(
    ("written", "text", "value"),
    [
        (",", "55,2", "55.2"),
        (",", "1,234", "1.234"),
        (",", " ,5 ", "0.5"),
        (",", "5,", "5"),
        (",", "1,5E+03", "1500"),
        (",", "1e3", "1000"),
        (",.", "1.234.567,891", "1234567.891"),
        (",.", "1.234", "1234"),
        (",.", "1234,5", "1234.5"),
        (",.", "-1.234,5", "-1234.5"),
        (".,", "012,345", "12345"),
        (", ", "1\u00a0234\u202f567,5", "1234567.5"),
        (".'", "1’234.5", "1234.5"),
        (",", "," + "4" + "9" * 38 + "7", "0.5"),
    ],
)
def test_a_cell_in_the_columns_style_is_read(written: str, text: str, value: str) -> None:
    """Exactly, with or without its thousands divided."""
    assert read_number(text, style(written)) == Decimal(value)


@pytest.mark.parametrize(
    ("written", "text", "refused"),
    [
        (",", "12.5", "number_has_point"),
        (",", "1.234", "number_has_point"),
        (",", "1.234,5", "number_has_point"),
        (",.", "12.34", "number_has_point"),
        (",.", "1.23.456", "number_unreadable"),
        (",.", "0.123", "number_has_point"),
        (",.", "1.234e5", "number_has_point"),
        (".,", "1,23,456", "number_unreadable"),
        (".,", "12,34", "number_has_comma"),
        (".,", "1,2345", "number_has_comma"),
        (".,", "1234,567", "number_has_comma"),
        (".,", "1,234,56", "number_unreadable"),
        (".", "1,234.5", "number_has_comma"),
        (".", "1,234,567", "number_has_comma"),
        (".", "1 234", "number_unreadable"),
        (". ", "1  234", "number_unreadable"),
        (". ", "1 23", "number_unreadable"),
        (". ", "1'234", "number_unreadable"),
        (". ", "1 234\n567", "number_unreadable"),
        (".", "01.03.2026", "number_unreadable"),
        (".", "50%", "number_unreadable"),
        (".", "", "number_unreadable"),
        (",", ",", "number_unreadable"),
        (",", "0,1234567", "number_too_precise"),
        (",.", "1.000.000.000.000", "number_too_large"),
    ],
)
def test_a_cell_that_does_not_fit_the_style_is_refused(written: str, text: str, refused: str) -> None:
    """With a code, and never read in another style."""
    assert code(text, style(written)) == refused


def test_the_refusal_names_what_may_have_been_meant_in_the_columns_own_style() -> None:
    """So that the corrected cell fits the column."""
    with pytest.raises(PydanticCustomError) as refusal:
        read_number("1.234", style(","))
    assert refusal.value.message().endswith("write 1,234 or 1234")
    with pytest.raises(PydanticCustomError) as refusal:
        read_number("viel", style(","))
    assert refusal.value.message().endswith("write it like 1234,5")


def test_a_huge_cell_does_not_fill_its_refusal() -> None:
    """The sentence stays one that a person reads."""
    with pytest.raises(PydanticCustomError) as refusal:
        read_number("1" * 100_000 + ",5")
    assert len(refusal.value.message()) < 200


def test_a_style_has_two_different_marks() -> None:
    """A profile cannot say otherwise."""
    with pytest.raises(ValidationError):
        NumberStyle(decimal=",", thousands=",")


def test_every_question_has_its_sentence() -> None:
    """The codes are those of file problems."""
    assert {"column_number_ambiguous", "column_number_mixed"} <= FILE_PROBLEMS.keys()


numbers = st.builds(
    lambda units, places: Decimal(units).scaleb(-places), st.integers(-(10**15), 10**15), st.integers(0, 6)
).filter(lambda number: abs(number) < 10**12)


@st.composite
def columns(draw: st.DrawFn) -> tuple[NumberStyle, list[tuple[str, Decimal]]]:
    """Numbers, each as a person or a program would write it in the column's style."""
    written = draw(st.sampled_from(STYLES))
    cells = []
    for number in draw(st.lists(numbers, min_size=1, max_size=8)):
        grouped = draw(st.booleans())
        text = f"{number:,f}" if grouped and written.thousands else f"{number:f}"
        separator: str = draw(st.sampled_from(SPELLINGS.get(written.thousands) or [str(written.thousands)]))
        text = "".join({".": written.decimal, ",": separator}.get(letter, letter) for letter in text)
        if draw(st.booleans()) and text.lstrip("-").startswith("0") and len(text.lstrip("-")) > 1:
            text = text.replace("0", "", 1)
        cells.append((draw(st.sampled_from(["", " ", "\u00a0"])) + text, number))
    return written, cells


@given(columns())
def test_what_is_written_in_one_style_is_read_back(column: tuple[NumberStyle, list[tuple[str, Decimal]]]) -> None:
    """Exactly, with the mark given or proven; where it is neither, the column asks."""
    written, cells = column
    evidence = seen(text for text, _ in cells)
    for mark in (None, written.decimal):
        decision = evidence.decide(mark, None)
        if isinstance(decision, Ambiguity):
            assert mark is None
            assert not evidence.mark
        else:
            assert [read_number(text, decision.style) for text, _ in cells] == [number for _, number in cells]


AMBIGUOUS = st.from_regex(r"[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}", fullmatch=True)
WHOLE = st.from_regex(r"[0-9]{1,6}|[1-9][0-9]? [0-9]{3}", fullmatch=True)


@given(st.lists(AMBIGUOUS, min_size=1), st.lists(WHOLE))
def test_no_ambiguous_cell_is_read_without_evidence(ambiguous: list[str], whole: list[str]) -> None:
    """However many there are, and whatever whole numbers stand beside them."""
    assert isinstance(seen([*whole, *ambiguous]).decide(None, None), Ambiguity)


@given(st.lists(st.text(alphabet="0123459.,' \u00a0%+-eE", max_size=9), min_size=1, max_size=6))
def test_a_cell_with_one_reading_is_never_read_otherwise(cells: list[str]) -> None:
    """Whatever the column was decided to be, each cell is read as it can be read, or refused."""
    decision = seen(cells).decide(None, None)
    if isinstance(decision, Ambiguity):
        return
    for cell in cells:
        readings = {plain for written in STYLES if (plain := plain_form(cell, written)) is not None}
        plain = plain_form(cell, decision.style)
        assert plain is None or plain in readings
        if len(readings) == 2 and plain is not None:
            assert any(seen([other]).mark == decision.style.decimal for other in cells)
