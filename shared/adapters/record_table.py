"""The table of the records, derived from the record model: its columns, and rows as COPY text.

`python -m shared.adapters.record_table` prints the DDL; the first migration is what it printed when it was made, and
a test holds the migrated table to the model.
"""

from __future__ import annotations

import io
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

_IDS = ("tenant_id", "work_unit_id", "upload_id")
_TEXT_COLUMNS = frozenset(column.name for column in COLUMNS if column.type in {"text", "jsonb"}) - {*_IDS}
_ESCAPES = {"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"}
"""What COPY's text format takes for the end of a cell or a line, or for an escape."""

_SPECIAL = r"[\\\t\n\r]"


def create_table() -> str:
    """The DDL of the table and of the index that keeps a key's occurrences apart."""
    columns = ",\n    ".join(column.ddl for column in COLUMNS)
    key = ", ".join(f'"{name}"' for name in (*KEY, "occurrence"))
    return (
        f"CREATE TABLE {TABLE} (\n    {columns}\n);\n\n"
        f"CREATE UNIQUE INDEX {TABLE}_key ON {TABLE} ({key}) NULLS NOT DISTINCT;\n"
    )


def copy_into(table: str, rows: pl.DataFrame) -> str:
    """The statement that takes what `copy_text` writes; columns that the rows do not have are left to their defaults.

    Of the same rows this format takes as long to read as CSV does, and half as long to write.
    """
    columns = ", ".join(f'"{name}"' for name in (*_given(rows), *_IDS))
    return f"COPY {table} ({columns}) FROM STDIN (FORMAT text, NULL '')"


def copy_text(rows: pl.DataFrame, *, tenant_id: str, work_unit_id: str, upload_id: str) -> bytes:
    """Rows, as `columnar.reader.ReadRows.texts` has them, in COPY's text format; see `write_text`."""
    ids = "\t".join(map(_escaped, (tenant_id, work_unit_id, upload_id)))
    return write_text(rows.select(_given(rows)), line_end=f"\t{ids}\n")


def write_text(rows: pl.DataFrame, *, line_end: str = "\n") -> bytes:
    """Rows in COPY's text format, nothing for NULL; each ends with `line_end`, which may hold more cells.

    No text is empty. Numbers and timestamps have no letter that is special in this format.
    """
    texts = [name for name in rows.columns if name in _TEXT_COLUMNS]
    special = rows.select(pl.col(texts).str.contains(_SPECIAL).any()).row(0, named=True)
    escaped = [pl.col(name).str.replace_many(_ESCAPES) for name, found in special.items() if found]
    out = io.BytesIO()
    (rows.with_columns(escaped) if escaped else rows).write_csv(
        out, include_header=False, separator="\t", line_terminator=line_end, quote_style="never"
    )
    return out.getvalue()


def _escaped(text: str) -> str:
    return "".join(_ESCAPES.get(letter, letter) for letter in text)


def _given(rows: pl.DataFrame) -> list[str]:
    return [column.name for column in COLUMNS if column.name in rows.columns]


if __name__ == "__main__":
    print(create_table(), end="")  # noqa: T201
