"""XML parts of a workbook: UTF-8, without a document type, and with links that lead nowhere but to pages.

A document type can define entities that grow without end or fetch files, and no workbook has one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Any
from xml.parsers import expat

from shared.formats.rejection import rejected

Parts = Iterator[bytes]

_LONGEST_RUN = 1 << 20
_BOM = b"\xef\xbb\xbf"
_DECLARED = re.compile(rb"\A<\?xml\s[^<>]*?encoding\s*=\s*[\"']([^\"'<>]*)")
_ENCODINGS = frozenset({b"utf-8", b"utf8", b"us-ascii", b"ascii"})
_WEB = ("http", "https", "ftp", "ftps", "sftp", "file")
_PEOPLE = ("mailto", "tel", "callto", "sip", "sips", "notes", "onenote", "msteams", "slack", "skype", "outlook")
_PLAIN_SCHEMES = frozenset((*_WEB, *_PEOPLE))
_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]*):")
_MACRO_TYPES = ("vbaproject", "sheet.macroenabled", "template.macroenabled", "addin.macroenabled", "macrosheet")
_KINDS_OF_RELATION = {
    "vbaproject": "workbook_macros",
    "wordvbadata": "workbook_macros",
    "xlmacrosheet": "workbook_macros",
    "xlintlmacrosheet": "workbook_macros",
    "oleobject": "workbook_embedded_object",
    "package": "workbook_embedded_object",
    "control": "workbook_active_content",
    "activexcontrolbinary": "workbook_active_content",
    "externallink": "workbook_external_links",
    "externallinkpath": "workbook_external_links",
    "attachedtemplate": "workbook_external_links",
}

_TAG = re.compile(rb"<([^\s<>/\"'=]+)(?:[^<>\"']++|\"[^\"<]*+\"|'[^'<]*+')*+>")
_HREF = re.compile(rb"href\s*=\s*(?:\"([^\"<]*)\"|'([^'<]*)')")
_HYPERLINKS = frozenset({b"text:a", b"draw:a", b"meta:template"})
_ODS_MARKS = {
    rb"event-listener": "workbook_macros",
    rb"script": "workbook_macros",
    rb"object-ole": "workbook_embedded_object",
    rb"plugin": "workbook_embedded_object",
    rb"applet": "workbook_embedded_object",
    rb"floating-frame": "workbook_embedded_object",
    rb"dde-source": "workbook_external_links",
    rb"dde-link": "workbook_external_links",
    rb"table-source": "workbook_external_links",
    rb"cell-range-source": "workbook_external_links",
    rb"database-source-sql": "workbook_external_links",
    rb"encryption-data": "workbook_encrypted",
}
_ODS_TAGS = {mark: re.compile(rb"<(?:[\w.-]+:)?" + mark + rb"[\s/>]") for mark in _ODS_MARKS}
_DDE_FORMULA = re.compile(rb"formula\s*=\s*[\"'][^\"'<>]*\bDDE\s*\(")


def plain_xml(pieces: Parts, part: str, *, long_texts: bool) -> Parts:
    """The XML part, cut anew where tags begin. Raises UploadRejected for another encoding and a document type.

    Without `long_texts` also for a tag or text of more than a megabyte, where a cell holds 32,767 characters: one such
    text that many cells share fills the memory of whoever reads them.
    """
    rest = b""
    first = True
    for piece in pieces:
        if b"\x00" in piece:
            raise rejected("workbook_xml_encoding", part=part)
        held = rest + piece
        at = held.rfind(b"<")
        if len(held) - max(at, 0) > _LONGEST_RUN:
            if not long_texts:
                raise rejected("workbook_text_too_long", part=part)
            at = len(held)
        if at <= 0:
            rest = held
            continue
        yield from _checked(held[:at], part, first=first)
        rest, first = held[at:], False
    yield from _checked(rest, part, first=first)


def _checked(data: bytes, part: str, *, first: bool) -> Parts:
    if first:
        data = data.removeprefix(_BOM).lstrip()
        declared = _DECLARED.match(data)
        if (data and not data.startswith(b"<")) or (declared and declared[1].lower() not in _ENCODINGS):
            raise rejected("workbook_xml_encoding", part=part)
    at = -1
    while (at := data.find(b"<!", at + 1)) >= 0:
        if not data.startswith((b"<!--", b"<![CDATA["), at):
            raise rejected("workbook_xml_doctype", part=part)
    yield data


def check_relationships(pieces: Parts) -> None:
    """Raises UploadRejected for a relationship that leads out of the workbook, unless it is a plain hyperlink."""
    for name, attributes in _elements(pieces):
        if name == "Relationship":
            _check_relationship(attributes)


def _check_relationship(attributes: dict[str, str]) -> None:
    kind = attributes.get("Type", "").rstrip("/").rpartition("/")[2].lower()
    target = attributes.get("Target", "")
    if code := _KINDS_OF_RELATION.get(kind):
        raise rejected(code)
    if attributes.get("TargetMode", "").lower() == "external":
        if kind != "hyperlink" or not _is_plain_link(target):
            raise rejected("workbook_external_links")
    elif _scheme(target) or target.startswith(("//", "\\")):
        raise rejected("workbook_external_links")


def check_content_types(pieces: Parts) -> None:
    """Raises UploadRejected where the package says that it holds macros.

    A binary workbook without any is `sheet.binary.macroEnabled` all the same.
    """
    for _, attributes in _elements(pieces):
        kind = attributes.get("ContentType", "").lower()
        if any(mark in kind for mark in _MACRO_TYPES):
            raise rejected("workbook_macros")


def check_open_document(pieces: Parts) -> Parts:
    """Pass on a part of an .ods file; raises UploadRejected for scripts, embedded objects and links to other files."""
    for piece in pieces:
        for mark, tag in _ODS_TAGS.items():
            if mark in piece and tag.search(piece):
                raise rejected(_ODS_MARKS[mark])
        if b"DDE" in piece and _DDE_FORMULA.search(piece):
            raise rejected("workbook_external_links")
        _check_references(piece)
        yield piece


def _check_references(piece: bytes) -> None:
    """Look at each tag with a reference once, however many it holds; those in texts are none."""
    at = piece.find(b"href")
    while at >= 0:
        start = piece.rfind(b"<", 0, at)
        tag = _TAG.match(piece, max(start, 0))
        if not tag and start >= 0 and not piece.startswith((b"</", b"<!", b"<?"), start):
            raise rejected("workbook_unreadable")
        for reference in _HREF.finditer(piece, tag.start(), tag.end()) if tag else ():
            target = unescape((reference[1] or reference[2] or b"").decode("utf-8", "replace"))
            _check_reference(tag[1] if tag else b"", target)
        following = piece.find(b"<", at)
        at = piece.find(b"href", following) if following >= 0 else -1


def _check_reference(tag: bytes, target: str) -> None:
    if tag in _HYPERLINKS:
        if not _is_plain_link(target):
            raise rejected("workbook_external_links")
    elif _scheme(target) or target.startswith(("/", "\\", "..")):
        raise rejected("workbook_external_links")


def _scheme(target: str) -> str:
    found = _SCHEME.match(target)
    return found[1].lower() if found else ""


def _is_plain_link(target: str) -> bool:
    """True for a page, a mail address, or a file (a drive's letter looks like a scheme)."""
    scheme = _scheme(target)
    return len(scheme) <= 1 or scheme in _PLAIN_SCHEMES


def _elements(pieces: Parts) -> Iterator[tuple[str, dict[str, str]]]:
    """Local name and attributes of each element."""
    found: list[tuple[str, dict[str, str]]] = []

    def start(name: str, attributes: Any) -> None:
        found.append((name.rpartition(" ")[2], {key.rpartition(" ")[2]: value for key, value in attributes.items()}))

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = start
    try:
        for piece in pieces:
            parser.Parse(piece)
            yield from found
            found.clear()
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise rejected("workbook_unreadable") from error
    yield from found
