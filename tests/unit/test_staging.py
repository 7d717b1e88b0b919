"""What is staged is read back as it was, however it came."""

from __future__ import annotations

from typing import cast

import polars as pl
from hypothesis import example, given
from hypothesis import strategies as st

from shared.formats.delimited import LONGEST_CELL, TextRecord
from shared.formats.tables import ROW, Shape, TextTable, cut_table, read_table
from shared.services.ports import Objects
from shared.services.staging import STAGED_DIALECT, stage, stage_tables

COLUMNS = 3
CELLS = st.one_of(st.just(""), st.text(st.sampled_from('a,"\r\n \t\x00é\u2028\\'), max_size=4), st.text(max_size=3))
ROWS = st.lists(st.lists(CELLS, min_size=COLUMNS + 1, max_size=COLUMNS + 1), max_size=40)


class Memory:
    """The port `Objects`, as far as staging uses it."""

    def __init__(self) -> None:
        self.parts: dict[str, bytes] = {}

    def write(self, key: str, data: bytes, content_type: str) -> None:
        """Keep it."""
        assert content_type.startswith("text/csv")
        self.parts[key] = data


def frame_of(rows: list[list[str]]) -> pl.DataFrame:
    schema = {ROW: pl.Int64} | dict.fromkeys(map(str, range(COLUMNS + 1)), pl.String)
    numbered = [[number, *(cell or None for cell in row)] for number, row in enumerate(rows, 7)]
    return pl.DataFrame(numbered, schema=schema, orient="row")


def as_read(record: TextRecord) -> tuple[int, list[str]]:
    """Without blank cells behind the last column, and empty ones before."""
    cells = list(record.cells)
    while cells and (not cells[-1] or (len(cells) > COLUMNS and cells[-1].isspace())):
        cells.pop()
    return record.line, cells


@given(st.lists(ROWS, max_size=4), st.integers(1, 300))
@example([[["a\rb", "", "", ""], ["", "", "", "more"], [" ", "", "\t", ""]]], 1)
def test_tables_come_back(groups: list[list[list[str]]], part_bytes: int) -> None:
    """Record for record, in order, whatever the cells and the parts; blank ones are left out."""
    rows = [row for group in groups for row in group]
    whole = frame_of(rows)
    cut, tables = 0, []
    for group in groups:
        tables.append(cut_table(whole.slice(cut, len(group)), COLUMNS))
        cut += len(group)
    memory = Memory()
    chunks = list(stage_tables(tables, cast("Objects", memory), prefix="p/", part_bytes=part_bytes))
    shape = Shape(columns=COLUMNS, fewest=1, numbered=True)
    read: list[TextTable] = [read_table(memory.parts[str(chunk.part)], STAGED_DIALECT, shape) for chunk in chunks]
    expected = [TextRecord(number, 0, row) for number, row in enumerate(rows, 7)]
    found = [as_read(record) for table in read for record in table.in_order()]
    assert found == [as_read(record) for record in expected if not record.blank]
    assert [chunk.records for chunk in chunks] == [table.records for table in read]
    assert [chunk.first_line for chunk in chunks] == [table.in_order()[0].line for table in read]


@given(ROWS)
def test_records_and_tables_are_staged_alike(rows: list[list[str]]) -> None:
    """It makes no difference to what is read which of the two ways a record took."""
    records = [TextRecord(number, 0, row[:COLUMNS]) for number, row in enumerate(rows, 7)]
    shape = Shape(columns=COLUMNS, fewest=1, numbered=True)
    both = []
    for how in ("records", "tables"):
        memory = Memory()
        objects = cast("Objects", memory)
        if how == "records":
            chunks = list(stage(records, objects, prefix="p/", part_bytes=1 << 20))
        else:
            table = cut_table(frame_of(rows).drop(str(COLUMNS)), COLUMNS)
            chunks = list(stage_tables([table], objects, prefix="p/", part_bytes=1 << 20))
        both.append(
            [
                as_read(r)
                for c in chunks
                for r in read_table(memory.parts[str(c.part)], STAGED_DIALECT, shape).in_order()
            ]
        )
    assert both[0] == both[1]


LONG = 'x"\n,' * LONGEST_CELL


def staged_and_read(table: TextTable) -> list[TextRecord]:
    memory = Memory()
    chunks = list(stage_tables([table], cast("Objects", memory), prefix="p/", part_bytes=1 << 20))
    shape = Shape(columns=COLUMNS, fewest=1, numbered=True)
    tables = [read_table(memory.parts[str(chunk.part)], STAGED_DIALECT, shape) for chunk in chunks]
    return [record for table in tables for record in table.in_order()]


def test_a_torn_record_comes_back_however_long_it_is() -> None:
    """A quote that is never closed swallows more than a cell may hold."""
    torn = TextRecord(5, 0, [LONG], "torn")
    assert staged_and_read(TextTable(frame_of([]).drop(str(COLUMNS)), [torn])) == [torn]


def test_a_record_with_a_cell_that_is_too_long_is_malformed() -> None:
    """JSON and workbooks may bring one; its neighbours are read."""
    rows = [["a", "b", "c", ""], ["a", LONG, "c", ""], ["é" * LONGEST_CELL, "b", "c", ""]]
    first, long, last = staged_and_read(cut_table(frame_of(rows), COLUMNS))
    assert (first.cells, last.cells) == (rows[0][:COLUMNS], rows[2][:COLUMNS])
    assert (long.line, long.malformed) == (8, "a cell has more than 131,072 characters")
    assert long.cells == ['a,"' + LONG.replace('"', '""') + '",c,']
