"""A table of texts → rows for Postgres and refused rows: columns accept, pydantic reads the rest and refuses."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import zip_longest

import polars as pl

from shared.columnar.attribute_columns import attributes
from shared.columnar.number_columns import read_numbers
from shared.columnar.record_fields import RECORD_FIELDS, Kind, RecordField
from shared.columnar.row_judge import OEE, RowJudge
from shared.columnar.rows import RowReader
from shared.columnar.rule_columns import rules_of
from shared.columnar.timestamp_columns import read_timestamps
from shared.domain.number_style import POINT
from shared.domain.plan import ImportPlan
from shared.domain.record import OEE_FACTORS, ProductionRecord
from shared.domain.refused import RefusedRow, unguard_formula
from shared.formats.delimited import TextRecord
from shared.formats.tables import ROW, TextTable

SOURCE_ROW = "source_row"
ATTRIBUTES = "attributes"

_TYPES = {
    Kind.TIMESTAMP: pl.Datetime("us", "UTC"),
    Kind.TEXT: pl.String(),
    Kind.NUMBER: pl.Float64(),
    Kind.RATIO: pl.Float64(),
}


@dataclass(frozen=True, slots=True)
class ReadRows:
    """What became of a table's records.

    `texts` are the accepted rows as Postgres is given them: `source_row` (Int64), a text column for each field that
    the file gives, and `attributes` (a JSON object). `values` are the same rows in the same order with typed values
    (numbers Float64, the timestamp Datetime in UTC). `warned` of them carry `warnings` (by code). `refused` are in
    the file's order.
    """

    texts: pl.DataFrame
    values: pl.DataFrame
    refused: list[RefusedRow]
    warned: int = 0
    warnings: Counter[str] = field(default_factory=Counter)

    @property
    def accepted(self) -> int:
        """How many rows were accepted."""
        return self.texts.height


class TableReader:
    """Reads the tables of one file, all alike; `now` is what the future begins after."""

    def __init__(self, plan: ImportPlan, now: datetime) -> None:
        self.plan = plan
        self._rows = RowReader(plan, now)
        self._columns = {name: str(position) for position, name in enumerate(plan.columns) if name}
        given = frozenset(self._columns.keys() | self._rows.defaults.keys())
        self._given = [spec for name, spec in RECORD_FIELDS.items() if name in given]
        derives_oee = given >= OEE_FACTORS
        self._stored = [name for name in RECORD_FIELDS if name in given or (name == OEE and derives_oee)]
        rules = rules_of(frozenset(self._stored)) if plan.options.validate_data else []
        self._judge = RowJudge(self._given, self._rows.reading, rules, derive_oee=derives_oee)
        self._cells = [*self._texts_and_values()]

    def read(self, table: TextTable) -> ReadRows:
        """Read all records of a table."""
        if self.plan.guarded:  # a download of ours: it is short, and its cells must be unguarded
            return self._read_singly([*map(_record, table.frame.iter_rows()), *table.odd])
        judged = self._judge.judge(self._read_cells(table.frame))
        sure = judged.get_column("sure")
        accepted = self._accepted(table.frame, judged)
        if sure.all() and not table.odd:
            return accepted
        doubtful = [*map(_record, table.frame.filter(~sure).iter_rows())]
        others = self._read_singly([*doubtful, *table.odd], self._known(judged.filter(~sure)))
        return _together(accepted, others)

    def _texts_and_values(self) -> Iterator[pl.Expr]:
        """The texts of each field, from its column or its default; of numbers also the values, as far as they are."""
        for spec in self._given:
            column = self._columns.get(spec.name)
            text = pl.lit(self._rows.defaults[spec.name], pl.String) if column is None else pl.col(column)
            yield text.alias(f"text of {spec.name}")
            if spec.kind in (Kind.NUMBER, Kind.RATIO):
                yield text.cast(pl.Float64, strict=False).alias(spec.name)

    def _read_cells(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The cells as the judge has them."""
        cells = frame.select(pl.col(ROW), *self._cells)
        return pl.DataFrame([column for spec in self._given for column in self._read_column(spec, cells)])

    def _read_column(self, spec: RecordField, cells: pl.DataFrame) -> Iterable[pl.Series]:
        texts, reading = cells.get_column(f"text of {spec.name}"), self._rows.reading
        if spec.kind is Kind.TEXT:
            return [texts]
        if spec.kind is Kind.TIMESTAMP:
            read = read_timestamps(texts, reading.zone, reading.date_order).get_columns()
        else:
            style = reading.number_style.get(spec.name, POINT)
            read = read_numbers(texts, cells.get_column(spec.name), style)
        names = {"value": spec.name}
        return [column.alias(names.get(column.name, f"{column.name} of {spec.name}")) for column in read]

    def _accepted(self, frame: pl.DataFrame, judged: pl.DataFrame) -> ReadRows:
        sure = judged.get_column("sure")
        rows = frame.get_column(ROW).alias(SOURCE_ROW)
        texts = [judged.get_column(f"text of {name}").alias(name) for name in self._stored]
        attribute_texts = attributes(frame, self.plan.attribute_names).alias(ATTRIBUTES)
        return ReadRows(
            texts=pl.DataFrame([rows, attribute_texts, *texts]).filter(sure),
            values=pl.DataFrame([rows, *judged.select(self._stored)]).filter(sure),
            refused=[],
            warned=_count(judged, "warned"),
            warnings=+Counter({code: _count(judged, code) for code in self._judge.warnings}),
        )

    def _known(self, columns: pl.DataFrame) -> list[dict[str, object]]:
        """For each doubtful row the values of the cells that are sure, so that they are not read twice."""
        known: list[dict[str, object]] = [{} for _ in range(columns.height)]
        sure_texts = columns.select(
            pl.when(f"sure of {spec.name}").then(f"text of {spec.name}").alias(spec.name) for spec in self._given
        )
        for spec in self._given:
            value_of = _VALUE_OF[spec.kind]
            for values, text in zip(known, sure_texts.get_column(spec.name).to_list(), strict=True):
                if text is not None:
                    values[spec.name] = value_of(text)
        return known

    def _read_singly(self, records: Sequence[TextRecord], known: Sequence[Mapping[str, object]] = ()) -> ReadRows:
        """The row-wise way; `known` goes with the first of the records."""
        accepted: list[tuple[TextRecord, ProductionRecord]] = []
        refused: list[RefusedRow] = []
        warnings: Counter[str] = Counter()
        warned = 0
        for given, values in zip_longest(records, known):
            row = given._replace(cells=[*map(unguard_formula, given.cells)]) if self.plan.guarded else given
            record, problems = self._rows.read(row, values)
            if record is None:
                refused.append(RefusedRow.model_construct(row=row.line, cells=row.cells, errors=list(problems)))
                continue
            accepted.append((row, record))
            warned += bool(problems)
            warnings.update(problem.code for problem in problems)
        refused.sort(key=lambda row: row.row)
        return ReadRows(self._texts_of(accepted), self._values_of(accepted), refused, warned, warnings)

    def _texts_of(self, accepted: list[tuple[TextRecord, ProductionRecord]]) -> pl.DataFrame:
        names = self.plan.attribute_names
        rows = [
            (row.line, _json(row.cells, names), *(_text(getattr(record, name)) for name in self._stored))
            for row, record in accepted
        ]
        schema = {SOURCE_ROW: pl.Int64, ATTRIBUTES: pl.String} | dict.fromkeys(self._stored, pl.String)
        return pl.DataFrame(rows, schema=schema, orient="row")

    def _values_of(self, accepted: list[tuple[TextRecord, ProductionRecord]]) -> pl.DataFrame:
        rows = [(row.line, *(_value(getattr(record, name)) for name in self._stored)) for row, record in accepted]
        schema = {SOURCE_ROW: pl.Int64()} | {name: _TYPES[RECORD_FIELDS[name].kind] for name in self._stored}
        return pl.DataFrame(rows, schema=schema, orient="row")


_VALUE_OF: dict[Kind, Callable[[str], object]] = {
    Kind.TIMESTAMP: datetime.fromisoformat,
    Kind.TEXT: str,
    Kind.NUMBER: Decimal,
    Kind.RATIO: Decimal,
}


def _count(judged: pl.DataFrame, column: str) -> int:
    """How many rows that are sure have this."""
    return int((judged.get_column("sure") & judged.get_column(column)).sum())


def _record(row: tuple[int | str | None, ...]) -> TextRecord:
    line, *cells = row
    return TextRecord(int(line or 0), 0, [cell or "" for cell in cells])  # type: ignore[misc]  # all but the line are texts


def _json(cells: list[str], names: Mapping[int, str]) -> str:
    width = len(cells)
    kept = {name: cells[i] for i, name in names.items() if i < width and cells[i] != ""}
    return json.dumps(kept, ensure_ascii=False)


def _text(value: str | Decimal | datetime | None) -> str | None:
    """A value as Postgres reads it."""
    if value is None or isinstance(value, str):
        return value
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _value(value: str | Decimal | datetime | None) -> str | float | datetime | None:
    return float(value) if isinstance(value, Decimal) else value


def _together(first: ReadRows, second: ReadRows) -> ReadRows:
    return ReadRows(
        texts=pl.concat([first.texts, second.texts]) if second.accepted else first.texts,
        values=pl.concat([first.values, second.values]) if second.accepted else first.values,
        refused=second.refused,
        warned=first.warned + second.warned,
        warnings=first.warnings + second.warnings,
    )
