"""The business rules of a record, declared as data: what must hold between its fields, and how grave a breach is.

A rule speaks only where all of its fields are given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from math import prod
from typing import Any

from pydantic.alias_generators import to_camel

from shared.domain.problems import Problem, Severity

Values = Mapping[str, Any]
"""The values of a record by field; one that is not there, or None, is not given."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`field` is the one that a breach is reported on; `message` the sentence."""

    code: str
    severity: Severity
    field: str
    message: str


@dataclass(frozen=True, slots=True)
class NotAbove(Rule):
    """The sum of `parts` is at most `limit` (a field)."""

    parts: tuple[str, ...]
    limit: str

    def holds(self, values: Values, now: datetime) -> bool:
        """Whether it does."""
        del now
        given = given_values(values, *self.parts, self.limit)
        return not given or sum(given[:-1]) <= given[-1]


@dataclass(frozen=True, slots=True)
class SumEquals(Rule):
    """The sum of `parts` equals `total` (a field)."""

    parts: tuple[str, ...]
    total: str

    def holds(self, values: Values, now: datetime) -> bool:
        """Whether it does."""
        del now
        given = given_values(values, *self.parts, self.total)
        return not given or sum(given[:-1]) == given[-1]


@dataclass(frozen=True, slots=True)
class ProductEquals(Rule):
    """The product of `factors` equals `product` (a field) within `tolerance`."""

    factors: tuple[str, ...]
    product: str
    tolerance: Decimal

    def holds(self, values: Values, now: datetime) -> bool:
        """Whether it does."""
        del now
        given = given_values(values, *self.factors, self.product)
        return not given or abs(prod(given[:-1]) - given[-1]) <= self.tolerance


@dataclass(frozen=True, slots=True)
class AtMost(Rule):
    """The field is at most `limit` (a number)."""

    limit: Decimal

    def holds(self, values: Values, now: datetime) -> bool:
        """Whether it does."""
        del now
        value = values.get(self.field)
        return value is None or value <= self.limit


@dataclass(frozen=True, slots=True)
class NotInFuture(Rule):
    """The field is not later than the upload."""

    def holds(self, values: Values, now: datetime) -> bool:
        """Whether it does."""
        return bool(values[self.field] <= now)


AnyRule = NotAbove | SumEquals | ProductEquals | AtMost | NotInFuture

_ONE = Decimal(1)
_OEE_ROUNDING = Decimal("0.002")

OEE_RULE = ProductEquals(
    "oee_differs", Severity.WARNING, "oee_score",
    "OEE differs from availability × performance × quality by more than rounding",
    ("availability", "performance", "quality"), "oee_score", _OEE_ROUNDING,
)  # fmt: skip

RULES: tuple[AnyRule, ...] = (
    NotAbove(
        "good_above_total", Severity.ERROR, "good_parts", "Good parts cannot exceed total parts produced",
        ("good_parts",), "total_parts_produced",
    ),
    NotAbove(
        "reject_above_total", Severity.ERROR, "reject_parts", "Reject parts cannot exceed total parts produced",
        ("reject_parts",), "total_parts_produced",
    ),
    AtMost("availability_above_one", Severity.ERROR, "availability", "Availability cannot exceed 100%", _ONE),
    AtMost("quality_above_one", Severity.ERROR, "quality", "Quality cannot exceed 100%", _ONE),
    AtMost("oee_above_one", Severity.ERROR, "oee_score", "OEE cannot exceed 100%", _ONE),
    AtMost("performance_above_one", Severity.WARNING, "performance", "Performance is above 100%", _ONE),
    SumEquals(
        "parts_do_not_add_up", Severity.WARNING, "total_parts_produced",
        "Good, reject and rework parts do not add up to total parts produced",
        ("good_parts", "reject_parts", "rework_parts"), "total_parts_produced",
    ),
    NotAbove(
        "times_above_planned", Severity.WARNING, "planned_production_minutes",
        "Downtime and operating time together exceed the planned production time",
        ("downtime_minutes", "operating_minutes"), "planned_production_minutes",
    ),
    OEE_RULE,
    NotInFuture("timestamp_in_future", Severity.WARNING, "timestamp", "The timestamp is later than the upload"),
)  # fmt: skip

_API_NAMES = {rule.field: to_camel(rule.field) for rule in RULES}


def broken_rules(values: Values, cells: Mapping[str, str], now: datetime) -> Iterator[Problem]:
    """The breaches of a record's values; `cells` are its texts by field, `now` is when the upload was made."""
    for rule in RULES:
        if not rule.holds(values, now):
            yield Problem(_API_NAMES[rule.field], cells.get(rule.field), rule.code, rule.message, rule.severity)


def given_values(values: Values, *names: str) -> list[Any]:
    """The fields' values; none when one of them is absent."""
    given = []
    for name in names:
        value = values.get(name)
        if value is None:
            return []
        given.append(value)
    return given
