"""From reading to reading: what a register counted, where it was off for a while, and where it began anew.

A step is possible when the register rose by no more than the meter can take in that time. An impossible one begins an
excursion where the register comes back to where it was: those readings are no values. Otherwise it is a rollover, the
register running backwards, or a seam, over which nothing is known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gateway.core.clock import HOUR, SECOND
from gateway.core.meterdata import Rule
from gateway.core.model import Bools, Float64s, Int64s
from processors.vee.meters import Meters
from processors.vee.series import Indices
from processors.vee.settings import VeeSettings

_CELLS = 4_000_000  # of one look ahead, for the sake of memory
_NEAR_ZERO = 0.01  # share of the register before
_FEWEST_DIGITS = 5  # of a register whose width is not named
_NEAR_FULL = 0.99  # share of its capacity from which such a register may roll over


@dataclass(slots=True, kw_only=True, eq=False)
class Steps:
    """Readings that are values, by meter and time, each with the step that leads to it from the one before.

    meter, at: int64[n];  value: float64[n];  place: intp[n] in the series;  rule: int64[n] of `Rule`, what the step is;
    counted: float64[n] kWh, 0 at the first reading of a meter, NaN where nothing is known of the step.
    """

    meter: Int64s
    at: Int64s
    value: Float64s
    place: Indices
    rule: Int64s
    counted: Float64s

    def __len__(self) -> int:
        return len(self.meter)

    @property
    def follows(self) -> Bools:
        """Whether the reading before is of the same meter: bool[n]."""
        result = np.zeros(len(self), np.bool_)
        result[1:] = self.meter[1:] == self.meter[:-1]
        return result


class _Walk:
    """The readings that may be values, and how far each meter's were walked."""

    def __init__(
        self,
        meter: Int64s,
        at: Int64s,
        value: Float64s,
        declared: Bools,
        *,
        meters: Meters,
        settings: VeeSettings,
    ) -> None:
        n = len(meter)
        self.meter, self.at, self.value = meter, at, value
        self.capacity, self.ratio = meters.capacity, meters.ratio
        self.settings = settings
        self.max_kw = meters.max_kw
        self.slack = settings.demand_slack_s * SECOND
        self.step = settings.register_step_kwh * meters.ratio
        same = meter[1:] == meter[:-1]
        rise = value[1:] - value[:-1]
        here, there = np.arange(n - 1), np.arange(1, n)
        self.bad = np.zeros(n, np.bool_)  # by the reading that the step begins at
        self.bad[:-1] = same & ~declared[1:] & ((rise < -_tiny(value[:-1])) | (rise > self.most(here, there)))
        self.wrong = np.flatnonzero(self.bad)
        self.rises = np.zeros(n + 1, np.int64)  # how often it counted on before each reading
        self.rises[2:] = np.cumsum((rise > 0) & ~self.bad[:-1])
        # the last reading that an excursion from here may come back at: of this meter, before what is declared
        stop = np.zeros(n, np.bool_)
        stop[:-1] = ~same | declared[1:]
        stop[n - 1 :] = True
        ends = np.flatnonzero(stop)
        self.end = ends[np.searchsorted(ends, np.arange(n))] if n else np.empty(0, np.intp)
        self.rule = np.zeros(n, np.int64)
        self.wrapped = np.zeros(n)  # kWh that a rollover adds to the step to each reading
        self.removed = np.zeros(n, np.bool_)
        self.unit = np.zeros(n, np.bool_)

    def most(self, low: Indices, high: Indices) -> Float64s:
        """kWh that a register can have counted from reading `low` to reading `high`."""
        meter = self.meter[low]
        hours = (self.at[high] - self.at[low] + self.slack) / HOUR
        result: Float64s = self.max_kw[meter] * hours + self.step[meter]
        return result

    def run(self) -> None:
        if not len(self.wrong):
            return
        last = self.end[self.wrong]
        at = self.wrong[np.concatenate([[True], last[1:] != last[:-1]])]
        while len(at):
            ahead = self._resolve(at)
            following = np.searchsorted(self.wrong, ahead)
            there = following < len(self.wrong)
            at = self.wrong[following[there]]
            at = at[self.end[at] == self.end[ahead[there]]]

    def _resolve(self, at: Indices) -> Indices:
        """Say what the impossible steps from these readings are, one of each meter; where to go on from."""
        after = at + 1
        drop = self.value[at] - self.value[after]
        most = self.most(at, after)
        reverse = (drop > 0) & (drop <= most) & (drop <= self.settings.reverse_share * self.value[at])
        back = np.where(reverse, -1, self._return(at))
        goes_on = self._goes_on(after)
        capacity, full = self._width(at, goes_on)
        rollover = ~reverse & (back < 0) & (drop > 0) & (self.value[at] >= full) & (capacity - drop <= most)
        seam = ~reverse & (back < 0) & ~rollover
        unsure = seam & ~goes_on
        seam &= ~unsure
        new = (drop > 0) & (self.value[after] <= np.maximum(most, _NEAR_ZERO * self.value[at]))
        self.rule[after[reverse]] |= np.int64(Rule.REVERSE)
        self.rule[after[rollover]] |= np.int64(Rule.ROLLOVER)
        self.wrapped[after[rollover]] = capacity[rollover]
        self.rule[after[seam]] |= np.where(new[seam], np.int64(Rule.RESET), np.int64(Rule.EXCHANGE))
        self.rule[after[seam & (drop < 0)]] |= np.int64(Rule.HIGH)
        until = np.where(unsure, self.end[at] + 1, np.where(back >= 0, back, after))
        for low, high in zip(at[until > after].tolist(), until[until > after].tolist(), strict=True):
            self.removed[low + 1 : high] = True
            scaled = self.value[low + 1 : high] / 1000.0 - self.value[low]
            self.unit[low + 1 : high] = (
                np.abs(scaled) <= self.most(np.array([low]), np.array([high - 1]))
            ) & (self.value[low] > 1.0)
        return np.where(unsure, self.end[at], until)

    def _width(self, at: Indices, goes_on: Bools) -> tuple[Float64s, Float64s]:
        """(capacity, full): kWh at which the registers start again, and from where on they may.

        Where the width is not named, the next power of ten is taken for it if the register stood right below that and
        counts on from 0: few registers are reset just there.
        """
        meter = self.meter[at]
        read = np.maximum(self.value[at] / self.ratio[meter], 1.0)
        digits = np.maximum(np.floor(np.log10(read)) + 1, _FEWEST_DIGITS)
        likely = np.where(goes_on, 10.0**digits * self.ratio[meter], np.nan)
        named = np.isfinite(self.capacity[meter])
        capacity = np.where(named, self.capacity[meter], likely)
        return capacity, capacity * np.where(named, self.settings.rollover_from, _NEAR_FULL)

    def _return(self, at: Indices) -> Indices:
        """The first reading after each at which the register is back where it can be; −1 where there is none."""
        span = self.settings.excursion_readings
        longest = int(min(span, (self.end[at] - at).max()))
        back = np.full(len(at), -1, np.intp)
        if longest < 2:
            return back
        share = max(1, _CELLS // longest)
        for low in range(0, len(at), share):
            part = at[low : low + share]
            ahead = part[:, None] + np.arange(1, longest + 1)
            inside = ahead <= self.end[part][:, None]
            ahead = np.minimum(ahead, self.end[part][:, None])
            value, base = self.value[ahead], self.value[part][:, None]
            meter = self.meter[part]
            hours = (self.at[ahead] - self.at[part][:, None] + self.slack) / HOUR
            most = self.max_kw[meter][:, None] * hours + self.step[meter][:, None]
            rise = value - base
            depth = np.maximum.accumulate(np.abs(rise), axis=1)
            came = np.abs(value[:, 1:] - value[:, :-1])
            fits = (rise >= -_tiny(base)) & (rise <= most) & inside
            jumped = self.bad[ahead - 1][:, 1:] | (came >= 0.5 * depth[:, :-1])
            found = fits[:, 1:] & jumped
            first = found.argmax(axis=1)
            rows = np.arange(len(part))
            back[low : low + share] = np.where(found[rows, first], part + 2 + first, -1)
        return back

    def _goes_on(self, at: Indices) -> Bools:
        """Whether the register counts on from these readings, or has stood there for as long as is looked ahead."""
        span = self.settings.excursion_readings
        last = np.minimum(self.end[at], at + span - 1)
        result: Bools = last - at >= span - 1
        result |= self.end[at] != self._end_of_meter(at)
        result |= self.rises[last + 1] - self.rises[at + 1] > 0
        return result

    def _end_of_meter(self, at: Indices) -> Indices:
        return np.searchsorted(self.meter, self.meter[at], side="right") - 1


def step(
    meter: Int64s,
    at: Int64s,
    value: Float64s,
    place: Indices,
    declared: Bools,
    *,
    meters: Meters,
    settings: VeeSettings,
) -> tuple[Steps, Indices, Indices]:
    """Walk the readings that may be values. `declared`: a change of the meter is registered between the reading before
    and this one.

    Returns the steps; the places of readings that are no values after all; of those, the ones that
    would fit in a unit a thousand times smaller.
    """
    if not len(meter):
        empty = np.empty(0, np.intp)
        return (
            Steps(meter=meter, at=at, value=value, place=place, rule=meter.copy(), counted=value.copy()),
            empty,
            empty,
        )
    walk = _Walk(meter, at, value, declared, meters=meters, settings=settings)
    walk.run()
    _leave_out_stuck(walk)
    kept = np.flatnonzero(~walk.removed)
    steps = Steps(
        meter=meter[kept],
        at=at[kept],
        value=value[kept],
        place=place[kept],
        rule=walk.rule[kept],
        counted=np.zeros(len(kept)),
    )
    follows = steps.follows
    steps.rule[~follows] = 0
    counted = np.zeros(len(kept))
    counted[1:] = np.diff(steps.value)
    counted += walk.wrapped[kept]
    counted[steps.rule & np.int64(Rule.RESET | Rule.EXCHANGE) != 0] = np.nan
    counted[~follows] = 0.0
    steps.counted = counted
    return steps, place[walk.removed], place[walk.removed & walk.unit]


def _leave_out_stuck(walk: _Walk) -> None:
    """Registers that stand still between two jumps, and zeros that one jumps up from, are no values, however long they
    last; where it goes on from where it was before, there is no seam either."""
    seams = np.int64(Rule.RESET | Rule.EXCHANGE)
    jumps = np.flatnonzero((walk.rule & seams != 0) & ~walk.removed)
    kept = np.flatnonzero(~walk.removed)
    for spot, jump in zip(np.searchsorted(kept, jumps).tolist(), jumps.tolist(), strict=True):
        stuck = walk.value[kept[spot - 1]]
        low = spot - 1
        while (
            low > 0
            and walk.meter[kept[low - 1]] == walk.meter[jump]
            and walk.value[kept[low - 1]] == stuck
            and not walk.rule[kept[low]] & seams
        ):
            low -= 1
        run = kept[low:spot]
        zeros = stuck == 0 and walk.rule[jump] & np.int64(Rule.EXCHANGE)
        first = low == 0 or walk.meter[kept[low - 1]] != walk.meter[jump]
        if first:
            if zeros:
                walk.removed[run] = True
                walk.rule[jump] = 0
            continue
        before = kept[low - 1 : low]
        rise = walk.value[jump] - walk.value[before[0]]
        fits = -_tiny(walk.value[before])[0] <= rise <= walk.most(before, np.array([jump]))[0]
        if zeros or (fits and walk.rule[run[0]] & seams):
            walk.removed[run] = True
            if fits:
                walk.rule[jump] = 0


def _tiny(value: Float64s) -> Float64s:
    """What a number of floating point may be off by."""
    result: Float64s = 1e-9 * np.abs(value) + 1e-9
    return result
