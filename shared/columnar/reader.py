"""A table of texts → rows for Postgres and refused rows: columns accept, pydantic reads the rest and refuses."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
        cells = pl.DataFrame(
            [column for spec in self._given for column in self._read_cells(spec, self._cells(spec.name, frame))]
        )
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

    def _cells(self, name: str, frame: pl.DataFrame) -> pl.Series:
        """The texts of a field: its column, or its default in every row."""
        if name in self._columns:
            return frame.get_column(self._columns[name])
        return pl.repeat(self._rows.defaults[name], frame.height, dtype=pl.String, eager=True)

    def _read_cells(self, spec: RecordField, cells: pl.Series) -> Iterable[pl.Series]:
        """The field's text to store, its value, and whether both are sure."""
        reading = self._rows.reading
        if spec.kind is Kind.TIMESTAMP:
            read = read_timestamps(cells, reading.zone, reading.date_order)
            read = read.with_columns(sure=pl.col("value").is_not_null())
        elif spec.kind is Kind.TEXT:
            read = _read_texts(cells, spec)
        else:
            read = read_numbers(cells, reading.number_style.get(spec.name, POINT))
            exact = is_exact(pl.col("text"), pl.col("value"), positive=spec.positive)
            if spec.kind is Kind.RATIO:
                scale = reading.ratio_scale.get(spec.name, "fraction")
                value, percent = pl.col("value"), pl.col("percent")
                plain = ~percent if scale == "fraction" else pl.lit(value=False)
                fraction = as_fraction(value, percent, scale)
                read = read.with_columns(
                    text=pl.when(plain).then("text").otherwise(fraction.cast(pl.String)),
                    value=fraction,
                    sure=pl.col("absent") | (exact & is_clear_ratio(value, percent, scale)).fill_null(value=False),
                )
            else:
                read = read.with_columns(sure=pl.col("absent") | (exact & ~pl.col("percent")))
        yield read.get_column("text").alias(f"text of {spec.name}")
        yield read.get_column("value").alias(spec.name)
        yield read.get_column("sure").alias(f"sure of {spec.name}")

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
        for spec in self._given:
            texts, sure = columns.get_column(f"text of {spec.name}"), columns.get_column(f"sure of {spec.name}")
            for values, text in zip(known, pl.select(pl.when(sure).then(texts)).to_series(), strict=True):
                if text is not None:
                    values[spec.name] = _VALUE_OF[spec.kind](text)
        return known

    def _read_singly(self, records: Sequence[TextRecord], known: Sequence[Mapping[str, object]] = ()) -> ReadRows:
        """The row-wise way; `known` goes with the first of the records."""
        accepted: list[tuple[TextRecord, ProductionRecord]] = []
        refused: list[RefusedRow] = []
        warnings: Counter[str] = Counter()
        warned = 0
        for given, values in zip_longest(records, known):
            row = replace(given, cells=[*map(unguard_formula, given.cells)]) if self._plan.guarded else given
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


def _read_texts(cells: pl.Series, spec: RecordField) -> pl.DataFrame:
    text = pl.col("text")
    present = text.str.strip_chars(SPACES) != ""
    read = cells.alias("text").to_frame().select(pl.when(present).then(text))
    fits = text.str.len_chars() <= spec.max_length
    return read.with_columns(value=text, sure=fits.fill_null(value=not spec.required))


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
