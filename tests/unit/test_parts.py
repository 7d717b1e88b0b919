"""The parts of a large file: S3 takes them, and together they are the file."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.parts import parts_of, size_of_part

MIB = 1 << 20


@given(st.integers(1, 5 << 40))
def test_the_parts_are_the_file_and_s3_takes_each(file_size: int) -> None:
    """At most 10,000, each of 5 MiB to 5 GiB but for the last, without a gap; up to S3's 5 TiB."""
    parts = parts_of(file_size, "s")
    assert 1 <= parts.count <= 10_000
    assert 5 * MIB <= parts.part_bytes <= 5 << 30
    last = size_of_part(parts, parts.count, file_size)
    assert 0 < last <= parts.part_bytes
    assert (parts.count - 1) * parts.part_bytes + last == file_size
    if parts.count > 1:
        assert size_of_part(parts, 1, file_size) == parts.part_bytes
