"""The energy balance of transformer areas: what was supplied, less what was sold, by interval and by day.

An interval counts only where the supply and every member were measured: an estimate on either side would be judged
as a loss. A day keeps sums of its intervals from which every later judgement is made, so that a year of an area is a
few numbers a day: see `MOMENTS`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np

from gateway.core.balance import MOMENTS, AreaLosses
from gateway.core.clock import HOUR
from gateway.core.meterdata import Intervals, IntervalStatus, Rule
from gateway.core.model import Bools, Float64s, Int32s, Int64s
from processors.balance.areas import Areas

__all__ = ["MOMENTS", "AreaBook", "AreaLosses", "AreaSums", "losses"]

_DOUBTFUL = int(Rule.SPIKE | Rule.NEGATIVE)


def losses(
    supplied: Float64s,
    sold: Float64s,
    supply_good: Bools,
    sold_good: Bools,
    *,
    node: Int32s,
    members: Int32s,
    day: dt.date,
    start: int,
    end: int,
    hours: float,
) -> AreaLosses:
    """The balance of a day. supplied, sold: float64[a, s] kWh by interval of `hours`;  supply_good, sold_good:
    bool[a, s], the supply, and every member, was measured."""
    good = supply_good & sold_good
    x = np.where(good, supplied, 0.0) / hours
    lost = np.where(good, supplied - sold, 0.0) / hours
    xx = x * x
    n = good.sum(axis=1)
    columns = (n, x.sum(1), xx.sum(1), (xx * xx).sum(1), lost.sum(1), (lost * lost).sum(1), (lost * x).sum(1))
    return AreaLosses(
        day=day,
        start=start,
        end=end,
        hours=hours,
        node=np.asarray(node, np.int32),
        members=np.asarray(members, np.int32),
        supplied=x.sum(1) * hours,
        sold=(x - lost).sum(1) * hours,
        intervals=np.full(len(node), good.shape[1], np.int32),
        used=n.astype(np.int32),
        without_supply=(~supply_good).sum(1).astype(np.int32),
        without_member=(supply_good & ~sold_good).sum(1).astype(np.int32),
        moments=np.column_stack([*columns, (lost * xx).sum(1)]).astype(np.float64),
    )


class AreaSums:
    """Supplied and sold of all areas by interval of [start, end), filled device by device in any order."""

    def __init__(self, areas: Areas, start: int, end: int, step: int) -> None:
        """step: µs of an interval."""
        self.areas, self.start, self.end, self.step = areas, start, end, step
        self.slots = (end - start) // step
        shape = (len(areas), self.slots)
        self.supplied: Float64s = np.zeros(shape)
        self.sold: Float64s = np.zeros(shape)
        self._supply_seen: Int32s = np.zeros(shape, np.int32)
        self._members_seen: Int32s = np.zeros(shape, np.int32)

    def add(self, intervals: Intervals) -> None:
        """Import counts towards, export against. Longer intervals are shared out evenly over the grid.

        A device without measured export in these rows is taken to have no register for it; a device with some, and
        an interval without, makes that interval count for nothing.
        """
        away = intervals.quantity == "energy_export"
        measured = (intervals.status >= IntervalStatus.SUSPECT) & np.isfinite(intervals.value)
        measured &= (intervals.rules & _DOUBTFUL) == 0
        row = self.areas.area_of[intervals.device]
        mine = (row >= 0) & (intervals.start >= self.start) & (intervals.end <= self.end)
        if away:
            exports = np.zeros(len(self.areas.area_of), np.bool_)
            exports[intervals.device[measured]] = True
            mine &= exports[intervals.device]
        count = np.maximum((intervals.end - intervals.start) // self.step, 1)
        size = self.supplied.size
        for slots in np.unique(count[mine]).tolist():
            rows = np.flatnonzero(mine & (count == slots))
            first = (intervals.start[rows] - self.start) // self.step
            device, good, share = intervals.device[rows], measured[rows], intervals.value[rows] / slots
            for i in range(slots):
                at = row[rows].astype(np.int64) * self.slots + np.minimum(first + i, self.slots - 1)
                for of, total, seen in self._sides():
                    counts = of[device] & good
                    sums = np.bincount(at[counts], share[counts], size).reshape(total.shape)
                    total += -sums if away else sums
                    marks = of[device] & ~good if away else counts
                    hits = np.bincount(at[marks], minlength=size).reshape(total.shape).astype(np.int32)
                    seen += -hits if away else hits

    def _sides(self) -> tuple[tuple[Bools, Float64s, Int32s], ...]:
        areas = self.areas
        return (
            (areas.supply, self.supplied, self._supply_seen),
            (areas.member, self.sold, self._members_seen),
        )

    def add_dense(self, device: Int32s, kwh: Float64s, good: Bools) -> None:
        """Net import of devices on this very grid: kwh float64[n, slots], good bool[n, slots]."""
        row = self.areas.area_of[device]
        for of, total, seen in self._sides():
            rows = np.flatnonzero(of[device] & (row >= 0))
            rows = rows[np.argsort(row[rows], kind="stable")]
            if not len(rows):
                continue
            area = row[rows]
            first = np.flatnonzero(np.concatenate([[True], area[1:] != area[:-1]]))
            total[area[first]] += np.add.reduceat(np.where(good[rows], kwh[rows], 0.0), first, axis=0)
            seen[area[first]] += np.add.reduceat(good[rows], first, axis=0, dtype=np.int32)

    def losses(self, day: dt.date) -> AreaLosses:
        areas = self.areas
        meters = np.bincount(areas.area_of[areas.supply], minlength=len(areas))
        return losses(
            self.supplied,
            self.sold,
            self._supply_seen >= meters[:, None],
            self._members_seen >= areas.members[:, None],
            node=areas.node,
            members=areas.members,
            day=day,
            start=self.start,
            end=self.end,
            hours=self.step / HOUR,
        )


class AreaBook:
    """The balances of the last days of every area: columns per area and day.

    node: int32[a] network index, rising;  day: int32[d] ordinals of local dates, rising;  start: int64[d] µs UTC;
    the others float64[a, d], NaN (moments: 0) where there is no balance of that area and day;
    moments: float64[a, d, 8].
    """

    def __init__(self, node: Int32s, keep_days: int) -> None:
        self.node = np.asarray(node, np.int32)
        self.keep_days = keep_days
        a = len(self.node)
        self.day: Int32s = np.empty(0, np.int32)
        self.start: Int64s = np.empty(0, np.int64)
        self.intervals: Float64s = np.empty((a, 0))
        self.hours: Float64s = np.empty((a, 0))
        self.members: Float64s = np.empty((a, 0))
        self.moments: Float64s = np.empty((a, 0, len(MOMENTS)))

    def __len__(self) -> int:
        return len(self.node)

    @staticmethod
    def of(node: Int32s, days: Sequence[AreaLosses], *, keep_days: int) -> AreaBook:
        """From the balances kept in the database, in any order; areas not named in `node` are left out."""
        book = AreaBook(node, keep_days)
        for one in days:
            book.take(one)
        return book

    def take(self, made: AreaLosses) -> None:
        """Enter a day, in place of what stood there for these areas; the oldest days go beyond `keep_days`."""
        ordinal = made.day.toordinal()
        at = int(np.searchsorted(self.day, ordinal))
        if at == len(self.day) or self.day[at] != ordinal:
            self.day = np.insert(self.day, at, ordinal).astype(np.int32)
            self.start = np.insert(self.start, at, made.start)
            self.intervals = np.insert(self.intervals, at, np.nan, axis=1)
            self.hours = np.insert(self.hours, at, np.nan, axis=1)
            self.members = np.insert(self.members, at, np.nan, axis=1)
            self.moments = np.insert(self.moments, at, 0.0, axis=1)
        row = np.searchsorted(self.node, made.node)
        known = np.flatnonzero(row < len(self.node))
        known = known[self.node[row[known]] == made.node[known]]
        row = row[known]
        self.intervals[row, at] = made.intervals[known]
        self.hours[row, at] = made.hours
        self.members[row, at] = made.members[known]
        self.moments[row, at] = made.moments[known]
        if (over := int((self.day <= self.day[-1] - self.keep_days).sum())) > 0:
            self.day, self.start = self.day[over:], self.start[over:]
            self.intervals, self.hours = self.intervals[:, over:], self.hours[:, over:]
            self.members, self.moments = self.members[:, over:], self.moments[:, over:]

    @property
    def coverage(self) -> Float64s:
        """float64[a, d]: share of each day's intervals that count; 0 where there is no balance."""
        n = self.moments[:, :, 0]
        share: Float64s = np.divide(n, self.intervals, out=np.zeros_like(n), where=self.intervals > 0)
        return share
