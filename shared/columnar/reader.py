"""A table of texts → rows for Postgres and refused rows: columns accept, pydantic reads the rest and refuses."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import zip_longest

import polars as pl

from shared.columnar.attribute_columns import attributes
from shared.columnar.number_columns import MICRO, as_fraction, divided, is_clear_ratio, is_exact, micros, read_numbers
from shared.columnar.record_fields import RECORD_FIELDS, Kind, RecordField
from shared.columnar.rows import RowReader
from shared.columnar.rule_columns import broken, rules_of
from shared.columnar.timestamp_columns import read_timestamps
from shared.domain.number_style import POINT
from shared.domain.plan import ImportPlan
from shared.domain.problems import Severity
from shared.domain.record import OEE_FACTORS, ProductionRecord
from shared.domain.refused import RefusedRow, unguard_formula
from shared.formats.delimited import TextRecord
from shared.formats.tables import ROW, SPACES, TextTable

SOURCE_ROW = "source_row"
ATTRIBUTES = "attributes"

_OEE = "oee_score"
_LARGEST_PRODUCT = 9
"""Of the OEE's factors: above it their whole millionths, multiplied, would not fit 64 bits."""

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
        self._plan = plan
        self._now = now
        self._rows = RowReader(plan, now)
        self._columns = {name: str(position) for position, name in enumerate(plan.columns) if name}
        given = frozenset(self._columns.keys() | self._rows.defaults.keys())
        self._given = [spec for name, spec in RECORD_FIELDS.items() if name in given]
        self._derives_oee = given >= OEE_FACTORS
        self._stored = [name for name in RECORD_FIELDS if name in given or (name == _OEE and self._derives_oee)]
        rules = rules_of(frozenset(self._stored)) if plan.options.validate_data else []
        self._errors = [broken(rule, now) for rule in rules if rule.severity is Severity.ERROR]
        self._warnings = [broken(rule, now) for rule in rules if rule.severity is Severity.WARNING]

    def read(self, table: TextTable) -> ReadRows:
        """Read all records of a table."""
        if self._plan.guarded:  # a download of ours: it is short, and its cells must be unguarded
            return self._read_singly([*map(_record, table.frame.iter_rows()), *table.odd])
        columns = self._read_columns(table.frame)
        sure = columns.get_column("sure")
        doubtful = [*map(_record, table.frame.filter(~sure).iter_rows())]
        others = self._read_singly([*doubtful, *table.odd], self._known(columns.filter(~sure)))
        return _together(self._accepted(table.frame.filter(sure), columns.filter(sure)), others)

    def _read_columns(self, frame: pl.DataFrame) -> pl.DataFrame:
        """For each field its value under its name and its text under `text of …`; the warnings by code; `sure`."""
        cells = self._cells(frame)
        read = pl.DataFrame([column for spec in self._given for column in self._read_cells(spec, cells)])
        cells = read.with_columns(expression for spec in self._given for expression in self._judged(spec, read.columns))
        sure = pl.all_horizontal(f"sure of {spec.name}" for spec in self._given)
        columns = cells.with_columns(sure=sure)
        if self._derives_oee:
            columns = _with_oee(columns)
        if not self._errors and not self._warnings:
            return columns
        columns = columns.with_columns(*self._errors, *self._warnings)
        unbroken = [~rule.fill_null(value=True) for rule in map(_named, self._errors)]
        decided = [rule.is_not_null() for rule in map(_named, self._warnings)]
        return columns.with_columns(sure=pl.all_horizontal("sure", *unbroken, *decided))

    def _cells(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The texts of each field, from its column or its default; of numbers also the values, as `value of …`."""
        defaults = self._rows.defaults
        texts = frame.with_columns(pl.lit(text, pl.String).alias(name) for name, text in defaults.items()).select(
            pl.col(self._columns.get(spec.name, spec.name)).alias(spec.name) for spec in self._given
        )
        numbers = [spec.name for spec in self._given if spec.kind in (Kind.NUMBER, Kind.RATIO)]
        return texts.with_columns(
            pl.col(name).cast(pl.Float64, strict=False).alias(f"value of {name}") for name in numbers
        )

    def _read_cells(self, spec: RecordField, cells: pl.DataFrame) -> Iterable[pl.Series]:
        """The field's texts as `text of …` and values as its name, and what judging them takes."""
        texts, reading = cells.get_column(spec.name), self._rows.reading
        if spec.kind is Kind.TEXT:
            return [texts.alias(f"text of {spec.name}")]
        if spec.kind is Kind.TIMESTAMP:
            read = read_timestamps(texts, reading.zone, reading.date_order).get_columns()
        else:
            style = reading.number_style.get(spec.name, POINT)
            read = read_numbers(texts, cells.get_column(f"value of {spec.name}"), style)
        names = {"value": spec.name}
        return [column.alias(names.get(column.name, f"{column.name} of {spec.name}")) for column in read]

    def _judged(self, spec: RecordField, columns: Collection[str]) -> Iterable[pl.Expr]:
        """Whether each cell is sure, as `sure of …`; texts and values where they are not final."""
        text, value = pl.col(f"text of {spec.name}"), pl.col(spec.name)
        if spec.kind is Kind.TIMESTAMP:
            return [value.is_not_null().alias(f"sure of {spec.name}")]
        if spec.kind is Kind.TEXT:
            return _judged_text(spec, text)
        messy = f"absent of {spec.name}" in columns
        absent = pl.col(f"absent of {spec.name}") if messy else text.is_null()
        percent = pl.col(f"percent of {spec.name}") if messy else pl.lit(value=False)
        exact = is_exact(text, value, positive=spec.positive)
        if spec.kind is Kind.NUMBER:
            return [(absent | (exact & ~percent)).alias(f"sure of {spec.name}")]
        scale = self._rows.reading.ratio_scale.get(spec.name, "fraction")
        clear = (exact & is_clear_ratio(value, percent, scale)).fill_null(value=False)
        sure = (absent | clear).alias(f"sure of {spec.name}")
        if scale == "fraction" and not messy:
            return [sure]
        fraction = as_fraction(value, percent, scale)
        as_written = ~percent if scale == "fraction" else pl.lit(value=False)
        return [
            sure,
            fraction.alias(spec.name),
            pl.when(as_written).then(text).otherwise(fraction.cast(pl.String)).alias(f"text of {spec.name}"),
        ]

    def _accepted(self, frame: pl.DataFrame, columns: pl.DataFrame) -> ReadRows:
        texts = frame.select(
            pl.col(ROW).alias(SOURCE_ROW), attributes(frame, self._plan.attribute_names).alias(ATTRIBUTES)
        )
        warnings = [rule.meta.output_name() for rule in self._warnings]
        warned = pl.any_horizontal(pl.lit(value=False), *warnings).sum().alias("warned")
        numbers = columns.select(warned, *(pl.col(code).sum() for code in warnings)).row(0, named=True)
        return ReadRows(
            texts=texts.hstack(columns.select(pl.col(f"text of {name}").alias(name) for name in self._stored)),
            values=texts.select(SOURCE_ROW).hstack(columns.select(self._stored)),
            refused=[],
            warned=numbers.pop("warned"),
            warnings=+Counter(numbers),
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
            row = given._replace(cells=[*map(unguard_formula, given.cells)]) if self._plan.guarded else given
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
        names = self._plan.attribute_names
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


def _named(rule: pl.Expr) -> pl.Expr:
    return pl.col(rule.meta.output_name())


def _judged_text(spec: RecordField, text: pl.Expr) -> list[pl.Expr]:
    present = pl.when(text.str.strip_chars(SPACES) != "").then(text)
    sure = (present.str.len_chars() <= spec.max_length).fill_null(value=not spec.required)
    return [
        sure.alias(f"sure of {spec.name}"),
        present.alias(spec.name),
        present.alias(f"text of {spec.name}"),
    ]


def _with_oee(columns: pl.DataFrame) -> pl.DataFrame:
    """With OEE = availability × performance × quality where it is not given itself, rounded half to even."""
    text, value = f"text of {_OEE}", _OEE
    if value not in columns.columns:
        columns = columns.with_columns(pl.lit(None, pl.String).alias(text), pl.lit(None, pl.Float64).alias(value))
    first, second, third = (pl.col(name) for name in sorted(OEE_FACTORS))
    small = pl.col("sure") & (first * second * third < _LARGEST_PRODUCT)
    whole = columns.select(small=small, wanted=pl.col(text).is_null(), **_whole_factors(small))
    product = whole.select(pl.col("first") * pl.col("second") * pl.col("third")).to_series()
    unit = MICRO * MICRO
    halves = pl.DataFrame({"floor": product // unit, "rest": product % unit * 2})
    up = (pl.col("rest") > unit) | ((pl.col("rest") == unit) & (pl.col("floor") % 2 == 1))
    millionths = halves.select((pl.col("floor") + up.cast(pl.Int64)).cast(pl.Float64).alias("derived"))
    derived = millionths.select(divided(pl.col("derived"), MICRO)).to_series()
    wanted, large = whole.get_column("wanted"), ~whole.get_column("small")
    return columns.with_columns(
        pl.when(wanted).then(derived.cast(pl.String)).otherwise(text).alias(text),
        pl.when(wanted).then(derived).otherwise(value).alias(value),
        sure=pl.col("sure") & ~(wanted & large).fill_null(value=False),
    )


def _whole_factors(small: pl.Expr) -> dict[str, pl.Expr]:
    """The factors of the OEE in whole millionths, where their product fits 64 bits."""
    names = zip(("first", "second", "third"), sorted(OEE_FACTORS), strict=True)
    return {alias: pl.when(small).then(micros(pl.col(name))).cast(pl.Int64) for alias, name in names}


def _record(row: tuple[int | str | None, ...]) -> TextRecord:
    line, *cells = row
    return TextRecord(int(line or 0), 0, [str(cell or "") for cell in cells])


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
        texts=pl.concat([first.texts, second.texts]),
        values=pl.concat([first.values, second.values]),
        refused=second.refused,
        warned=first.warned + second.warned,
        warnings=first.warnings + second.warnings,
    )
