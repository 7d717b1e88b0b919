"""One machine stands in for many: an inline Map has at most as many items under way as there are processors.

More of them would not be done sooner, and each would hold its memory and its place in Postgres for longer; the same
holds for a distributed one.
"""

from __future__ import annotations

import os
from typing import Any

from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.inline_iteration_component import (
    InlineIterationComponent,
)

from local.aws.patching import Patches

AT_ONCE = max(2, os.cpu_count() or 1)


def install(patches: Patches) -> None:
    """Patch the Map state's inline mode."""
    patches.wrap(InlineIterationComponent, "_eval_body", _limit_concurrency)


def _limit_concurrency(original: Any) -> Any:
    def eval_body(component: Any, env: Any) -> None:
        asked = env.stack[-1]
        asked.max_concurrency = min(asked.max_concurrency or AT_ONCE, AT_ONCE)
        original(component, env)

    return eval_body
