"""Make the preview of an import: how its file is read, with the first records, and what is still open."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from shared.columnar.record_fields import RECORD_FIELDS, Kind
from shared.columnar.rows import RowReader
from shared.domain.headers import added_by_us, normalize_header
from shared.domain.plan import ImportPlan
from shared.domain.preview import Preview, PreviewChoices, PreviewColumn, PreviewRow, Question
from shared.domain.record import api_name
from shared.domain.refused import unguard_formula
from shared.domain.upload import FileChoices, Upload
from shared.formats.delimited import TextRecord
from shared.formats.tables import TextTable
from shared.services.choices import Choices
from shared.services.draft_plan import DraftPlan
from shared.services.load_chunk import read_tables
from shared.services.ports import Objects

_ROWS = 20
_MOST_COLUMNS = 1_000
_MOST_CHARACTERS = 200_000
"""Of all cells together, as long as each has some: an answer may have six megabytes, and a letter twelve bytes."""

_CELL_CHARACTERS = (20, 200)
_WITHOUT_ZONE = "timestamp_without_zone"


def make_preview(upload: Upload, draft: DraftPlan, choices: Choices, objects: Objects) -> Preview:
    """The preview of a file that is read by this draft."""
    records = _first_records(draft, objects)
    columns = _columns(upload, draft)
    asked = choices.question
    question = Question(code=asked.code, message=asked.message) if asked else None
    if question is None and upload.corrects is None:  # how a correction is read is decided, for better or worse
        question = _zone_question(records, draft.plan, upload.created_at)
    return Preview(
        problem=question,
        columns=columns[:_MOST_COLUMNS],
        more_columns=max(0, len(columns) - _MOST_COLUMNS),
        rows=_rows(records, min(len(columns), _MOST_COLUMNS)),
        records=draft.plan.records,
        decisions=draft.summary.decisions,
        choices=_choices(upload, draft, question),
    )


def _first_records(draft: DraftPlan, objects: Objects) -> list[TextRecord]:
    records: list[TextRecord] = []
    for chunk in draft.chunks:
        for table in read_tables(chunk, draft.plan, objects):
            head = TextTable(table.frame.head(_ROWS), table.odd[:_ROWS]).in_order()
            records += head[: _ROWS - len(records)]
            if len(records) == _ROWS:
                break
        if len(records) == _ROWS:
            break
    if not draft.plan.guarded:
        return records
    return [record._replace(cells=[*map(unguard_formula, record.cells)]) for record in records]


def _rows(records: list[TextRecord], columns: int) -> list[PreviewRow]:
    least, most = _CELL_CHARACTERS
    characters = max(least, min(most, _MOST_CHARACTERS // max(1, columns * len(records))))
    return [
        PreviewRow(
            row=record.line,
            cells=[_cut(cell, characters) for cell in (*record.cells[:columns], *[""] * (columns - len(record.cells)))],
        )
        for record in records
    ]


def _cut(text: str, characters: int) -> str:
    return text if len(text) <= characters else f"{text[:characters]}…"


def _columns(upload: Upload, draft: DraftPlan) -> list[PreviewColumn]:
    plan = draft.plan
    ignored = added_by_us(plan.header)
    how = _Origins(upload.options.mapping, plan.options.mapping)
    return [
        PreviewColumn(
            header=header,
            field=api_name(field) if field else None,
            how="ignored" if position in ignored else how.of(header, field),
            type=RECORD_FIELDS[field].kind.value if field else None,
            format=_format(field, plan) if field else None,
        )
        for position, (header, field) in enumerate(zip(plan.header, plan.columns, strict=True))
    ]


class _Origins:
    """Where a column's field comes from; `completed` is the caller's `given` mapping with the profile's."""

    def __init__(self, given: Mapping[str, str | None], completed: Mapping[str, str | None]) -> None:
        self._given, self._completed = (frozenset(map(normalize_header, mapping)) for mapping in (given, completed))

    def of(self, header: str, field: str | None) -> Literal["mapping", "profile", "header", "unmapped"]:
        name = normalize_header(header)
        if name in self._given:
            return "mapping"
        if name in self._completed:
            return "profile"
        return "header" if field else "unmapped"


def _format(field: str, plan: ImportPlan) -> str | None:
    """How a field's cells are read."""
    if RECORD_FIELDS[field].kind is Kind.TIMESTAMP:
        return plan.date_order
    style, scale = plan.number_style.get(field), plan.ratio_scale.get(field)
    return ", ".join(part for part in (scale, style.in_words if style else None) if part) or None


def _zone_question(records: list[TextRecord], plan: ImportPlan, now: datetime) -> Question | None:
    """Rows are refused one by one where their local times have no zone; here that is told before."""
    reader = RowReader(plan, now)
    for record in records:
        for problem in reader.read(record)[1]:
            if problem.code == _WITHOUT_ZONE:
                return Question(code=problem.code, message=f"Row {record.line}: {problem.error}.")
    return None


def _choices(upload: Upload, draft: DraftPlan, question: Question | None) -> PreviewChoices:
    """What was chosen, and what the file proves; a mere convention is no choice, and must not become one."""
    held: FileChoices = draft.found
    sheet = next((one.choice for one in draft.summary.decisions if one.subject == "sheet"), None)
    open_encoding = question is not None and question.code.startswith("file_encoding")
    return PreviewChoices(
        **dict(held.model_copy(update={"sheet": sheet, "encoding": None if open_encoding else held.encoding})),
        profile=draft.profile.name if draft.profile else None,
        save_profile=upload.options.save_profile,
    )
