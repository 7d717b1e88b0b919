"""gzip-ed files come out as they went in, or are refused with a reason."""

from __future__ import annotations

import gzip
import io
import tracemalloc
import zlib
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import UploadRejected
from shared.formats.compression import is_gzip, open_gzip, unpacked_start

LIMIT = 1 << 30


def unpacked(data: bytes, limit: int = LIMIT) -> bytes:
    return open_gzip(io.BytesIO(data), limit=limit).read()


def refusal(data: bytes, limit: int = LIMIT) -> str:
    stream = open_gzip(io.BytesIO(data), limit=limit)
    with pytest.raises(UploadRejected) as caught:
        deque(iter(lambda: stream.read(1 << 16), b""), maxlen=0)
    return caught.value.code


@given(st.lists(st.binary(max_size=2000), min_size=1, max_size=5), st.integers(0, 9), st.integers(0, 20))
def test_what_was_packed_comes_out(members: list[bytes], level: int, padding: int) -> None:
    """Of one member or several, with zeros behind them as tapes have, read at once or in pieces."""
    data = b"".join(gzip.compress(member, level) for member in members) + bytes(padding)
    assert is_gzip(data)
    assert unpacked(data) == b"".join(members)
    stream = open_gzip(io.BytesIO(data), limit=LIMIT)
    assert b"".join(iter(lambda: stream.read(7), b"")) == b"".join(members)


@given(st.data())
def test_an_archive_cut_off_anywhere_is_refused(data: st.DataObject) -> None:
    """Its rows are never taken for the whole file."""
    archive = gzip.compress(b"P1;100;98,5\n" * 500) + gzip.compress(b"P2;1;1\n")
    first = len(gzip.compress(b"P1;100;98,5\n" * 500))
    end = data.draw(st.integers(0, len(archive) - 1).filter(lambda end: end != first))
    assert refusal(archive[:end]) == "file_gzip_corrupt"


@given(st.data())
def test_a_changed_byte_is_noticed(data: st.DataObject) -> None:
    """But for those of the header that mean nothing to the content."""
    content = bytes(range(256)) * 20
    archive = bytearray(gzip.compress(content))
    position = data.draw(st.integers(10, len(archive) - 1))
    archive[position] ^= data.draw(st.integers(1, 255))
    assert refusal(bytes(archive)) == "file_gzip_corrupt"


@pytest.mark.parametrize("tail", [b"x", b"\x00\x00x", b"PK\x03\x04", gzip.compress(b"b", mtime=0)[:5]])
def test_what_stands_behind_the_archive_is_not_ignored(tail: bytes) -> None:
    """Data that nobody would see."""
    assert refusal(gzip.compress(b"a;b\n") + tail) == "file_gzip_corrupt"


def test_more_than_the_limit_is_refused() -> None:
    """At the limit it is taken."""
    archive = gzip.compress(b"x" * 100_000)
    assert len(unpacked(archive, limit=100_000)) == 100_000
    assert refusal(archive, limit=99_999) == "file_gzip_too_large"


def test_a_bomb_is_stopped_before_it_fills_the_memory() -> None:
    """A gigabyte of zeros in a megabyte."""
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(1024)) + packer.flush()
    tracemalloc.start()
    assert refusal(bomb, limit=1 << 40) == "file_gzip_ratio"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 << 20


def test_a_small_file_of_equal_rows_is_no_bomb() -> None:
    """However well it packs."""
    content = b"P1;100;98,5\n" * 100_000
    assert unpacked(gzip.compress(content, 9)) == content


@pytest.mark.parametrize("data", [b"", b"a;b\n", b"\x1f\x8b", b"PK\x03\x04"])
def test_what_is_no_archive_is_known(data: bytes) -> None:
    """And refused where it is read as one all the same."""
    assert not is_gzip(data)
    assert refusal(data) == "file_gzip_corrupt"


def test_the_start_of_an_archive_shows_the_start_of_its_content() -> None:
    """A piece of the archive is enough."""
    archive = gzip.compress(b"a;b\n" * 100_000)
    assert unpacked_start(archive[:200], 8) == b"a;b\na;b\n"
    assert unpacked_start(b"\x1f\x8b\x08 no archive", 8) is None
