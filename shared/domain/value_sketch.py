"""How the values of a column are spread, in bounded space: counts of log-scaled buckets that become wider at need.

The bits of a double that is not negative, read as a whole number, grow with it, so that bits without their last
`shift` are a bucket on a scale that is logarithmic by octaves and linear within one. A sketch begins with `shift` 0,
where each value is a bucket of its own, and is exact; where there are more than `MOST_BUCKETS`, neighbours are joined
two and two until there are not. So two sketches, merged, are the sketch of all their values, in whatever order.

A quantile is the middle of its bucket, and off by at most `relative_error`: nothing up to 256 different values, 1.6 %
where they fill eight octaves (1 to 256), 12 % where they fill sixty. (Masson, Rim, Lee: “DDSketch”, VLDB 2019;
Epicoco et al.: “UDDSketch”, IEEE Access 2020, for the joining; Tene's HdrHistogram for the scale.)
"""

from __future__ import annotations

import math
import struct
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise

from pydantic import Field

from shared.domain.upload import Value

MOST_BUCKETS = 256

_MANTISSA_BITS = 52


class ValueSketch(Value):
    """The counts of buckets, in ascending order; a bucket is a value's bits without the last `shift`."""

    shift: int = 0
    counts: dict[int, int] = Field(default_factory=dict)

    @property
    def total(self) -> int:
        """How many values it has counted."""
        return sum(self.counts.values())

    @property
    def relative_error(self) -> float:
        """How far a quantile may be off, as a share of the true one."""
        return 2.0 ** (self.shift - _MANTISSA_BITS - 1) if self.shift else 0.0

    def merged(self, other: ValueSketch) -> ValueSketch:
        """The sketch of the values of both."""
        shift = max(self.shift, other.shift)
        counts = Counter(_joined(self.counts, shift - self.shift))
        counts.update(_joined(other.counts, shift - other.shift))
        return sketch_of(counts, shift)

    def quantile(self, share: float) -> float | None:
        """The value that a share of all does not exceed (the nearest rank); None without values."""
        rank, seen = max(1, math.ceil(share * self.total)), 0
        for bucket, count in self.counts.items():
            seen += count
            if seen >= rank:
                return self._middle(bucket)
        return None

    def outside(self, low: float, high: float) -> int:
        """How many values lie beyond two bounds, by the middles of their buckets."""
        return sum(count for bucket, count in self.counts.items() if not low <= self._middle(bucket) <= high)

    def _middle(self, bucket: int) -> float:
        low, next_low = bucket << self.shift, (bucket + 1) << self.shift
        return _value(low) if self.shift == 0 or bucket == 0 else (_value(low) + _value(next_low)) / 2


def sketch_of(counts: Mapping[int, int], shift: int = 0) -> ValueSketch:
    """The sketch of buckets that are cut by `shift` already, and may be too many."""
    more = joining([left ^ right for left, right in pairwise(sorted(counts))])
    kept = _joined(counts, more)
    return ValueSketch(shift=shift + more, counts={bucket: kept[bucket] for bucket in sorted(kept)})


def joining(differences: list[int]) -> int:
    """By how many bits buckets must be cut, from the exclusive ors of neighbours in their order.

    Two neighbours stay apart as long as their highest differing bit does. Of the differences the `MOST_BUCKETS`
    largest are enough.
    """
    if len(differences) < MOST_BUCKETS:
        return 0
    return sorted(differences, reverse=True)[MOST_BUCKETS - 1].bit_length()


def _joined(counts: Mapping[int, int], bits: int) -> Mapping[int, int]:
    if not bits:
        return counts
    joined: Counter[int] = Counter()
    for bucket, count in counts.items():
        joined[bucket >> bits] += count
    return joined


def _value(bits: int) -> float:
    (value,) = struct.unpack("<d", struct.pack("<Q", bits))
    return float(value)
