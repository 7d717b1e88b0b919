"""A tenant's reader sees the rows of its tenant, and nothing else of the database."""

from __future__ import annotations

from collections.abc import Iterator

import pg8000.native
import pytest
from pg8000.exceptions import DatabaseError

from shared.adapters.postgres import DatabaseAddress, connect, sqlstate

ROWS = """
INSERT INTO production_records (tenant_id, work_unit_id, "timestamp", machine_name, attributes, upload_id, source_row)
SELECT tenant, 'unit', now(), 'Press', '{}', gen_random_uuid(), 2
FROM unnest(ARRAY['acme', 'acme%', 'other']) AS tenant;
INSERT INTO import_chunks (tenant_id, upload_id, chunk_index, records, imported, duplicates, refused, warnings,
                           correlation_id)
SELECT tenant, gen_random_uuid(), 0, 1, 1, 0, 0, 0, 'c' FROM unnest(ARRAY['acme', 'other']) AS tenant;
"""


@pytest.fixture
def owner(database: DatabaseAddress) -> Iterator[pg8000.native.Connection]:
    """Who loads the tables, with rows of three tenants in them."""
    connection = connect(database)
    connection.run(ROWS)
    yield connection
    connection.close()


@pytest.fixture
def reader(owner: pg8000.native.Connection, database: DatabaseAddress) -> Iterator[pg8000.native.Connection]:
    """A session of the reader role, which has not said for whom it reads."""
    owner.run("GRANT linefeed_reader TO CURRENT_USER")
    connection = connect(database)
    connection.run("SET ROLE linefeed_reader")
    yield connection
    connection.close()


def test_a_reader_sees_the_rows_of_its_tenant_alone(reader: pg8000.native.Connection) -> None:
    """Also where the query asks for all, or by name for another's."""
    reader.run("SET linefeed.tenant = 'acme'")
    assert reader.run("SELECT tenant_id FROM production_records") == [["acme"]]
    assert reader.run("SELECT tenant_id FROM import_chunks") == [["acme"]]
    assert reader.run("SELECT count(*) FROM production_records WHERE tenant_id = 'other'") == [[0]]


@pytest.mark.parametrize("tenant", [None, "", "%", "acme' OR 'x' = 'x"])
def test_a_reader_that_does_not_say_for_whom_sees_nothing(reader: pg8000.native.Connection, tenant: str | None) -> None:
    """Nor one that names what no tenant is called."""
    if tenant is not None:
        reader.run("SELECT set_config('linefeed.tenant', :tenant, false)", tenant=tenant)
    assert reader.run("SELECT count(*) FROM production_records") == [[0]]


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM production_records",
        "UPDATE production_records SET machine_name = 'x'",
        "INSERT INTO import_chunks SELECT * FROM import_chunks",
        "COPY production_records (tenant_id) FROM STDIN",
        "SELECT * FROM tried_keys",
        "SELECT * FROM schema_migrations",
        "ALTER TABLE production_records DISABLE ROW LEVEL SECURITY",
        "TRUNCATE production_records",
    ],
)
def test_a_reader_does_nothing_but_read_records(reader: pg8000.native.Connection, statement: str) -> None:
    """It is refused by Postgres itself."""
    reader.run("SET linefeed.tenant = 'acme'")
    with pytest.raises(DatabaseError) as refusal:
        reader.run(statement)
    assert sqlstate(refusal.value) == "42501"


def test_every_table_with_tenants_is_under_the_policy(owner: pg8000.native.Connection) -> None:
    """A table that a later migration adds must be too."""
    with_tenants = owner.run("SELECT table_name FROM information_schema.columns WHERE column_name = 'tenant_id'")
    protected = owner.run("SELECT relname FROM pg_class WHERE relrowsecurity")
    assert sorted(with_tenants) == sorted(protected) != []
