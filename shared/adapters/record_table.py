"""The table of the records, derived from the record model: its columns, and a record as a line of COPY text.

`python -m shared.adapters.record_table` prints the DDL; the first migration is what it printed when it was made, and
a test holds the migrated table to the model.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from shared.domain.field_types import SqlType
from shared.domain.record import ProductionRecord

TABLE = "production_records"
KEY = ("tenant_id", "work_unit_id", "timestamp", "machine_name", "process_name")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table; `default` is SQL."""

    name: str
    type: str
    nullable: bool = False
    default: str | None = None

    @property
    def ddl(self) -> str:
        """The column as `CREATE TABLE` has it."""
        default = f" DEFAULT {self.default}" if self.default else ""
        return f'"{self.name}" {self.type}{"" if self.nullable else " NOT NULL"}{default}'


def _record_columns() -> Iterator[Column]:
    for name, field in ProductionRecord.model_fields.items():
        yield Column(name, _sql_type(name, field.metadata, field.annotation), nullable=not field.is_required())


def _sql_type(name: str, metadata: list[object], annotation: object) -> str:
    """The type of the field's SqlType marker; in `X | None` the marker has sunk into X."""
    markers = [marker for marker in metadata if isinstance(marker, SqlType)]
    for part in getattr(annotation, "__args__", ()):
        markers += [marker for marker in getattr(part, "__metadata__", ()) if isinstance(marker, SqlType)]
    if len(markers) != 1:
        raise TypeError(f"the field {name} wants one SqlType marker")
    return markers[0].name


RECORD_COLUMNS = tuple(_record_columns())
COLUMNS = (
    Column("tenant_id", "text"),
    Column("work_unit_id", "text"),
    *RECORD_COLUMNS,
    Column("attributes", "jsonb"),
    Column("upload_id", "uuid"),
    Column("source_row", "bigint"),
    Column("occurrence", "integer", default="0"),
    Column("loaded_at", "timestamp with time zone", default="now()"),
)
COPY_COLUMNS = tuple(column.name for column in COLUMNS if column.default is None)

_FIELDS = tuple(column.name for column in RECORD_COLUMNS)
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\b": "\\b", "\f": "\\f", "\v": "\\v"})


def create_table() -> str:
    """The DDL of the table and of the index that keeps a key's occurrences apart."""
    columns = ",\n    ".join(column.ddl for column in COLUMNS)
    key = ", ".join(f'"{name}"' for name in (*KEY, "occurrence"))
    return (
        f"CREATE TABLE {TABLE} (\n    {columns}\n);\n\n"
        f"CREATE UNIQUE INDEX {TABLE}_key ON {TABLE} ({key}) NULLS NOT DISTINCT;\n"
    )


def copy_prefix(tenant_id: str, work_unit_id: str) -> str:
    """What every line of an upload begins with."""
    return f"{tenant_id.translate(_ESCAPES)}\t{work_unit_id.translate(_ESCAPES)}\t"


def copy_line(
    record: ProductionRecord, *, prefix: str, upload_id: str, source_row: int, attributes: dict[str, str]
) -> bytes:
    r"""One line of COPY's text format for `COPY_COLUMNS`, in UTF-8 (PostgreSQL documentation, COPY, “Text Format”).

    `prefix` is `copy_prefix`'s. Absent values are `\N`, timestamps are in UTC.
    """
    values = record.__dict__
    cells = "\t".join([_cell(values[name]) for name in _FIELDS])
    kept = json.dumps(attributes, ensure_ascii=False).translate(_ESCAPES) if attributes else "{}"
    return f"{prefix}{cells}\t{kept}\t{upload_id}\t{source_row}\n".encode()


def _cell(value: str | Decimal | datetime | None) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, str):
        return value.translate(_ESCAPES)
    if isinstance(value, Decimal):
        return str(value)
    return value.astimezone(UTC).isoformat()


if __name__ == "__main__":
    print(create_table(), end="")  # noqa: T201
