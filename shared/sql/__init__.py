"""The SQL of the system: `migrations/` in order, and files of named statements."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def statements(file_name: str) -> dict[str, str]:
    """The statements of a file in this folder by the name in the `-- name:` line above each."""
    parts = _NAME.split(files(__name__).joinpath(file_name).read_text(encoding="utf-8"))
    return dict(zip(parts[1::2], (part.strip() for part in parts[2::2]), strict=True))
