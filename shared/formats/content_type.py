"""What the first bytes of a file say it is, whatever its name says."""

from __future__ import annotations

from typing import Literal, NamedTuple

from shared.formats.compression import is_gzip, unpacked_start
from shared.formats.utf16 import utf16_name

_WORKBOOK = b"PK\x03\x04"
_OLD_WORKBOOK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


class Signature(NamedTuple):
    """How files of a kind begin."""

    mark: bytes
    name: str
    kind: Literal["archive", "document", "program", "picture", "data"]


_SIGNATURES = (
    Signature(_WORKBOOK, "an Excel workbook or a ZIP archive", "archive"),
    Signature(b"PK\x05\x06", "an empty ZIP archive", "archive"),
    Signature(b"PK\x07\x08", "a part of a ZIP archive", "archive"),
    Signature(_OLD_WORKBOOK, "an old Office document", "document"),
    Signature(b"%PDF-", "a PDF document", "document"),
    Signature(b"%!PS", "a PostScript document", "document"),
    Signature(b"{\\rtf", "a rich text document", "document"),
    Signature(b"\x1f\x8b", "a gzip archive", "archive"),
    Signature(b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "archive"),
    Signature(b"Rar!\x1a\x07", "a RAR archive", "archive"),
    Signature(b"BZh", "a bzip2 archive", "archive"),
    Signature(b"\xfd7zXZ\x00", "an xz archive", "archive"),
    Signature(b"\x28\xb5\x2f\xfd", "a Zstandard archive", "archive"),
    Signature(b"\x04\x22\x4d\x18", "an LZ4 archive", "archive"),
    Signature(b"MSCF\x00", "a cabinet archive", "archive"),
    Signature(b"\x89PNG\r\n\x1a\n", "a PNG picture", "picture"),
    Signature(b"\xff\xd8\xff", "a JPEG picture", "picture"),
    Signature(b"GIF8", "a GIF picture", "picture"),
    Signature(b"\x7fELF", "a program", "program"),
    Signature(b"MZ", "a Windows program", "program"),
    Signature(b"\xca\xfe\xba\xbe", "a program", "program"),
    Signature(b"\xcf\xfa\xed\xfe", "a program", "program"),
    Signature(b"\x00asm", "a program", "program"),
    Signature(b"#!/", "a script", "program"),
    Signature(b"<?php", "a script", "program"),
    Signature(b"SQLite format 3\x00", "an SQLite database", "data"),
    Signature(b"PAR1", "a Parquet file", "data"),
)
_AMONG_TEXT = (b"MZ", b"BZh", b"PAR1", b"GIF8")
"""May start a header of text too; a program or an archive holds NUL bytes or bytes beyond ASCII soon."""

_TEXT_SIGNATURES = (
    ("<?xml", "an XML document"),
    ("<svg", "an SVG picture"),
    *(
        (start, "an HTML page")
        for start in ("<!doctype", "<html", "<head", "<body", "<meta", "<table", "<script", "<!--")
    ),
    ("mime-version:", "a web page archive"),
    ("@echo off", "a script"),
)
_CONTROLS = bytes(sorted({*range(0x20)} - {*b"\t\n\r"}))
_MOST_CONTROLS = 4
"""Text may be separated by control characters, but not by so many different ones."""

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


def signature_of(head: bytes) -> Signature | None:
    """What a file that starts with `head` is by its first bytes; None when they say nothing."""
    for signature in _SIGNATURES:
        if head.startswith(signature.mark) and not (signature.mark in _AMONG_TEXT and head.isascii()):
            return signature
    return None


def _describe(head: bytes) -> str | None:
    """Name what is no plain text; None for text. A NUL byte stands in no text but that of UTF-16."""
    if signature := signature_of(head):
        return signature.name
    utf16 = utf16_name(head)
    start = head.decode(utf16 or "latin-1", "ignore").removeprefix("\ufeff").removeprefix("ï»¿").lstrip()[:20].lower()
    for text_signature, name in _TEXT_SIGNATURES:
        if start.startswith(text_signature):
            return name
    if utf16:
        return None
    return "binary data" if b"\x00" in head or has_many_controls(head) else None


def has_many_controls(data: bytes) -> bool:
    """True for bytes that no text has in an encoding of single bytes or UTF-8."""
    return sum(code in data for code in _CONTROLS) > _MOST_CONTROLS


def _not_json(head: bytes) -> str | None:
    utf16 = utf16_name(head)
    text = head.decode(utf16, "ignore") if utf16 else head.decode("utf-8", "ignore")
    start = text.removeprefix("\ufeff").lstrip()[:1]
    return None if start in ("[", "{", "") else "text that starts with neither [ nor {"
