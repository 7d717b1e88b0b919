"""A plant and what its machines report each hour: sound rows, as text and fast.

A row is put together from pieces that are written out beforehand, because a file of millions of rows is made
of few thousand different hours of production: `{hour}{machine's shift}{production}{note}`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from random import Random

HEADER = (
    "LastUpdatedTimestamp",
    "SiteName",
    "ProcessName",
    "MachineName",
    "PartNumber",
    "BatchNumber",
    "OperatorName",
    "Shift",
    "TotalPartsProduced",
    "GoodParts",
    "RejectParts",
    "ReworkParts",
    "PlannedProductionTime",
    "OperatingTime",
    "DowntimeMinutes",
    "DowntimeReason",
    "CycleTimeSeconds",
    "Availability",
    "Performance",
    "Quality",
    "OEE",
    "MoldTemperatureC",
    "WorkOrderNote",
)
LINE_END = "\r\n"
PLANT_ZONE = timezone(timedelta(hours=1))
"""The log's clock keeps standard time all the year, as such clocks do."""

_LAST_HOUR = datetime(2025, 11, 21, 5, tzinfo=PLANT_ZONE)
_FEWEST_MACHINES = 24
_MOST_HOURS = 180 * 24
_HOURS_KEPT = 2000
_SHIFTS = {6: "Früh", 14: "Spät", 22: "Nacht"}
_SITES = ("Werk Köln", "Werk Gütersloh", "Werk Nürnberg")
_OPERATORS = (
    "Jürgen Weiß",
    "Ayşe Demir",
    "Müller, Sabine",
    "Björn Sørensen",
    "Łukasz Nowak",
    "Öztürk, Emre",
    "Renée Dupont",
    "Hans-Peter Groß",
    "João Conceição",
    "Katrin Schäfer",
)
_DOWNTIME_REASONS = (
    "Werkzeugwechsel",
    "Material fehlt",
    "Störung Zuführung",
    "Reinigung, wöchentlich",
    "Rüsten",
    "Wartung",
    'Düse "2" verstopft',
)
_NOTES = (
    "Werkzeug geprüft, in Ordnung",
    'Auftrag "Eilt" vorgezogen',
    "Übergabe:\nTemperatur beobachten, Regler träge",
    "Material gewechselt",
    'Prüfmaß 12,5 mm; Lehre "B"',
    "Öl nachgefüllt",
    'Kunde will Fotos,\nsiehe Ordner "Q3"\nbis Freitag',
    "neue Charge Granulat",
)
_SILENT_HOURS_PER_NOTE = 12
_IDLE_SHARE = 0.01
"""Hours in which a machine makes nothing at all, and its report leaves the ratios empty."""


@dataclass(frozen=True, slots=True)
class Process:
    """A kind of machine. `ideal_cycle` is in seconds a part, `mold` the temperature in °C where there is one."""

    name: str
    machine: str
    ideal_cycle: float
    parts: tuple[str, ...]
    mold: float | None


_PROCESSES = (
    Process("Spritzgießen", "SGM", 24.0, ("0047110815", "0047110822", "A-104.233-07"), 62.0),
    Process("Montage", "Montagelinie", 38.5, ("0081500034", "B-220.010-01"), None),
    Process("Lackieren", "Lackierstraße", 52.0, ("0063000417", "0063000418", "C-007.900-12"), None),
    Process("Prüfen", "Prüfstand", 17.5, ("0099120001",), None),
)


def header_line() -> str:
    """The first line of the file."""
    return ",".join(HEADER) + LINE_END


def hours_of_production(rows: int, random: Random) -> Iterator[list[str]]:
    """Yield the rows of each hour, in order of time, as lines of CSV; the last hour goes beyond `rows`.

    More rows mean more hours, up to half a year, and then more machines.
    """
    machines = _machines(max(_FEWEST_MACHINES, -(-rows // _MOST_HOURS)))
    production = {process.name: [_production(process, random) for _ in range(_HOURS_KEPT)] for process in _PROCESSES}
    pools = [production[machine.process.name] for machine in machines]
    notes = [_cells(note) + LINE_END for note in _NOTES] + [LINE_END] * (len(_NOTES) * _SILENT_HOURS_PER_NOTE)
    kept, choices, draw = _HOURS_KEPT, len(notes), random.random
    hours = -(-rows // len(machines))
    shifts: list[str] = []
    for back in range(hours - 1, -1, -1):
        hour = _LAST_HOUR - timedelta(hours=back)
        if hour.hour in _SHIFTS or not shifts:
            shifts = [_machine_shift(machine, hour, random) for machine in machines]
        stamp = f"{hour:%Y-%m-%dT%H:}"
        yield [
            f"{stamp}{shift}{pool[int(draw() * kept)]}{notes[int(draw() * choices)]}"
            for shift, pool in zip(shifts, pools, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class _Machine:
    """A machine and when within the hour it reports."""

    name: str
    site: str
    process: Process
    minute: int
    second: int


def _machines(count: int) -> list[_Machine]:
    """`count` machines whose reports are spread over the hour, in that order."""
    machines = []
    for number in range(count):
        process = _PROCESSES[number % len(_PROCESSES)]
        minute, second = divmod(number * 3600 // count, 60)
        site = _SITES[number // len(_PROCESSES) % len(_SITES)]
        name = f"{process.machine}-{number // len(_PROCESSES) + 1:02d}"
        machines.append(_Machine(name, site, process, minute, second))
    return machines


def _machine_shift(machine: _Machine, hour: datetime, random: Random) -> str:
    """The cells that stay for a shift, from the timestamp's minutes to the shift's name."""
    start = max((first for first in _SHIFTS if first <= hour.hour), default=22)
    cells = _cells(
        f"{machine.minute:02d}:{machine.second:02d}+01:00",
        machine.site,
        machine.process.name,
        machine.name,
        _pick(machine.process.parts, random),
        f"{int(random.random() * 900_000) + 1000:09d}",
        _pick(_OPERATORS, random),
        _SHIFTS[start],
    )
    return cells + ","


def _production(process: Process, random: Random) -> str:
    """The cells of one hour's production: parts that add up, and an OEE that is the product of its three."""
    down = round(_uneven(random) * 25, 1)
    if random.random() < _IDLE_SHARE:
        down = 60.0
    operating = round(60 - down, 1)
    total = int(operating * 60 / process.ideal_cycle * (0.82 + 0.17 * random.random()))
    reject = int(total * 0.06 * _uneven(random))
    rework = int(total * 0.04 * _uneven(random))
    good = total - reject - rework
    reason = _pick(_DOWNTIME_REASONS, random) if down else ""
    mold = f"{process.mold + 4 * random.random():.1f}" if process.mold else ""
    ratios = ["", "", "", "", ""]
    if total:
        available, quality = round(operating / 60, 4), round(good / total, 4)
        performance = round(process.ideal_cycle * total / (operating * 60), 4)
        cycle = f"{operating * 60 / total:.2f}"
        ratios = [cycle, *(f"{ratio:.4f}" for ratio in (available, performance, quality))]
        ratios.append(f"{available * performance * quality:.4f}")
    parts = [str(count) for count in (total, good, reject, rework)]
    return _cells(*parts, "60", f"{operating:.1f}", f"{down:.1f}", reason, *ratios, mold) + ","


def read_line(line: str) -> dict[str, str]:
    """The cells of one row by their header."""
    return dict(zip(HEADER, next(csv.reader(io.StringIO(line, newline=""))), strict=True))


def write_line(cells: dict[str, str]) -> str:
    """The row with these cells."""
    return _cells(*cells.values()) + LINE_END


def in_utc(timestamp: str) -> str:
    """The same instant as another system of the plant writes it."""
    return f"{datetime.fromisoformat(timestamp).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _cells(*cells: str) -> str:
    """Cells as CSV, quoted where needed, without the line's end."""
    return ",".join(_quoted(cell) if any(mark in cell for mark in ',"\n') else cell for cell in cells)


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


def _pick(choices: Sequence[str], random: Random) -> str:
    """One of the choices, by `random.random()`, whose series is the same in every version of Python."""
    return choices[int(random.random() * len(choices))]


def _uneven(random: Random) -> float:
    """A number from 0 to 1, mostly small."""
    draw = random.random()
    return draw * draw * draw
