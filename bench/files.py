"""The files that are measured with: made by seed, like a plant's shift log, with some bad rows or none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl

_NAMES = (
    "timestamp", "machine", "process", "part", "total", "good", "reject", "planned", "operating", "downtime",
    "availability", "performance", "quality", "oee",
)  # fmt: skip
_MACHINES = 40
_BLOCK = 500_000
_STEPS = 1 << 20
_HEADER = (
    "timestamp,machineName,processName,partNumber,totalPartsProduced,goodParts,rejectParts,plannedProductionMinutes,"
    "operatingMinutes,downtimeMinutes,availability,performance,quality,oeeScore\n"
)


def write_csv(path: Path, *, rows: int, bad_share: float = 0.0, seed: int = 1) -> Path:
    """Write a file of about 105 bytes a row; of the rows a share is bad: half by a rule, half by a cell."""
    with path.open("wb") as out:
        out.write(_HEADER.encode())
        for start in range(0, rows, _BLOCK):
            frame = _rows(start, min(_BLOCK, rows - start), bad_share, seed)
            frame.write_csv(out, include_header=False)
    return path


def json_file(rows: int) -> bytes:
    """The same as a JSON array of records."""
    return json.dumps([dict(row) for row in _rows_of_file(rows)]).encode()


def xlsx_file(rows: int) -> bytes:
    """The same as a workbook, whose timestamps have no zone."""
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Data")
    for number, row in enumerate(_rows_of_file(rows)):
        if not number:
            sheet.append(list(row))
        moment = datetime.fromisoformat(row["timestamp"]).replace(tzinfo=None)
        sheet.append([moment, *list(row.values())[1:]])
    file = BytesIO()
    book.save(file)
    return file.getvalue()


def _rows_of_file(rows: int, seed: int = 1) -> Iterator[dict[str, Any]]:
    """The same rows, all of them good, with numbers as numbers."""
    frame = _rows(0, rows, 0.0, seed).rename(dict(zip(_NAMES, _HEADER.strip().split(","), strict=True)))
    yield from frame.with_columns(pl.col("goodParts").cast(pl.Int64)).iter_rows(named=True)


def _rows(start: int, count: int, bad_share: float, seed: int) -> pl.DataFrame:
    """Every machine reports once a minute."""
    row = pl.col("row")
    names = ("total", "reject", "operating", "performance", "part", "bad")
    random = {name: (row.hash(seed + i) % _STEPS) / _STEPS for i, name in enumerate(names)}
    frame = pl.select(pl.int_range(start, start + count).alias("row")).with_columns(**random)
    minutes, machine = pl.col("row") // _MACHINES, pl.col("row") % _MACHINES
    total = (80 + pl.col("total") * 520).cast(pl.Int64)
    reject = (pl.col("reject") * 10).cast(pl.Int64)
    operating = ((pl.col("operating") * 4500 + 300).cast(pl.Int64) / 10).round(1)
    availability, performance = (operating / 480).round(4), (0.7 + pl.col("performance") * 0.3).round(4)
    quality = ((total - reject) / total).round(4)
    kind = (pl.col("bad") / bad_share * 4).cast(pl.Int64, strict=False) if bad_share else pl.lit(9)
    good = (total - reject).cast(pl.String)
    moment = pl.datetime(2026, 1, 1) + pl.duration(minutes=minutes, seconds=machine)
    return frame.select(
        pl.when(kind == 0)
        .then(pl.lit("2026-02-31T10:00:00+00:00"))
        .otherwise(moment.dt.to_string("%Y-%m-%dT%H:%M:%S+00:00"))
        .alias("timestamp"),
        pl.format("PRESS-{}", machine.cast(pl.String).str.zfill(2)).alias("machine"),
        pl.lit("Stamping").alias("process"),
        pl.format("P-{}", (pl.col("part") * 100_000).cast(pl.Int64).cast(pl.String).str.zfill(6)).alias("part"),
        total.alias("total"),
        pl.when(kind == 1)
        .then(pl.lit("ca. 5"))
        .when(kind.is_in([2, 3]))
        .then((total + 5).cast(pl.String))
        .otherwise(good)
        .alias("good"),
        reject.alias("reject"),
        pl.lit(480).alias("planned"),
        operating.alias("operating"),
        (480 - operating).round(1).alias("downtime"),
        availability.alias("availability"),
        performance.alias("performance"),
        quality.alias("quality"),
        (availability * performance * quality).round(4).alias("oee"),
    )
