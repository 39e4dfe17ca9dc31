"""What a meter takes at a time of day on days that are alike: the shape that long gaps are filled with."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from gateway.core.clock import DAY, HOUR
from gateway.core.meterdata import Intervals, IntervalStatus, Rule
from gateway.core.model import Bools, Float64s, Int32s, Int64s
from processors.vee.calendar import HOLIDAY, WEEKEND, Calendar
from processors.vee.meters import Meters

_KINDS = 3
NO_PATTERN = np.int64(
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
            & (history.rules & NO_PATTERN == 0)
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WholeDays:
    """Energy of local days of which nearly all intervals were measured, by device and day. device: int32[n];  day:
    int64[n], days since 1970 by the clock on the wall;  kwh: float64[n]."""

    device: Int32s
    day: Int64s
    kwh: Float64s

    @staticmethod
    def of(intervals: Intervals, meters: Meters, zone: ZoneInfo) -> WholeDays:
        """Those of these meters, in intervals as they stand."""
        past = Past.of(intervals, meters)
        if not len(past.start):
            return WholeDays(device=np.empty(0, np.int32), day=np.empty(0, np.int64), kwh=np.empty(0))
        calendar = Calendar(int(past.start.min()), int(past.start.max()), zone)
        meter, day, kwh = _whole_days(past, meters, calendar)
        return WholeDays(device=meters.device[meter], day=day, kwh=kwh)

    def of_meters(self, meters: Meters) -> tuple[Int64s, Int64s, Float64s]:
        """(meter, day, kWh) of rows of these, which are rising by device."""
        if not len(meters):
            return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
        place = np.minimum(np.searchsorted(meters.device, self.device), len(meters) - 1)
        mine = meters.device[place] == self.device
        return place[mine].astype(np.int64), self.day[mine], self.kwh[mine]


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


def like_days(
    past: Past | tuple[Int64s, Int64s, Float64s],
    own: Past,
    meter: Int64s,
    day: Int64s,
    *,
    meters: Meters,
    calendar: Calendar,
) -> tuple[Float64s, Int64s]:
    """(mean, days): kWh of the whole measured days like `day` of each meter, without that day, and how many there are.

    past: measured intervals, or (meter, day, kWh) of whole days;  meter, day: int64[n], days since 1970 by the clock on
    the wall, by meter and day;  float64[n] (NaN where there are
    none) and int64[n].
    """
    size = len(meters) * _KINDS
    earlier = _whole_days(past, meters, calendar) if isinstance(past, Past) else past
    all_days = [earlier, _whole_days(own, meters, calendar)]
    cells = [owner * _KINDS + calendar.kind(of) for owner, of, _ in all_days]
    energies = np.concatenate([energy for _, _, energy in all_days])
    total = np.bincount(np.concatenate(cells), energies, size)
    many = np.bincount(np.concatenate(cells), minlength=size).astype(np.int64)
    owner, of, energy = all_days[1]
    cell = meter * _KINDS + calendar.kind(day)
    itself = np.zeros(len(meter))
    there = np.zeros(len(meter), np.int64)
    if len(owner):
        since = min(int(of.min()), int(day.min(initial=of.min())))
        span = max(int(of.max()), int(day.max(initial=of.max()))) - since + 1
        key, wanted = owner * span + of - since, meter * span + day - since
        place = np.minimum(np.searchsorted(key, wanted), len(key) - 1)
        same = key[place] == wanted
        itself[same], there[same] = energy[place[same]], 1
    others = many[cell] - there
    mean = np.divide(total[cell] - itself, others, out=np.full(len(meter), np.nan), where=others > 0)
    return mean, others


def _whole_days(past: Past, meters: Meters, calendar: Calendar) -> tuple[Int64s, Int64s, Float64s]:
    """(meter, day, kWh) of local days of which nearly all intervals are there, by meter and day; none without any use:
    who was away is not to be found high on coming back."""
    if not len(past.meter):
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
    day = calendar.day(past.start)
    since = int(day.min())
    span = int(day.max()) - since + 1
    code, place = np.unique(past.meter * span + (day - since), return_inverse=True)
    total = np.bincount(place, past.value).astype(np.float64)
    spent = np.bincount(place, meters.interval[past.meter].astype(np.float64))
    whole = np.flatnonzero((spent >= 23 * HOUR) & (total != 0))  # as long as a day in spring
    return code[whole] // span, code[whole] % span + since, total[whole]


def _means(cell: Int64s, value: Float64s, size: int) -> Float64s:
    many = np.bincount(cell, minlength=size)
    total = np.bincount(cell, value, minlength=size)
    result: Float64s = np.divide(total, many, out=np.full(size, np.nan), where=many > 0)
    return result
