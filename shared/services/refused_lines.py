"""The refused rows of an upload as they are kept: JSON a line, a file for each chunk."""

from __future__ import annotations

import re
from collections.abc import Iterator

from shared.domain import object_keys
from shared.domain.upload import Upload
from shared.services.ports import Objects

_ROW = re.compile(rb'\{"row":(\d+),')
"""How a line begins; it may go on for megabytes."""


def refused_lines(upload: Upload, objects: Objects) -> Iterator[bytes]:
    """The refused rows of an upload, in the file's order."""
    for key in objects.keys(object_keys.refused_prefix(upload.tenant_id, upload.upload_id)):
        with objects.open_read(key) as lines:
            yield from lines


def refused_numbers(upload: Upload, objects: Objects) -> Iterator[int]:
    """Their numbers alone."""
    for line in refused_lines(upload, objects):
        match = _ROW.match(line)
        if match is None:
            raise ValueError("a refused row that was not kept by us")
        yield int(match[1])
