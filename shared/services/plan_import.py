"""Plan an import: keep the plan by which its chunks are loaded, or the preview that a person looks at first."""

from __future__ import annotations

from dataclasses import replace

from pydantic import ValidationError

from shared.columnar.quality import quality_of
from shared.columnar.reader import TableReader
from shared.domain import object_keys
from shared.domain.audit import AuditAct, AuditEvent
from shared.domain.plan import Chunk
from shared.domain.preview import Preview
from shared.domain.problems import file_problem
from shared.domain.profile import ProfileContent
from shared.domain.upload import Decision, PlanSummary, Upload, UploadState
from shared.errors import RequestRefused, UploadRejected
from shared.services.choices import Choices
from shared.services.draft_plan import DraftPlan, draft_correction, draft_plan
from shared.services.failures import too_many_errors
from shared.services.load_chunk import keep_findings, read_chunk
from shared.services.make_preview import make_preview
from shared.services.ports import Clock, JobQueue, Objects, Profiles, Uploads
from shared.services.profiles import save_profile


def plan_import(
    upload: Upload,
    *,
    uploads: Uploads,
    objects: Objects,
    profiles: Profiles,
    queue: JobQueue,
    clock: Clock,
    chunk_bytes: int,
) -> Upload:
    """Write the plan and the chunk list of an upload, save the profile that was asked for, and move on to importing.

    An upload with a preview is moved to reviewing instead, with its slot freed and no plan, until a person has
    confirmed it, and whenever the file or what was chosen for it leaves a question. A plan is never made anew: it is
    one by which something may have been loaded.

    Harmless when repeated: a profile that was saved before says what was decided then. The plan of an earlier attempt
    holds: what that has loaded was cut and read by it, and a profile may say something else by now. Raises
    UploadRejected for a file that cannot be imported, StateConflict for an upload that is not waiting for its plan.
    """
    if upload.plan is None or upload.state is not UploadState.IMPORTING:
        if upload.state is not UploadState.REVIEWING:
            started = AuditEvent(at=clock(), event=AuditAct.IMPORT_STARTED, correlation_id=upload.correlation_id)
            upload = uploads.move(upload, UploadState.PLANNING, started)
            upload = _plan(upload, uploads, objects, profiles, clock, chunk_bytes)
        if upload.state is UploadState.REVIEWING:
            queue.release(upload.upload_id, upload.attempt)
            return upload
    _stop_for_refused_rows(upload, objects)
    return upload


def _plan(
    upload: Upload, uploads: Uploads, objects: Objects, profiles: Profiles, clock: Clock, chunk_bytes: int
) -> Upload:
    """Move an upload that is being planned on, with its plan, or to its review."""
    summary, planned_in = upload.plan, upload.planned_in
    if summary is None:
        previewed = upload.options.preview or upload.confirmation is not None
        choices = Choices(upload.options, profiles.all(upload.tenant_id), previewed=previewed)
        if upload.corrects:
            draft = draft_correction(upload, uploads, objects, chunk_bytes)
        else:
            draft = draft_plan(upload, choices, objects, chunk_bytes)
        if previewed:
            preview = make_preview(upload, draft, choices, objects)
            if preview.problem or upload.options.preview:
                return _review(upload, preview, uploads, objects, clock)
        summary, planned_in = _keep(upload, draft, objects, profiles, clock), upload.attempt
    planned = AuditEvent(
        at=clock(),
        event=AuditAct.IMPORT_PLANNED,
        correlation_id=upload.correlation_id,
        details=summary.model_dump(mode="json", by_alias=True, exclude={"header"}),
    )
    now = clock()
    return uploads.move(
        upload,
        UploadState.IMPORTING,
        planned,
        plan=summary,
        planned_in=planned_in,
        planned_at=upload.planned_at or now,
        import_started_at=now,
    )


def _review(upload: Upload, preview: Preview, uploads: Uploads, objects: Objects, clock: Clock) -> Upload:
    key = object_keys.preview(upload.tenant_id, upload.upload_id, upload.attempt)
    objects.write(key, preview.model_dump_json(by_alias=True).encode(), "application/json")
    asked = {"problem": preview.problem.code} if preview.problem else {}
    made = AuditEvent(at=clock(), event=AuditAct.PREVIEW_MADE, correlation_id=upload.correlation_id, details={**asked})
    return uploads.move(upload, UploadState.REVIEWING, made)


def _stop_for_refused_rows(upload: Upload, objects: Objects) -> None:
    """Raise UploadRejected where planning has read ahead and found that nothing is to go in."""
    if upload.options.on_error == "abort" and any(
        objects.keys(object_keys.refused_prefix(upload.tenant_id, upload.upload_id))
    ):
        raise UploadRejected(file_problem("file_has_refused_rows"), code="file_has_refused_rows")
    if upload.plan and upload.plan.stopped and not upload.plan.chunks:
        raise too_many_errors(upload.options)


def _keep(upload: Upload, draft: DraftPlan, objects: Objects, profiles: Profiles, clock: Clock) -> PlanSummary:
    """Write the plan, save the profile."""
    if upload.options.on_error == "abort" or upload.options.max_errors is not None:
        draft = read_ahead(upload, draft, objects)
    _write(draft, upload.attempt, objects)
    saved = _save_profile(upload, draft, profiles, clock)
    return draft.summary.model_copy(update={"decisions": [*draft.summary.decisions, *saved]})


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


def _write(draft: DraftPlan, attempt: int, objects: Objects) -> None:
    tenant_id, upload_id = draft.plan.tenant_id, draft.plan.upload_id
    plan = draft.plan.model_dump_json(by_alias=True).encode()
    objects.write(object_keys.plan(tenant_id, upload_id, attempt), plan, "application/json")
    chunks = ",\n".join(chunk.model_dump_json(by_alias=True) for chunk in draft.chunks)
    listed = f"[{chunks}]".encode()
    objects.write(object_keys.chunk_list(tenant_id, upload_id, attempt), listed, "application/json")
