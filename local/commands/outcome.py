"""What became of an upload, told so that a person can check it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from local.client import IMPORTS_PATH
from local.commands.display import counted, heading, shown, table

REFUSED_ROWS_SHOWN = 8

_FATES = ("imported", "duplicates", "refused")
_MEANINGS = {
    "imported": "are new in the table",
    "duplicates": "their key is in the table, or earlier in the file, already",
    "refused": "cannot be right; kept with reasons, to fix and send again",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """An upload that has ended.

    `upload` is the status API's, `refused_rows` the first page of the refused ones. `sending` is the time from the
    first request until the storage had the bytes, `importing` from then until the status said that it is over;
    both in seconds.
    """

    upload: Mapping[str, Any]
    refused_rows: tuple[Mapping[str, Any], ...]
    sending: float
    importing: float

    @property
    def upload_id(self) -> str:
        """The upload's id."""
        return str(self.upload["uploadId"])

    @property
    def totals(self) -> dict[str, int]:
        """Records by fate; zeros when the import never came to counting."""
        names = ("records", *_FATES, "warnings")
        counts = self.upload.get("totals") or {}
        return {name: int(counts.get(name) or 0) for name in names}

    @property
    def completed(self) -> bool:
        """True when every record of the file has a fate, as the status says."""
        return self.upload["status"] in ("completed", "completed_with_errors")

    def contradictions(self) -> list[str]:
        """What does not add up; empty when all is well."""
        totals = self.totals
        found = []
        if not self.completed:
            found.append(f"the upload's status is {self.upload['status']}")
        elif sum(totals[fate] for fate in _FATES) != totals["records"]:
            found.append("imported, duplicates and refused do not add up to the records in the file")
        elif (self.upload["status"] == "completed_with_errors") != bool(totals["refused"]):
            found.append(f"the status is {self.upload['status']} with {counted(totals['refused'], 'refused row')}")
        return found


def show_outcome(console: Console, outcome: Outcome) -> None:
    """The failure or the totals, the first refused rows, and how long it took."""
    failure = outcome.upload.get("failure")
    if failure:
        heading(console, "The upload failed")
        console.print(f"{shown(failure['message'], 2000)} ({failure['code']})")
        console.print(f"Support id: {failure['supportId']}")
    if outcome.totals["records"]:
        _show_totals(console, outcome)
    if outcome.refused_rows:
        _show_refused_rows(console, outcome)
    if outcome.completed:
        console.print(f"The quality report: GET {IMPORTS_PATH}/{outcome.upload_id}/report?format=html", style="dim")
        _show_time(console, outcome)


def _show_totals(console: Console, outcome: Outcome) -> None:
    totals = outcome.totals
    heading(console, "What became of the records")
    rows = table("", "records", "which", numbers=frozenset({"records"}), show_header=False, show_footer=True)
    for fate in _FATES:
        rows.add_row(fate, f"{totals[fate]:,}", _MEANINGS[fate] if totals[fate] else "")
    rows.columns[0].footer, rows.columns[1].footer = "in the file", f"{totals['records']:,}"
    console.print(rows)
    sum_of_fates = sum(totals[fate] for fate in _FATES)
    parts = " + ".join(f"{totals[fate]:,}" for fate in _FATES)
    if sum_of_fates == totals["records"]:
        console.print(f"They add up: {parts} = {sum_of_fates:,}.", style="green")
    else:
        console.print(f"They do not add up: {parts} = {sum_of_fates:,}.", style="red")
    if totals["duplicates"] and totals["imported"] == 0:
        console.print("Nothing went in twice: each good row of this file was in the table already.")
    if totals["warnings"]:
        console.print(f"{counted(totals['warnings'], 'row')} that passed carry a warning.")


def _show_refused_rows(console: Console, outcome: Outcome) -> None:
    refused = outcome.totals["refused"]
    count = min(len(outcome.refused_rows), refused)
    heading(console, f"The first {count} of {counted(refused, 'refused row')}" if count < refused else "Refused rows")
    rows = table("row", "field", "value", "reason", numbers=frozenset({"row"}))
    for row in outcome.refused_rows:
        for error in row["errors"]:
            if error["severity"] == "error":
                rows.add_row(
                    f"{row['row']:,}", shown(error["field"]), shown(error["value"]), shown(error["error"], 400)
                )
    console.print(rows)
    console.print(
        "A row's number is the line of the file on which it begins; the header stands on line 1.", style="dim"
    )


def _show_time(console: Console, outcome: Outcome) -> None:
    records, seconds = outcome.totals["records"], outcome.importing
    heading(console, f"{seconds:.1f} s, {records / seconds:,.0f} rows/s")
    console.print(
        f"From the last byte sent ({outcome.sending:.1f} s after the first request) until the status said that it is "
        "over: scanning, queueing, planning, loading and settling included. With a small file the time goes to these "
        "steps, and after a start of the stack to the functions' own, not to the rows.",
        style="dim",
    )
