"""What real programs write gets by the scan: a gate that stops good files is as bad as one that lets bad ones by."""

from __future__ import annotations

import gzip
import io
import struct
from collections.abc import Callable
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import pytest
import xlwt
from openpyxl import Workbook
from openpyxl.chart import BarChart, Reference
from openpyxl.comments import Comment
from openpyxl.styles import Font
from openpyxl.workbook.defined_name import DefinedName
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.table import Table

from tests.hostile import CSV, PICTURE, import_type_of, packed, parts, related, sheet_of, with_part, workbook_stream
from tests.raw_files import compound_file
from tests.scan_alone import scan
from tests.workbooks import SHEET1, write_xlsb

ROOT = Path(__file__).parents[2]
_REAL = [
    path
    for folder in ("tests/golden/csv", "tests/golden/json", "tests/golden/excel", "local/samples")
    for path in sorted((ROOT / folder).iterdir())
    if path.suffix in (".csv", ".tsv", ".gz", ".json", ".ndjson", ".xlsx", ".xls", ".xlsb", ".ods")
    and path.name != "shift-log.expected.json"
]


def outcome(data: bytes, file_name: str, folder: Path) -> tuple[str, str | None]:
    """What the scan makes of a file, with what it says."""
    path = folder / "object"
    path.write_bytes(data)
    found = scan(path, file_name, import_type_of(file_name))
    return found["outcome"], found["message"]


@pytest.mark.parametrize("path", _REAL, ids=lambda path: path.name)
def test_golden_files_and_samples(path: Path, tmp_path: Path) -> None:
    """All of them, those that planning refuses too."""
    assert outcome(path.read_bytes(), path.name, tmp_path) == ("accepted", None)


def _with_everything() -> bytes:
    """A workbook of a person who has used Excel for long: links, notes, a chart, names, a table, print settings."""
    workbook = Workbook()
    sheet = workbook.worksheets[0]
    sheet.append(["timestamp", "machineName", "goodParts"])
    for number in range(50):
        sheet.append([f"2026-03-01T00:{number:02}:00Z", "Press 1", number])
    sheet["B2"].hyperlink = "https://example.com/machines?id=1&view=2"
    sheet["B3"].hyperlink = "file:///\\\\server\\share\\press.pdf"
    sheet["B4"].hyperlink = "mailto:shift@example.com"
    sheet["B5"].hyperlink = "C:\\Docs\\press.xlsx"
    sheet["C2"].comment = Comment("counted by hand", "Müller")
    sheet["A1"].font = Font(bold=True)
    chart = BarChart()
    chart.add_data(Reference(sheet, min_col=3, min_row=1, max_row=51), titles_from_data=True)
    sheet.add_chart(chart, "F2")
    sheet.add_table(Table(displayName="Shifts", ref="A1:C51"))
    sheet.add_data_validation(DataValidation(type="whole", operator="greaterThan", formula1="0"))
    sheet.print_title_rows = "1:1"
    workbook.defined_names["Parts"] = DefinedName("Parts", attr_text="Sheet!$C$2:$C$51")
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()


def _as_stream(data: bytes) -> bytes:
    """The archive as a program writes it that cannot go back: sizes behind the members."""

    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.data = b""

        def writable(self) -> bool:
            return True

        def write(self, data: bytes) -> int:  # type: ignore[override]
            self.data += bytes(data)
            return len(data)

    pipe = Pipe()
    with ZipFile(io.BytesIO(data)) as archive, ZipFile(pipe, "w", ZIP_DEFLATED) as copy:
        for name in archive.namelist():
            with copy.open(ZipInfo(name), "w", force_zip64=name == SHEET1) as member:
                member.write(archive.read(name))
    return pipe.data


def _with_growth_hint() -> bytes:
    """As Excel leaves room for its first part."""
    out = io.BytesIO()
    with ZipFile(out, "w", ZIP_DEFLATED) as archive:
        for number, (name, data) in enumerate(parts().items()):
            info = ZipInfo(name)
            if not number:
                info.extra = struct.pack("<HHH", 0xA220, 514, 0xA028) + bytes(512)
            archive.writestr(info, data)
    return out.getvalue()


def _as_libreoffice() -> bytes:
    """With LibreOffice's folders, pictures and settings; its rows go on to the last column."""
    members = parts("ods")
    out = io.BytesIO()
    rows = (
        '<table:table table:name="T"><table:table-row><table:table-cell office:value-type="string"><text:p>'
        '<text:a xlink:type="simple" xlink:href="https://example.com/">x</text:a> href="http://x"</text:p>'
        '</table:table-cell><table:table-cell table:number-columns-repeated="16383"/></table:table-row>'
        '<table:table-row table:number-rows-repeated="1048575"><table:table-cell '
        'table:number-columns-repeated="16384"/></table:table-row></table:table></office:spreadsheet>'
    )
    members["content.xml"] = members["content.xml"].replace(b"</office:spreadsheet>", rows.encode())
    scripts = b"<office:scripts><ooo:libraries/></office:scripts><office:body>"
    members["content.xml"] = members["content.xml"].replace(b"<office:body>", scripts)
    with ZipFile(out, "w", ZIP_DEFLATED) as archive:
        archive.writestr(ZipInfo("mimetype"), members.pop("mimetype"))
        for folder in ("toolbar", "statusbar", "images/Bitmaps", "accelerator"):
            archive.writestr(f"Configurations2/{folder}/", b"")
        archive.writestr("Configurations2/accelerator/current.xml", b"")
        archive.writestr("Thumbnails/thumbnail.png", PICTURE)
        archive.writestr("manifest.rdf", b'<?xml version="1.0" encoding="utf-8"?><rdf:RDF/>')
        archive.writestr("settings.xml", b"<office:settings/>")
        archive.writestr("layout-cache", b"\x08\x00\x00")
        archive.writestr("Object 1/content.xml", b"<office:chart/>")
        archive.writestr("ObjectReplacements/Object 1", b"VCLMTF\x01\x00")
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def _as_excel() -> bytes:
    """With the parts of a workbook that Excel adds in the course of time."""
    return packed(
        parts()
        | {
            "xl/printerSettings/printerSettings1.bin": "HP LaserJet".encode("utf-16-le") + bytes(200),
            "xl/media/image1.png": PICTURE,
            "xl/media/image2.emz": gzip.compress(b"\x01\x00\x00\x00"),
            "xl/drawings/vmlDrawing1.vml": b'<xml xmlns:v="urn:schemas-microsoft-com:vml"></xml>',
            "xl/calcChain.xml": b"\xef\xbb\xbf<?xml version='1.0' encoding='utf-8'?>\r\n<calcChain/>",
            "xl/connections.xml": b"<connections/>",
            "customXml/item1.xml": b"<DataMashup>" + b"QUJD" * 500_000 + b"</DataMashup>",
            "docProps/thumbnail.wmf": b"\xd7\xcd\xc6\x9a",
            "docMetadata/LabelInfo.xml": b"<clbl:labelList/>",
            "_xmlsignatures/origin.sigs": b"",
            "[trash]/0000.dat": bytes(100),
            "xl/worksheets/sheet9.xml": b'<worksheet><dimension ref="A1:XFD1048576"/><sheetData/></worksheet>',
        }
    )


def _formatted_to_the_end() -> bytes:
    """Empty cells with a format in the last row and column."""
    return sheet_of(
        '<row r="1"><c r="A1" t="str"><v>timestamp</v></c><c r="XFD1" s="1"/><c r="XFC1" s="1"></c></row>'
        '<row r="2"><c r="A2"><v>1</v></c></row><row r="1048576" s="1"><c r="A1048576" s="1"/></row>'
    )()


def _old_workbook() -> bytes:
    book = xlwt.Workbook()
    sheet = book.add_sheet("Data")
    for row in range(3000):
        sheet.write(row, 0, f"Press {row}")
        sheet.write(row, 1, row)
    sheet.write(0, 255, xlwt.Formula('HYPERLINK("http://example.com";"x")'))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _old_workbook_of_libreoffice() -> bytes:
    """With the streams that LibreOffice adds to every .xls."""
    return compound_file({"Workbook": workbook_stream(), "\x01Ole": bytes(20), "\x01CompObj": bytes(100)})


def _binary_workbook() -> bytes:
    out = io.BytesIO()
    write_xlsb(out, {"Data": {(row, column): 1.5 for row in range(3000) for column in range(20)}})  # type: ignore[arg-type]
    return out.getvalue()


_CHINESE = "机器,数量\n" + "压力机,五\n" * 90_000

_GOOD: dict[str, tuple[str, Callable[[], bytes]]] = {
    "openpyxl": ("a.xlsx", _with_everything),
    "a program that streams": ("a.xlsx", lambda: _as_stream(_with_everything())),
    "Excel": ("A.XLSX", _as_excel),
    "growth hint": ("a.xlsx", _with_growth_hint),
    "formats to the end": ("a.xlsx", _formatted_to_the_end),
    "links": ("a.xlsx", related("hyperlink", "http://example.com/a%20b")),
    "link to a place in the workbook": ("a.xlsx", related("hyperlink", "#Data!A1", "")),
    "other number of the workbook part": (
        "a.xlsx",
        lambda: packed({name.replace("workbook.xml", "workbook2.xml"): data for name, data in parts().items()}),
    ),
    "LibreOffice": ("a.ods", _as_libreoffice),
    "xlwt": ("a.xls", _old_workbook),
    "LibreOffice's .xls": ("a.xls", _old_workbook_of_libreoffice),
    "binary": ("a.xlsb", _binary_workbook),
    "comment with two hyphens": ("a.xlsx", with_part("xl/a.xml", b"<a><!-- x --><![CDATA[ y ]]></a>")),
    "appended gzip": ("a.csv.gz", lambda: gzip.compress(CSV) + gzip.compress(CSV)),
    "gzip of UTF-16 in Chinese": ("a.csv.gz", lambda: gzip.compress(_CHINESE.encode("utf-16"))),
    "UTF-16 in Chinese": ("a.csv", lambda: _CHINESE.encode("utf-16")),
    "a logger that lost power": ("a.csv", lambda: CSV * 5000 + bytes(4096)),
    "records of Hive": ("a.csv", lambda: b"timestamp\x01machineName\x02\n" * 9),
}


@pytest.mark.parametrize("name", _GOOD)
def test_what_programs_write(name: str, tmp_path: Path) -> None:
    """With everything that people use."""
    file_name, make = _GOOD[name]
    assert outcome(make(), file_name, tmp_path) == ("accepted", None)
