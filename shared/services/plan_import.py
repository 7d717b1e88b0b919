"""Plan an import: decide how to read the file, map its header, count its records, cut it into chunks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import BinaryIO

from shared.domain import object_keys
from shared.domain.audit import AuditAct, AuditEvent
from shared.domain.field_types import RatioEvidence
from shared.domain.headers import ColumnMapping, HeaderProblem, map_headers
from shared.domain.number_style import POINT
from shared.domain.plan import Chunk, Dialect, ImportPlan
from shared.domain.problems import file_problem
from shared.domain.record import RATIO_FIELDS, api_name, field_name
from shared.domain.upload import Decision, PlanSummary, SourceObject, Upload, UploadOptions, UploadState
from shared.errors import UploadRejected
from shared.formats.delimited import LineTooLong, TextRecord, find_delimiter, read_records
from shared.formats.encoding import find_encoding
from shared.services.ports import Clock, Objects, Uploads

MAX_HEADER_CHARACTERS = 32_768
"""Longer than any real header (91 columns of the source system have about 1,500), and fits a status item."""

_HEAD_BYTES = 262_144


def plan_import(upload: Upload, *, uploads: Uploads, objects: Objects, clock: Clock, chunk_bytes: int) -> PlanSummary:
    """Write the plan and the chunk list of an upload, and move it on to importing.

    Harmless when repeated. Raises UploadRejected for a file that cannot be imported, StateConflict for an
    upload that is not waiting for its plan.
    """
    if upload.state is UploadState.IMPORTING and upload.plan:
        return upload.plan
    started = AuditEvent(at=clock(), event=AuditAct.IMPORT_STARTED, correlation_id=upload.correlation_id)
    upload = uploads.move(upload, UploadState.PLANNING, started)
    draft = make_plan(upload, objects, chunk_bytes)
    _write(upload, draft, objects)
    planned = AuditEvent(
        at=clock(),
        event=AuditAct.IMPORT_PLANNED,
        correlation_id=upload.correlation_id,
        details=draft.summary.model_dump(mode="json", by_alias=True, exclude={"header"}),
    )
    uploads.move(upload, UploadState.IMPORTING, planned, plan=draft.summary, import_started_at=clock())
    return draft.summary


@dataclass(frozen=True, slots=True)
class DraftPlan:
    """A plan with its chunks, and what people are told of it."""

    plan: ImportPlan
    chunks: list[Chunk]
    summary: PlanSummary


def make_plan(upload: Upload, objects: Objects, chunk_bytes: int) -> DraftPlan:
    """Read the file twice as a stream, once for its encoding and once for its records; memory does not grow with it."""
    source = upload.source
    if source is None:
        raise UploadRejected(file_problem("file_not_scanned"), code="file_not_scanned")
    with _readable():
        dialect, decisions = _find_dialect(source, objects)
        survey = _survey(source, dialect, upload.options, objects, chunk_bytes)
    if survey.records == 0:
        raise UploadRejected(file_problem("file_no_records"), code="file_no_records")
    scales = {name: evidence.decide(POINT, upload.options.ratio_scale) for name, evidence in survey.ratios.items()}
    decisions += [Decision(subject=f"scale of {api_name(n)}", choice=s, evidence=e) for n, (s, e) in scales.items()]
    if upload.options.time_zone:
        decisions.append(Decision(subject="time zone", choice=upload.options.time_zone, evidence="given by the caller"))
    mapping = survey.mapping
    plan = ImportPlan(
        tenant_id=upload.tenant_id,
        upload_id=upload.upload_id,
        source=source,
        options=upload.options,
        dialect=dialect,
        header=survey.header,
        fewest_cells=_named_columns(survey.header),
        most_cells=len(survey.header) + survey.trailing_delimiter,
        columns=list(mapping.columns),
        attribute_names=dict(mapping.attribute_names),
        guarded=bool(mapping.ignored),
        ratio_scale={name: scale for name, (scale, _) in scales.items()},
        records=survey.records,
        chunks=len(survey.chunks),
    )
    return DraftPlan(plan, survey.chunks, _summary(plan, decisions))


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except LineTooLong as error:
        message = file_problem("file_line_too_long", line=error.line)
        raise UploadRejected(message, code="file_line_too_long") from error
    except UnicodeDecodeError as error:  # the pinned version cannot change, so this is a codec at odds with itself
        message = file_problem("file_encoding_unknown")
        raise UploadRejected(message, code="file_encoding_unknown") from error


def _find_dialect(source: SourceObject, objects: Objects) -> tuple[Dialect, list[Decision]]:
    with objects.open_range(source, 0, source.size) as stream:
        encoding = find_encoding(stream)
    if encoding is None:
        raise UploadRejected(file_problem("file_encoding_unknown"), code="file_encoding_unknown")
    delimiter = find_delimiter(_head(source, objects), encoding.name)
    dialect = Dialect(encoding=encoding.name, delimiter=delimiter.delimiter)
    return dialect, [
        Decision(subject="encoding", choice=encoding.name, evidence=encoding.evidence),
        Decision(subject="delimiter", choice=repr(delimiter.delimiter)[1:-1], evidence=delimiter.evidence),
    ]


def _head(source: SourceObject, objects: Objects) -> BinaryIO:
    """The first whole lines of the file."""
    with objects.open_range(source, 0, min(source.size, _HEAD_BYTES)) as stream:
        head = stream.read()
    return BytesIO(head if len(head) == source.size else head[: head.rfind(b"\n") + 1] or head)


@dataclass(slots=True)
class _Survey:
    """What one pass over the records found."""

    header: list[str]
    mapping: ColumnMapping
    ratios: dict[str, RatioEvidence]
    trailing_delimiter: bool = True
    chunks: list[Chunk] = field(default_factory=list)

    @property
    def records(self) -> int:
        return sum(chunk.records for chunk in self.chunks)


def _survey(
    source: SourceObject, dialect: Dialect, options: UploadOptions, objects: Objects, chunk_bytes: int
) -> _Survey:
    with objects.open_range(source, 0, source.size) as stream:
        records = read_records(stream, dialect)
        header = _find_header(records)
        survey = _Survey(header.cells, _map(header.cells, options), {})
        columns = {
            position: survey.ratios.setdefault(name, RatioEvidence())
            for position, name in enumerate(survey.mapping.columns)
            if name in RATIO_FIELDS
        }
        survey.chunks = list(_cut(_observed(records, survey, columns), header.end, chunk_bytes))
    return survey


def _find_header(records: Iterator[TextRecord]) -> TextRecord:
    for record in records:
        if not record.blank:
            break
    else:
        raise UploadRejected(file_problem("file_empty"), code="file_empty")
    if record.malformed or sum(map(len, record.cells)) > MAX_HEADER_CHARACTERS:
        raise UploadRejected(file_problem("file_header_unreadable", line=record.line), code="file_header_unreadable")
    return record


def _map(header: list[str], options: UploadOptions) -> ColumnMapping:
    mapping = map_headers(header, {field_name(name): text for name, text in options.defaults.items()})
    if isinstance(mapping, HeaderProblem):
        raise UploadRejected(mapping.message, code=mapping.code)
    return mapping


def _observed(
    records: Iterator[TextRecord], survey: _Survey, ratios: Mapping[int, RatioEvidence]
) -> Iterator[TextRecord]:
    """Pass the records on, and note what they tell about the file: its ratio columns, how its rows end.

    A delimiter behind the last cell is the file's style where every row has one, and a slip where one row has.
    """
    headers = len(survey.header)
    for record in records:
        if not record.malformed and not record.blank:
            cells = record.cells
            survey.trailing_delimiter &= len(cells) == headers + 1 and not cells[-1]
            for position, evidence in ratios.items():
                if position < len(cells):
                    evidence.see(cells[position])
        yield record


def _named_columns(header: list[str]) -> int:
    """The columns up to the last one with a name."""
    return max(position for position, name in enumerate(header, start=1) if name.strip())


def _cut(records: Iterator[TextRecord], start: int, chunk_bytes: int) -> Iterator[Chunk]:
    """Cut at the record border at which a chunk has reached its size; blank lines are in a chunk, but not counted."""
    index, first_line, count, end = 0, 0, 0, start
    for record in records:
        first_line = first_line or record.line
        end = record.end
        count += not record.blank
        if end - start >= chunk_bytes:
            yield Chunk(index=index, start=start, end=end, first_line=first_line, records=count)
            index, start, first_line, count = index + 1, end, 0, 0
    if count:
        yield Chunk(index=index, start=start, end=end, first_line=first_line, records=count)


def _write(upload: Upload, draft: DraftPlan, objects: Objects) -> None:
    plan_key = object_keys.plan(upload.tenant_id, upload.upload_id)
    objects.write(plan_key, draft.plan.model_dump_json(by_alias=True).encode(), "application/json")
    chunks = ",\n".join(chunk.model_dump_json(by_alias=True) for chunk in draft.chunks)
    key = object_keys.chunk_list(upload.tenant_id, upload.upload_id)
    objects.write(key, f"[{chunks}]".encode(), "application/json")


def _summary(plan: ImportPlan, decisions: list[Decision]) -> PlanSummary:
    names = [
        plan.attribute_names.get(position) or header.strip() or f"Column {position + 1}"
        for position, header in enumerate(plan.header)
    ]
    return PlanSummary(
        records=plan.records,
        chunks=plan.chunks,
        header=names,
        columns={names[i]: api_name(column) for i, column in enumerate(plan.columns) if column},
        unmapped_columns=list(plan.attribute_names.values()),
        decisions=decisions,
    )
