"""The record: one row of manufacturing data. This model is the one truth of its fields.

The table's columns (`adapters.record_table`), the headers that are understood (`headers`) and the checks follow
from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import prod
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from shared.domain.field_types import (
    LongText,
    PositiveQuantity,
    Quantity,
    Ratio,
    Reading,
    RowContext,
    ShortText,
    Timestamp,
)
from shared.domain.number_style import PLACES
from shared.domain.problems import Problem, Severity, row_problem
from shared.domain.rules import Values, broken_rules, given_values


@dataclass(frozen=True, slots=True)
class Headers:
    """Marks a field with the headers that it has in files, besides its API name, the likeliest first.

    Case, spaces, newlines and punctuation do not count. `paths` are where it stands in nested JSON, as
    `group.member`.
    """

    names: tuple[str, ...]
    paths: tuple[str, ...] = ()


def _headers(*names: str, paths: tuple[str, ...] = ()) -> Headers:
    return Headers(names, paths)


class ProductionRecord(BaseModel):
    """What one machine made in one span of time.

    Quantities are decimals with up to six places (film, wire and chemicals are made in fractions), durations are in
    minutes, `cycleTimeSeconds` in seconds, ratios are fractions of one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)

    timestamp: Annotated[
        Timestamp,
        Field(
            description="When it was made: the moment that the row is about.",
            examples=["2026-03-01T06:00:00+01:00"],
        ),
        _headers(
            "LastUpdatedTimestamp", "dateTime", "date time", "recordedAt", "eventTime", "time", "date",
            "Buchungsdatum", "Zeitstempel", "Datum", "Data Hora", "Data/Hora", "Carimbo de data",
        ),
    ]  # fmt: skip
    machine_name: Annotated[
        ShortText,
        Field(description="The machine, as it is called in the plant.", examples=["Press 1"]),
        _headers(
            "machine", "equipment", "equipmentName", "workCenter", "asset", "resource", "machineId",
            "Maschine", "Maschinenname", "Anlage", "Arbeitsplatz", "Máquina", "Equipamento",
            paths=("machine.name", "machine.id", "equipment.name"),
        ),
    ]  # fmt: skip
    process_name: Annotated[
        ShortText | None,
        Field(description="What the machine did.", examples=["stamping"]),
        _headers("process", "operation", "operationName", "Prozess", "Arbeitsgang", "Vorgang", "Processo", "Operação",
                 paths=("process.name", "operation.name")),
    ] = None  # fmt: skip
    site_name: Annotated[
        ShortText | None,
        Field(description="The plant or site where the machine stands.", examples=["Plant North"]),
        _headers("site", "plant", "plantName", "factory", "location", "Werk", "Standort", "Planta",
                 paths=("site.name", "plant.name")),
    ] = None  # fmt: skip
    part_number: Annotated[
        ShortText | None,
        Field(description="The part that was made. Leading zeros stay.", examples=["004711"]),
        _headers("part", "partNo", "partId", "sku", "material", "materialNumber", "itemNumber", "productCode",
                 "Teilenummer", "Artikelnummer", "Materialnummer", "Código da peça", "Número da peça",
                 paths=("part.number", "part.id", "material.number")),
    ] = None  # fmt: skip
    batch_number: Annotated[
        ShortText | None,
        Field(description="The batch or lot that the parts belong to. Leading zeros stay.", examples=["000123"]),
        _headers("batch", "batchId", "lot", "lotNumber", "Charge", "Chargennummer", "Lote",
                 paths=("batch.number", "batch.id", "lot.number")),
    ] = None  # fmt: skip
    operator_name: Annotated[
        ShortText | None,
        Field(description="Who ran the machine.", examples=["A. Weber"]),
        _headers("operator", "worker", "Bediener", "Werker", "Mitarbeiter", "Operador", paths=("operator.name",)),
    ] = None  # fmt: skip
    shift: Annotated[
        ShortText | None,
        Field(description="The shift, as the plant calls it.", examples=["early"]),
        _headers("shiftName", "Schicht", "Turno", paths=("shift.name",)),
    ] = None  # fmt: skip
    total_parts_produced: Annotated[
        Quantity | None,
        Field(
            description="All parts made, good or not, in pieces or in the unit that the part is counted in.",
            examples=[500],
        ),
        _headers("totalParts", "total", "totalUnits", "totalCount", "partsProduced", "produced", "quantity", "output",
                 "Gesamtmenge", "Menge", "Produktionsmenge", "Total produzido", "Quantidade total",
                 paths=("parts.total", "parts.produced")),
    ] = None  # fmt: skip
    good_parts: Annotated[
        Quantity | None,
        Field(description="Parts that were right the first time.", examples=[485]),
        _headers("goodUnits", "goodCount", "good", "acceptedParts", "accepted", "yield", "okParts",
                 "Gutmenge", "Gutteile", "Peças boas", "Quantidade boa", paths=("parts.good", "parts.accepted")),
    ] = None  # fmt: skip
    reject_parts: Annotated[
        Quantity | None,
        Field(description="Parts that were scrapped.", examples=[10]),
        _headers("rejectedParts", "rejects", "rejectCount", "scrapParts", "scrap", "defects", "badParts", "nokParts",
                 "Ausschuss", "Ausschussmenge", "Schlechtteile", "Refugo", "Peças rejeitadas",
                 paths=("parts.reject", "parts.rejected", "parts.scrap")),
    ] = None  # fmt: skip
    rework_parts: Annotated[
        Quantity | None,
        Field(description="Parts that had to be worked on again.", examples=[5]),
        _headers("rework", "reworkedParts", "reworkCount", "Nacharbeit", "Retrabalho", paths=("parts.rework",)),
    ] = None  # fmt: skip
    planned_production_minutes: Annotated[
        Quantity | None,
        Field(description="Time for which production was planned, in minutes.", examples=[480]),
        _headers("plannedProductionTime", "plannedTime", "plannedMinutes", "scheduledTime", "Planbelegungszeit",
                 "Geplante Zeit", "Tempo planejado"),
    ] = None  # fmt: skip
    operating_minutes: Annotated[
        Quantity | None,
        Field(description="Time in which the machine ran, in minutes.", examples=[450]),
        _headers("operatingTime", "runTime", "runTimeMinutes", "uptime", "actualProductionTime",
                 "Laufzeit", "Betriebszeit", "Tempo de operação"),
    ] = None  # fmt: skip
    downtime_minutes: Annotated[
        Quantity | None,
        Field(description="Time in which the machine stood though production was planned, in minutes.", examples=[30]),
        _headers("downtime", "downTimeMin", "stopTime", "Stillst.Zeit(Min.)", "Stillstandszeit", "Ausfallzeit",
                 "Tempo de parada", paths=("downtime.minutes",)),
    ] = None  # fmt: skip
    downtime_category: Annotated[
        ShortText | None,
        Field(description="What kind of stop it was.", examples=["setup"]),
        _headers("stopCategory", "Stillstandskategorie", "Categoria de parada", paths=("downtime.category",)),
    ] = None  # fmt: skip
    downtime_reason: Annotated[
        LongText | None,
        Field(description="Why the machine stood.", examples=["tool change"]),
        _headers("stopReason", "Stillstandsgrund", "Störgrund", "Motivo da parada", paths=("downtime.reason",)),
    ] = None  # fmt: skip
    cycle_time_seconds: Annotated[
        PositiveQuantity | None,
        Field(description="The ideal time for one part, in seconds.", examples=[51.3]),
        _headers("cycleTime", "Taktzeit", "Zykluszeit", "Tempo de ciclo", paths=("cycleTime.seconds",)),
    ] = None  # fmt: skip
    availability: Annotated[
        Ratio | None,
        Field(description="Operating time ÷ planned production time.", examples=[0.9375]),
        _headers("Verfügbarkeit", "Disponibilidade", paths=("oee.availability",)),
    ] = None  # fmt: skip
    performance: Annotated[
        Ratio | None,
        Field(description="Ideal time for the parts made ÷ operating time.", examples=[0.95]),
        _headers("performanceRate", "Leistungsgrad", "Leistung", "Desempenho", paths=("oee.performance",)),
    ] = None  # fmt: skip
    quality: Annotated[
        Ratio | None,
        Field(description="Good parts ÷ total parts produced.", examples=[0.97]),
        _headers("qualityRate", "firstPassYield", "fpy", "Qualitätsrate", "Qualität", "Qualidade",
                 paths=("oee.quality",)),
    ] = None  # fmt: skip
    oee_score: Annotated[
        Ratio | None,
        Field(
            description="Overall equipment effectiveness: availability × performance × quality, from which it is "
            "derived where it is not given.",
            examples=[0.8639],
        ),
        _headers("oee", "oeeValue", "Gesamtanlageneffektivität", "GAE", paths=("oee.score", "oee.value")),
    ] = None  # fmt: skip


RATIO_FIELDS = frozenset({"availability", "performance", "quality", "oee_score"})
OEE_FACTORS = frozenset({"availability", "performance", "quality"})
REQUIRED_FIELDS = tuple(name for name, field in ProductionRecord.model_fields.items() if field.is_required())

_API_NAMES = {name: to_camel(name) for name in ProductionRecord.model_fields}
_BY_API_NAME = {api_name: name for name, api_name in _API_NAMES.items()}
_MICRO = Decimal(1).scaleb(-PLACES)

_CODES = {
    "missing": "required",
    "string_too_short": "required",
    "string_too_long": "text_too_long",
    "greater_than_equal": "number_too_small",
    "greater_than": "number_not_positive",
    "decimal_max_digits": "number_too_large",
    "decimal_whole_digits": "number_too_large",
}
"""Our codes for pydantic's own; every other error is raised with a code of ours."""


def field_name(api_name: str) -> str:
    """The field in snake_case; raises KeyError for what is no field."""
    return _BY_API_NAME[api_name]


def api_name(field: str) -> str:
    """The name that the API has for a field."""
    return _API_NAMES[field]


def read_record(
    cells: Mapping[str, str],
    reading: Reading,
    *,
    business_rules: bool = True,
    known: Mapping[str, object] | None = None,
) -> tuple[ProductionRecord | None, tuple[Problem, ...]]:
    """Read a row: the record and its warnings, or None and all that is wrong with it.

    `cells` are texts as in the file by field name; a blank one is absent. `known` are values of cells that were
    read and found good before: a row of nothing else is refused by its rules without another look at its types. With
    `business_rules` off only the types are checked.
    """
    given: dict[str, Any] = {name: text for name, text in cells.items() if text and not text.isspace()}
    if known:
        given.update(known)
        if business_rules and len(known) == len(given) and (refusal := _refusal(given, cells, reading)):
            return None, refusal
    context = RowContext(reading, [])
    try:
        record = ProductionRecord.model_validate(given, context=context, by_alias=False, by_name=True)
    except ValidationError as error:
        return None, tuple(_problem(problem, cells) for problem in error.errors(include_url=False))
    if derived := _derived(vars(record)):
        record = record.model_copy(update=derived)
    if not business_rules:
        return record, tuple(context.warnings)
    problems = (*context.warnings, *broken_rules(vars(record), cells, reading.now))
    refused = any(problem.severity is Severity.ERROR for problem in problems)
    return (None if refused else record), problems


def _refusal(values: Values, cells: Mapping[str, str], reading: Reading) -> tuple[Problem, ...]:
    """All that is wrong with a row whose values are read already, where a rule keeps it out; else nothing."""
    if any(name not in values for name in REQUIRED_FIELDS):
        return ()
    problems = tuple(broken_rules({**values, **_derived(values)}, cells, reading.now))
    return problems if any(problem.severity is Severity.ERROR for problem in problems) else ()


def _problem(error: ErrorDetails, cells: Mapping[str, str]) -> Problem:
    name = str(error["loc"][0])
    context = error.get("ctx", {})
    value = cells.get(name) or None
    code = _CODES.get(error["type"])
    if code is None:
        return Problem(api_name(name), value, error["type"], context.get("sentence", error["msg"]))
    values = {
        "max_length": context.get("max_length"),
        "minimum": context.get("ge", context.get("gt")),
        "digits": context.get("whole_digits", context.get("max_digits")),
    }
    return row_problem(code, field=api_name(name), value=value, **values)


def _derived(values: Values) -> dict[str, Decimal]:
    """OEE = availability × performance × quality (SEMI E10/E79, ISO 22400-2), where it is not given itself."""
    factors = given_values(values, *OEE_FACTORS)
    if values.get("oee_score") is not None or not factors:
        return {}
    return {"oee_score": prod(factors).quantize(_MICRO)}
