"""What a meter takes at a time of day on days that are alike: the shape that long gaps are filled with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gateway.core.clock import DAY
from gateway.core.meterdata import Intervals, IntervalStatus, Rule
from gateway.core.model import Bools, Float64s, Int64s
from processors.vee.calendar import HOLIDAY, WEEKEND, Calendar
from processors.vee.meters import Meters

_KINDS = 3
_NO_PATTERN = np.int64(
    Rule.SPIKE | Rule.HIGH | Rule.LOW | Rule.NEGATIVE | Rule.REVERSE | Rule.CLOCK | Rule.MULTIPLIER
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Past:
    """Measured intervals to learn from: rows of Meters, starts in µs, kWh. int64[n], int64[n], float64[n]."""

    meter: Int64s
    start: Int64s
    value: Float64s

    @staticmethod
    def of(history: Intervals | None, meters: Meters) -> Past:
        """Those of these meters and of the length that theirs have."""
        if history is None or not len(history) or not len(meters):
            return Past(meter=np.empty(0, np.int64), start=np.empty(0, np.int64), value=np.empty(0))
        place = np.minimum(np.searchsorted(meters.device, history.device), len(meters) - 1)
        fit = (
            (meters.device[place] == history.device)
            & (history.end - history.start == meters.interval[place])
            & (history.status >= IntervalStatus.SUSPECT)
            & (history.rules & _NO_PATTERN == 0)
            & np.isfinite(history.value)
        )
        return Past(meter=place[fit].astype(np.int64), start=history.start[fit], value=history.value[fit])

    def and_of(self, meter: Int64s, start: Int64s, value: Float64s) -> Past:
        return Past(
            meter=np.concatenate([self.meter, meter]),
            start=np.concatenate([self.start, start]),
            value=np.concatenate([self.value, value]),
        )

    def of_meters(self, wanted: Bools) -> Past:
        """Those of the meters that are wanted: bool by row of Meters."""
        mine = wanted[self.meter]
        return Past(meter=self.meter[mine], start=self.start[mine], value=self.value[mine])


def expected(past: Past, meter: Int64s, start: Int64s, meters: Meters, calendar: Calendar) -> Float64s:
    """kWh of each slot as on like days: float64[n], NaN for meters of which nothing is known.

    The mean of the same time of day by the clock on the wall on days of the same kind; where there is none, a holiday
    is like a weekend, then any day will do, then any time of the day.
    """
    slots = int(-(-DAY // int(meters.interval.min(initial=DAY))))
    n = len(meters)

    def cell(of: Int64s, at: Int64s) -> tuple[Int64s, Int64s]:
        local = calendar.local(at)
        return of * slots + (local % DAY) // meters.interval[of], calendar.kind(local // DAY)

    own, kind = cell(past.meter, past.start)
    size = n * slots
    by_kind = _means(own * _KINDS + kind, past.value, size * _KINDS)
    by_time = _means(own, past.value, size)
    by_meter = _means(past.meter, past.value, n)
    own, kind = cell(meter, start)
    result = by_kind[own * _KINDS + kind]
    for better in (
        np.where(kind == HOLIDAY, by_kind[own * _KINDS + WEEKEND], np.nan),
        by_time[own],
        by_meter[meter],
    ):
        result = np.where(np.isnan(result), better, result)
    shape: Float64s = np.clip(result, 0.0, None)
    return shape


def daily(past: Past, meters: Meters, calendar: Calendar) -> tuple[Float64s, Int64s]:
    """(mean, days): kWh of a whole measured day of each kind, and of how many days: float64, int64 [meters, 3]."""
    n = len(meters)
    mean, many = np.full(n * _KINDS, np.nan), np.zeros(n * _KINDS, np.int64)
    if len(past.meter):
        day = calendar.day(past.start)
        since = day.min()
        span = int(day.max() - since) + 1
        code, place = np.unique(past.meter * span + (day - since), return_inverse=True)
        total: Float64s = np.bincount(place, past.value).astype(np.float64)
        hours = np.bincount(place, meters.interval[past.meter].astype(np.float64))
        whole = hours >= 0.95 * DAY - 3.6e9  # a day in spring has 23 hours
        owner, kind = code // span, calendar.kind(code % span + since)
        cell = (owner * _KINDS + kind)[whole]
        many = np.bincount(cell, minlength=n * _KINDS)
        mean = _means(cell, total[whole], n * _KINDS)
    return mean.reshape(n, _KINDS), many.astype(np.int64).reshape(n, _KINDS)


def _means(cell: Int64s, value: Float64s, size: int) -> Float64s:
    many = np.bincount(cell, minlength=size)
    total = np.bincount(cell, value, minlength=size)
    result: Float64s = np.divide(total, many, out=np.full(size, np.nan), where=many > 0)
    return result
