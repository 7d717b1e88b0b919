"""The row-wise way: pydantic reads a record's cells, and alone refuses one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from shared.domain.field_types import Reading
from shared.domain.plan import ImportPlan
from shared.domain.problems import Problem, row_problem
from shared.domain.record import ProductionRecord, api_name, field_name, read_record
from shared.domain.refused import unmended
from shared.formats.delimited import TextRecord
from shared.formats.tables import Shape

_SHOWN_OF_A_MALFORMED_ROW = 200


class RowReader:
    """Reads the rows of one file, all alike; `now` is what the future begins after."""

    def __init__(self, plan: ImportPlan, now: datetime) -> None:
        self.shape = shape_of(plan)
        self.reading = reading_of(plan, now)
        self.defaults = {field_name(name): text for name, text in plan.options.defaults.items()}
        self._columns = [(position, name) for position, name in enumerate(plan.columns) if name]
        self._attributes = list(plan.attribute_names.items())
        self._rules = plan.options.validate_data
        fields = {position: api_name(name) for position, name in self._columns}
        self._names = fields | plan.attribute_names if plan.guarded else None

    def read(
        self, row: TextRecord, known: Mapping[str, object] | None = None
    ) -> tuple[ProductionRecord | None, tuple[Problem, ...]]:
        """The record and its warnings, or None and all that is wrong with the row; `known` values are read already."""
        if row.malformed:
            shown = row.cells[0][:_SHOWN_OF_A_MALFORMED_ROW]
            return None, (row_problem("row_malformed", value=shown, reason=row.malformed),)
        width = len(row.cells)
        if not self.shape.fits(row.cells):
            code = "row_too_few_cells" if width < self.shape.fewest else "row_too_many_cells"
            return None, (row_problem(code, cells=width, columns=self.shape.columns),)
        if self._names is not None and (problem := unmended(row.cells, self._names)):
            return None, (problem,)
        for position, name in self._attributes:
            if position < width and "\x00" in row.cells[position]:
                return None, (row_problem("text_has_nul", field=name, value=row.cells[position]),)
        cells = self.defaults | {name: row.cells[i] for i, name in self._columns if i < width}
        return read_record(cells, self.reading, business_rules=self._rules, known=known)


def shape_of(plan: ImportPlan) -> Shape:
    """How many cells a record of the file has."""
    return Shape(
        columns=len(plan.header), fewest=plan.fewest_cells, trailing=plan.trailing_delimiter, numbered=plan.staged
    )


def reading_of(plan: ImportPlan, now: datetime) -> Reading:
    """How the cells of the file are read."""
    zone = plan.options.time_zone
    return Reading(
        zone=ZoneInfo(zone) if zone else None,
        ratio_scale=plan.ratio_scale,
        number_style=plan.number_style,
        date_order=plan.date_order,
        now=now,
        workbook=plan.options.import_type == "excel",
    )
