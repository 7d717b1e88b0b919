"""What the record model says of each field, in the terms that columns are compiled from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from annotated_types import Ge, Gt, MaxLen

from shared.domain.record import RATIO_FIELDS, ProductionRecord


class Kind(Enum):
    """How a field's cells are read."""

    TIMESTAMP = "timestamp"
    TEXT = "text"
    NUMBER = "number"
    RATIO = "ratio"


@dataclass(frozen=True, slots=True)
class RecordField:
    """A field of the record; `max_length` is of text, `positive` says that a number must be above zero."""

    name: str
    kind: Kind
    required: bool
    max_length: int = 0
    positive: bool = False


def _fields() -> Iterator[RecordField]:
    for name, info in ProductionRecord.model_fields.items():
        yield _field(name, _constraints(info.metadata, info.annotation), required=info.is_required())


def _constraints(metadata: list[object], annotation: object) -> list[object]:
    """The field's metadata; in `X | None` it has sunk into X."""
    found = list(metadata)
    for part in (annotation, *getattr(annotation, "__args__", ())):
        for marker in getattr(part, "__metadata__", ()):
            found += [marker, *getattr(marker, "metadata", ())]
    return found


def _field(name: str, constraints: list[object], *, required: bool) -> RecordField:
    """Compile one field; raises TypeError for a constraint that no column check stands for."""
    lengths = [constraint.max_length for constraint in constraints if isinstance(constraint, MaxLen)]
    if lengths:
        return RecordField(name, Kind.TEXT, required, max_length=min(lengths))
    lower = [constraint for constraint in constraints if isinstance(constraint, Ge | Gt)]
    if not lower:
        return RecordField(name, Kind.TIMESTAMP, required)
    if len(lower) != 1 or (lower[0].ge if isinstance(lower[0], Ge) else lower[0].gt) != 0:
        raise TypeError(f"the field {name} has a bound that its columns do not check")
    kind = Kind.RATIO if name in RATIO_FIELDS else Kind.NUMBER
    return RecordField(name, kind, required, positive=isinstance(lower[0], Gt))


RECORD_FIELDS = {field.name: field for field in _fields()}
