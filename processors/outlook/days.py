"""Load laid out by local day and time of day, so that days can be held against each other across clock changes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from gateway.core.clock import DAY, from_datetime
from gateway.core.model import Float64s, Int32s, Int64s

Float32s = npt.NDArray[np.float32]
SUNDAY = 6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LoadDays:
    """k nodes, d local days in a row, s times of day.

    node: int32[k] network indices;  first: the first day;  step: µs;  kw: float32[k, d, s], mean power from each time
    of day on, NaN where it is not known (times that a clock change leaves out among them);  weekday: int8[d],
    0 Monday … 6 Sunday, holidays as Sundays.
    """

    node: Int32s
    first: dt.date
    step: int
    kw: Float32s
    weekday: npt.NDArray[np.int8]

    @property
    def days(self) -> int:
        return int(self.kw.shape[1])

    def date(self, day: int) -> dt.date:
        return self.first + dt.timedelta(days=day)

    def upto(self, day: int) -> LoadDays:
        """Only the days before this one."""
        return LoadDays(
            node=self.node, first=self.first, step=self.step, kw=self.kw[:, :day], weekday=self.weekday[:day]
        )


def lay(
    node: Int32s,
    kw: Float64s,
    start: Int64s,
    step: int,
    *,
    first: dt.date,
    days: int,
    zone: ZoneInfo,
    holidays: Collection[dt.date] = (),
) -> LoadDays:
    """kw: float64[k, n] of the intervals that begin at `start` int64[n]; those outside the days are left out. Of an
    hour that a clock change repeats the last one holds."""
    slots = DAY // step
    laid = np.full((len(node), days, slots), np.nan, np.float32)
    for day in range(days):
        low, high = bounds(first + dt.timedelta(days=day), zone)
        rows = np.flatnonzero((start >= low) & (start < high))
        laid[:, day, times_of_day(start[rows], first + dt.timedelta(days=day), step, zone)] = kw[:, rows]
    return LoadDays(
        node=np.asarray(node, np.int32),
        first=first,
        step=step,
        kw=laid,
        weekday=weekdays(first, days, holidays),
    )


def bounds(day: dt.date, zone: ZoneInfo) -> tuple[int, int]:
    """[start, end) of a local day, µs UTC."""
    low, high = (dt.datetime(d.year, d.month, d.day, tzinfo=zone) for d in (day, day + dt.timedelta(days=1)))
    return from_datetime(low), from_datetime(high)


def times_of_day(start: Int64s, day: dt.date, step: int, zone: ZoneInfo) -> Int64s:
    """Place of each interval of a local day by the clock on the wall: int64[n]."""
    low, high = bounds(day, zone)
    if high - low == DAY:
        return (start - low) // step
    moments = [dt.datetime.fromtimestamp(at / 1e6, zone) for at in start.tolist()]
    wall = [(m.hour * 3600 + m.minute * 60 + m.second) * 1_000_000 // step for m in moments]
    return np.array(wall, np.int64)


def weekdays(first: dt.date, days: int, holidays: Collection[dt.date]) -> npt.NDArray[np.int8]:
    dates = [first + dt.timedelta(days=day) for day in range(days)]
    return np.array([SUNDAY if d in holidays else d.weekday() for d in dates], np.int8)
