"""Builds the app from cdk.json, so that it is the same with and without the CDK CLI."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aws_cdk import App, cx_api

from infra.configuration import Configuration
from infra.constructs.page import built_page
from infra.stacks.data import DataStack
from infra.stacks.page import PageStack
from infra.stacks.pipeline import PipelineStack

ROOT = Path(__file__).resolve().parent.parent


def build(outdir: Path | None = None, context: Mapping[str, Any] | None = None) -> App:
    """The whole app, not yet synthesized.

    `context` goes over that of cdk.json (and what the CLI passes in CDK_CONTEXT_JSON over both).
    Raises `ConfigurationError` when an operator's value cannot be used, and `PageNotBuiltError`.
    """
    written = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    target = outdir or Path(os.environ.get("CDK_OUTDIR") or ROOT / "cdk.out")
    app = App(outdir=str(target), context={**written, **(context or {})}, analytics_reporting=False)
    configuration = Configuration.from_context(app.node.get_all_context())
    files = built_page()
    data = DataStack(app, "LinefeedData", configuration=configuration)
    pipeline = PipelineStack(app, "LinefeedPipeline", configuration=configuration, data=data)
    PageStack(app, "LinefeedPage", configuration=configuration, files=files, data=data, pipeline=pipeline)
    return app


def synthesize(outdir: Path | None = None, context: Mapping[str, Any] | None = None) -> cx_api.CloudAssembly:
    """Writes the templates and their assets."""
    return build(outdir, context).synth()
