"""Downloaded cells run nowhere as formulas, and come back as they were."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.refused import guard_formula, unguard_formula


@given(st.text() | st.text(alphabet="'=+-@\t\r\n\uff1d\uff20 1.,a", max_size=6))
def test_what_was_guarded_comes_back(cell: str) -> None:
    """Whatever it is, apostrophes of its own included."""
    assert unguard_formula(guard_formula(cell)) == cell


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1+1", "-1+cmd|' /C calc'!A0", "@SUM(A1)", "\t=1", "\r=1", "'=1", "\n=1", "\uff1d1+1"]
)
def test_what_a_spreadsheet_would_run_is_guarded(cell: str) -> None:
    """It starts with an apostrophe."""
    assert guard_formula(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["-5", "+5", "-1.5", "-1,5", "-.5", "5", "Press 1", "", "'"])
def test_numbers_and_plain_text_stay(cell: str) -> None:
    """A signed number is no formula."""
    assert guard_formula(cell) == cell
