"""Register readings to validated intervals, for all meters of a chunk at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from gateway.core.clock import DAY
from gateway.core.meterdata import Intervals, IntervalStatus, MeterChange, Registers, Rule
from gateway.core.model import Bools, Float64s, Int64s
from processors.vee import declared
from processors.vee.calendar import Calendar
from processors.vee.fill import Filling
from processors.vee.grid import Grid, Neighbours
from processors.vee.likedays import NO_PATTERN, Past, WholeDays, like_days
from processors.vee.meters import Meters
from processors.vee.rules import Look, judge
from processors.vee.series import Series, arrange
from processors.vee.settings import VeeSettings
from processors.vee.steps import Steps, step

_CHUNK = 1_000_000  # slots and readings worked on at once


def validate(
    registers: Registers,
    meters: Meters,
    frm: int,
    till: int,
    *,
    settings: VeeSettings,
    zone: ZoneInfo,
    changes: Sequence[MeterChange] = (),
    history: Intervals | None = None,
    check: Intervals | None = None,
) -> Intervals:
    """All intervals that begin in [frm, till) of all these meters, missing ones too, ordered by device and start.

    registers: their readings in any order, with one before and one after where there are any: without them the first
    and last interval cannot be told. history: validated intervals of earlier days, to learn like days from.
    check: what check meters measured, under the device that they check.
    """
    length = meters.interval
    first, last = -(-frm // length) * length, -(-till // length) * length
    return examine(
        registers,
        meters,
        first,
        last,
        settings=settings,
        zone=zone,
        changes=changes,
        history=history,
        check=check,
    ).intervals


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Examined:
    """intervals: as `validate`;  marks: int64 `Rule` of each row of the registers, what was found of it;  shaped:
    bool[meters], those that a history makes a difference to beyond the energy of whole days."""

    intervals: Intervals
    marks: Int64s
    shaped: Bools


def examine(
    registers: Registers,
    meters: Meters,
    first: Int64s,
    last: Int64s,
    *,
    settings: VeeSettings,
    zone: ZoneInfo,
    changes: Sequence[MeterChange] = (),
    history: Intervals | None = None,
    usual: WholeDays | None = None,
    check: Intervals | None = None,
    found: Int64s | None = None,
) -> Examined:
    """As `validate`, each meter with its own bounds `first` to `last`: int64[meters], multiples of its interval.

    usual: the energy of the history's whole days, where the history itself is not given or only of some meters;  found:
    int64 `Rule` by row of the registers, what whoever read them knows already.
    """
    marks = np.zeros(len(registers), np.int64) if found is None else found.copy()
    series = arrange(registers, meters, settings, marks)
    past = Past.of(history, meters)
    shaped = np.zeros(len(meters), np.bool_)
    parts = [
        _Chunk(registers.quantity, settings=settings, zone=zone, marks=marks, shaped=shaped[rows]).run(
            _part(series, rows),
            meters.take(rows),
            first[rows],
            last[rows],
            changes=declared.of_meters(changes, meters.take(rows)),
            past=_past(past, rows),
            usual=usual,
            check=check,
        )
        for rows in _chunks(series, meters, first, last)
    ]
    return Examined(intervals=concatenate(registers.quantity, parts), marks=marks, shaped=shaped)


def concatenate(quantity: str, parts: Sequence[Intervals]) -> Intervals:
    """Intervals of meters one after the other."""

    def column(name: str, kind: type[np.generic]) -> npt.NDArray[np.generic]:
        return np.concatenate([np.empty(0, kind), *(getattr(part, name) for part in parts)])

    return Intervals(
        quantity=quantity,
        device=column("device", np.int32).astype(np.int32),
        start=column("start", np.int64).astype(np.int64),
        end=column("end", np.int64).astype(np.int64),
        raw=column("raw", np.float64).astype(np.float64),
        value=column("value", np.float64).astype(np.float64),
        status=column("status", np.uint8).astype(np.uint8),
        rules=column("rules", np.int64).astype(np.int64),
    )


class _Chunk:
    """Meters few enough to be worked on at once. What is found of readings and meters goes into marks and shaped."""

    def __init__(
        self, quantity: str, *, settings: VeeSettings, zone: ZoneInfo, marks: Int64s, shaped: Bools
    ) -> None:
        self.quantity, self.settings, self.zone, self.marks, self.shaped = (
            quantity, settings, zone, marks, shaped,
        )  # fmt: skip

    def run(
        self,
        series: Series,
        meters: Meters,
        first: Int64s,
        last: Int64s,
        *,
        changes: Sequence[tuple[int, MeterChange]],
        past: Past,
        usual: WholeDays | None,
        check: Intervals | None,
    ) -> Intervals:
        steps = self._steps(series, meters, changes)
        steps = _around(steps, first, last)
        low, high = _hull(steps, meters, first, last)
        grid = Grid.of(low, high, meters.interval)
        begin = min(int(low.min()), int(past.start.min(initial=low.min())))
        days = None if usual is None else usual.of_meters(meters)
        calendar = Calendar(
            begin,
            int(high.max()),
            self.zone,
            holidays=self.settings.holidays,
            workdays=self.settings.workdays,
        )
        filled = Filling(grid, steps, meters, self.settings, calendar).run(past)
        self.shaped[:] = filled.shaped
        rules = filled.rules
        self._mark(series, grid, rules)
        declared.mark_clocks(changes, grid, rules)
        wanted = np.flatnonzero((grid.start >= first[grid.meter]) & (grid.start < last[grid.meter]))
        meter, start = grid.meter[wanted], grid.start[wanted]
        end = start + meters.interval[meter]
        day = calendar.day(start)
        new = np.ones(len(wanted), np.bool_)
        new[1:] = (np.diff(meter) != 0) | (np.diff(day) != 0)
        measured = filled.status[wanted] >= IntervalStatus.SUSPECT
        own = wanted[measured & (rules[wanted] & NO_PATTERN == 0)]
        like, many = like_days(
            past if days is None else days,
            Past(meter=grid.meter[own], start=grid.start[own], value=filled.value[own]),
            meter[new],
            day[new],
            meters=meters,
            calendar=calendar,
        )
        group = np.cumsum(new) - 1
        look = Look(
            quantity=self.quantity,
            meters=meters,
            settings=self.settings,
            meter=meter,
            start=start,
            value=filled.value[wanted],
            status=filled.status[wanted],
            rules=rules[wanted],
            measured=measured,
            group=group.astype(np.int64),
            like=like[group],
            days=many[group],
            check=_beside(check, meters.device[meter], start, end),
        )
        told, status = judge(look)
        raw = self._raw(series, grid, meters)[wanted]
        return Intervals(
            quantity=self.quantity,
            device=meters.device[meter],
            start=start,
            end=end,
            raw=raw,
            value=look.value,
            status=status,
            rules=told,
        )

    def _steps(self, series: Series, meters: Meters, changes: Sequence[tuple[int, MeterChange]]) -> Steps:
        good = np.flatnonzero(series.good)
        meter, at, value = series.meter[good], series.at[good], series.value[good]
        steps, gone, other_unit = step(
            meter,
            at,
            value,
            good,
            declared.seams(changes, meter, at),
            meters=meters,
            settings=self.settings,
        )
        self.marks[series.row[gone]] |= np.int64(Rule.NO_VALUE)
        self.marks[series.row[other_unit]] |= np.int64(Rule.UNIT)
        slack = self.settings.demand_slack_s / 3600
        declared.account(changes, steps, slack, meters)
        self.marks[series.row[steps.place]] |= steps.rule & ~np.int64(Rule.MULTIPLIER)
        return steps

    def _mark(self, series: Series, grid: Grid, rules: Int64s) -> None:
        """What was found of readings, told of the slots that they lie in or at an end of: in place."""
        mark = self.marks[series.row]
        steps = np.int64(Rule.ROLLOVER | Rule.RESET | Rule.EXCHANGE | Rule.REVERSE | Rule.HIGH)
        rows = np.flatnonzero(mark & ~steps)
        which, slots = grid.touched(series.meter[rows], series.at[rows], series.at[rows], ends=True)
        np.bitwise_or.at(rules, slots, (mark[rows] & ~steps)[which])

    def _raw(self, series: Series, grid: Grid, meters: Meters) -> Float64s:
        """Plain difference of the readings at the ends of each slot, as they came; NaN where one lacks."""
        low, high = grid.first - meters.interval, grid.first + (grid.count + 1) * meters.interval
        rows = np.flatnonzero((series.at >= low[series.meter]) & (series.at <= high[series.meter]))
        at = series.at[rows]
        around = Neighbours.of(grid, series.meter[rows], at)
        if not len(rows):
            return np.full(len(grid), np.nan)
        snap = np.round(self.settings.end_share * grid.length[grid.owner])
        since = np.where(around.before >= 0, grid.bound - at[around.before], np.inf)
        until = np.where(around.after >= 0, at[around.after] - grid.bound, np.inf)
        nearest = np.where(since <= until, around.before, around.after)
        value = np.where(np.minimum(since, until) <= snap, series.value[rows][nearest], np.nan)
        value[~np.isfinite(value)] = np.nan
        result: Float64s = value[grid.low + 1] - value[grid.low]
        fine = np.abs(result) < 1e15  # beyond, there is nothing after the point
        result[fine] = np.round(result[fine], 9) + 0.0
        return result


def _part(series: Series, rows: slice) -> Series:
    low, high = np.searchsorted(series.meter, [rows.start, rows.stop])
    part = slice(int(low), int(high))
    return Series(
        meter=series.meter[part] - rows.start,
        at=series.at[part],
        value=series.value[part],
        good=series.good[part],
        row=series.row[part],
    )


def _past(past: Past, rows: slice) -> Past:
    mine = (past.meter >= rows.start) & (past.meter < rows.stop)
    return Past(meter=past.meter[mine] - rows.start, start=past.start[mine], value=past.value[mine])


def _chunks(series: Series, meters: Meters, first: Int64s, last: Int64s) -> Iterator[slice]:
    """Meters in rows, cut where there would be too much at once."""
    if not len(meters):
        return
    day = DAY // int(meters.interval.min())  # like days take that much for each meter
    slots = np.maximum((last - first) // meters.interval, day)
    cost = np.cumsum(slots + np.bincount(series.meter, minlength=len(meters)))
    number = cost // _CHUNK
    begins = np.flatnonzero(np.concatenate([[True], np.diff(number) != 0])).tolist()
    for begin, end in zip(begins, [*begins[1:], len(meters)], strict=True):
        yield slice(begin, end)


def _around(steps: Steps, first: Int64s, last: Int64s) -> Steps:
    """The steps that lead into, within and out of [first, last] of each meter."""
    n = len(steps)
    if not n:
        return steps
    before, after = np.full(n, -(2**62), np.int64), np.full(n, 2**62, np.int64)
    follows = steps.follows
    before[1:][follows[1:]] = steps.at[:-1][follows[1:]]
    after[:-1][follows[1:]] = steps.at[1:][follows[1:]]
    kept = np.flatnonzero((after >= first[steps.meter]) & (before <= last[steps.meter]))
    if len(kept) == n:
        return steps
    result = Steps(
        meter=steps.meter[kept],
        at=steps.at[kept],
        value=steps.value[kept],
        place=steps.place[kept],
        rule=steps.rule[kept],
        counted=steps.counted[kept],
    )
    begins = ~result.follows
    result.rule[begins] = 0
    result.counted[begins] = 0.0
    return result


def _hull(steps: Steps, meters: Meters, first: Int64s, last: Int64s) -> tuple[Int64s, Int64s]:
    """Bounds that hold the wanted ones and all readings."""
    low, high = first.copy(), np.maximum(last, first)
    if len(steps):
        length = meters.interval[steps.meter]
        np.minimum.at(low, steps.meter, steps.at // length * length)
        np.maximum.at(high, steps.meter, -(-steps.at // length) * length)
    return low, high


def _beside(check: Intervals | None, device: npt.NDArray[np.int32], start: Int64s, end: Int64s) -> Float64s:
    """Values of the check meters for the same device, start and end; NaN where there is none."""
    result = np.full(len(device), np.nan)
    if check is None or not len(check):
        return result
    keys = np.concatenate([check.start, start])
    _, rank = np.unique(keys, return_inverse=True)
    span = np.int64(len(keys) + 1)
    theirs = check.device.astype(np.int64) * span + rank[: len(check)]
    order = np.argsort(theirs, kind="stable")
    mine = device.astype(np.int64) * span + rank[len(check) :]
    place = order[np.minimum(np.searchsorted(theirs[order], mine), len(order) - 1)]
    fit = (theirs[place] == mine) & (check.end[place] == end)
    result[fit] = check.value[place[fit]]
    return result
