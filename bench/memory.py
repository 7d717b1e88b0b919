"""The peak memory of a worker that loads a whole file by itself, for files of very different sizes."""

from __future__ import annotations

from pathlib import Path

from bench.database import database, empty
from bench.engine import peak_megabytes, planned
from bench.files import write_csv
from shared.settings import Settings

_BYTES_A_ROW = 105.8
_MEGABYTES = (10, 100, 1000)


def worker_peak_megabytes(folder: Path) -> dict[int, float]:
    """Peak RSS in MB by file size in MB."""
    peaks = {}
    with database(folder / "memory") as address:
        for megabytes in _MEGABYTES:
            path = write_csv(folder / "memory.csv", rows=int(megabytes * 1e6 / _BYTES_A_ROW), bad_share=0.02)
            empty(address)
            peaks[megabytes] = peak_megabytes(address, planned(path, Settings.model_fields["chunk_bytes"].default))
            path.unlink()
        empty(address)
    return peaks
