"""What is wrong with some rows of a real export, and what has to become of each.

A flaw changes one sound row. A row with an error has exactly one, so that what is expected of it is one field and
one code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from local.samples.plant import LINE_END, in_utc, read_line, write_line

Cells = dict[str, str]
Spoil = Callable[[str], str]
"""Makes a row of the file, its line end included, into another."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """One way for a row to be wrong.

    `field` is the record field (as the API names it) that the problem is told about, or None for the whole row;
    `code` is the problem's, as in `shared.domain.problems`.
    """

    kind: str
    field: str | None
    code: str
    spoil: Spoil


def _in_cells(change: Callable[[Cells], None]) -> Spoil:
    """A flaw within cells, which `change` makes in place."""

    def spoil(row: str) -> str:
        cells = read_line(row)
        change(cells)
        return write_line(cells)

    return spoil


def _set(header: str, value: str) -> Spoil:
    """A flaw that puts one value into one column."""
    return _in_cells(lambda cells: cells.update({header: value}))


def _good_above_total(cells: Cells) -> None:
    cells["GoodParts"] = str(int(cells["TotalPartsProduced"]) + 7)


def _reject_above_total(cells: Cells) -> None:
    cells["RejectParts"] = str(int(cells["TotalPartsProduced"]) + 9)


def _no_zone(cells: Cells) -> None:
    cells["LastUpdatedTimestamp"] = cells["LastUpdatedTimestamp"].removesuffix("+01:00")


def _long_machine_name(cells: Cells) -> None:
    cells["MachineName"] = " ".join([cells["MachineName"]] * 20)


def _more_rework_than_fits(cells: Cells) -> None:
    cells["ReworkParts"] = str(int(cells["ReworkParts"]) + 3)


def _longer_than_planned(cells: Cells) -> None:
    cells["DowntimeMinutes"] = f"{float(cells['DowntimeMinutes']) + 12.5:.1f}"


def _faster_than_ideal(cells: Cells) -> None:
    cells.update(Availability="0.9000", Performance="1.0800", Quality="0.9500", OEE="0.9234")


def _cell_too_many(row: str) -> str:
    return row.removesuffix(LINE_END) + ",siehe Anlage" + LINE_END


def _inch_mark_in_quotes(row: str) -> str:
    cells = read_line(row)
    cells["WorkOrderNote"] = ""
    return write_line(cells).removesuffix(LINE_END) + '"5" Rohr, lang"' + LINE_END


def _oee_by_hand(cells: Cells) -> None:
    cells.update(Availability="0.9000", Performance="0.9000", Quality="0.9000", OEE="0.8500")


ERRORS = (
    Flaw("good parts above the total", "goodParts", "good_above_total", _in_cells(_good_above_total)),
    Flaw("reject parts above the total", "rejectParts", "reject_above_total", _in_cells(_reject_above_total)),
    Flaw("negative count", "reworkParts", "number_too_small", _set("ReworkParts", "-4")),
    Flaw("text in a number", "totalPartsProduced", "number_unreadable", _set("TotalPartsProduced", "ca. 120")),
    Flaw("no such day", "timestamp", "timestamp_impossible", _set("LastUpdatedTimestamp", "2025-11-31T06:00:00+01:00")),
    Flaw(
        "text in place of a date", "timestamp", "timestamp_unreadable", _set("LastUpdatedTimestamp", "Do Spätschicht")
    ),
    Flaw("no timestamp", "timestamp", "required", _set("LastUpdatedTimestamp", "")),
    Flaw("timestamp without a zone", "timestamp", "timestamp_without_zone", _in_cells(_no_zone)),
    Flaw("no machine name", "machineName", "required", _set("MachineName", "")),
    Flaw("machine name too long", "machineName", "text_too_long", _in_cells(_long_machine_name)),
    Flaw(
        "decimal comma among decimal points", "cycleTimeSeconds", "number_has_comma", _set("CycleTimeSeconds", "27,4")
    ),
    Flaw("cycle time of zero", "cycleTimeSeconds", "number_not_positive", _set("CycleTimeSeconds", "0")),
    Flaw("quality above one", "quality", "quality_above_one", _set("Quality", "1.4")),
    Flaw("more than 100 %", "availability", "availability_above_one", _set("Availability", "140 %")),
    Flaw("percent without its sign", "quality", "ratio_ambiguous", _set("Quality", "97.5")),
    Flaw("a cell too many", None, "row_too_many_cells", _cell_too_many),
    Flaw("text behind a closing quote", None, "row_malformed", _inch_mark_in_quotes),
)
"""What has a row refused."""

WARNINGS = (
    Flaw("parts that do not add up", "totalPartsProduced", "parts_do_not_add_up", _in_cells(_more_rework_than_fits)),
    Flaw(
        "more minutes than planned", "plannedProductionMinutes", "times_above_planned", _in_cells(_longer_than_planned)
    ),
    Flaw("performance above one", "performance", "performance_above_one", _in_cells(_faster_than_ideal)),
    Flaw("OEE overwritten by hand", "oeeScore", "oee_differs", _in_cells(_oee_by_hand)),
)
"""What a row is imported with all the same."""


def _other_note(cells: Cells) -> None:
    cells["WorkOrderNote"] = "Nachmeldung"


def _other_zone(cells: Cells) -> None:
    cells["LastUpdatedTimestamp"] = in_utc(cells["LastUpdatedTimestamp"])


def _as_it_is(row: str) -> str:
    return row


REPETITIONS: tuple[Spoil, ...] = (_as_it_is, _in_cells(_other_zone), _in_cells(_other_note))
"""How a row comes a second time: each time the key (instant, machine, process) is the first one's."""
