"""The templates as CloudFormation sees them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from infra.manifest import ROOT
from tests.infra.templates import Templates

_KNOWN_CUSTOM_RESOURCES = {"Custom::CDKBucketDeployment", "Custom::S3BucketNotifications", "Custom::Trigger"}


def test_cfn_lint_finds_nothing(templates: Templates) -> None:
    """Every template passes cfn-lint under the rules in .cfnlintrc.yaml."""
    result = subprocess.run(
        [Path(sys.executable).with_name("cfn-lint"), *map(str, templates.files)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout) == (0, "")


def test_there_are_three_stacks(templates: Templates) -> None:
    """What is kept, what can be replaced, and what browsers load."""
    names = [file.name.removesuffix(".template.json") for file in templates.files]
    assert names == ["LinefeedData", "LinefeedPage", "LinefeedPipeline"]


def test_custom_resources_are_the_known_ones(templates: Templates) -> None:
    """A feature flag that is lost would bring in resources that the local run has no counterpart for."""
    types = {resource["Type"] for resource in templates.resources.values()}
    assert {name for name in types if name.startswith("Custom::")} == _KNOWN_CUSTOM_RESOURCES
