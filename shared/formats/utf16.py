"""UTF-16 text, told by how it starts."""

from __future__ import annotations

import codecs
import re

UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

_MOST_NUL_BYTES_ASTRAY = 0.02
_LEAST_NUL_BYTES = 0.3
_FEWEST_NUL_BYTES = 4
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")


def utf16_name(head: bytes) -> str | None:
    """The codec of UTF-16 text that starts so, by its mark, or by NUL bytes beside ASCII characters; else None."""
    if head.startswith(codecs.BOM_UTF16_LE):
        return "utf-16-le"
    if head.startswith(codecs.BOM_UTF16_BE):
        return "utf-16-be"
    first, second = head[::2].count(0), head[1::2].count(0)
    many, few = max(first, second), min(first, second)
    if many < _FEWEST_NUL_BYTES or many < len(head) // 2 * _LEAST_NUL_BYTES or few > many * _MOST_NUL_BYTES_ASTRAY:
        return None
    name = "utf-16-le" if second > first else "utf-16-be"
    return None if _CONTROL.search(head.decode(name, "ignore")) else name
