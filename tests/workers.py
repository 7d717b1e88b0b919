"""How the tests are shared out where several workers run them (`pytest -n 2`).

What takes seconds to start is started by one worker alone, who has all tests that share it. (xdist's own mark for
that, xdist_group, has no effect with pytest 9.)
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

_TOGETHER = {
    "tests/adapters/": "cloud",
    "tests/browser/": "browser",
    "tests/contract/": "cloud",
    "tests/faults/": "stack",
    "tests/faults/test_faults.py": "faults",
    "tests/faults/test_reviews.py": "faults",
    "tests/infra/": "templates",
    "tests/system/": "stack",
    "tests/system/test_embedded_postgres.py": "no stack",
    "tests/system/test_gateway.py": "no stack",
    "tests/system/test_lambda_host.py": "no stack",
    "tests/system/test_memory.py": "a stack of its own",
    "tests/system/test_stop.py": "stacks of its own",
}
"""What the tests of a file, or else of a folder, share.

The browser has a stack of its own, since the other's tests take longest.
"""

_FIRST = ("stack", "browser", "faults", "stacks of its own", "a stack of its own", "cloud", "templates")
"""What takes longest: when that is done, the many small files are what is left to share evenly."""


def _scope(nodeid: str) -> str:
    file = nodeid.partition("::")[0]
    return _TOGETHER.get(file) or _TOGETHER.get(file[: file.rfind("/") + 1], file)


class _Scheduling(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
    """Gives a worker all of a scope, in the order of the tests."""

    def _split_scope(self, nodeid: str) -> str:
        return _scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Called where workers are, and nowhere else."""
    config.option.loadscopereorder = False
    return _Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort by what is to come first; refuse names that are not the only ones, for workers take them for one test."""
    if twice := [nodeid for nodeid, count in Counter(item.nodeid for item in items).items() if count > 1]:
        raise pytest.UsageError(f"more than one test has this name: {', '.join(twice)}")
    place = {scope: number for number, scope in enumerate(_FIRST)}
    items.sort(key=lambda item: place.get(_scope(item.nodeid), len(_FIRST)))
