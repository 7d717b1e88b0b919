"""cdk-nag's AwsSolutions rules hold, but for the exceptions that `infra/nag_exceptions.toml` gives a reason for."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from aws_cdk import Validations
from cdk_nag import AwsSolutionsChecks

from infra.application import ROOT, build
from tests.infra.conftest import UNBUNDLED

EXCEPTIONS = tomllib.loads((ROOT / "infra" / "nag_exceptions.toml").read_text(encoding="utf-8"))["exception"]


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    """Rule and construct of every finding."""
    folder: Path = tmp_path_factory.mktemp("nag")
    app = build(folder, UNBUNDLED)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    with pytest.raises(RuntimeError, match="ValidationFailed"):  # the exceptions among them
        app.synth()
    report = json.loads((folder / "validation-report.json").read_text(encoding="utf-8"))
    return [
        (violation["ruleName"], construct["constructPath"])
        for plugin in report["pluginReports"]
        for violation in plugin["violations"]
        for construct in violation["violatingConstructs"]
    ]


def covers(exception: dict[str, str], finding: tuple[str, str]) -> bool:
    rule, construct = finding
    return rule.startswith(exception["rule"]) and construct.startswith(exception["where"])


def test_every_finding_is_mended_or_has_a_reason(findings: list[tuple[str, str]]) -> None:
    """No rule is switched off as a whole."""
    assert [found for found in findings if not any(covers(exception, found) for exception in EXCEPTIONS)] == []


def test_every_exception_is_still_needed(findings: list[tuple[str, str]]) -> None:
    """And says why in a sentence."""
    idle = [exception for exception in EXCEPTIONS if not any(covers(exception, found) for found in findings)]
    assert idle == []
    assert all(len(exception["reason"]) > 60 for exception in EXCEPTIONS)
