"""The sample that the demo imports, and the generator that makes it and larger ones like it."""

from __future__ import annotations

from pathlib import Path

SAMPLE = Path(__file__).with_name("shift-log.csv")
"""Three weeks of a plant's hourly records, with the flaws that such exports have."""

SAMPLE_EXPECTED = Path(__file__).with_name("shift-log.expected.json")
"""What becomes of each record of the sample in an empty table; see `generate.Expected`."""
