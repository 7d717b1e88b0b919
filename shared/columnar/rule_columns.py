"""The business rules of a record, compiled to columns."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import reduce
from operator import add, mul

import polars as pl

from shared.columnar.number_columns import MICRO, micros
from shared.domain.rules import RULES, AnyRule, AtMost, NotAbove, NotInFuture, ProductEquals, SumEquals

_NEAR = 1e-9
"""How near to its limit a product of doubles may be before it is for exact arithmetic to decide."""


def broken(rule: AnyRule, now: datetime) -> pl.Expr:
    """Whether a rule is broken: null where the columns cannot tell. Columns are named as the record's fields.

    Sums are of whole millionths, which doubles hold exactly. False where a field is absent.
    """
    return _BROKEN[type(rule)](rule, now).alias(rule.code)


def rules_of(fields: frozenset[str]) -> list[AnyRule]:
    """The rules that speak of these fields alone; the others find one absent in every row."""
    return [rule for rule in RULES if _fields(rule) <= fields]


def _fields(rule: AnyRule) -> frozenset[str]:
    if isinstance(rule, NotAbove):
        return frozenset((*rule.parts, rule.limit))
    if isinstance(rule, SumEquals):
        return frozenset((*rule.parts, rule.total))
    if isinstance(rule, ProductEquals):
        return frozenset((*rule.factors, rule.product))
    return frozenset((rule.field,))


def _whole(name: str) -> pl.Expr:
    return micros(pl.col(name))


def _not_above(rule: NotAbove, now: datetime) -> pl.Expr:
    del now
    return (reduce(add, map(_whole, rule.parts)) > _whole(rule.limit)).fill_null(value=False)


def _sum_equals(rule: SumEquals, now: datetime) -> pl.Expr:
    del now
    return (reduce(add, map(_whole, rule.parts)) != _whole(rule.total)).fill_null(value=False)


def _product_equals(rule: ProductEquals, now: datetime) -> pl.Expr:
    del now
    distance = (reduce(mul, map(pl.col, rule.factors)) - pl.col(rule.product)).abs() - float(rule.tolerance)
    decided = distance.is_null() | (distance.abs() > _NEAR)
    return pl.when(decided).then((distance > 0).fill_null(value=False))


def _at_most(rule: AtMost, now: datetime) -> pl.Expr:
    del now
    return (_whole(rule.field) > float(rule.limit * MICRO)).fill_null(value=False)


def _not_in_future(rule: NotInFuture, now: datetime) -> pl.Expr:
    """Values are cut to the second, so the present second is in doubt."""
    present = now.replace(microsecond=0)
    later = pl.col(rule.field) > pl.lit(present, dtype=pl.Datetime("us", "UTC"))
    same = pl.col(rule.field) == pl.lit(present, dtype=pl.Datetime("us", "UTC"))
    return pl.when(same.not_()).then(later)


_BROKEN: dict[type, Callable[..., pl.Expr]] = {
    NotAbove: _not_above,
    SumEquals: _sum_equals,
    ProductEquals: _product_equals,
    AtMost: _at_most,
    NotInFuture: _not_in_future,
}
