"""The table of the records, derived from the record model: its columns, and rows as COPY text.

`python -m shared.adapters.record_table` prints the DDL; the first migration is what it printed when it was made, and
a test holds the migrated table to the model.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

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
        """The column as `CREATE TABLE` has it.

        Names of the key are compared byte for byte: in the order of a language, which is the default on RDS, COPY took
        a tenth more time, and an index is broken when the operating system's idea of that order changes.
        """
        order = ' COLLATE "C"' if self.name in KEY and self.type == "text" else ""
        default = f" DEFAULT {self.default}" if self.default else ""
        return f'"{self.name}" {self.type}{order}{"" if self.nullable else " NOT NULL"}{default}'


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
CONTENT_COLUMNS = (*(column.name for column in RECORD_COLUMNS), "attributes")
"""All that a file says of a row."""


def create_table() -> str:
    """The DDL of the table and of the index that keeps a key's occurrences apart."""
    columns = ",\n    ".join(column.ddl for column in COLUMNS)
    key = ", ".join(f'"{name}"' for name in (*KEY, "occurrence"))
    return (
        f"CREATE TABLE {TABLE} (\n    {columns}\n);\n\n"
        f"CREATE UNIQUE INDEX {TABLE}_key ON {TABLE} ({key}) NULLS NOT DISTINCT;\n"
    )


def copy_text(rows: pl.DataFrame, *, tenant_id: str, work_unit_id: str, upload_id: str) -> bytes:
    """Rows, as `columnar.reader.ReadRows.texts` has them, in COPY's CSV format; the columns are `copy_columns`'."""
    return (
        rows.select(
            pl.lit(tenant_id).alias("tenant_id"),
            pl.lit(work_unit_id).alias("work_unit_id"),
            *_given(rows),
            pl.lit(upload_id).alias("upload_id"),
        )
        .write_csv(include_header=False)
        .encode()
    )


def copy_columns(rows: pl.DataFrame) -> str:
    """The columns of `copy_text`, as the COPY statement lists them; the others are left to their defaults."""
    return ", ".join(f'"{name}"' for name in ("tenant_id", "work_unit_id", *_given(rows), "upload_id"))


def _given(rows: pl.DataFrame) -> list[str]:
    return [column.name for column in COLUMNS if column.name in rows.columns]


if __name__ == "__main__":
    print(create_table(), end="")  # noqa: T201
