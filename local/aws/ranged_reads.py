"""Reading an object reads the bytes that were asked for, when they are sent.

moto reads the whole object for every GET, also for a range of a few bytes, and holds a copy in memory. Here a
body is a view of the object's file, and a range is a smaller view of it; an object that is replaced meanwhile
stays readable for those who have begun. Its ETag is computed without moving the position that others read at.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from typing import Any

from moto.s3.models import FakeKey
from moto.s3.responses import S3Response

from local.aws.patching import Patches

_BLOCK = 1 << 20


class StoredBytes:
    """A stretch of a stored object's bytes; iterating reads them block by block."""

    def __init__(self, descriptor: int | None, memory: bytes, start: int, stop: int) -> None:
        self._descriptor = descriptor
        self._memory = memory
        self._start = start
        self._stop = stop

    @classmethod
    def of(cls, key: Any) -> StoredBytes:
        """All bytes of a moto key."""
        with key.lock:
            buffer = key._value_buffer  # noqa: SLF001
            if buffer._rolled:  # noqa: SLF001
                buffer.flush()
                return cls(os.dup(buffer.fileno()), b"", 0, key.size)
            buffer.seek(0)
            return cls(None, buffer.read(), 0, key.size)

    def __len__(self) -> int:
        return self._stop - self._start

    def __getitem__(self, part: slice) -> StoredBytes:
        start, stop, _ = part.indices(len(self))
        descriptor = None if self._descriptor is None else os.dup(self._descriptor)
        return StoredBytes(descriptor, self._memory, self._start + start, self._start + max(start, stop))

    def __iter__(self) -> Iterator[bytes]:
        position = self._start
        while position < self._stop:
            size = min(_BLOCK, self._stop - position)
            if self._descriptor is None:
                block = self._memory[position : position + size]
            else:
                block = os.pread(self._descriptor, size, position)
            yield block
            position += len(block)

    def close(self) -> None:
        """Give the file back; the server calls it when the answer is sent."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __del__(self) -> None:
        self.close()


class StoredKey:
    """A moto key whose value is read when asked for."""

    def __init__(self, key: Any) -> None:
        self._key = key

    def __getattr__(self, name: str) -> Any:
        return getattr(self._key, name)

    @property
    def value(self) -> StoredBytes:
        """The object's bytes."""
        return StoredBytes.of(self._key)


def install(patches: Patches) -> None:
    """Patch S3's reads."""

    def get_key(original: Any) -> Any:
        def get(response: Any, *args: Any, **kwargs: Any) -> Any:
            key, not_modified = original(response, *args, **kwargs)
            return StoredKey(key), not_modified

        return get

    patches.wrap(S3Response, "_get_key", get_key)
    patches.replace(FakeKey, "etag", property(_etag))


def _etag(key: Any) -> str:
    if key._etag is None:  # noqa: SLF001
        digest = hashlib.md5(usedforsecurity=False)
        for block in StoredBytes.of(key):
            digest.update(block)
        key._etag = digest.hexdigest()  # noqa: SLF001
    return f'"{key._etag}"'  # noqa: SLF001
