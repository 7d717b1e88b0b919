"""`make bench`: measure the engine and the system against Postgres' own COPY, and write `bench/results.json`.

Machines are shared and noisy: what is compared runs in turns, in one go, and the ratio of each turn counts. The
figures are medians over the turns.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.engine_turns import measure_turns
from bench.files import write_csv
from bench.formats import json_rates, xlsx_rates
from bench.imports import import_seconds
from bench.layouts import layout_ratios
from bench.load import load_the_system
from bench.memory import worker_peak_megabytes
from bench.page import measure_page
from bench.queue import queue_waits
from bench.system import system_ratio
from bench.undo import undo_seconds

RESULTS = Path(__file__).with_name("results.json")
_ROWS = 1_000_000
_BAD_SHARE = 0.02


@dataclass(frozen=True, slots=True)
class Result:
    """A figure and what it is to reach; `most` says that the goal is an upper limit."""

    name: str
    value: float
    unit: str
    goal: float | None = None
    most: bool = False

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None where there is none."""
        if self.goal is None:
            return None
        return self.value <= self.goal if self.most else self.value >= self.goal


def main() -> None:
    """Measure, show and write."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rows", type=int, default=_ROWS, help="records in the file (default: %(default)s)")
    parser.add_argument("--turns", type=int, default=3, help="how often the engine is measured (default: %(default)s)")
    parser.add_argument(
        "--only", nargs="*", choices=[*_PARTS], default=[*_PARTS], help="parts to measure (default: all)"
    )
    arguments = parser.parse_args()
    with _folder() as folder:
        results = [
            result for part in arguments.only for result in _PARTS[part](folder, arguments.rows, arguments.turns)
        ]
    _show(results)
    _keep(results)


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder that the database's own user may pass through."""
    with tempfile.TemporaryDirectory(prefix="linefeed-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def _engine(folder: Path, rows: int, turns: int) -> Iterator[Result]:
    path = write_csv(folder / "engine.csv", rows=rows, bad_share=_BAD_SHARE)
    measured = measure_turns(path, folder, turns)
    yield Result("copy", round(statistics.median(turn.copy for turn in measured)), "rows/s")
    yield Result("engine_one", _ratio(turn.one / turn.copy for turn in measured), "× copy", 0.85)
    yield Result("engine_two", _ratio(turn.two / turn.copy for turn in measured), "× copy", 1.0)
    yield Result("duplicates", _ratio(turn.duplicates / turn.copy for turn in measured), "× copy", 0.9)


def _system(folder: Path, rows: int, _: int) -> Iterator[Result]:
    path = write_csv(folder / "system.csv", rows=rows, bad_share=_BAD_SHARE)
    yield Result("system", round(system_ratio(path, folder), 3), "× copy", 0.6)


def _load(folder: Path, *_: int) -> Iterator[Result]:
    load = load_the_system(folder)
    yield Result("load_rows_per_s", round(load.rows / load.seconds), "rows/s, 50 uploads at once")
    yield Result("load_uploads_per_s", round(load.uploads / load.seconds, 1), "uploads/s, 50 at once")
    for priority, waits in load.waits.items():
        yield Result(f"load_wait_{priority}_s", round(statistics.median(waits), 1), "s in the queue, median")
    yield Result("load_peak_mb", round(load.peak_megabytes), "MB, the whole stack")


def _formats(_: Path, rows: int, *__: int) -> Iterator[Result]:
    xlsx, array = xlsx_rates(rows // 10), json_rates(rows // 5)
    yield Result("xlsx_rows_per_s", round(xlsx.ours), "rows/s", 50_000)
    yield Result("xlsx_of_calamine", round(xlsx.ratio, 3), "× python-calamine that only reads")
    yield Result("json_rows_per_s", round(array.ours), "rows/s", 80_000)
    yield Result("json_of_ijson", round(array.ratio, 3), "× ijson that only reads")


def _memory(folder: Path, *_: int) -> Iterator[Result]:
    peaks = worker_peak_megabytes(folder)
    yield Result("worker_peak_mb", round(max(peaks.values())), "MB", 400, most=True)
    growth = round(peaks[max(peaks)] / peaks[min(peaks)], 2)
    yield Result("worker_peak_growth", growth, f"× from {min(peaks)} to {max(peaks)} MB", 1.2, most=True)


def _imports(*_: object) -> Iterator[Result]:
    for module, seconds, goal in import_seconds():
        yield Result(f"import_{module}_s", round(seconds, 2), "s", goal, most=True)


def _layouts(folder: Path, rows: int, turns: int) -> Iterator[Result]:
    path = write_csv(folder / "layouts.csv", rows=rows)
    for name, ratio in layout_ratios(path, folder, turns):
        yield Result(f"layout: {name}", round(ratio, 2), "× copy into the table as it is")


def _queue(*_: object) -> Iterator[Result]:
    waits = queue_waits()
    for one in waits:
        for name, seconds in (("median", one.median), ("p95", one.p95), ("longest", one.longest)):
            yield Result(f"queue {one.policy}: {one.group}, {name}", round(seconds), "s")
    p95 = {(one.policy, one.group): one.p95 for one in waits}
    for peer in ("first come", "by priority"):
        ratio = p95["fair", "others"] / p95[peer, "others"]
        yield Result(f"queue_others_of_{peer.replace(' ', '_')}", round(ratio, 3), "× its p95", 0.2, most=True)


def _undo(folder: Path, rows: int, _: int) -> Iterator[Result]:
    seconds = undo_seconds(folder, rows)
    yield Result("undo_s", round(seconds.undo, 1), f"s for {rows:,} rows among as many", 10, most=True)
    yield Result("undo_of_delete", round(seconds.undo / seconds.delete, 2), "× a plain DELETE of as many")


def _page(folder: Path, *_: int) -> Iterator[Result]:
    page = measure_page(folder)
    yield Result("page_first_paint_ms", round(page.first_paint), "ms, with nothing kept", 1000, most=True)
    yield Result("page_script_kb", round(page.script), "kB of script, packed", 250, most=True)


_PARTS: dict[str, Callable[[Path, int, int], Iterator[Result]]] = {
    "engine": _engine,
    "system": _system,
    "load": _load,
    "formats": _formats,
    "memory": _memory,
    "imports": _imports,
    "layouts": _layouts,
    "queue": _queue,
    "undo": _undo,
    "page": _page,
}
"""Each is given a folder, the records in the file, and how often to measure."""


def _ratio(values: Iterator[float]) -> float:
    return round(statistics.median(values), 3)


def _document(result: Result) -> dict[str, object]:
    document = asdict(result) | {"met": result.met}
    del document["most"]
    return document


def _keep(results: list[Result]) -> None:
    """Write the figures, in place of those that were measured before."""
    known = {document["name"]: document for document in json.loads(RESULTS.read_text(encoding="utf-8"))}
    measured = {result.name: _document(result) for result in results}
    RESULTS.write_text(json.dumps([*(known | measured).values()], indent=2) + "\n", encoding="utf-8")


def _show(results: list[Result]) -> None:
    table = Table("what", "measured", "unit", "goal", "met")
    for result in results:
        goal = "" if result.goal is None else f"{'≤' if result.most else '≥'} {result.goal:,}"
        met = {None: "", True: "yes", False: "no"}[result.met]
        table.add_row(result.name, f"{result.value:,}", result.unit, goal, met)
    Console().print(table)


if __name__ == "__main__":
    main()
