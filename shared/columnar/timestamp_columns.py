"""Columns of timestamps: the texts to store and the moments they name, where both are beyond doubt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import polars as pl

from shared.domain.upload import DateOrder

_YEAR = "(?:19[7-9]|2[01][0-9])[0-9]"
_DATE = f"{_YEAR}-[0-9]{{2}}-[0-9]{{2}}"
_TIME = "[0-9]{2}:[0-9]{2}:[0-5][0-9]"
_OFFSET = "(?:Z|[+-](?:0[0-9]|1[0-4]):?[0-5][0-9])?"
_ISO = rf"^{_DATE}[T ]{_TIME}(?:\.[0-9]{{1,6}}0*)?{_OFFSET}$"
_COMPACT = f"^{_YEAR}[0-9]{{10}}$"
_LOCALIZED = rf"^([0-9]{{1,2}})[./-]([0-9]{{1,2}})[./-]({_YEAR})[T ]([0-9]{{1,2}}):([0-9]{{2}})(?::([0-5][0-9]))?$"
_SECONDS = 19
"""Characters of an ISO timestamp up to its seconds."""

_MESSY = 100
_MOST_OFFSETS = 100


def read_timestamps(text: pl.Series, zone: ZoneInfo | None, order: DateOrder | None) -> pl.DataFrame:
    """The columns `text` (what Postgres is given) and `value` (Datetime, UTC, to the second); null where in doubt.

    In doubt are texts in rarer forms, and local times near a change of their zone's offset.
    """
    frame = _read_iso(text, zone)
    unread = frame.get_column("value").null_count() - text.null_count()
    if unread * _MESSY > len(text):
        rest = _read_local(_local_times(text, order), zone)
        frame = frame.with_columns(
            pl.coalesce("text", rest.get_column("text")), pl.coalesce("value", rest.get_column("value"))
        )
    return frame


def _read_iso(text: pl.Series, zone: ZoneInfo | None) -> pl.DataFrame:
    name = pl.col("text")
    iso = text.alias("text").to_frame().select(pl.when(name.str.contains(_ISO)).then(name))
    first = iso.get_column("text").drop_nulls().head(1)
    between = first.item()[10] if len(first) else "T"
    frame = iso.select(
        name,
        local=name.str.head(_SECONDS).str.to_datetime(f"%Y-%m-%d{between}%H:%M:%S", strict=False, time_unit="us"),
        offset=name.str.slice(_SECONDS).str.strip_chars_start(".0123456789"),
    )
    offsets = frame.get_column("offset").unique().drop_nulls().to_list()
    if offsets == [""]:
        return _read_local(frame.select("text", "local"), zone)
    if len(offsets) > _MOST_OFFSETS:
        return _nothing(len(text))
    known = {offset: _microseconds(offset) for offset in offsets if offset}
    shift = pl.col("offset").replace_strict(known, default=None, return_dtype=pl.Duration("us"))
    value = (pl.col("local") - shift).dt.replace_time_zone("UTC")
    return frame.select(pl.when(value.is_not_null()).then(name), value=value)


_RESULT = {"text": pl.String(), "value": pl.Datetime("us", "UTC")}


def _microseconds(offset: str) -> timedelta:
    if offset == "Z":
        return timedelta(0)
    digits = offset[1:].replace(":", "")
    shift = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return -shift if offset[0] == "-" else shift


def _local_times(text: pl.Series, order: DateOrder | None) -> pl.DataFrame:
    """The columns `text` (ISO, without an offset) and `local` (Datetime) of the other forms that are common."""
    name = pl.col("text")
    compact = (
        pl.when(name.str.contains(_COMPACT)).then(name).str.to_datetime("%Y%m%d%H%M%S", strict=False, time_unit="us")
    )
    local = compact
    if order in ("DMY", "MDY"):
        day, month = (1, 2) if order == "DMY" else (2, 1)
        parts = name.str.extract_groups(_LOCALIZED)
        two = [parts.struct.field(str(i)).str.zfill(2) for i in (month, day, 4, 5)]
        rebuilt = pl.concat_str(
            parts.struct.field("3"), *two, parts.struct.field("6").fill_null("00"), ignore_nulls=False
        )
        local = pl.coalesce(compact, rebuilt.str.to_datetime("%Y%m%d%H%M%S", strict=False, time_unit="us"))
    frame = text.alias("text").to_frame().select(local=local)
    return frame.select(text=pl.col("local").dt.to_string("%Y-%m-%dT%H:%M:%S"), local=pl.col("local"))


def _read_local(frame: pl.DataFrame, zone: ZoneInfo | None) -> pl.DataFrame:
    """Read local times in their zone; `frame` has `text` and `local`."""
    local = frame.get_column("local").drop_nulls()
    if zone is None or local.is_empty():
        return _nothing(frame.height)
    shift = pl.lit(None, dtype=pl.Duration("us"))
    written = pl.lit(None, dtype=pl.String)
    for period in _periods(zone, local.min().year, local.max().year):  # type: ignore[union-attr]
        within = pl.col("local").is_between(period.start, period.end, closed="left")
        shift = pl.when(within).then(pl.lit(period.offset, dtype=pl.Duration("us"))).otherwise(shift)
        written = pl.when(within).then(pl.lit(period.written)).otherwise(written)
    return frame.select(pl.concat_str("text", written), value=(pl.col("local") - shift).dt.replace_time_zone("UTC"))


def _nothing(height: int) -> pl.DataFrame:
    return pl.DataFrame(schema=_RESULT).clear(height)


@dataclass(frozen=True, slots=True)
class _Period:
    """Local times, without a zone, from `start` to before `end`, all with one offset and far from a change of it."""

    start: datetime
    end: datetime
    offset: timedelta

    @property
    def written(self) -> str:
        """The offset as ISO 8601 writes it."""
        minutes = abs(self.offset) // timedelta(minutes=1)
        return f"{'-' if self.offset < timedelta(0) else '+'}{minutes // 60:02}:{minutes % 60:02}"


_DAY = timedelta(days=1)


def _periods(zone: ZoneInfo, first_year: int, last_year: int) -> Iterator[_Period]:
    for year in range(first_year, last_year + 1):
        yield from _periods_of_year(zone, year)


@lru_cache(maxsize=512)
def _periods_of_year(zone: ZoneInfo, year: int) -> tuple[_Period, ...]:
    """The year without the days around changes of the zone's offset, which are left to the row-wise way."""
    periods: list[_Period] = []
    day, end = datetime(year, 1, 1), datetime(year + 1, 1, 1)  # noqa: DTZ001 (local times)
    while day < end:
        offset = _steady_offset(zone, day)
        if offset is not None:
            if periods and periods[-1].end == day and periods[-1].offset == offset:
                periods[-1] = _Period(periods[-1].start, day + _DAY, offset)
            else:
                periods.append(_Period(day, day + _DAY, offset))
        day += _DAY
    return tuple(periods)


def _steady_offset(zone: ZoneInfo, day: datetime) -> timedelta | None:
    """The offset of a local day; None where it changes from the day before to the day after, or has seconds."""
    offsets = {
        (day + step).replace(tzinfo=UTC).astimezone(zone).utcoffset() for step in (-_DAY, _DAY * 0, _DAY, 2 * _DAY)
    }
    offset = offsets.pop()
    return offset if not offsets and offset is not None and not offset % timedelta(minutes=1) else None
