"""A large file is sent to S3 in parts: how many, and how large each is.

S3's limits (user guide, “Amazon S3 multipart upload limits”): at most 10,000 parts, each of 5 MiB to 5 GiB but for the
last, which may be smaller.
"""

from __future__ import annotations

from datetime import timedelta

from shared.domain.upload import Parts

_MOST_PARTS = 10_000
_LEAST_BYTES = 16 << 20
"""Small enough to be sent again when a line breaks, large enough that what surrounds it does not count."""

_MIB = 1 << 20

KEPT_FOR = timedelta(days=7)
"""How long a file may take to be sent: then the bucket's lifecycle forgets the parts that there are."""


def parts_of(file_size: int, storage_id: str) -> Parts:
    """The parts of a file of so many bytes, all of one size but for the last."""
    least = -(-file_size // _MOST_PARTS)
    size = max(_LEAST_BYTES, -(-least // _MIB) * _MIB)
    return Parts(storage_id=storage_id, part_bytes=size, count=-(-file_size // size))


def size_of_part(parts: Parts, number: int, file_size: int) -> int:
    """The bytes of part `number`, counted from 1."""
    return min(parts.part_bytes, file_size - (number - 1) * parts.part_bytes)
