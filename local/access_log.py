"""The access log of an API, in the format that the template gives."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_CONTEXT_VARIABLE = re.compile(r"\$context\.([A-Za-z.]+)")


def log_access(path: Path, log_format: str | None, context: Mapping[str, Any]) -> None:
    """Write a line; a variable that there is not here is a dash. Without a format there is no log."""
    if log_format is None:
        return
    line = _CONTEXT_VARIABLE.sub(lambda name: str(context.get(name[1], "-")), log_format)
    with path.open("a") as log:
        log.write(line + "\n")
