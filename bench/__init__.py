"""Benchmarks: what the engine and the system do, side by side with a peer or a limit, as ratios."""

import os

os.environ["POLARS_MAX_THREADS"] = "1"  # as the functions have it; Polars reads it when it is first imported
