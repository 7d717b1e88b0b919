"""What Postgres itself says of an upload, by SQL that a person can run again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pg8000.native import Connection, literal
from rich.console import Console
from rich.text import Text

from local.commands.display import heading, shown, table

_COUNT = """\
SELECT count(*) FILTER (
           WHERE upload_id = {upload_id}
       ) AS of_this_upload,
       count(*) AS in_the_work_unit
FROM production_records
WHERE tenant_id = {tenant_id} AND work_unit_id = {work_unit_id}"""

_ROWS = """\
SELECT source_row AS line, "timestamp" AT TIME ZONE 'UTC' AS utc,
       machine_name AS machine, batch_number AS batch,
       trim_scale(total_parts_produced) AS total,
       trim_scale(good_parts) AS good, trim_scale(oee_score) AS oee
FROM production_records
WHERE tenant_id = {tenant_id} AND work_unit_id = {work_unit_id}
ORDER BY "timestamp", machine_name
LIMIT 5"""

_NUMBERS = frozenset({"line", "total", "good", "oee", "of_this_upload", "in_the_work_unit"})


@dataclass(frozen=True, slots=True)
class Answer:
    """A statement, as it was run, and what came back."""

    sql: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, slots=True)
class ReadBack:
    """The table as it is after an upload."""

    count: Answer
    rows: Answer

    @property
    def of_this_upload(self) -> int:
        """Rows that the upload brought."""
        return int(self.count.rows[0][0])


def read_back(connection: Connection, *, tenant_id: str, work_unit_id: str, upload_id: str) -> ReadBack:
    """Count the rows of an upload and of its work unit, and fetch the work unit's first ones."""
    names = {
        "tenant_id": literal(tenant_id),
        "work_unit_id": literal(work_unit_id),
        "upload_id": literal(upload_id),
    }
    return ReadBack(_ask(connection, _COUNT.format(**names)), _ask(connection, _ROWS.format(**names)))


def _ask(connection: Connection, sql: str) -> Answer:
    rows = connection.run(sql)
    columns = tuple(column["name"] for column in connection.columns)
    return Answer(sql, columns, tuple(tuple(row) for row in rows))


def show_read_back(console: Console, found: ReadBack) -> None:
    """Both statements with their answers."""
    heading(console, "Read back from Postgres")
    for answer in (found.count, found.rows):
        console.print(Text(answer.sql + ";", style="cyan"))
        rows = table(*answer.columns, numbers=_NUMBERS)
        for row in answer.rows:
            rows.add_row(*(shown(value) for value in row))
        console.print(rows)
