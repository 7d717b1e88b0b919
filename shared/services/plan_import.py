"""Plan an import: decide how to read the file, map its header, count its records, cut it into chunks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pydantic import ValidationError

from shared.columnar.evidence import Shown, Undecided
from shared.columnar.quality import quality_of
from shared.columnar.reader import TableReader
from shared.domain import object_keys
from shared.domain.audit import AuditAct, AuditEvent
from shared.domain.headers import unnamed
from shared.domain.plan import Chunk, ImportPlan
from shared.domain.problems import file_problem
from shared.domain.profile import Profile, ProfileContent
from shared.domain.record import api_name
from shared.domain.upload import Decision, FileChoices, PlanSummary, SourceObject, Upload, UploadState
from shared.errors import RequestRefused, UploadRejected
from shared.services.choices import Choices, told_choices
from shared.services.failures import too_many_errors
from shared.services.load_chunk import keep_findings, read_chunk
from shared.services.plan_correction import plan_correction
from shared.services.ports import Clock, Objects, Profiles, Uploads
from shared.services.profiles import save_profile
from shared.services.survey import survey_file
from shared.services.tally import Survey


def plan_import(
    upload: Upload, *, uploads: Uploads, objects: Objects, profiles: Profiles, clock: Clock, chunk_bytes: int
) -> PlanSummary:
    """Write the plan and the chunk list of an upload, save the profile that was asked for, and move on to importing.

    Harmless when repeated: a profile that was saved before says what was decided then. The plan of an earlier attempt
    holds: what that has loaded was cut and read by it, and a profile may say something else by now. Raises
    UploadRejected for a file that cannot be imported, StateConflict for an upload that is not waiting for its plan.
    """
    summary = upload.plan
    if upload.state is not UploadState.IMPORTING or summary is None:
        started = AuditEvent(at=clock(), event=AuditAct.IMPORT_STARTED, correlation_id=upload.correlation_id)
        upload = uploads.move(upload, UploadState.PLANNING, started)
        summary = summary or _plan(upload, uploads, objects, profiles, clock, chunk_bytes)
        planned = AuditEvent(
            at=clock(),
            event=AuditAct.IMPORT_PLANNED,
            correlation_id=upload.correlation_id,
            details=summary.model_dump(mode="json", by_alias=True, exclude={"header"}),
        )
        now = clock()
        uploads.move(
            upload,
            UploadState.IMPORTING,
            planned,
            plan=summary,
            planned_at=upload.planned_at or now,
            import_started_at=now,
        )
    if upload.options.on_error == "abort" and any(
        objects.keys(object_keys.refused_prefix(upload.tenant_id, upload.upload_id))
    ):
        raise UploadRejected(file_problem("file_has_refused_rows"), code="file_has_refused_rows")
    if summary.stopped and not summary.chunks:
        raise too_many_errors(upload.options)
    return summary


def _plan(
    upload: Upload, uploads: Uploads, objects: Objects, profiles: Profiles, clock: Clock, chunk_bytes: int
) -> PlanSummary:
    """Make and write the plan, save the profile."""
    if upload.corrects:
        draft = make_plan_of_correction(upload, uploads, objects, chunk_bytes)
    else:
        draft = make_plan(upload, objects, chunk_bytes, profiles.all(upload.tenant_id))
    if upload.options.on_error == "abort" or upload.options.max_errors is not None:
        draft = read_ahead(upload, draft, objects)
    _write(draft, objects)
    saved = _save_profile(upload, draft, profiles, clock)
    return draft.summary.model_copy(update={"decisions": [*draft.summary.decisions, *saved]})


@dataclass(frozen=True, slots=True)
class DraftPlan:
    """A plan with its chunks, and what people are told of it."""

    plan: ImportPlan
    chunks: list[Chunk]
    summary: PlanSummary
    found: FileChoices
    """What was chosen for the file and what it showed, for a profile."""


def make_plan(upload: Upload, objects: Objects, chunk_bytes: int, profiles: Iterable[Profile] = ()) -> DraftPlan:
    """Survey the file, and decide how every cell of it is read; raises UploadRejected where that stays open.

    The plan's options are the caller's, completed by one of the tenant's `profiles`; the upload's stay as they are.
    """
    source = _scanned(upload)
    survey = survey_file(upload, Choices(upload.options, profiles), source, objects, chunk_bytes)
    chosen = survey.chosen
    styles = survey.evidence.decide(chosen.options, chosen.profile)
    if isinstance(styles, Undecided):
        column = survey.header[styles.position].strip()
        raise UploadRejected(styles.ambiguity.message(column), code=styles.ambiguity.code)
    plan = ImportPlan(
        tenant_id=upload.tenant_id,
        upload_id=upload.upload_id,
        source=source,
        options=chosen.options,
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
    decisions = [*chosen.decisions, *survey.decisions, *told_choices(upload.options), *styles.decisions]
    return DraftPlan(plan, survey.chunks, _summary(plan, decisions), _found(survey, styles.shown))


def make_plan_of_correction(upload: Upload, uploads: Uploads, objects: Objects, chunk_bytes: int) -> DraftPlan:
    """The plan of an upload that corrects another one, by which its rows are read as they were there."""
    made = plan_correction(upload, _scanned(upload), uploads=uploads, objects=objects, chunk_bytes=chunk_bytes)
    return DraftPlan(made.plan, made.chunks, _summary(made.plan, made.decisions), FileChoices())


def _scanned(upload: Upload) -> SourceObject:
    if upload.source is None:
        raise UploadRejected(file_problem("file_not_scanned"), code="file_not_scanned")
    return upload.source


def _found(survey: Survey, shown: Shown) -> FileChoices:
    """What was chosen, then what the file showed, then what the profile had: a convention alone is not kept."""
    options, usual = survey.chosen.options, survey.chosen.profile or FileChoices()
    return FileChoices(
        identity=options.identity,
        time_zone=options.time_zone,
        defaults=options.defaults,
        mapping=options.mapping,
        encoding=options.encoding or (survey.written.encoding if survey.written else usual.encoding),
        delimiter=options.delimiter or (survey.written.delimiter if survey.written else usual.delimiter),
        decimal_mark=options.decimal_mark or shown.decimal_mark or usual.decimal_mark,
        date_order=options.date_order or shown.date_order or usual.date_order,
        ratio_scale=options.ratio_scale or shown.ratio_scale or usual.ratio_scale,
        sheet=options.sheet or usual.sheet,
    )


def _save_profile(upload: Upload, draft: DraftPlan, profiles: Profiles, clock: Clock) -> list[Decision]:
    """Save what was found where the caller asked for it; no import fails because that cannot be."""
    name = upload.options.save_profile
    if name is None:
        return []
    try:
        content = ProfileContent(header=draft.plan.header, **dict(draft.found))
        save_profile(upload.tenant_id, name, content, upload.created_by, profiles=profiles, clock=clock)
    except (ValidationError, RequestRefused) as error:
        reason = error.message if isinstance(error, RequestRefused) else error.errors()[0]["msg"]
        return [Decision(subject="profile", choice=f"{name} was not saved", evidence=reason)]
    return [Decision(subject="saved profile", choice=name, evidence="asked for by the caller")]


def read_ahead(upload: Upload, draft: DraftPlan, objects: Objects) -> DraftPlan:
    """Read the records before the first one is loaded, and keep what is found.

    Returns the plan, without the chunks from the one on in which more rows than `max_errors` are refused: chunks are
    loaded side by side, and where an import stops must not hang on which of them is the fastest. With `abort` all are
    read, for all that is refused to be told.
    """
    most = None if draft.plan.options.on_error == "abort" else draft.plan.options.max_errors
    reader = TableReader(draft.plan, upload.created_at)
    refused = 0
    for chunk in draft.chunks:
        reads = [*read_chunk(chunk, reader, objects)]
        keep_findings(reads, quality_of(reads, draft.plan), chunk, draft.plan, objects)
        refused += sum(len(read.refused) for read in reads)
        if most is not None and refused > most:
            return _stopped_before(chunk, draft)
    return draft


def _stopped_before(chunk: Chunk, draft: DraftPlan) -> DraftPlan:
    """The plan without this chunk and those behind it; its records stay those of the file."""
    kept = [other for other in draft.chunks if other.index < chunk.index]
    return replace(
        draft,
        plan=draft.plan.model_copy(update={"chunks": len(kept)}),
        chunks=kept,
        summary=draft.summary.model_copy(update={"chunks": len(kept), "stopped": True}),
    )


def _write(draft: DraftPlan, objects: Objects) -> None:
    tenant_id, upload_id = draft.plan.tenant_id, draft.plan.upload_id
    plan = draft.plan.model_dump_json(by_alias=True).encode()
    objects.write(object_keys.plan(tenant_id, upload_id), plan, "application/json")
    chunks = ",\n".join(chunk.model_dump_json(by_alias=True) for chunk in draft.chunks)
    objects.write(object_keys.chunk_list(tenant_id, upload_id), f"[{chunks}]".encode(), "application/json")


def _summary(plan: ImportPlan, decisions: list[Decision]) -> PlanSummary:
    names = [
        plan.attribute_names.get(position) or header.strip() or unnamed(position)
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
