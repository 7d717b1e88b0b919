"""What the commands print is plain where it is piped, safe whatever the file holds, and says when a sum is wrong."""

from __future__ import annotations

import re
from typing import Any

import pytest

from local.commands.display import make_console, shown
from local.commands.outcome import Outcome, show_outcome
from local.commands.progress import view_of

TOTALS = {"records": 12, "imported": 8, "duplicates": 2, "refused": 2, "warnings": 1}


def outcome(status: str = "completed_with_errors", **changes: Any) -> Outcome:
    """An upload that has ended, with a refused row."""
    error = {"row": 7, "field": "goodParts", "value": "9", "error": "More than were made.", "severity": "error"}
    remark = {"row": 7, "field": "oeeScore", "value": "1", "error": "A remark.", "severity": "warning"}
    upload = {"uploadId": "u1", "status": status, "totals": TOTALS, "failure": None} | changes
    return Outcome(upload, ({"row": 7, "errors": [error, remark]},), sending=0.2, importing=4.0)


def test_totals_that_add_up_contradict_nothing() -> None:
    """Every record has a fate and the status agrees with the refused rows."""
    assert outcome().contradictions() == []


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (outcome("failed"), "status is failed"),
        (outcome("completed"), "completed with 2 refused rows"),
        (outcome(totals=TOTALS | {"imported": 7}), "do not add up"),
        (outcome(totals=TOTALS | {"refused": 0, "imported": 10}), "with 0 refused rows"),
    ],
)
def test_what_does_not_add_up_is_named(wrong: Outcome, told: str) -> None:
    """A failed upload, a lost record and a status at odds with the totals are told apart."""
    [contradiction] = wrong.contradictions()
    assert told in contradiction


def test_a_piped_outcome_is_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    """No control character, each record's fate, the sum, the reason of a refused row but not its remarks."""
    show_outcome(make_console(), outcome())
    text = capsys.readouterr().out
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text)
    assert re.search(r"imported +8 ", text)
    assert "8 + 2 + 2 = 12." in text
    assert re.search(r"7 +goodParts +9 +More than were made\.", text)
    assert "A remark." not in text
    assert "3 rows/s" in text


def test_a_failed_upload_shows_what_support_needs(capsys: pytest.CaptureFixture[str]) -> None:
    """Message, code and support id; no totals where nothing was counted."""
    failure = {"code": "file_empty", "message": "The file is empty.", "supportId": "s-1"}
    show_outcome(make_console(), outcome("failed", failure=failure, totals=None))
    text = capsys.readouterr().out
    assert "The file is empty. (file_empty)" in text
    assert "s-1" in text
    assert "add up" not in text


def test_a_second_run_says_that_nothing_went_in_twice(capsys: pytest.CaptureFixture[str]) -> None:
    """All rows as duplicates is a good end, and is told as one."""
    again = outcome(totals=TOTALS | {"imported": 0, "duplicates": 10})
    show_outcome(make_console(), again)
    assert "Nothing went in twice" in capsys.readouterr().out
    assert again.contradictions() == []


def test_piped_progress_has_a_line_for_each_step(capsys: pytest.CaptureFixture[str]) -> None:
    """The same answer twice makes one line, and a quarter of the records another."""

    def answer(stage: str | None, percentage: int) -> dict[str, Any]:
        return {"upload": {"stage": stage, "message": f"now {stage}"}, "progress": {"percentage": percentage}}

    with view_of(make_console(), "a.csv", 2_223_853) as view:
        view.sent(2_223_853)
        for stage, percentage in [("queued", 0), ("queued", 0), ("importing", 30), ("importing", 40), (None, 100)]:
            view.status(answer(stage, percentage))
    assert capsys.readouterr().out.splitlines() == ["Sending a.csv, 2.2 MB.", "now queued", "now importing 30 %"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), ("", "(empty)"), ("a\x1b[31mb", r"a\x1b[31mb"), ("a\nb", r"a\nb"), ("x" * 40, "x" * 27 + "…")],
)
def test_values_of_a_file_are_safe_to_show(value: str | None, text: str) -> None:
    """No cell can send control characters to the terminal or break a table."""
    assert shown(value) == text
