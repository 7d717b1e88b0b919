"""The page has words, in each of its languages, for everything that the service may tell it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shared.domain.audit import AuditAct
from shared.domain.identity import Role
from shared.domain.problems import ROW_PROBLEMS
from shared.domain.quality_report import PROBLEM_TITLES
from shared.domain.rules import RULES
from shared.domain.upload import UploadState, UploadStatus

_WORDS = Path(__file__).resolve().parents[2] / "web" / "src" / "i18n"
LANGUAGES = ("en", "de")


def words(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((_WORDS / f"{name}.json").read_text(encoding="utf-8"))
    return content


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_problem_has_a_title(language: str) -> None:
    """Each code that a refused row may have, and no other."""
    assert words(f"problems.{language}").keys() == ROW_PROBLEMS.keys() | {rule.code for rule in RULES}


def test_the_english_titles_are_the_reports() -> None:
    """The page and the quality report speak of the same thing in the same words."""
    assert words("problems.en") == PROBLEM_TITLES


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_state_act_and_role_has_words(language: str) -> None:
    """So that nothing is shown by its name in the code."""
    told = words(language)
    needed = {
        *(f"status.{status}" for status in UploadStatus),
        *(f"now.{state}" for state in UploadState if state.stage),
        *(f"event.{act}" for act in AuditAct),
        *(f"role.{role}" for role in Role),
    }
    assert needed - told.keys() == set()


def test_the_languages_say_the_same_things() -> None:
    """No message is missing in one of them."""
    assert words("en").keys() == words("de").keys()
