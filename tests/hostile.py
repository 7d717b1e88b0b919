"""Hostile and broken files, made on the spot: what each is called, and the code that its upload must end in."""

from __future__ import annotations

import gzip
import io
import random
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZIP_DEFLATED, ZipFile

from shared.formats.compound_gate import open_workbook_streams
from tests.raw_files import STORED, Raw, biff, compound_file, raw_zip
from tests.workbooks import SHEET1, patch_zip, write_xlsb

GOLDEN = Path(__file__).parent / "golden" / "excel"
CSV = b"timestamp,machineName,goodParts\n2026-03-01T00:00:00Z,Press 1,97\n"
OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)
PROGRAM = b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff" + bytes(100)
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(40)
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_SHEET_RELATIONS = "xl/worksheets/_rels/sheet1.xml.rels"


@dataclass(frozen=True)
class Hostile:
    """A file, and the code by which it must be refused."""

    name: str
    file_name: str
    code: str
    make: Callable[[], bytes]


HOSTILE: list[Hostile] = []


def _add(code: str, file_name: str, **files: Callable[[], bytes]) -> None:
    HOSTILE.extend(Hostile(name, file_name, code, make) for name, make in files.items())


def import_type_of(file_name: str) -> str:
    """The import type that goes with a file's name."""
    name = file_name.removesuffix(".gz")
    return "csv" if name.endswith((".csv", ".tsv")) else "json" if "json" in name else "excel"


def parts(kind: str = "xlsx") -> dict[str, bytes]:
    """The parts of a golden workbook."""
    with ZipFile(GOLDEN / f"typed.{kind}") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(members: dict[str, bytes]) -> bytes:
    """An archive of them."""
    out = io.BytesIO()
    with ZipFile(out, "w", ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def with_part(name: str, data: bytes, kind: str = "xlsx") -> Callable[[], bytes]:
    return lambda: packed({**parts(kind), name: data})


def changed(name: str, old: bytes, new: bytes, kind: str = "xlsx") -> Callable[[], bytes]:
    """A good workbook in one part of which `new` stands for `old`."""

    def make() -> bytes:
        members = parts(kind)
        assert old in members[name]
        return packed({**members, name: members[name].replace(old, new, 1)})

    return make


def raws(*more: Raw) -> list[Raw]:
    """The members of a good workbook, and more."""
    return [*(Raw(name, data) for name, data in parts().items()), *more]


def related(kind: str, target: str, mode: str = 'TargetMode="External"') -> Callable[[], bytes]:
    """A workbook whose first sheet has this relationship."""
    entry = f'<Relationship Id="rId9" Type="{_RELATIONS}/{kind}" Target="{target}" {mode}/>'
    namespace = "http://schemas.openxmlformats.org/package/2006/relationships"
    return with_part(_SHEET_RELATIONS, f'<Relationships xmlns="{namespace}">{entry}</Relationships>'.encode())


def sheet_of(rows: str) -> Callable[[], bytes]:
    return lambda: packed({**parts(), SHEET1: _sheet(rows)})


def _sheet(rows: str) -> bytes:
    start = '<?xml version="1.0" encoding="UTF-8"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    return f"{start}<sheetData>{rows}</sheetData></worksheet>".encode()


def _ods_table(rows: str) -> Callable[[], bytes]:
    return _ods_with("</office:spreadsheet>", f'<table:table table:name="T">{rows}</table:table></office:spreadsheet>')


def _ods_with(old: str, new: str) -> Callable[[], bytes]:
    return changed("content.xml", old.encode(), new.encode(), "ods")


def workbook_stream() -> bytes:
    """The stream of the golden .xls workbook."""
    path = GOLDEN / "typed.xls"
    with path.open("rb") as file:
        [stream] = open_workbook_streams(file, path.stat().st_size)
        return b"".join(stream)


def xls_with(*records: bytes) -> Callable[[], bytes]:
    """A good .xls workbook with records behind its first one."""

    def make() -> bytes:
        stream = workbook_stream()
        first = 4 + struct.unpack_from("<H", stream, 2)[0]
        return compound_file({"Workbook": stream[:first] + b"".join(records) + stream[first:]})

    return make


def _noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def _far_xlsb(*, start: bytes = b"") -> bytes:
    with TemporaryDirectory() as folder:
        path = write_xlsb(Path(folder, "far.xlsb"), {"Data": {(0, 0): "a", (1_048_575, 16_383): "b"}})
        return patch_zip(path, "xl/worksheets/sheet1.bin", lambda sheet: start + sheet).read_bytes()


def _binary_sheet() -> bytes:
    with ZipFile(io.BytesIO(_far_xlsb())) as archive:
        return archive.read("xl/worksheets/sheet1.bin")


def _shared_text(size: int) -> Callable[[], bytes]:
    def make() -> bytes:
        rows = "".join('<row><c t="s"><v>0</v></c></row>' for _ in range(5000))
        text = b"<sst><si><t>" + b"x" * size + b"</t></si></sst>"
        return packed({**parts(), SHEET1: _sheet(rows), "xl/sharedStrings.xml": text})

    return make


def _laughs() -> bytes:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return f'<?xml version="1.0"?><!DOCTYPE sst [<!ENTITY l0 "ha">{entities}]><sst><si><t>&l9;</t></si></sst>'.encode()


def _encrypted() -> bytes:
    data = bytearray(packed(parts()))
    for mark, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        data[data.index(mark) + offset] |= 1
    return bytes(data)


_NESTED_TEXT = gzip.compress(CSV)

# How large an archive is
_add(
    "archive_too_large",
    "bomb.xlsx",
    bomb_in_one_part=lambda: packed({**parts(), "xl/media/image1.png": bytes(100 << 20)}),
    bomb_in_many_parts=lambda: packed(parts() | {f"xl/media/image{n}.png": bytes(1 << 20) for n in range(100)}),
    bomb_of_xml=sheet_of("<row/>" * (12 << 20)),
)
_add(
    "archive_sizes_differ",
    "lie.xlsx",
    bomb_that_says_it_is_small=lambda: raw_zip(raws(Raw("xl/media/image1.png", bytes(100 << 20), told_size=1000))),
    less_than_it_says=lambda: raw_zip(raws(Raw("xl/media/image1.png", PICTURE, told_size=1000))),
    local_header_with_another_size=lambda: raw_zip(raws(Raw("xl/media/image1.png", PICTURE, local_size=7))),
    local_header_with_another_name=lambda: raw_zip(raws(Raw("xl/a.xml", b"<a/>", local_name="xl/b.xml"))),
    stored_with_another_size=lambda: raw_zip(raws(Raw("xl/media/image1.png", PICTURE, method=STORED, told_size=9))),
    another_name_in_the_extra_field=lambda: raw_zip(
        raws(Raw("xl/a.xml", b"<a/>", extra=struct.pack("<HHBI", 0x7075, 9, 1, 0) + b"evil"))
    ),
)
_add(
    "archive_members_overlap",
    "overlap.xlsx",
    two_entries_for_one_member=lambda: raw_zip([*raws(), Raw("xl/media/image1.png", shares_data_of=0)]),
    many_entries_for_one_bomb=lambda: raw_zip(
        [*raws(), Raw("xl/a.xml", bytes(9 << 20)), *(Raw(f"xl/b{n}.xml", shares_data_of=11) for n in range(200))]
    ),
)
_add(
    "archive_too_many_members",
    "many.xlsx",
    many_members=lambda: raw_zip(raws(*(Raw(f"xl/{n}.xml") for n in range(10_001)))),
)
_add("archive_method_unknown", "method.xlsx", bzip2_inside=lambda: raw_zip(raws(Raw("xl/a.xml", b"BZh", method=12))))

# What its members are called
_add(
    "archive_names_twice",
    "twice.xlsx",
    a_name_twice=lambda: raw_zip(raws(Raw(SHEET1, b"<worksheet/>"))),
    a_name_twice_but_for_case=lambda: raw_zip(raws(Raw("XL/Worksheets/Sheet1.xml", b"<worksheet/>"))),
)
_add(
    "archive_name_unsafe",
    "names.xlsx",
    name_that_climbs=lambda: raw_zip(raws(Raw("xl/../../../tmp/evil.xml", b"<a/>"))),
    name_that_is_absolute=lambda: raw_zip(raws(Raw("/etc/cron.d/evil.xml", b"<a/>"))),
    name_with_backslashes=lambda: raw_zip(raws(Raw("xl\\evil.xml", b"<a/>"))),
    name_with_a_drive=lambda: raw_zip(raws(Raw("C:/evil.xml", b"<a/>"))),
    name_with_a_nul=lambda: raw_zip(raws(Raw("xl/a.png\x00.xml", b"<a/>"))),
    name_with_a_turn_of_writing=lambda: raw_zip(raws(Raw("xl/\u202elmx.xml", b"<a/>", flags=0x800))),
    symbolic_link=lambda: raw_zip(raws(Raw("xl/a.xml", b"/etc/passwd", attributes=0o120777 << 16))),
)

# More than one file in one
_add(
    "file_foreign_data",
    "two.xlsx",
    data_behind_the_archive=lambda: packed(parts()) + b"<script>alert(1)</script>",
    archive_behind_the_archive=lambda: packed(parts()) + packed({"a": b"b"}),
    comment_of_the_archive=lambda: raw_zip(raws(), comment=b"<?php system($_GET[0]); ?>"),
    data_between_members=lambda: raw_zip([*raws(), Raw("xl/a.xml", b"<a/>", behind=PROGRAM), Raw("xl/b.xml", b"<b/>")]),
    data_before_the_directory=lambda: raw_zip(raws(), before_directory=b"%PDF-1.7"),
    archive_that_begins_with_another=lambda: packed({"a": b"b"}) + raw_zip(raws()),
    pdf_in_the_first_member=lambda: raw_zip([Raw("xl/media/image1.png", b"%PDF-1.7\n", method=STORED), *raws()]),
    directory_with_more_entries=lambda: raw_zip(raws(), count=4),
)
_add(
    "file_not_workbook",
    "begins.xlsx",
    pdf_before_an_archive=lambda: raw_zip(raws(), before=b"%PDF-1.7\n"),
    picture_before_an_archive=lambda: raw_zip(raws(), before=b"\xff\xd8\xff\xe0"),
    program_before_an_archive=lambda: raw_zip(raws(), before=PROGRAM),
    page_before_an_archive=lambda: raw_zip(raws(), before=b"<html>"),
    archive_of_a_csv=lambda: packed({"shift.csv": CSV}),
    word_document=lambda: packed(
        {"[Content_Types].xml": b"<Types/>", "_rels/.rels": b"<r/>", "word/document.xml": b""}
    ),
    java_program=lambda: packed({"META-INF/MANIFEST.MF": b"", "Main.class": b"\xca\xfe\xba\xbe"}),
    page_named_workbook=lambda: b"<html><table><tr><td>timestamp</td></tr></table></html>",
)
_add("file_foreign_data", "shift.csv", archive_behind_a_table=lambda: CSV * 5000 + packed(parts()))
_add("file_foreign_data", "shift.csv", program_behind_a_table=lambda: CSV * 5000 + PROGRAM + _noise(5000))
_add(
    "file_foreign_data",
    "shift.csv.gz",
    archive_behind_a_packed_table=lambda: gzip.compress(CSV * 5000 + packed(parts())),
)
_add("file_foreign_data", "old.xls", archive_behind_a_compound_file=lambda: xls_with()() + packed(parts()))

# What stands in a package
_add(
    "workbook_encrypted",
    "locked.xlsx",
    encrypted_member=_encrypted,
    encrypted_package=lambda: compound_file({"EncryptedPackage": b"x"}),
)
_add(
    "workbook_unreadable",
    "broken.xlsx",
    cut_off=lambda: packed(parts())[:-300],
    wrong_checksum=lambda: raw_zip(raws(Raw("xl/a.xml", b"<a/>", crc=7))),
    noise_as_deflated_data=lambda: raw_zip(raws(Raw("xl/a.xml", b"<a/>", packed=_noise(500)))),
    relations_that_are_no_xml=with_part(_SHEET_RELATIONS, b"<Relationships><Relationship"),
)
_add(
    "workbook_macros",
    "macros.xlsx",
    vba_project=with_part("xl/vbaProject.bin", OLE2),
    vba_project_by_relation=related("../2006/relationships/vbaProject", "media/image1.png", ""),
    macro_enabled_by_content_type=changed(
        "[Content_Types].xml", b"spreadsheetml.sheet.main", b"x+vnd.ms-excel.sheet.macroEnabled.main"
    ),
    macro_sheet_of_excel_4=with_part("xl/macrosheets/sheet1.xml", b"<xm:macrosheet/>"),
)
_add("workbook_macros", "macros.xlsb", vba_in_a_binary_workbook=with_part("xl/vbaProject.bin", OLE2, "xlsb"))
_add(
    "workbook_xml_doctype",
    "entities.xlsx",
    billion_laughs=lambda: packed(parts() | {"xl/sharedStrings.xml": _laughs()}),
    file_by_an_entity=changed(
        "xl/workbook.xml", b"<workbook", b'<!DOCTYPE w [<!ENTITY x SYSTEM "file:///etc/passwd">]><workbook'
    ),
    doctype_from_elsewhere=lambda: packed(
        parts() | {SHEET1: b'<!DOCTYPE w SYSTEM "http://example.com/x.dtd"><worksheet/>'}
    ),
    doctype_far_behind=lambda: packed(parts() | {SHEET1: b"<!--" + b" " * 300_000 + b"--><!DOCTYPE w><worksheet/>"}),
    doctype_in_relations=with_part(_SHEET_RELATIONS, b"<!DOCTYPE r><Relationships/>"),
    doctype_in_a_picture=with_part("xl/media/image1.png", b"<!DOCTYPE svg><svg/>"),
)
_add(
    "workbook_xml_doctype",
    "entities.ods",
    doctype_in_an_ods=lambda: packed(parts("ods") | {"styles.xml": b"<!DOCTYPE s><s/>"}),
)
_add(
    "workbook_xml_encoding",
    "encoding.xlsx",
    utf_16=lambda: packed(parts() | {SHEET1: _laughs().decode().encode("utf-16")}),
    utf_16_without_a_mark=lambda: packed(parts() | {SHEET1: _laughs().decode().encode("utf-16-be")}),
    utf_32=lambda: packed(parts() | {SHEET1: _laughs().decode().encode("utf-32")}),
    utf_7=lambda: packed(parts() | {SHEET1: b'<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE w+AD4-'}),
    ebcdic=lambda: packed(parts() | {SHEET1: _laughs().decode().encode("cp037")}),
)
_add(
    "workbook_external_links",
    "links.xlsx",
    picture_from_elsewhere=related("image", "http://example.com/x.png"),
    picture_from_elsewhere_by_character_references=related("image", "http://example.com", 'TargetMode="Ext&#101;rnal"'),
    picture_from_a_share=related("image", "file://server/share/x.png"),
    address_as_a_part=related("image", "https://example.com/x.png", ""),
    link_that_runs_a_script=related("hyperlink", "javascript:alert(1)"),
    template_from_elsewhere=related("attachedTemplate", "http://example.com/x.xltx"),
    other_workbook=with_part("xl/externalLinks/externalLink1.xml", b"<externalLink/>"),
    dde=with_part("xl/externalLinks/externalLink1.xml", b'<externalLink><ddeLink ddeService="cmd"/></externalLink>'),
)
_add(
    "workbook_embedded_object",
    "objects.xlsx",
    ole_object=with_part("xl/embeddings/oleObject1.bin", OLE2),
    embedded_workbook=lambda: packed(parts() | {"xl/embeddings/Sheet.xlsx": packed(parts())}),
    object_by_relation=related("oleObject", "media/image1.png", ""),
    ole_object_named_picture=with_part("xl/media/image1.png", OLE2),
    program_named_picture=with_part("xl/media/image1.png", PROGRAM),
    pdf_named_picture=with_part("xl/media/image1.png", b"%PDF-1.7"),
)
_add("workbook_active_content", "active.xlsx", activex=with_part("xl/activeX/activeX1.xml", b"<ax:ocx/>"))
_add(
    "archive_in_archive",
    "nested.xlsx",
    archive_named_picture=lambda: packed(parts() | {"xl/media/image1.png": packed(parts())}),
)
_add(
    "workbook_part_unknown",
    "parts.xlsx",
    program_part=with_part("xl/setup.exe", PROGRAM),
    page_part=with_part("index.html", b"<html/>"),
    folder_with_data=lambda: raw_zip(raws(Raw("xl/folder/", b"data"))),
)
_add(
    "workbook_sheet_too_large",
    "far.xlsx",
    far_cell=sheet_of('<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'),
    far_cell_against_its_row=sheet_of("<row><c r='A1'><v>1</v></c><c r = 'XFD1048576' ><v>1</v></c></row>"),
    far_row_without_references=sheet_of(
        '<row r="1"><c r="XFD1"><v>1</v></c></row><row r="1048576"><c><v>1</v></c></row>'
    ),
)
_add("workbook_sheet_too_large", "far.xlsb", far_cell_in_a_binary_workbook=_far_xlsb)
_add(
    "workbook_sheet_too_large",
    "far.xlsb",
    far_cell_in_a_part_that_begins_oddly=lambda: _far_xlsb(start=b"\x9f\x01\x00"),
)
_add(
    "workbook_sheet_too_large",
    "far.xlsx",
    far_cell_in_a_binary_part=lambda: packed(parts() | {"xl/xworkbook.bin": b"", "xl/a.bin": _binary_sheet()}),
)
_add("workbook_text_too_long", "text.xlsx", text_that_many_cells_share=_shared_text(4 << 20))

# OpenDocument
_cell = '<table:table-cell office:value-type="float" office:value="1"'
_add(
    "workbook_sheet_too_large",
    "far.ods",
    cells_that_repeat=_ods_table(
        f'<table:table-row table:number-rows-repeated="1048576">{_cell} table:number-columns-repeated="16384"/>'
        "</table:table-row>"
    ),
    far_cell_in_an_ods=_ods_table(
        f"<table:table-row>{_cell}/></table:table-row>"
        '<table:table-row table:number-rows-repeated="1048574"><table:table-cell/></table:table-row>'
        f'<table:table-row><table:table-cell table:number-columns-repeated="16383"/>{_cell}/></table:table-row>'
    ),
)
_add(
    "workbook_macros",
    "macros.ods",
    basic_library=with_part("Basic/Standard/Module1.xml", b"<script:module/>", "ods"),
    python_script=with_part("Scripts/python/evil.py", b"import os", "ods"),
    event_listener=_ods_with("<office:body>", '<office:body><script:event-listener script:event-name="dom:load"/>'),
    script=_ods_with(
        "<office:body>", '<office:scripts><office:script script:language="x"/></office:scripts><office:body>'
    ),
)
_add(
    "workbook_external_links",
    "links.ods",
    picture_from_elsewhere_in_an_ods=_ods_table(
        '<table:shapes><draw:image xlink:href="http://example.com/x"/></table:shapes>'
    ),
    picture_with_a_trick=_ods_table(
        "<table:shapes><draw:image a=\">\" xlink:href = '&#104;ttp://example.com/x'/></table:shapes>"
    ),
    object_outside=_ods_table('<table:shapes><draw:object xlink:href="../other.ods"/></table:shapes>'),
    script_as_a_link=_ods_table(
        "<table:table-row><table:table-cell>"
        '<text:a xlink:href="vnd.sun.star.script:x"/></table:table-cell></table:table-row>'
    ),
    dde_in_an_ods=_ods_table('<office:dde-source office:dde-application="soffice"/>'),
    dde_formula=_ods_table(f'<table:table-row>{_cell} table:formula="of:=DDE(&quot;cmd&quot;)"/></table:table-row>'),
    sheet_of_another_file=_ods_table('<table:table-source xlink:href="x"/>'),
)
_add(
    "workbook_embedded_object",
    "objects.ods",
    ole_in_an_ods=_ods_table('<table:shapes><draw:object-ole xlink:href="./Object 1"/></table:shapes>'),
    object_in_an_ods=with_part("Object 1", OLE2, "ods"),
    frame_of_a_page=_ods_table('<table:shapes><draw:floating-frame xlink:href="x"/></table:shapes>'),
)
_add(
    "workbook_encrypted",
    "locked.ods",
    encrypted_ods=changed(
        "META-INF/manifest.xml", b"</manifest:manifest>", b"<manifest:encryption-data/></manifest:manifest>", "ods"
    ),
)

# .xls
_add("workbook_encrypted", "locked.xls", file_pass=xls_with(biff(0x2F, bytes(54))))
_add(
    "workbook_macros",
    "macros.xls",
    vba_storage=lambda: compound_file({"Workbook": workbook_stream()}, storages=["_VBA_PROJECT_CUR", "VBA"]),
    vba_record=xls_with(biff(0xD3)),
    macro_sheet_in_an_xls=xls_with(biff(0x85, struct.pack("<IBB", 0, 2, 1) + b"\x01\x00m")),
)
_add(
    "workbook_embedded_object",
    "objects.xls",
    embedded_storage=lambda: compound_file({"Workbook": workbook_stream()}, storages=["MBD0018D4CE"]),
    packaged_program=lambda: compound_file({"Workbook": workbook_stream(), "\x01Ole10Native": PROGRAM}),
)
_add(
    "workbook_active_content",
    "active.xls",
    controls=lambda: compound_file({"Workbook": workbook_stream(), "Ctls": b"x"}),
)
_add(
    "workbook_external_links",
    "links.xls",
    book_of_another_file=xls_with(biff(0x1AE, struct.pack("<HHB", 1, 9, 0) + b"\x01\x01Cx.xls")),
)
_add(
    "workbook_sheet_too_large",
    "far.xls",
    column_beyond_the_sheet=xls_with(biff(0x203, struct.pack("<HHHd", 65535, 65535, 0, 1.0))),
    columns_beyond_the_sheet=xls_with(biff(0xBD, struct.pack("<HHHIH", 1, 0, 0, 2, 65535))),
    dimensions_beyond_the_sheet=xls_with(biff(0x200, struct.pack("<IIHHH", 0, 0xFFFFFFFF, 0, 256, 0))),
)
_add(
    "xls_structure_wrong",
    "broken.xls",
    sectors_in_a_circle=lambda: compound_file({"Workbook": workbook_stream()}, next_sectors={9: 1}),
    sector_of_two_streams=lambda: compound_file(
        {"Workbook": workbook_stream(), "x": bytes(4096)}, next_sectors={20: 3}
    ),
    sector_beyond_the_file=lambda: compound_file({"Workbook": workbook_stream()}, next_sectors={9: 50_000}),
    directory_in_a_circle=lambda: compound_file({"Workbook": workbook_stream()}, next_sectors={0: 0}),
    cut_off_xls=lambda: (GOLDEN / "typed.xls").read_bytes()[:4000],
    record_beyond_the_stream=lambda: compound_file({"Workbook": workbook_stream() + b"\x03\x02\xff\xff\x01"}),
    strings_beyond_the_file=xls_with(biff(0xFC, struct.pack("<II", 9, 0xFFFFFFF0))),
    no_records=lambda: compound_file({"Workbook": bytes(5000)}),
    two_workbooks=lambda: compound_file({"Workbook": workbook_stream(), "WORKBOOK": workbook_stream()}),
    header_alone=lambda: OLE2,
)
_add("file_not_workbook", "old.xls", old_word_document=lambda: compound_file({"WordDocument": b"x"}))

# Names that mislead
_add("file_name_misleads", "named.xlsx", xls_named_xlsx=(GOLDEN / "typed.xls").read_bytes)
_add("file_name_misleads", "named.xlsx", ods_named_xlsx=(GOLDEN / "typed.ods").read_bytes)
_add("file_name_misleads", "named.xls", xlsx_named_xls=(GOLDEN / "typed.xlsx").read_bytes)

# Texts
_add(
    "file_not_text",
    "shift.csv",
    page=lambda: b"\xef\xbb\xbf <!DOCTYPE html><html>",
    table_of_a_page=lambda: b"<table><tr><td>timestamp</td></tr></table>",
    web_archive=lambda: b"MIME-Version: 1.0\nContent-Type: multipart/related\n",
    pdf=lambda: b"%PDF-1.7\n",
    picture=lambda: PICTURE,
    drawing=lambda: b"<svg xmlns='x' onload='alert(1)'/>",
    windows_program=lambda: PROGRAM,
    linux_program=lambda: b"\x7fELF\x02\x01\x01" + bytes(50),
    shell_script=lambda: b"#!/bin/sh\nrm -rf /\n",
    php_script=lambda: b"<?php system($_GET['c']); ?>",
    workbook_named_csv=(GOLDEN / "typed.xlsx").read_bytes,
    nul_bytes=lambda: bytes(5000),
    noise=lambda: _noise(5000),
    short_noise=lambda: _noise(300).replace(b"\x00", b""),
)
_add("file_empty", "shift.csv", nothing=lambda: b"")
_add("file_not_json", "records.json", pdf_named_json=lambda: b"%PDF-1.7\n", page_named_json=lambda: b"<html></html>")
_add(
    "file_not_text",
    "shift.csv.gz",
    packed_program=lambda: gzip.compress(PROGRAM),
    packed_twice=lambda: gzip.compress(_NESTED_TEXT),
    packed_workbook=lambda: gzip.compress(packed(parts())),
)
_add(
    "file_gzip_corrupt",
    "shift.csv.gz",
    data_behind_gzip=lambda: _NESTED_TEXT + PROGRAM,
    archive_behind_gzip=lambda: _NESTED_TEXT + packed(parts()),
    cut_off_gzip=lambda: gzip.compress(_noise(9000).hex().encode())[:-20],
    second_member_cut_off=lambda: _NESTED_TEXT + _NESTED_TEXT[:-9],
)
_add(
    "file_gzip_ratio",
    "shift.csv.gz",
    gzip_bomb=lambda: gzip.compress(CSV * 1_000_000, 9),
    gzip_bomb_in_the_second_member=lambda: _NESTED_TEXT + gzip.compress(b"1," * (20 << 20), 9),
)
_add(
    "archive_name_unsafe",
    "shift.csv.gz",
    gzip_name_that_climbs=lambda: (
        _NESTED_TEXT[:3] + b"\x08" + _NESTED_TEXT[4:10] + b"../../evil.csv\x00" + _NESTED_TEXT[10:]
    ),
)
