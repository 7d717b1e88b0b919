"""A file's first bytes say whether it may be what its upload says it is."""

from __future__ import annotations

import gzip
import io
import zipfile
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.formats.content_type import content_problem

ImportType = Literal["csv", "json", "excel"]
TABLE = "timestamp;machineName\n2026-03-01;Fräse\n" * 5
OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo("xl/workbook.xml"), "<workbook/>")
    return out.getvalue()


@pytest.mark.parametrize(
    ("head", "import_type"),
    [
        (TABLE.encode(), "csv"),
        (TABLE.encode("utf-8-sig"), "csv"),
        (TABLE.encode("cp1252"), "csv"),
        (TABLE.encode("utf-16"), "csv"),
        ("[1]".encode("utf-16"), "json"),
        (TABLE.encode("utf-16-le"), "csv"),
        (TABLE.encode("utf-16-be"), "csv"),
        (gzip.compress(TABLE.encode(), mtime=0), "csv"),
        (gzip.compress(TABLE.encode("utf-16"), mtime=0), "csv"),
        (gzip.compress(TABLE.encode() * 1000, mtime=0)[:100], "csv"),
        (b"MZ;BZh\n", "csv"),
        (b"[{}]", "json"),
        (b'\xef\xbb\xbf \r\n{"a": 1}\n', "json"),
        (gzip.compress(b" [1", mtime=0), "json"),
        (b" " * 100, "json"),
        (zipped(), "excel"),
        (OLE2, "excel"),
    ],
)
def test_what_may_be_the_right_thing_passes(head: bytes, import_type: ImportType) -> None:
    """In each way that it is written, and packed."""
    assert content_problem(head, import_type) is None


@pytest.mark.parametrize(
    ("head", "import_type", "what"),
    [
        (zipped(), "csv", "ZIP"),
        (OLE2, "csv", "Office"),
        (b"%PDF-1.7", "csv", "PDF"),
        (b"  <!DOCTYPE html>", "csv", "HTML"),
        ("<?xml".encode("utf-16"), "csv", "XML"),
        (b"a;b\x00\n", "csv", "binary"),
        (b"\x00\x01\x02 not a table", "csv", "binary"),
        (gzip.compress(zipped(), mtime=0), "csv", "gzip archive of an Excel"),
        (gzip.compress(gzip.compress(b"a;b", mtime=0), mtime=0), "csv", "gzip archive of a gzip archive"),
        (b"\x1f\x8b\x08 what", "csv", "damaged gzip"),
        (b"\x1f\x8b\x01", "csv", "gzip"),
        (TABLE.encode(), "json", "neither"),
        (gzip.compress(TABLE.encode(), mtime=0), "json", "neither"),
        ("a,b".encode("utf-16"), "json", "neither"),
        (zipped(), "json", "ZIP"),
        (b"{\\rtf1", "json", "rich text"),
        (TABLE.encode(), "excel", "text"),
        (b"<html>", "excel", "HTML"),
        (gzip.compress(zipped(), mtime=0), "excel", "gzip"),
        (b"PK\x05\x06", "excel", "empty ZIP"),
        (b"", "excel", "text"),
    ],
)
def test_what_is_something_else_is_named(head: bytes, import_type: ImportType, what: str) -> None:
    """So that the person sees what was uploaded."""
    assert what in (content_problem(head, import_type) or "")


@given(st.binary(max_size=200), st.sampled_from(["csv", "json", "excel"]))
def test_any_bytes_get_an_answer(head: bytes, import_type: ImportType) -> None:
    """Also behind the first bytes of an archive, cut anywhere."""
    for data in (head, b"\x1f\x8b\x08" + head, gzip.compress(head)[: len(head)], b"\xff\xfe" + head):
        assert content_problem(data, import_type) != ""
