"""What the first bytes of a file say it is, whatever its name says."""

from __future__ import annotations

from shared.formats.encoding import UTF16_MARKS

_SIGNATURES = (
    (b"PK\x03\x04", "an Excel workbook or a ZIP archive"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document"),
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
_TEXT_SIGNATURES = ((b"<!doctype html", "an HTML page"), (b"<html", "an HTML page"), (b"<?xml", "an XML document"))


def not_delimited_text(head: bytes) -> str | None:
    """Name what `head`, the start of a file, shows it to be; None when it may be delimited text.

    A NUL byte never stands in text of the encodings that are read.
    """
    if head.startswith(UTF16_MARKS):
        return "UTF-16 text (Excel's “Unicode text”)"
    # "MZ" and "BZh" may start a header of text; a program or an archive holds NUL bytes or bytes beyond ASCII soon.
    for signature, name in _SIGNATURES:
        if head.startswith(signature) and not (signature in (b"MZ", b"BZh", b"PAR1", b"GIF8") and head.isascii()):
            return name
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:20].lower()
    for signature, name in _TEXT_SIGNATURES:
        if start.startswith(signature):
            return name
    if b"\x00" in head:
        return "binary data"
    return None
