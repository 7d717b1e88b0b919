"""Plan an import: decide how to read the file, map its header, count its records, cut it into chunks."""

from __future__ import annotations

from dataclasses import dataclass

from shared.columnar.evidence import Undecided
from shared.columnar.reader import TableReader
from shared.domain import object_keys
from shared.domain.audit import AuditAct, AuditEvent
from shared.domain.plan import Chunk, ImportPlan
from shared.domain.problems import file_problem
from shared.domain.record import api_name
from shared.domain.upload import Decision, PlanSummary, Upload, UploadState
from shared.errors import UploadRejected
from shared.services.load_chunk import keep_findings, read_chunk
from shared.services.ports import Clock, Objects, Uploads
from shared.services.survey import survey_file


def plan_import(upload: Upload, *, uploads: Uploads, objects: Objects, clock: Clock, chunk_bytes: int) -> PlanSummary:
    """Write the plan and the chunk list of an upload, and move it on to importing.

    Harmless when repeated. Raises UploadRejected for a file that cannot be imported, StateConflict for an
    upload that is not waiting for its plan.
    """
    summary = upload.plan
    if upload.state is not UploadState.IMPORTING or summary is None:
        started = AuditEvent(at=clock(), event=AuditAct.IMPORT_STARTED, correlation_id=upload.correlation_id)
        upload = uploads.move(upload, UploadState.PLANNING, started)
        draft = make_plan(upload, objects, chunk_bytes)
        summary = draft.summary
        _write(draft, objects)
        if upload.options.on_error == "abort":
            _read_whole(upload, draft, objects)
        planned = AuditEvent(
            at=clock(),
            event=AuditAct.IMPORT_PLANNED,
            correlation_id=upload.correlation_id,
            details=summary.model_dump(mode="json", by_alias=True, exclude={"header"}),
        )
        uploads.move(upload, UploadState.IMPORTING, planned, plan=summary, import_started_at=clock())
    if upload.options.on_error == "abort" and any(
        objects.keys(object_keys.refused_prefix(upload.tenant_id, upload.upload_id))
    ):
        raise UploadRejected(file_problem("file_has_refused_rows"), code="file_has_refused_rows")
    return summary


@dataclass(frozen=True, slots=True)
class DraftPlan:
    """A plan with its chunks, and what people are told of it."""

    plan: ImportPlan
    chunks: list[Chunk]
    summary: PlanSummary


def make_plan(upload: Upload, objects: Objects, chunk_bytes: int) -> DraftPlan:
    """Survey the file, and decide how every cell of it is read; raises UploadRejected where that stays open."""
    if upload.source is None:
        raise UploadRejected(file_problem("file_not_scanned"), code="file_not_scanned")
    survey = survey_file(upload, upload.source, objects, chunk_bytes)
    styles = survey.evidence.decide(upload.options)
    if isinstance(styles, Undecided):
        column = survey.header[styles.position].strip()
        raise UploadRejected(styles.ambiguity.message(column), code=styles.ambiguity.code)
    plan = ImportPlan(
        tenant_id=upload.tenant_id,
        upload_id=upload.upload_id,
        source=upload.source,
        options=upload.options,
        dialect=survey.dialect,
        staged=survey.shape.numbered,
        header=survey.header,
        fewest_cells=survey.shape.fewest,
        trailing_delimiter=survey.shape.trailing,
        columns=list(survey.mapping.columns),
        attribute_names=dict(survey.mapping.attribute_names),
        guarded=bool(survey.mapping.ignored),
        number_style=styles.number_style,
        date_order=styles.date_order,
        ratio_scale=styles.ratio_scale,
        records=survey.records,
        chunks=len(survey.chunks),
    )
    return DraftPlan(plan, survey.chunks, _summary(plan, [*survey.decisions, *_choices(upload), *styles.decisions]))


def _choices(upload: Upload) -> list[Decision]:
    zone = upload.options.time_zone
    return [Decision(subject="time zone", choice=zone, evidence="given by the caller")] if zone else []


def _read_whole(upload: Upload, draft: DraftPlan, objects: Objects) -> None:
    """Read every record before the first one is loaded, and keep what is found."""
    reader = TableReader(draft.plan, upload.created_at)
    for chunk in draft.chunks:
        keep_findings([*read_chunk(chunk, draft.plan, reader, objects)], chunk, draft.plan, objects)


def _write(draft: DraftPlan, objects: Objects) -> None:
    tenant_id, upload_id = draft.plan.tenant_id, draft.plan.upload_id
    plan = draft.plan.model_dump_json(by_alias=True).encode()
    objects.write(object_keys.plan(tenant_id, upload_id), plan, "application/json")
    chunks = ",\n".join(chunk.model_dump_json(by_alias=True) for chunk in draft.chunks)
    objects.write(object_keys.chunk_list(tenant_id, upload_id), f"[{chunks}]".encode(), "application/json")


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
