"""Write the sample, or a file like it of any size: `python -m local.samples.generate --rows N --out FILE`.

The same numbers give the same bytes in every version of Python. With the file comes what has to become of its
records, so that a test can compare exactly.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import TextIO

from local.samples import SAMPLE, SAMPLE_EXPECTED
from local.samples.flaws import ERRORS, REPETITIONS, WARNINGS
from local.samples.plant import header_line, hours_of_production

SAMPLE_ROWS = 12_000
BAD_SHARE = 0.00425
REPEATED_SHARE = 0.005
WARNED_SHARE = 0.001
_REMEMBERED_ROWS = 400


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """One row that has to be refused: `row` is the line of the file on which it starts, the header's being 1."""

    row: int
    kind: str
    field: str | None
    code: str


@dataclass(frozen=True, slots=True)
class Expected:
    """What becomes of each record of a generated file, sent without a time zone into a table that knows none of it.

    `duplicates` are rows whose key stands earlier in the file; they and the refused come on top of `imported`:
    imported + duplicates + refused = records. Warned rows are among the imported.
    """

    seed: int
    records: int
    imported: int
    duplicates: int
    refused: int
    refused_by_kind: dict[str, int]
    warnings_by_code: dict[str, int]
    refused_rows: tuple[RefusedRow, ...]

    @property
    def warnings(self) -> int:
        """Imported rows with a warning; each has one."""
        return sum(self.warnings_by_code.values())

    @classmethod
    def read(cls, path: Path) -> Expected:
        """Read what `write` wrote."""
        document = json.loads(path.read_text(encoding="utf-8"))
        rows = tuple(RefusedRow(**row) for row in document.pop("refused_rows"))
        return cls(**document, refused_rows=rows)

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def generate(
    path: Path,
    *,
    rows: int,
    seed: int = 1,
    bad_share: float = BAD_SHARE,
    repeated_share: float = REPEATED_SHARE,
    warned_share: float = WARNED_SHARE,
) -> Expected:
    """Write `rows` records below a header, hour by hour, and return what has to become of them.

    The shares are of `rows`: rows to refuse, rows that repeat an earlier one, and rows with a warning.
    Raises ValueError when they leave no sound row.
    """
    counts = [round(rows * share) for share in (bad_share, repeated_share, warned_share)]
    if sum(counts) >= rows:
        raise ValueError(f"{sum(counts)} flawed rows do not fit into {rows}")
    writer = _Writer(Random(seed))  # noqa: S311 - a series that comes again is what is wanted
    with path.open("w", encoding="utf-8", newline="") as file:
        writer.write(file, rows, counts)
    refused = Counter(row.kind for row in writer.refused)
    return Expected(
        seed=seed,
        records=rows,
        imported=rows - counts[0] - counts[1],
        duplicates=counts[1],
        refused=counts[0],
        refused_by_kind=dict(sorted(refused.items())),
        warnings_by_code=dict(sorted(writer.warned.items())),
        refused_rows=tuple(writer.refused),
    )


class _Writer:
    """Weaves the flawed rows into the sound ones."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._turns = {"refused": 0, "repeated": 0, "warned": 0}
        self._sound: deque[str] = deque(maxlen=_REMEMBERED_ROWS)
        self.refused: list[RefusedRow] = []
        self.warned: Counter[str] = Counter()

    def write(self, file: TextIO, rows: int, counts: list[int]) -> None:
        """Write the header and `rows` rows, of which `counts` are refused, repeated and warned."""
        file.write(header_line())
        places = _places(rows, counts, self._random)
        place, change = next(places)
        index, line = 0, 2
        for hour in hours_of_production(rows, self._random):
            written = hour[: rows - index]
            for position, row in enumerate(written):
                if index + position == place:
                    written[position] = self._changed(row, change, line)
                    place, change = next(places)
                else:
                    self._sound.append(row)
                line += written[position].count("\n")
            file.write("".join(written))
            index += len(written)

    def _changed(self, row: str, change: str, line: int) -> str:
        """The row that stands in `row`'s place, with what is to become of it noted."""
        turn = self._turns[change]
        self._turns[change] += 1
        if change == "repeated":
            row = self._sound[int(self._random.random() * len(self._sound))]
            return REPETITIONS[turn % len(REPETITIONS)](row)
        flaws = ERRORS if change == "refused" else WARNINGS
        flaw = flaws[turn % len(flaws)]
        if change == "refused":
            self.refused.append(RefusedRow(line, flaw.kind, flaw.field, flaw.code))
        else:
            self.warned[flaw.code] += 1
        return flaw.spoil(row)


def _places(rows: int, counts: list[int], random: Random) -> Iterator[tuple[int, str]]:
    """Where in the file which change is made: spread evenly, in mixed order, never in the first row."""
    changes = ["refused"] * counts[0] + ["repeated"] * counts[1] + ["warned"] * counts[2]
    random.shuffle(changes)
    stride = (rows - 1) / len(changes) if changes else 0.0
    for number, change in enumerate(changes):
        yield 1 + int(number * stride) + int(random.random() * int(stride)), change
    yield -1, "none"


def _share(text: str) -> float:
    """A share from 0 to below 1, as an argument."""
    share = float(text)
    if not 0 <= share < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a share from 0 to below 1")
    return share


def main(arguments: list[str] | None = None) -> int:
    """The command line; without arguments it writes the shipped sample and its expectations anew."""
    parser = argparse.ArgumentParser(prog="python -m local.samples.generate", description=main.__doc__)
    parser.add_argument("--rows", type=int, default=SAMPLE_ROWS, help="records below the header (%(default)s)")
    parser.add_argument("--out", type=Path, default=SAMPLE, metavar="FILE", help="the CSV file to write")
    parser.add_argument("--expected", type=Path, metavar="FILE", help="where to write what is expected, as JSON")
    parser.add_argument("--seed", type=int, default=1, help="another seed makes another file (%(default)s)")
    parser.add_argument("--bad-share", type=_share, default=BAD_SHARE, help="rows to refuse (%(default)s)")
    parser.add_argument("--repeated-share", type=_share, default=REPEATED_SHARE, help="duplicates (%(default)s)")
    chosen = parser.parse_args(arguments)
    expected = generate(
        chosen.out,
        rows=chosen.rows,
        seed=chosen.seed,
        bad_share=chosen.bad_share,
        repeated_share=chosen.repeated_share,
    )
    target = chosen.expected or (SAMPLE_EXPECTED if chosen.out == SAMPLE else None)
    if target is not None:
        expected.write(target)
    print(
        f"{chosen.out.name}: {expected.records} records, of which {expected.imported} to import "
        f"({expected.warnings} with a warning), {expected.duplicates} duplicates, {expected.refused} to refuse"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
