"""Where the table of a text file begins and ends: the header below titles, the totals and footers below the data.

What may be a record is never taken for a title or a total.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from shared.domain.headers import normalize_header, recognized_fields
from shared.domain.problems import FileProblem, file_refusal
from shared.formats.delimited import TextRecord, is_delimiter_line

MOST_ROWS_TO_HEADER = 50
"""So many rows that are not blank are looked at for the header."""

MOST_TOTALS_ROWS = 10
"""More rows than this below the data are no totals."""

_MOST_ROWS_AHEAD = 1_000
_MOST_FOOTER_CELLS = 2  # a footer with a comma in it is cut in two

_VALUE = re.compile(r"\s*[-+(]?[.,]?\d")
"""How a number, date or time starts, and hardly a column's name."""

_TOTAL = re.compile(
    r"(?P<label>((grand|sub|overall)[\s-]*)?totals?|sum|summen?|(zwischen|gesamt|end)summe|gesamt|insgesamt|soma"
    r"|total\s+(geral|general|général)|somme|suma|razem|celkem|averages?|avg|mean|mittelwert|durchschnitt"
    r"|ø|média|media|moyenne|średnia|průměr)[.:]*(?P<rest>\s.*)?",
    re.IGNORECASE | re.DOTALL,
)
_FOOTER = re.compile(
    r"[-*=\s]*("
    r"((report|bericht|liste|list|file|datei|relatório)\s+)?(generated|created|printed|exported|erstellt|erzeugt"
    r"|gedruckt|exportiert|gerado|impresso)(:|\s+(on|at|by|from|with|am|um|von|vom|mit|em|por|às|\d)).*"
    r"|end\s+of\s+(the\s+)?(report|list|file|data|table)|(ende|fim)\s+(der|des|vom|do|da)\s+\w+"
    r"|(page|seite|página)\s+\d+.*"
    r"|\(?\d+\s+(rows?|records?|zeilen|datensätze|registros|linhas)(\s+(affected|exported|selected))?\)?"
    r")[-*=.\s]*",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class TableStart:
    """The header of a table.

    `titles` are the rows above it that are not blank, the line `sep=;` not among them; `ahead` the records below it
    that were read in looking for it, to be taken before the rest of the iterator.
    """

    header: TextRecord
    evidence: str
    titles: tuple[TextRecord, ...]
    ahead: tuple[TextRecord, ...]


def find_table(records: Iterable[TextRecord], known: frozenset[str] = frozenset()) -> TableStart | FileProblem:
    """Find the header among the first records; `known` are further names that columns of this file have.

    It is the row that names the most columns and holds no values; the first row that is not blank where none is
    better than it, or where a row above the better one may be a record.
    """
    rows = _first_rows(records)
    filled = [row for row in rows if not row.blank]
    if not filled:
        return file_refusal("file_empty")
    names = frozenset(map(normalize_header, known)) - {""}
    values = [_value_positions(row) for row in filled]
    scores = _header_scores(filled, values, names)
    best = max(range(len(filled)), key=lambda index: (scores[index], _width(filled[index])))
    below = Counter(chain.from_iterable(values[best + 1 :]))
    if scores[best] <= 0 or any(_may_be_record(title, below, len(filled) - best - 1) for title in values[:best]):
        best = 0
    header, titles = filled[best], tuple(filled[:best])
    if header.malformed:
        return file_refusal("file_header_unreadable", line=header.line)
    evidence = f"line {header.line} is the first that is not blank"
    if scores[best] > 0:
        evidence = f"line {header.line} names columns that are known: {_named(header, names)}"
    if titles:
        evidence += f"; lines of titles above it: {len(titles)}"
    return TableStart(header, evidence, titles, tuple(row for row in rows if row.line > header.line))


def totals_below(last: Sequence[TextRecord], columns: Sequence[str | None]) -> tuple[TextRecord, ...]:
    """The totals and footers among the `last` records of a file, by which it ends; `columns` are its fields.

    They name themselves (`Total`, `Summe`, `Report generated at …`), and have a value neither as timestamp nor as
    machine. None where there are more than `MOST_TOTALS_ROWS`: give more records than that, blank ones not counted.
    """
    found: list[TextRecord] = []
    for record in reversed(last):
        if record.blank:
            continue
        if record.malformed or not (_is_footer(record.cells, columns) or _is_total(record.cells, columns)):
            break
        found.append(record)
    return tuple(reversed(found)) if len(found) <= MOST_TOTALS_ROWS else ()


def _first_rows(records: Iterable[TextRecord]) -> list[TextRecord]:
    """The first records from the first one that is not blank, nor the line `sep=;`."""
    rows: list[TextRecord] = []
    filled, first = 0, True
    for record in records:
        if not rows and record.blank:
            continue
        if first and is_delimiter_line(record.cells):
            first = False
            continue
        first = False
        rows.append(record)
        filled += not record.blank
        if filled == MOST_ROWS_TO_HEADER or len(rows) == _MOST_ROWS_AHEAD:
            break
    return rows


def _header_scores(rows: Sequence[TextRecord], values: Sequence[set[int]], names: frozenset[str]) -> list[int]:
    """For each row the known columns that it names, less the values that it holds; 0 for what may be a record."""
    scores = [0] * len(rows)
    below: Counter[int] = Counter()
    for index in reversed(range(len(rows))):
        if not rows[index].malformed and not _may_be_record(values[index], below, len(rows) - index - 1):
            scores[index] = _named(rows[index], names) - len(values[index])
        below.update(values[index])
    return scores


def _named(row: TextRecord, names: frozenset[str]) -> int:
    others = [cell for cell in row.cells if normalize_header(cell) not in names] if names else row.cells
    return recognized_fields(others) + len(row.cells) - len(others)


def _width(row: TextRecord) -> int:
    return sum(bool(cell.strip()) for cell in row.cells)


def _value_positions(row: TextRecord) -> set[int]:
    return {position for position, cell in enumerate(row.cells) if _VALUE.match(cell)}


def _may_be_record(values: set[int], below: Counter[int], rows: int) -> bool:
    """True when a row has values where most of the `rows` below it, or below the header, have theirs."""
    usual = {position for position, count in below.items() if 2 * count > rows}
    return bool(values) and 2 * len(values & usual) >= len(usual)


def _is_footer(cells: Sequence[str], columns: Sequence[str | None]) -> bool:
    filled = _filled(cells)
    if len(filled) > _MOST_FOOTER_CELLS or not _FOOTER.fullmatch(filled[0][1]):
        return False
    if len(filled) > 1 and _field(filled[0][0], columns) == "machine_name":
        return False
    return all(_field(position, columns) != "timestamp" for position, _ in filled[1:])


def _is_total(cells: Sequence[str], columns: Sequence[str | None]) -> bool:
    """What stands behind the label belongs to it in the timestamp's column alone: elsewhere it may be a name."""
    filled = _filled(cells)
    position, text = filled[0]
    label = _TOTAL.fullmatch(text)
    if label is None or (label["rest"] and _field(position, columns) != "timestamp"):
        return False
    keys = [cell for other, cell in filled[1:] if _field(other, columns) in ("timestamp", "machine_name")]
    return all(_TOTAL.fullmatch(cell) for cell in keys)


def _field(position: int, columns: Sequence[str | None]) -> str | None:
    return columns[position] if position < len(columns) else None


def _filled(cells: Sequence[str]) -> list[tuple[int, str]]:
    return [(position, text) for position, cell in enumerate(cells) if (text := cell.strip())]
