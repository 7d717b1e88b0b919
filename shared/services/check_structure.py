"""Check how an uploaded file is built before anything else reads it. What is not known to be harmless is refused."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import PurePath

from shared.domain.upload import SourceObject, Upload
from shared.formats.compound_gate import SIGNATURE
from shared.formats.compression import is_gzip
from shared.formats.package_gate import check_package
from shared.formats.rejection import rejected
from shared.formats.text_gate import check_gzip, check_text_end
from shared.formats.xls_gate import check_xls
from shared.services.ports import Objects

_TAIL_BYTES = 65_536
_PDF_BYTES = 1024
_KINDS = {
    ".xlsx": "an Excel workbook (.xlsx)",
    ".xls": "an old Excel workbook (.xls)",
    ".xlsb": "a binary Excel workbook (.xlsb)",
    ".ods": "an OpenDocument spreadsheet (.ods)",
}


def check_structure(upload: Upload, source: SourceObject, head: bytes, objects: Objects) -> None:
    """Check the pinned version, which starts with `head`. Raises UploadRejected."""
    if upload.options.import_type == "excel":
        _check_workbook(upload.file_name, source, head, objects)
    elif is_gzip(head):
        with objects.open_range(source, 0, source.size) as stream:
            check_gzip(stream, head)
    else:
        with objects.open_range(source, max(source.size - _TAIL_BYTES, 0), source.size) as stream:
            check_text_end(head, stream.read())


def _check_workbook(file_name: str, source: SourceObject, head: bytes, objects: Objects) -> None:
    """Copy the workbook to the disk, for it is read here and there, and check it as what it is, then its name."""
    if b"%PDF-" in head[:_PDF_BYTES]:  # where PDF readers look for it
        raise rejected("file_foreign_data")
    with tempfile.TemporaryFile(prefix="scan-") as copy:
        with objects.open_range(source, 0, source.size) as stream:
            shutil.copyfileobj(stream, copy)
        kind = ".xls"
        if head.startswith(SIGNATURE):
            check_xls(copy, source.size)
        else:
            kind = check_package(copy, source.size)
    named = PurePath(file_name.lower()).suffix
    if named != kind:
        raise rejected("file_name_misleads", named=named, what=_KINDS[kind])
