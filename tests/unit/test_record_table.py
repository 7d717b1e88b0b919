"""The table is what the model says, and COPY text brings every value there unchanged."""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.adapters import migrations
from shared.adapters.migrations import MigrationChangedError, apply_migrations, read_migrations
from shared.adapters.postgres import DatabaseAddress, connect
from shared.adapters.record_table import COLUMNS, TABLE, copy_into, copy_text

text = st.text(alphabet=st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=100)
moment = st.datetimes(datetime(1900, 1, 1), datetime(2199, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
row = st.fixed_dictionaries(
    {
        "timestamp": moment.map(datetime.isoformat),
        "machine_name": text,
        "process_name": st.none() | text,
        "downtime_reason": st.none() | text,
        "good_parts": st.none() | st.decimals(min_value=0, max_value=999_999_999_999, places=6).map(str),
        "quality": st.none() | st.decimals(min_value=0, max_value=999, places=6).map(str),
        "attributes": st.dictionaries(text, text, max_size=3).map(json.dumps),
    }
)


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_the_migrated_table_has_the_models_column(database: DatabaseAddress, column: Any) -> None:
    """Name, type and whether it may be absent; no column more."""
    connection = connect(database)
    found = connection.run(
        "SELECT attname, format_type(atttypid, atttypmod), NOT attnotnull FROM pg_attribute"
        " WHERE attrelid = CAST(:name AS regclass) AND attnum > 0",
        name=TABLE,
    )
    connection.close()
    types = {"timestamptz": "timestamp with time zone"}
    assert [column.name, types.get(column.type, column.type), column.nullable] in found
    assert len(found) == len(COLUMNS)


@given(rows=st.lists(row, min_size=1, max_size=5), tenant=text)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_copy_text_brings_every_value_to_postgres_unchanged(
    database: DatabaseAddress, rows: list[dict[str, str | None]], tenant: str
) -> None:
    """Tabs, backslashes, newlines, quotes, any script: what went in comes out."""
    types = dict.fromkeys(rows[0], pl.String)
    frame = pl.DataFrame(rows, schema=types).with_row_index("source_row")
    lines = copy_text(frame, tenant_id=tenant, work_unit_id="unit", upload_id=str(uuid.uuid4()))
    connection = connect(database)
    connection.run("BEGIN")
    connection.run(f"DROP INDEX {TABLE}_key")
    connection.run(copy_into(TABLE, frame), stream=io.BytesIO(lines))
    columns = ", ".join(f'"{name}"' for name in ("tenant_id", *types))
    stored = connection.run(f"SELECT {columns} FROM {TABLE} ORDER BY source_row")
    connection.run("ROLLBACK")
    connection.close()
    read: dict[str, Callable[[str], Any]] = {
        "attributes": json.loads,
        "timestamp": datetime.fromisoformat,
        "good_parts": Decimal,
        "quality": Decimal,
    }
    for sent, (found_tenant, *values) in zip(rows, stored, strict=True):
        assert found_tenant == tenant
        for name, found in zip(types, values, strict=True):
            value = sent[name]
            assert found == (None if value is None else read.get(name, str)(value))


def test_numbers_come_back_as_decimals(database: DatabaseAddress) -> None:
    """Six places, without binary error."""
    connection = connect(database)
    [[value]] = connection.run("SELECT CAST('0.1' AS numeric(18,6))")
    connection.close()
    assert value == Decimal("0.100000")


def test_migrations_are_applied_once(empty_database: DatabaseAddress) -> None:
    """The second deployment finds nothing to do."""
    connection = connect(empty_database)
    assert apply_migrations(connection) == [name for name, _ in read_migrations()]
    assert apply_migrations(connection) == []
    connection.close()


def test_an_applied_migration_must_not_change(database: DatabaseAddress, monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed file is an error, and nothing of it is run."""
    monkeypatch.setattr(migrations, "read_migrations", lambda: [(read_migrations()[0][0], "DROP TABLE import_chunks")])
    connection = connect(database)
    with pytest.raises(MigrationChangedError):
        apply_migrations(connection)
    assert connection.run("SELECT count(*) FROM import_chunks") == [[0]]
    connection.close()


def test_a_migration_that_fails_leaves_nothing(
    empty_database: DatabaseAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first half is rolled back, and it is tried again the next time."""
    monkeypatch.setattr(migrations, "read_migrations", lambda: [("0001.sql", "CREATE TABLE a (x int); SELECT 1/0")])
    connection = connect(empty_database)
    with pytest.raises(Exception, match="division by zero"):
        apply_migrations(connection)
    assert connection.run("SELECT to_regclass('a'), count(*) FROM schema_migrations") == [[None, 0]]
    connection.close()
