"""Load a chunk: stream its bytes, read and check each record, and put the good ones into Postgres, once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from shared.domain import object_keys
from shared.domain.field_types import Reading
from shared.domain.plan import Chunk, ImportPlan
from shared.domain.problems import Problem, row_problem
from shared.domain.record import ProductionRecord, field_name, read_record
from shared.domain.refused import RefusedRow, unguard_formula
from shared.domain.upload import Totals, Upload
from shared.errors import AccountingError
from shared.formats.delimited import TextRecord, read_records
from shared.services.ports import ChunkLoad, Objects, Records, RowBuffer, Uploads


def load_chunk(
    upload: Upload, chunk: Chunk, plan: ImportPlan, *, uploads: Uploads, objects: Objects, records: Records
) -> Totals:
    """Load one chunk and count it; harmless when repeated, also at the same time.

    The refused rows are written before the rows go in: they follow from the pinned bytes and the plan alone, so a
    repeated delivery overwrites them with the same. Memory is bounded by the chunk.

    Raises AccountingError when the chunk does not hold the records that planning counted.
    """
    totals = records.loaded(plan.tenant_id, plan.upload_id, chunk.index)
    if totals is None:
        load = _read(upload, chunk, plan, objects, records)
        totals = records.load(load)
    uploads.add_progress(upload, chunk.index, totals)
    return totals


def _read(upload: Upload, chunk: Chunk, plan: ImportPlan, objects: Objects, records: Records) -> ChunkLoad:
    read_row = row_reader(plan, now=upload.created_at)
    rows = records.new_rows(plan.tenant_id, plan.options.work_unit_id, plan.upload_id)
    refused, warnings = _sort_rows(chunk, plan, objects, read_row, rows)
    if rows.count + len(refused) != chunk.records:
        raise AccountingError(
            f"chunk {chunk.index} holds {rows.count + len(refused)} records where planning counted {chunk.records}"
        )
    if refused:
        key = object_keys.refused_rows(plan.tenant_id, plan.upload_id, chunk.index)
        lines = b"".join(row.model_dump_json().encode() + b"\n" for row in refused)
        objects.write(key, lines, "application/x-ndjson")
    return ChunkLoad(
        tenant_id=plan.tenant_id,
        upload_id=plan.upload_id,
        chunk_index=chunk.index,
        correlation_id=upload.correlation_id,
        rows=rows,
        refused=len(refused),
        warnings=warnings,
        deduplicate=plan.options.deduplicate,
    )


def _sort_rows(
    chunk: Chunk, plan: ImportPlan, objects: Objects, read_row: RowReader, rows: RowBuffer
) -> tuple[list[RefusedRow], int]:
    """Put the chunk's good rows into `rows`; return the refused ones and the number of rows with warnings."""
    refused: list[RefusedRow] = []
    warnings = 0
    with objects.open_range(plan.source, chunk.start, chunk.end) as stream:
        for row in read_records(stream, plan.dialect, offset=chunk.start, line=chunk.first_line):
            if row.blank:
                continue
            if plan.guarded:
                row = replace(row, cells=[unguard_formula(cell) for cell in row.cells])  # noqa: PLW2901
            record, problems = read_row(row)
            if record is None:
                refused.append(RefusedRow(row=row.line, cells=row.cells, errors=list(problems)))
            else:
                rows.add(record, row.line, _attributes(row.cells, plan))
                warnings += bool(problems)
    return refused, warnings


RowReader = Callable[[TextRecord], tuple[ProductionRecord | None, tuple[Problem, ...]]]


def row_reader(plan: ImportPlan, now: datetime) -> RowReader:
    """How a row of this file becomes a record, or the problems that keep it out; `now` judges what is in the future."""
    zone = plan.options.time_zone
    reading = Reading(
        zone=ZoneInfo(zone) if zone else None,
        ratio_scale=plan.ratio_scale,
        number_style={},
        date_order=None,
        now=now,
    )
    defaults = {field_name(name): text for name, text in plan.options.defaults.items()}
    columns = [(position, name) for position, name in enumerate(plan.columns) if name]
    headers = len(plan.header)
    rules = plan.options.validate_data

    def read(row: TextRecord) -> tuple[ProductionRecord | None, tuple[Problem, ...]]:
        if row.malformed:
            return None, (row_problem("row_malformed", value=row.cells[0][:200], reason=row.malformed),)
        width = len(row.cells)
        if not plan.fewest_cells <= width <= plan.most_cells or any(row.cells[headers:]):
            code = "row_too_few_cells" if width < plan.fewest_cells else "row_too_many_cells"
            return None, (row_problem(code, cells=width, columns=headers),)
        cells = defaults | {name: row.cells[position] for position, name in columns if position < width}
        return read_record(cells, reading, business_rules=rules)

    return read


def _attributes(cells: list[str], plan: ImportPlan) -> dict[str, str]:
    """What maps to no field, under its own header; empty cells say nothing."""
    width = len(cells)
    return {name: cells[i] for i, name in plan.attribute_names.items() if i < width and cells[i] != ""}
