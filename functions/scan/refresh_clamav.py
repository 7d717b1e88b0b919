"""The schedule of ClamAV's definitions, and each deployment: fetch what is new."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from shared import wiring
from shared.observability import instrumented, logger

_CONFIGURATION = Path("/etc/clamav/linefeed-freshclam.conf")
"""The image's; see infra/clamav/Dockerfile."""


@instrumented(correlation_id_path=None)
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Refresh them; a failure is raised, so that the alarm of the function's errors hears of it."""
    del event, context
    logger.info("definitions refreshed", changed=wiring.clamav_definitions().refresh(_CONFIGURATION))
