"""The app, synthesized once for all tests of a process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from infra.application import synthesize
from infra.manifest import FunctionSpec, read_manifest
from tests.infra.templates import Templates

PAGE_ORIGIN = "https://files.example.com"
UNBUNDLED: dict[str, Any] = {"aws:cdk:bundling-stacks": []}
"""CDK's own switch: no asset is built, all else is the same."""


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """The templates for a page at PAGE_ORIGIN and a job concurrency of 3."""
    folder = tmp_path_factory.mktemp("cdk.out")
    synthesize(folder, {**UNBUNDLED, "pageOrigins": [PAGE_ORIGIN], "settings": {"JOB_CONCURRENCY": 3}})
    return Templates.read(folder)


@pytest.fixture(scope="session")
def oidc_templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """The templates for the access tokens of an OpenID issuer."""
    folder = tmp_path_factory.mktemp("cdk.out")
    settings = {"AUTH_PROVIDER": "oidc", "OIDC_ISSUER": "https://issuer.example/pool", "OIDC_AUDIENCE": "linefeed"}
    client = {"oidcClientId": "linefeed-page", "oidcTokenOrigin": "https://tokens.example"}
    synthesize(folder, {**UNBUNDLED, "pageOrigins": [PAGE_ORIGIN], **client, "settings": settings})
    return Templates.read(folder)


@pytest.fixture(scope="session")
def clamav_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The assembly for ClamAV in a container, made where there is no Docker."""
    folder = tmp_path_factory.mktemp("cdk.out")
    synthesize(folder, {**UNBUNDLED, "pageOrigins": [PAGE_ORIGIN], "settings": {"SCANNER": "clamav"}})
    return folder


@pytest.fixture(scope="session")
def clamav_templates(clamav_folder: Path) -> Templates:
    """Its templates."""
    return Templates.read(clamav_folder)


@pytest.fixture(scope="session")
def manifest() -> dict[str, FunctionSpec]:
    """The functions' manifest, of those functions that `templates` has."""
    return read_manifest("guardduty")


@pytest.fixture(scope="session")
def definition(templates: Templates) -> dict[str, Any]:
    """The state machine's definition, with `<LogicalId.Arn>` for the functions."""
    machine = templates.only("AWS::StepFunctions::StateMachine")
    parsed: dict[str, Any] = json.loads(templates.text(machine["DefinitionString"]))
    return parsed
