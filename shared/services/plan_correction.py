"""Plan a correction: its rows are staged under the numbers that they have in the corrected file, and read as there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from shared.domain import object_keys
from shared.domain.correction import ADDED_COLUMNS, MOST_CORRECTED_ROWS, columns_of, plan_of_rows
from shared.domain.headers import unnamed
from shared.domain.plan import Chunk, ImportPlan
from shared.domain.problems import FileProblem, file_refusal
from shared.domain.refused import unguard_formula
from shared.domain.upload import Decision, SourceObject, Upload
from shared.formats.delimited import DELIMITERS, DelimiterChoice, TextRecord, is_delimiter_line
from shared.services.choices import AS_GIVEN
from shared.services.corrected_rows import corrections_of, keep_rows, taken_rows
from shared.services.ports import Objects, Uploads
from shared.services.refused_lines import refused_numbers
from shared.services.staging import STAGED_DIALECT, stage
from shared.services.survey import readable
from shared.services.tally import rejected
from shared.services.text_reading import TextFile, TextReading

_MOST_DIGITS = 15
_SHOWN_CHARACTERS = 1000


@dataclass(frozen=True, slots=True)
class CorrectionPlan:
    """By what a correction's rows are loaded, and what people are told of it."""

    plan: ImportPlan
    chunks: list[Chunk]
    decisions: list[Decision]


def plan_correction(
    upload: Upload, source: SourceObject, *, uploads: Uploads, objects: Objects, chunk_bytes: int
) -> CorrectionPlan:
    """Stage the rows of a correction, and take over how the file that it corrects is read: nothing is decided anew.

    Raises UploadRejected for a file that has not the columns of that one's refused rows, or not its refused rows
    alone, each once and in no other correction.
    """
    corrected = uploads.get(upload.tenant_id, str(upload.corrects))
    if corrected is None:
        raise rejected(file_refusal("correction_upload_gone"))
    plan = plan_of_rows(_plan_of(corrected, objects), upload.options)
    with readable():
        text = _find_reading(upload, source, columns_of(corrected), objects)
        with text.open() as records:
            rows = _Rows(records, len(plan.header))
            prefix = object_keys.parts_prefix(upload.tenant_id, upload.upload_id, upload.attempt)
            chunks = list(stage(rows.numbered(), objects, prefix=prefix, part_bytes=chunk_bytes))
    if not chunks:
        raise rejected(file_refusal("file_no_records"))
    _require_refused(rows.lines, corrected, objects)
    keep_rows(upload, rows.lines, objects)
    _require_untaken(rows.lines, upload, corrected, uploads, objects)
    changes = {
        "upload_id": upload.upload_id,
        "source": source,
        "dialect": STAGED_DIALECT,
        "staged": True,
        "records": len(rows.lines),
        "chunks": len(chunks),
    }
    read_as = f"refused rows of “{corrected.file_name}”, read as that file was"
    decisions = [Decision(subject="correction of", choice=corrected.upload_id, evidence=read_as), *text.decisions]
    return CorrectionPlan(plan.model_copy(update=changes), chunks, decisions)


def _plan_of(corrected: Upload, objects: Objects) -> ImportPlan:
    key = object_keys.plan(corrected.tenant_id, corrected.upload_id, corrected.planned_in)
    if not any(objects.keys(key)):
        raise rejected(file_refusal("correction_upload_gone"))
    return ImportPlan.model_validate_json(objects.read(key))


def _find_reading(upload: Upload, source: SourceObject, columns: list[str], objects: Objects) -> TextReading:
    """The reading with the delimiter that gives the columns: they are known, so it cannot be another one."""
    file = TextFile.look_at(source, objects)
    encoding = file.find_encoding(upload.options.encoding)
    if isinstance(encoding, FileProblem):
        raise rejected(encoding)
    given = upload.options.delimiter
    evidence = AS_GIVEN if given else "with it the columns are those of the refused rows"
    found: list[str] = []
    for delimiter in (given,) if given else DELIMITERS:
        reading = file.read_in(encoding, DelimiterChoice(delimiter, evidence))
        with reading.open() as records:
            header = _header(records)
        if _are(header, columns):
            return reading
        found = max(found, header, key=len)
    shown = (", ".join(names)[:_SHOWN_CHARACTERS] for names in (columns, found))
    raise rejected(file_refusal("correction_columns_differ", **dict(zip(("expected", "found"), shown, strict=True))))


def _are(header: list[str], columns: list[str]) -> bool:
    """Whether a header has the columns, and behind them only such as are shown of rows with too many cells."""
    surplus = range(len(columns) - len(ADDED_COLUMNS), len(header) - len(ADDED_COLUMNS))
    return header == [*columns, *map(unnamed, surplus)]


def _header(records: Iterable[TextRecord]) -> list[str]:
    """The names in the first record, but for empty ones at its end, as a spreadsheet leaves them."""
    first = next(_filled(records), None)
    names = [unguard_formula(cell).strip() for cell in first.cells] if first else []
    while names and not names[-1]:
        names.pop()
    return names


def _filled(records: Iterable[TextRecord]) -> Iterator[TextRecord]:
    """The records that are not blank, but for the line `sep=;` before them."""
    filled = (record for record in records if not record.blank)
    first = next(filled, None)
    if first is not None and not is_delimiter_line(first.cells):
        yield first
    yield from filled


@dataclass(slots=True)
class _Rows:
    """The rows of a correction: the records below its header, of which each begins with its number.

    `lines` has, once they are read, the line of the correction that each number stands in.
    """

    records: Iterable[TextRecord]
    columns: int
    lines: dict[int, int] = field(default_factory=dict)

    def numbered(self) -> Iterator[TextRecord]:
        """The rows without the columns of ours, each under its number."""
        below = _filled(self.records)
        next(below)
        for record in below:
            cells = self._cells(record)
            row = record._replace(line=_number(record), cells=cells)
            if row.blank:
                continue
            if row.line in self.lines:
                raise rejected(file_refusal("correction_row_twice", row=row.line))
            if len(self.lines) == MOST_CORRECTED_ROWS:
                raise rejected(file_refusal("correction_too_many_rows", limit=MOST_CORRECTED_ROWS))
            self.lines[row.line] = record.line
            yield row

    def _cells(self, record: TextRecord) -> list[str]:
        """The cells of the file; empty ones behind its last column are what a spreadsheet adds."""
        cells = record.cells[len(ADDED_COLUMNS) :]
        while len(cells) > self.columns and not cells[-1].strip():
            cells.pop()
        return cells


def _number(record: TextRecord) -> int:
    number = record.cells[0].strip()
    if record.malformed or not (number.isascii() and number.isdigit() and len(number) <= _MOST_DIGITS and int(number)):
        raise rejected(file_refusal("correction_row_unreadable", line=record.line))
    return int(number)


def _require_refused(lines: dict[int, int], corrected: Upload, objects: Objects) -> None:
    """Raise UploadRejected unless each number is that of one refused row; they are kept in the file's order."""
    last = max(lines)
    found: Counter[int] = Counter()
    for number in refused_numbers(corrected, objects):
        if number > last:
            break
        found[number] += number in lines
    if unknown := sorted(lines.keys() - found.keys()):
        raise rejected(file_refusal("correction_row_unknown", row=unknown[0], line=lines[unknown[0]]))
    if shared := sorted(number for number in lines if found[number] > 1):
        raise rejected(file_refusal("correction_row_shared", row=shared[0]))


def _require_untaken(
    lines: dict[int, int], upload: Upload, corrected: Upload, uploads: Uploads, objects: Objects
) -> None:
    """Raise UploadRejected where another correction has one of the rows.

    Both of two that are planned at the same moment may be rejected, and never neither: each has kept its own rows
    before it looks at the other's.
    """
    for other in corrections_of(corrected, uploads):
        taken = lines.keys() & taken_rows(other, objects) if other.upload_id != upload.upload_id else set()
        if taken:
            raise rejected(file_refusal("correction_row_corrected", row=min(taken), other=other.upload_id))
