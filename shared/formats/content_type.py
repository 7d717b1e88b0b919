"""What the first bytes of a file say it is, whatever its name says."""

from __future__ import annotations

from typing import Literal

from shared.formats.compression import is_gzip, unpacked_start
from shared.formats.utf16 import utf16_name

_WORKBOOK = b"PK\x03\x04"
_OLD_WORKBOOK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_SIGNATURES = (
    (_WORKBOOK, "an Excel workbook or a ZIP archive"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (_OLD_WORKBOOK, "an old Office document"),
    (b"%PDF-", "a PDF document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a Windows program"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"PAR1", "a Parquet file"),
    (b"{\\rtf", "a rich text document"),
)
_AMONG_TEXT = (b"MZ", b"BZh", b"PAR1", b"GIF8")
"""May start a header of text too; a program or an archive holds NUL bytes or bytes beyond ASCII soon."""

_TEXT_SIGNATURES = (("<!doctype html", "an HTML page"), ("<html", "an HTML page"), ("<?xml", "an XML document"))
_INNER_BYTES = 65_536


def content_problem(head: bytes, import_type: Literal["csv", "json", "excel"]) -> str | None:
    """Name what a file that starts with `head` is instead of what it should be; None when it may be that.

    Delimited text and JSON may be gzip-ed, and in UTF-16. Workbooks are ZIP archives or OLE2
    documents; what is in them is not looked at.
    """
    if import_type == "excel":
        return None if head.startswith((_WORKBOOK, _OLD_WORKBOOK)) else _describe(head) or "text"
    if is_gzip(head):
        inner = unpacked_start(head, _INNER_BYTES)
        if inner is None:
            return "a damaged gzip archive"
        what = _describe(inner) or (_not_json(inner) if import_type == "json" else None)
        return f"a gzip archive of {what}" if what else None
    return _describe(head) or (_not_json(head) if import_type == "json" else None)


def _describe(head: bytes) -> str | None:
    """Name what is no plain text; None for text. A NUL byte stands in no text but that of UTF-16."""
    for signature, name in _SIGNATURES:
        if head.startswith(signature) and not (signature in _AMONG_TEXT and head.isascii()):
            return name
    utf16 = utf16_name(head)
    start = head.decode(utf16 or "latin-1", "ignore").removeprefix("\ufeff").removeprefix("ï»¿").lstrip()[:20].lower()
    for text_signature, name in _TEXT_SIGNATURES:
        if start.startswith(text_signature):
            return name
    return "binary data" if b"\x00" in head and not utf16 else None


def _not_json(head: bytes) -> str | None:
    utf16 = utf16_name(head)
    text = head.decode(utf16, "ignore") if utf16 else head.decode("utf-8", "ignore")
    start = text.removeprefix("\ufeff").lstrip()[:1]
    return None if start in ("[", "{", "") else "text that starts with neither [ nor {"
