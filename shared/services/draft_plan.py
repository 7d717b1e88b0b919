"""Draft a plan: decide how to read the file, map its header, count its records, cut it into chunks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from shared.columnar.evidence import NO_STYLES, Shown, Undecided
from shared.domain.headers import unnamed
from shared.domain.plan import Chunk, ImportPlan
from shared.domain.problems import FileProblem, file_problem
from shared.domain.profile import Profile
from shared.domain.record import api_name
from shared.domain.upload import Decision, FileChoices, PlanSummary, SourceObject, Upload
from shared.errors import UploadRejected
from shared.services.choices import Choices, told_choices
from shared.services.plan_correction import plan_correction
from shared.services.ports import Objects, Uploads
from shared.services.survey import survey_file
from shared.services.tally import Survey


@dataclass(frozen=True, slots=True)
class DraftPlan:
    """A plan with its chunks, and what people are told of it."""

    plan: ImportPlan
    chunks: list[Chunk]
    summary: PlanSummary
    found: FileChoices
    """What was chosen for the file and what it showed, for a profile."""
    profile: Profile | None
    """The one that completed what was chosen."""


def make_plan(upload: Upload, objects: Objects, chunk_bytes: int, profiles: Iterable[Profile] = ()) -> DraftPlan:
    """Survey the file, and decide how every cell of it is read; raises UploadRejected where that stays open.

    The plan's options are the caller's, completed by one of the tenant's `profiles`; the upload's stay as they are.
    """
    return draft_plan(upload, Choices(upload.options, profiles), objects, chunk_bytes)


def draft_plan(upload: Upload, choices: Choices, objects: Objects, chunk_bytes: int) -> DraftPlan:
    """The plan by these choices; where they leave a question, one that is good for a preview only."""
    source = _scanned(upload)
    survey = survey_file(upload, choices, source, objects, chunk_bytes)
    chosen = survey.chosen
    styles = survey.evidence.decide(chosen.options, chosen.profile)
    if isinstance(styles, Undecided):
        column = survey.header[styles.position].strip()
        choices.leave_open(FileProblem(styles.ambiguity.code, styles.ambiguity.message(column)))
        styles = NO_STYLES
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
    return DraftPlan(plan, survey.chunks, _summary(plan, decisions), _found(survey, styles.shown), chosen.profile)


def draft_correction(upload: Upload, uploads: Uploads, objects: Objects, chunk_bytes: int) -> DraftPlan:
    """The plan of an upload that corrects another one, by which its rows are read as they were there."""
    made = plan_correction(upload, _scanned(upload), uploads=uploads, objects=objects, chunk_bytes=chunk_bytes)
    inherited = FileChoices(**{name: getattr(upload.options, name) for name in FileChoices.model_fields})
    return DraftPlan(made.plan, made.chunks, _summary(made.plan, made.decisions), inherited, None)


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
