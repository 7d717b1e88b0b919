"""Blocks of whole records are the file, cut where the strict reader ends a record."""

from __future__ import annotations

import io
from itertools import repeat

import pytest
from hypothesis import given, settings

from shared.domain.plan import Dialect
from shared.formats.blocks import read_blocks
from shared.formats.delimited import LineTooLong, read_records
from tests.unit.test_tables import texts

COMMA = Dialect(encoding="utf-8", delimiter=",")


@settings(max_examples=500)
@given(texts)
@pytest.mark.parametrize("size", [1, 4, 30])
def test_blocks_hold_the_records_of_the_file(size: int, text: str) -> None:
    """In order, with their lines, and with nothing between them."""
    data = text.encode()
    blocks = list(read_blocks(io.BytesIO(data), COMMA, repeat(size)))
    assert b"".join(block.data for block in blocks) == data
    cut = [
        (record.line, record.cells, record.malformed)
        for block in blocks
        for record in read_records(io.BytesIO(block.data), COMMA, offset=block.start, line=block.line)
    ]
    assert cut == [(record.line, record.cells, record.malformed) for record in read_records(io.BytesIO(data), COMMA)]


def test_a_block_grows_only_for_a_long_record() -> None:
    """The others keep to the size that was asked for."""
    data = b"a,b\n" * 100 + b'"' + b"x" * 500 + b'",b\n' + b"a,b\n" * 100
    sizes = [len(block.data) for block in read_blocks(io.BytesIO(data), COMMA, repeat(100))]
    assert sorted(sizes)[-2] <= 110
    assert 500 <= max(sizes) <= 1100


def test_a_file_without_line_ends_is_no_table() -> None:
    """It is told before it has filled the memory."""
    with pytest.raises(LineTooLong):
        list(read_blocks(io.BytesIO(b"x" * (5 << 20)), COMMA, repeat(1 << 16)))
