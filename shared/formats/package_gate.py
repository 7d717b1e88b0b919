"""A workbook that is a ZIP archive: which parts it may have, and what may stand in them.

Every part is unpacked once, as a stream. What is not known to belong to a workbook is refused.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO

from shared.formats.archive_gate import InflationBudget, Member, inflate, read_members
from shared.formats.content_type import signature_of
from shared.formats.markup_gate import check_content_types, check_open_document, check_relationships, plain_xml
from shared.formats.rejection import rejected
from shared.formats.sheet_bounds import check_cells, check_ods_cells, check_xlsb_cells, may_reach_far

Parts = Iterator[bytes]

_WORKBOOK_PART = re.compile(r"(?:.*/)?workbook\d*\.(xml|bin)")
_ODS_TYPES = (
    b"application/vnd.oasis.opendocument.spreadsheet",
    b"application/vnd.oasis.opendocument.spreadsheet-template",
)
_MIMETYPE = "mimetype"
_OTHER_DOCUMENTS = {
    "word/": "a Word document",
    "ppt/": "a PowerPoint presentation",
    "visio/": "a Visio drawing",
    "meta-inf/manifest.mf": "a Java program",
    "androidmanifest.xml": "an Android program",
    "content.xml": "another OpenDocument file",
}

_PICTURES = r"png|jpe?g|jpe|jfif|gif|bmp|tiff?|emf|wmf|emz|wmz|svg|svm|wdp|ico|pict|pct|webp"
_XLSX_PART = re.compile(rf".*\.(?:xml|rels|vml|bin|psmdcp|sigs|{_PICTURES})|xl/model/item\.data|\[trash\]/[^/]*\.dat")
_ODS_PART = re.compile(
    rf"mimetype|.*\.(?:xml|rdf|ttf|otf|{_PICTURES})|(?:.*/)?layout-cache|(?:.*/)?(?:object)?replacements/[^/.]+"
    r"|pictures/[^/.]+"
)
_REFUSED_PARTS = (
    (
        re.compile(r"(?:.*/)?vba(?:project\w*|data)\.\w+|(?:.*/)?(?:intl)?macrosheets/.*|(?:basic|scripts|dialogs)/.*"),
        "workbook_macros",
    ),
    (re.compile(r"(?:.*/)?externallinks/.*"), "workbook_external_links"),
    (re.compile(r"(?:.*/)?activex/.*"), "workbook_active_content"),
    (re.compile(r"(?:.*/)?embeddings/.*|object \d+"), "workbook_embedded_object"),
)
_XML_PART = re.compile(r".*\.(?:xml|rels|vml|rdf|svg|psmdcp)")
_CELL_PART = re.compile(r"(?:.*/)?(?:worksheets/[^/]*|sharedstrings\w*)\.xml")
_PACKED_PICTURE = (".emz", ".wmz")


def check_package(file: BinaryIO, size: int) -> str:
    """What kind of workbook the archive of `size` bytes is: `.xlsx`, `.xlsb` or `.ods`. Raises UploadRejected."""
    members = read_members(file, size)
    budget = InflationBudget(members, size)
    kind = _kind(file, members)
    for member in members:
        _check_name(member, kind)
    for member in members:
        _check_part(file, member, kind, budget)
    return kind


def _kind(file: BinaryIO, members: list[Member]) -> str:
    by_name = {member.name.lower(): member for member in members}
    if "[content_types].xml" in by_name and "_rels/.rels" in by_name:
        for name in by_name:
            if found := _WORKBOOK_PART.fullmatch(name):
                return ".xlsx" if found[1] == "xml" else ".xlsb"
    mimetype = by_name.get(_MIMETYPE)
    if mimetype and "content.xml" in by_name and mimetype.size <= max(map(len, _ODS_TYPES)):
        told = b"".join(inflate(file, mimetype, InflationBudget([mimetype], mimetype.packed)))
        if told in _ODS_TYPES:
            return ".ods"
    names = (what for start, what in _OTHER_DOCUMENTS.items() if any(name.startswith(start) for name in by_name))
    raise rejected("file_not_workbook", what=next(names, "a ZIP archive without a workbook's parts"))


def _check_name(member: Member, kind: str) -> None:
    name = member.name.lower()
    for pattern, code in _REFUSED_PARTS:
        if pattern.fullmatch(name):
            raise rejected(code)
    if name.endswith("/"):
        if member.size or member.packed > 2:  # noqa: PLR2004 (nothing, deflated, takes two bytes)
            raise rejected("workbook_part_unknown", part=member.name)
    elif not (_ODS_PART if kind == ".ods" else _XLSX_PART).fullmatch(name):
        raise rejected("workbook_part_unknown", part=member.name)


def _check_part(file: BinaryIO, member: Member, kind: str, budget: InflationBudget) -> None:
    pieces = inflate(file, member, budget)
    start = next(pieces, b"")
    pieces = chain((start,), pieces)
    name = member.name.lower()
    if _XML_PART.fullmatch(name) or start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        _check_xml(file, member, kind, pieces)
    else:
        _check_binary(name, start)
        if name.endswith(".bin"):  # in an .xlsx too: what reads it may take it for the other
            check_xlsb_cells(pieces, member.name)
    deque(pieces, maxlen=0)  # to its end: sizes and checksum count for all of it


def _check_xml(file: BinaryIO, member: Member, kind: str, pieces: Parts) -> None:
    name = member.name.lower()
    long_texts = kind != ".ods" and not _CELL_PART.fullmatch(name)
    xml = plain_xml(pieces, member.name, long_texts=long_texts)
    if name.endswith(".rels"):
        check_relationships(xml)
    elif name == "[content_types].xml":
        check_content_types(xml)
    elif kind == ".ods":
        check_ods_cells(check_open_document(xml), member.name)
    elif may_reach_far(xml):
        again = inflate(file, member, InflationBudget([member], member.packed))
        check_cells(plain_xml(again, member.name, long_texts=long_texts), member.name)


def _check_binary(name: str, start: bytes) -> None:
    """Raises UploadRejected for a program, a document or an archive among the parts."""
    found = signature_of(start)
    if not found or name.endswith(_PACKED_PICTURE):
        return
    if found.kind == "archive":
        raise rejected("archive_in_archive", part=name, what=found.name)
    if found.kind in ("document", "program"):
        raise rejected("workbook_embedded_object")
