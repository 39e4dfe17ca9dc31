"""Rows of a file to intervals: lengths and bounds of each device, units and multipliers, what was found of each row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np

from gateway.cli.vee.parts import Rows
from gateway.core.clock import SECOND
from gateway.core.inventory import Inventory
from gateway.core.meterdata import (
    ChangeOf,
    IntervalEdit,
    Intervals,
    IntervalStatus,
    MeterChange,
    Registers,
    Rule,
)
from gateway.core.model import Bools, Float64s, Int64s
from processors.vee import editing
from processors.vee.calendar import Calendar
from processors.vee.meters import Meters
from processors.vee.rules import sum_against_register
from processors.vee.series import EARLIEST
from processors.vee.settings import VeeSettings
from processors.vee.validate import concatenate, examine

_SLOTS = 150_000  # intervals made at once, for the sake of memory
_LENGTHS = SECOND * np.array(
    [5, 10, 15, 20, 30, *(60 * minutes for minutes in (1, 2, 3, 5, 6, 10, 12, 15, 20, 30))]
    + [3600 * hours for hours in (1, 2, 3, 4, 6, 8, 12, 24)],
    np.int64,
)  # that readings are taken at


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """Intervals of one quantity of some devices, and the rows of which something was found: int64 lines, int32 devices,
    int64 times, int64 `Rule`."""

    intervals: Intervals
    line: Int64s
    rows: Registers
    marks: Int64s


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What holds for a whole file. `frm` and `till` in µs, or None for each device's own first and last reading."""

    inventory: Inventory
    settings: VeeSettings
    zone: ZoneInfo
    interval: int | None = None
    edits: Sequence[IntervalEdit] = ()
    frm: int | None = None
    till: int | None = None

    def run(self, rows: Rows) -> Iterator[Found]:
        """Intervals of the devices of these rows, which hold all that there is of them."""
        order = np.argsort(rows.device, kind="stable")
        device = rows.device[order]
        keys, begins = np.unique(device, return_index=True)
        meters = Meters.of(self.inventory, keys, self.settings, zone=self.zone)
        meters, first, last = self._lay_out(rows, order, begins, meters)
        cost = np.cumsum((last - first) // meters.interval) // _SLOTS
        ends = np.append(begins, len(order))
        cuts = np.flatnonzero(np.concatenate([[True], np.diff(cost) != 0, [True]])).tolist()
        for low, high in pairwise(cuts):
            part = order[ends[low] : ends[high]]
            some = slice(low, high)
            for column, quantity in enumerate(rows.quantities):
                written = part[rows.read[part, column]]
                if len(written):
                    there = np.isin(keys[some], rows.device[written])
                    chosen = np.flatnonzero(there) + low
                    yield self._examine(
                        rows,
                        written,
                        column,
                        quantity,
                        meters=meters.take(chosen),
                        first=first[chosen],
                        last=last[chosen],
                    )

    def _lay_out(
        self, rows: Rows, order: Int64s, begins: Int64s, meters: Meters
    ) -> tuple[Meters, Int64s, Int64s]:
        """(meters with their lengths, first, last): the bounds of each, by when its readings were taken."""
        at = rows.measured_at[order]
        place = np.repeat(np.arange(len(begins)), np.diff(np.append(begins, len(order))))
        late = rows.received_at[order] + round(self.settings.future_s * SECOND)
        sane = (at >= EARLIEST) & (at <= late) & (at >= meters.installed[place])
        typical = _typical(place[sane], at[sane], len(meters))
        own = self.inventory.interval_s[meters.device].astype(np.int64) * SECOND
        length = np.maximum(typical, own)
        if self.interval is not None:
            length = np.full(len(meters), self.interval, np.int64)
        meters = replace(meters, interval=length)
        low, high = np.full(len(meters), 2**62, np.int64), np.full(len(meters), -(2**62), np.int64)
        np.minimum.at(low, place[sane], at[sane])
        np.maximum.at(high, place[sane], at[sane])
        none = low > high
        low[none] = high[none] = 0
        snap = np.round(self.settings.end_share * length).astype(np.int64)
        first, last = -(-(low - snap) // length) * length, (high + snap) // length * length
        if self.frm is not None:
            first = -(-self.frm // length) * length
        if self.till is not None:
            last = -(-self.till // length) * length
        return meters, first, np.maximum(last, first)

    def _examine(
        self,
        rows: Rows,
        written: Int64s,
        column: int,
        quantity: str,
        *,
        meters: Meters,
        first: Int64s,
        last: Int64s,
    ) -> Found:
        device, at = rows.device[written], rows.measured_at[written]
        place = np.searchsorted(meters.device, device)
        found = np.zeros(len(written), np.int64)
        unit = np.where(np.isnan(rows.unit[written]), meters.unit[place], rows.unit[written])
        found[unit != meters.unit[place]] |= np.int64(Rule.UNIT)
        meters, times, changes = self._multiply(rows.multiplier[written], place, at, meters, found)
        with np.errstate(over="ignore"):  # what gets too large for a number is no value
            values = rows.values[written, column] * unit * times
        registers = Registers(
            quantity=quantity,
            device=device,
            measured_at=at,
            received_at=rows.received_at[written],
            value=values,
            quality=np.zeros(len(written), np.uint16),
        )
        done = examine(
            registers,
            meters,
            first,
            last,
            settings=self.settings,
            zone=self.zone,
            changes=changes,
            found=found,
        )
        intervals = _with_strays(done.intervals, registers, done.marks, meters=meters, first=first, last=last)
        return Found(
            intervals=self._edited(intervals),
            line=rows.line[written],
            rows=registers,
            marks=done.marks,
        )

    def _multiply(
        self, written: Float64s, place: Int64s, at: Int64s, meters: Meters, found: Int64s
    ) -> tuple[Meters, Float64s, list[MeterChange]]:
        """(meters, factor of each row, changes of it). Nothing is multiplied where the file has no multipliers: values
        are of the primary side then. Where it has, what is left empty is as registered."""
        some = ~np.isnan(written)
        if not some.any():
            return meters, np.ones(len(written)), []
        registered = np.array(
            [
                any(self.inventory.device(key).attributes.get(name) for name in ("ct_ratio", "pt_ratio"))
                for key in meters.device.tolist()
            ],
            np.bool_,
        )
        ratio = meters.ratio.copy()
        first = np.unique(place[some], return_index=True)
        own = ~registered[first[0]]
        ratio[first[0][own]] = written[some][first[1][own]]
        times = np.where(some, written, ratio[place])
        found[times != ratio[place]] |= np.int64(Rule.MULTIPLIER)
        meters = replace(meters, capacity=meters.capacity / meters.ratio * ratio, ratio=ratio)
        order = np.lexsort((at, place))
        turn = np.flatnonzero(
            (np.diff(place[order]) == 0) & (np.diff(times[order]) != 0) & (np.diff(at[order]) > 0)
        )
        changes = [
            MeterChange(
                device=int(meters.device[place[order[i]]]),
                at=int(at[order[i + 1]]),
                of=ChangeOf.MULTIPLIER,
                before=float(times[order[i]]),
                after=float(times[order[i + 1]]),
            )
            for i in turn.tolist()
        ]
        return meters, times, changes

    def _edited(self, intervals: Intervals) -> Intervals:
        here = set(np.unique(intervals.device).tolist())
        edits = [edit for edit in self.edits if edit.device in here and edit.quantity == intervals.quantity]
        if not edits or not len(intervals):
            return intervals
        edited = editing.apply(intervals, edits)
        calendar = Calendar(int(intervals.start.min()), int(intervals.end.max()), self.zone)
        wrong: Bools = sum_against_register(edited, intervals.value, calendar, self.settings)
        wrong &= edited.status == IntervalStatus.EDITED
        return replace(edited, rules=edited.rules | np.where(wrong, np.int64(Rule.SUM), np.int64(0)))


def _typical(place: Int64s, at: Int64s, many: int) -> Int64s:
    """The usual length that the median distance of each device's readings is nearest to: int64[many] µs, 0 for none."""
    order = np.lexsort((at, place))
    owner, times = place[order], at[order]
    apart = np.diff(times)
    fit = (owner[1:] == owner[:-1]) & (apart > 0)
    owner, apart = owner[1:][fit], apart[fit]
    order = np.lexsort((apart, owner))
    begins = np.searchsorted(owner, np.arange(many + 1))
    count = np.diff(begins)
    middle = np.zeros(many, np.int64)
    some = np.flatnonzero(count)
    middle[some] = apart[order][begins[some] + (count[some] - 1) // 2]
    # by ratio: readings 14 and 16 minutes apart are of a quarter of an hour
    between = np.sqrt(_LENGTHS[:-1].astype(np.float64) * _LENGTHS[1:])
    return np.where(middle > 0, _LENGTHS[np.searchsorted(between, middle)], 0)


def _with_strays(
    intervals: Intervals,
    registers: Registers,
    marks: Int64s,
    *,
    meters: Meters,
    first: Int64s,
    last: Int64s,
) -> Intervals:
    """With a missing interval for each impossible reading that lies outside of what the device's others span."""
    place = np.searchsorted(meters.device, registers.device)
    at, length = registers.measured_at, meters.interval[place]
    outside = (at < first[place]) | (at > last[place])
    odd = np.flatnonzero(
        (marks & np.int64(Rule.FUTURE | Rule.BEFORE_INSTALLATION | Rule.CLOCK) != 0) & outside
    )
    if not len(odd):
        return intervals
    start = at[odd] // length[odd] * length[odd]
    pairs = np.stack([registers.device[odd].astype(np.int64), start, start + length[odd]])
    unique, back = np.unique(pairs, axis=1, return_inverse=True)
    rules = np.full(unique.shape[1], np.int64(Rule.MISSING))
    np.bitwise_or.at(rules, back.ravel(), marks[odd])
    none = np.full(unique.shape[1], np.nan)
    both = concatenate(
        intervals.quantity,
        [
            intervals,
            Intervals(
                quantity=intervals.quantity,
                device=unique[0].astype(np.int32),
                start=unique[1],
                end=unique[2],
                raw=none,
                value=none,
                status=np.full(len(none), IntervalStatus.MISSING, np.uint8),
                rules=rules,
            ),
        ],
    )
    order = np.lexsort((both.start, both.device))
    return Intervals(
        quantity=both.quantity,
        **{
            name: getattr(both, name)[order]
            for name in ("device", "start", "end", "raw", "value", "status", "rules")
        },
    )
