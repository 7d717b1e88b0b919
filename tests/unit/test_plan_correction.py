"""Refused rows that come back as they were are refused as they were: nothing about their file is decided anew."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, BinaryIO, cast

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from shared.columnar.reader import TableReader
from shared.domain import object_keys
from shared.domain.plan import ImportPlan
from shared.domain.refused import RefusedRow
from shared.domain.upload import Correction, SourceObject, Upload, UploadOptions, UploadState
from shared.errors import UploadRejected
from shared.services.draft_plan import draft_correction, make_plan
from shared.services.finish_import import write_refused_rows
from shared.services.load_chunk import read_chunk
from shared.services.ports import Objects, Uploads

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HEADER = ["Buchungsdatum", "Maschine", "Gutmenge", "Gesamtmenge", "Notiz"]
OPTIONS: dict[str, Any] = {
    "mapping": {"Buchungsdatum": "timestamp", "Maschine": "machineName", "Gutmenge": "goodParts",
                "Gesamtmenge": "totalPartsProduced"},
    "time_zone": "Europe/Berlin",
}  # fmt: skip


class Bucket:
    """Objects by key, in memory."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    @contextmanager
    def open_range(self, source: SourceObject, start: int, end: int) -> Iterator[BinaryIO]:
        """The bytes of a source."""
        yield io.BytesIO(self.objects[source.key][start:end])

    @contextmanager
    def open_read(self, key: str) -> Iterator[BinaryIO]:
        """What was written."""
        yield io.BytesIO(self.objects[key])

    @contextmanager
    def open_write(self, key: str, content_type: str) -> Iterator[BinaryIO]:
        """Keep what comes."""
        del content_type
        stream = io.BytesIO()
        yield stream
        self.objects[key] = stream.getvalue()

    def read(self, key: str) -> bytes:
        """What was written."""
        return self.objects[key]

    def write(self, key: str, data: bytes, content_type: str) -> None:
        """Keep it."""
        del content_type
        self.objects[key] = data

    def keys(self, prefix: str) -> Iterator[str]:
        """In their order."""
        return (key for key in sorted(self.objects) if key.startswith(prefix))


class Known:
    """The uploads that there are."""

    def __init__(self, *uploads: Upload) -> None:
        self._uploads = {upload.upload_id: upload for upload in uploads}

    def get(self, tenant_id: str, upload_id: str) -> Upload | None:
        """By its id."""
        assert tenant_id == "t"
        return self._uploads.get(upload_id)

    def several(self, tenant_id: str, upload_ids: list[str]) -> list[Upload]:
        """By their ids."""
        assert tenant_id == "t"
        return [self._uploads[upload_id] for upload_id in upload_ids if upload_id in self._uploads]


def an_upload(bucket: Bucket, upload_id: str, data: bytes, **changes: Any) -> Upload:
    """An upload whose file is in the bucket."""
    bucket.objects[upload_id] = data
    options = UploadOptions(**{"work_unit_id": "w", "import_type": "csv", **changes.pop("options", {})})
    return Upload(
        **{
            "tenant_id": "t",
            "upload_id": upload_id,
            "created_at": NOW,
            "created_by": "p",
            "correlation_id": "c",
            "request_digest": "d",
            "state": UploadState.PLANNING,
            "file_name": "f.csv",
            "file_size": len(data),
            "mime_type": "text/csv",
            "object_key": upload_id,
            "options": options,
            "source": SourceObject(key=upload_id, version_id="v", etag="e", size=len(data)),
            **changes,
        }
    )


def imported(bucket: Bucket, upload: Upload, chunk_bytes: int = 1 << 20) -> Upload:
    """Plan an upload and read its rows, as its import does; the refused ones are in the bucket, and their download."""
    draft = make_plan(upload, cast("Objects", bucket), chunk_bytes)
    plan = draft.plan.model_dump_json(by_alias=True).encode()
    bucket.objects[object_keys.plan("t", upload.upload_id, 1)] = plan
    reader = TableReader(ImportPlan.model_validate_json(plan), NOW)
    for chunk in draft.chunks:
        refused = [row for read in read_chunk(chunk, reader, cast("Objects", bucket)) for row in read.refused]
        if refused:
            lines = b"".join(row.model_dump_json().encode() + b"\n" for row in refused)
            bucket.objects[object_keys.refused_rows("t", upload.upload_id, chunk.index)] = lines
    ended = upload.model_copy(update={"state": UploadState.COMPLETED_WITH_ERRORS, "plan": draft.summary})
    write_refused_rows(ended, cast("Objects", bucket))
    return ended


def refused_in(bucket: Bucket, upload_id: str) -> list[RefusedRow]:
    """As they were kept."""
    keys = bucket.keys(object_keys.refused_prefix("t", upload_id))
    return [RefusedRow.model_validate_json(line) for key in keys for line in bucket.read(key).splitlines()]


def corrected(bucket: Bucket, upload: Upload, data: bytes, *others: Upload, **options: Any) -> list[RefusedRow]:
    """What of a correction is refused."""
    correction = an_upload(bucket, "correction", data, corrects=upload.upload_id, options=options)
    entries = [Correction(upload_id=one.upload_id, created_at=NOW, created_by="p") for one in (correction, *others)]
    known = Known(upload.model_copy(update={"corrections": entries}), correction, *others)
    draft = draft_correction(correction, cast("Uploads", known), cast("Objects", bucket), 200)
    reader = TableReader(ImportPlan.model_validate_json(draft.plan.model_dump_json(by_alias=True)), NOW)
    reads = [read for chunk in draft.chunks for read in read_chunk(chunk, reader, cast("Objects", bucket))]
    assert sum(read.accepted + len(read.refused) for read in reads) == draft.summary.records
    return [row for read in reads for row in read.refused]


def download(bucket: Bucket, upload: Upload) -> bytes:
    return bucket.objects[object_keys.refused_rows_csv("t", upload.upload_id)]


def written(table: list[list[str]], header: list[str] = HEADER) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=";").writerows([header, *table])
    return out.getvalue().encode()


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)
ODD = st.sampled_from(
    ["", "1.234", "1.234,5", "12,5", "x", "=1", "'=1", "-5", "#N/A", "31.12.2026 07:00", "07/08/2026"]
)


@settings(max_examples=60)
@given(table=st.lists(st.lists(ODD | CELLS, min_size=1, max_size=7), min_size=1, max_size=12))
def test_refused_rows_that_come_back_as_they_were_are_refused_as_they_were(table: list[list[str]]) -> None:
    """Each under its number, with its cells and for its reasons; whatever stands in the file."""
    bucket = Bucket()
    proof = [["28.02.2026 06:00", "Presse 1", "1.234,5", "2.000,5", "x"]] * 3
    upload = an_upload(bucket, "original", written([*proof, *table, *proof]), options=OPTIONS)
    try:
        ended = imported(bucket, upload)
    except UploadRejected:
        assume(condition=False)
    before = refused_in(bucket, "original")
    assume(before)
    again = corrected(bucket, ended, download(bucket, ended), **OPTIONS)
    comparable = {row.row: row for row in again}
    for row in before:
        if len(row.cells) != len(HEADER):  # what is too much and empty is taken off, and what was raw is cells now
            continue
        assert comparable[row.row] == row
    assert comparable.keys() <= {row.row for row in before}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_correction_may_come_from_any_spreadsheet(delimiter: str, encoding: str) -> None:
    """Its columns are known, so its delimiter is; empty cells that were added at the end of a row mean nothing."""
    bucket = Bucket()
    table = [["28.02.2026 06:00", "Presse 1", "viele", "1.000,5", "a|b;c,d"], ["28.02.2026 07:00", "P", "1", "2", ""]]
    upload = imported(bucket, an_upload(bucket, "original", written(table), options=OPTIONS))
    out = io.StringIO(newline="")
    rows = [*csv.reader(download(bucket, upload).decode("utf-8-sig").splitlines())]
    csv.writer(out, delimiter=delimiter).writerows([*row, "", ""] for row in rows)
    [row] = corrected(bucket, upload, out.getvalue().encode(encoding))
    assert (row.row, row.cells, row.codes) == (2, table[0], "number_unreadable")


def test_what_a_row_had_too_much_is_taken_out_or_refused_again() -> None:
    """A page shows it in columns of its own, behind the file's, and sends them along."""
    bucket = Bucket()
    table = [["28.02.2026 06:00", "Presse 1", "1", "2", "a", "b", "c"], ["28.02.2026 07:00", "P", "1", "2", "a", "b"]]
    good = ["28.02.2026 05:00", "P", "1", "2", "a"]
    upload = imported(bucket, an_upload(bucket, "original", written([*table, good]), options=OPTIONS))
    header = ["linefeed:row", "linefeed:codes", "linefeed:reasons", *HEADER, "Column 6", "Column 7"]
    mended = [["2", "", "", *table[0][:5], "", ""], ["3", "", "", *table[1], ""]]
    [row] = corrected(bucket, upload, written(mended, header))
    assert (row.row, row.cells, row.codes) == (3, table[1], "row_too_many_cells")
    with pytest.raises(UploadRejected):
        corrected(bucket, upload, written(mended, [*header[:-1], "Column 8"]))


def test_a_row_that_looks_like_a_total_is_a_row() -> None:
    """At the end of a file it would be left out; whoever sends it back means it."""
    bucket = Bucket()
    good = ["28.02.2026 06:00", "Presse 1", "1", "2", ""]
    upload = imported(
        bucket, an_upload(bucket, "original", written([["Summe", "", "5", "5", ""], good]), options=OPTIONS)
    )
    assert [row.row for row in corrected(bucket, upload, download(bucket, upload))] == [2]


def test_a_correction_is_read_as_the_kind_of_file_that_it_corrects() -> None:
    """In a workbook a text like #N/A is the error of a formula; its correction, a CSV, is refused for the same."""
    bucket = Bucket()
    upload = an_upload(bucket, "original", written([["28.02.2026 06:00", "#N/A", "x", "2", ""]]), options=OPTIONS)
    ended = imported(bucket, upload)
    key = object_keys.plan("t", "original", 1)
    plan = ImportPlan.model_validate_json(bucket.objects[key])
    of_a_workbook = plan.model_copy(update={"options": plan.options.model_copy(update={"import_type": "excel"})})
    bucket.objects[key] = of_a_workbook.model_dump_json(by_alias=True).encode()
    [row] = corrected(bucket, ended, download(bucket, ended))
    assert "cell_is_error" in row.codes


@pytest.mark.parametrize(
    ("state", "dry_run", "code"),
    [
        (UploadState.COMPLETED, False, "correction_row_corrected"),
        (UploadState.IMPORTING, False, "correction_row_corrected"),
        (UploadState.UNDOING, False, "correction_row_corrected"),
        (UploadState.UNDONE, False, None),
        (UploadState.FAILED, False, None),
        (UploadState.COMPLETED, True, None),
    ],
)
def test_a_row_is_in_one_correction(state: UploadState, dry_run: bool, code: str | None) -> None:
    """That has brought it in, or may yet; two at the same moment do not both get it."""
    bucket = Bucket()
    table = [["28.02.2026 06:00", "Presse 1", "viele", "1.000,5", ""]]
    upload = imported(bucket, an_upload(bucket, "original", written(table), options=OPTIONS))
    other = an_upload(bucket, "other", b"", corrects="original", state=state, options={"dry_run": dry_run})
    bucket.objects[object_keys.corrected_rows("t", "other")] = b"[2]"
    data = download(bucket, upload)
    if code is None:
        assert [row.row for row in corrected(bucket, upload, data, other)] == [2]
        return
    with pytest.raises(UploadRejected) as rejected:
        corrected(bucket, upload, data, other)
    assert rejected.value.code == code
    kept = bucket.objects[object_keys.refused_rows("t", "original", 0)]
    bucket.objects[object_keys.refused_rows("t", "other", 0)] = kept  # that one has it wrong as well
    assert [row.row for row in corrected(bucket, upload, data, other)] == [2]


def test_an_upload_whose_plan_has_expired_is_corrected_no_more() -> None:
    """And says what to do."""
    bucket = Bucket()
    table = [["28.02.2026 06:00", "Presse 1", "viele", "1.000,5", ""]]
    upload = imported(bucket, an_upload(bucket, "original", written(table), options=OPTIONS))
    del bucket.objects[object_keys.plan("t", "original", 1)]
    with pytest.raises(UploadRejected) as rejected:
        corrected(bucket, upload, download(bucket, upload))
    assert rejected.value.code == "correction_upload_gone"


def test_records_that_share_a_row_are_not_told_apart() -> None:
    """As in JSON whose later records stand on one line: which one is meant would be a guess."""
    bucket = Bucket()
    table = [["28.02.2026 06:00", "Presse 1", "viele", "1.000,5", ""]]
    upload = imported(bucket, an_upload(bucket, "original", written(table), options=OPTIONS))
    bucket.objects[object_keys.refused_rows("t", "original", 0)] *= 2
    with pytest.raises(UploadRejected) as rejected:
        corrected(bucket, upload, download(bucket, upload))
    assert rejected.value.code == "correction_row_shared"
