"""How long the functions' modules take to import, which is most of a cold start that is ours."""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_MODULES = (("load_chunk", "import", 1.5), ("start_upload", "presign", 0.5), ("read_status", "status", 0.5))
_RUNS = 5
_PROGRAM = "import time; began = time.perf_counter(); import {module}; print(time.perf_counter() - began)"


def import_seconds() -> list[tuple[str, float, float]]:
    """Module, seconds in a fresh process (median), and the goal."""
    return [(module, _median(module, folder), goal) for module, folder, goal in _MODULES]


def _median(module: str, folder: str) -> float:
    return statistics.median(_once(module, folder) for _ in range(_RUNS))


def _once(module: str, folder: str) -> float:
    path = f"{_ROOT}:{_ROOT / 'functions' / folder}"
    program = _PROGRAM.format(module=module)
    environment = {
        "PYTHONPATH": path,
        "POWERTOOLS_SERVICE_NAME": module,
        "POWERTOOLS_METRICS_NAMESPACE": "Linefeed",
        "LAMBDA_TASK_ROOT": str(_ROOT),  # outside of Lambda, the X-Ray SDK would make a client to ask what to sample
    }
    run = subprocess.run(  # noqa: S603 (this Python, and a program of our own)
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, env=environment
    )
    return float(run.stdout)
