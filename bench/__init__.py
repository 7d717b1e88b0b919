"""Benchmarks: what the engine and the system do, side by side with a peer or a limit, as ratios."""
