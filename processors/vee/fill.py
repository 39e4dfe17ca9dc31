"""The energy of every slot: what the register counted between its bounds, and estimates where that is not known.

All of it is one curve for each meter, the energy since its first reading, told at the bounds of its slots. So whatever
is missing in between, slots from one reading to a later one add up to what the register counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gateway.core.clock import HOUR, SECOND
from gateway.core.meterdata import IntervalStatus, Rule, UInt8s
from gateway.core.model import Bools, Float64s, Int64s
from processors.vee.calendar import Calendar
from processors.vee.grid import Grid, Neighbours
from processors.vee.likedays import Past, expected
from processors.vee.meters import Meters
from processors.vee.settings import VeeSettings
from processors.vee.steps import Steps

_INTERPOLATED = np.int64(Rule.INTERPOLATED)
_LIKE_DAYS = np.int64(Rule.LIKE_DAYS)
_SCALED = np.int64(Rule.LIKE_DAYS | Rule.SCALED)
_MANY_SEAMS, _SEAM_SHARE = 4, 0.25  # from here on a register is not believed enough to fill its seams
_SEAMS = np.int64(Rule.RESET | Rule.EXCHANGE | Rule.MULTIPLIER)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Filled:
    """value: float64[slots] kWh, NaN where it is missing;  status: uint8[slots];  rules: int64[slots];  shaped:
    bool[meters], where like days had a say."""

    value: Float64s
    status: UInt8s
    rules: Int64s
    shaped: Bools


class Filling:
    """Readings of a chunk of meters on their grid, which reaches over all of them."""

    def __init__(
        self, grid: Grid, steps: Steps, meters: Meters, settings: VeeSettings, calendar: Calendar
    ) -> None:
        self.grid, self.steps, self.meters, self.settings = grid, steps, meters, settings
        self.calendar = calendar
        self.around = Neighbours.of(grid, steps.meter, steps.at)
        length = meters.interval[steps.meter]
        self.spent = np.zeros(len(steps), np.int64)
        self.spent[1:] = np.diff(steps.at)
        follows = steps.follows
        self.spent[~follows] = 0
        self.unknown = follows & np.isnan(steps.counted)
        self.wide = follows & ~self.unknown & (self.spent > settings.near_intervals * length)
        self.long = self.wide & (self.spent > settings.linear_s * SECOND)
        self._bounds()
        self.snap = np.round(settings.end_share * length).astype(np.int64)
        self.straight = np.empty(0, np.intp)  # steps over seams that are filled at the pace beside them
        self.brief = self.unknown & (self.spent <= 2 * self.snap)

    def _bounds(self) -> None:
        """Which bounds were measured, and which of those lie so far from any reading that it has to be said."""
        before, after, steps = self.around.before, self.around.after, self.steps
        length = self.grid.length[self.grid.owner]
        snap = np.round(self.settings.end_share * length)
        far = np.full(len(before), np.inf)
        since = np.where(before >= 0, self.grid.bound - steps.at[before] if len(steps) else 0, far)
        until = np.where(after >= 0, steps.at[after] - self.grid.bound if len(steps) else 0, far)
        self.between = (before >= 0) & (after >= 0) & (before != after)
        at_hand = (since <= snap) | (until <= snap)
        narrow = np.zeros(len(before), np.bool_)
        inner = np.flatnonzero(self.between)
        narrow[inner] = ~(self.wide | self.unknown)[after[inner]]
        self.measured = at_hand | narrow
        self.interpolated = narrow & ~at_hand
        self.unfit = np.zeros(len(before), np.bool_)
        self.unfit[inner] = self.interpolated[inner] & (
            self.spent[after[inner]] > (1 + self.settings.end_share) * length[inner]
        )

    def run(self, past: Past) -> Filled:
        grid, steps = self.grid, self.steps
        counted = np.nan_to_num(steps.counted)
        rules = np.zeros(len(grid), np.int64)
        seam, unsure = self._mark_seams(rules)
        ends = self.measured[grid.low] & self.measured[grid.low + 1]
        known = ends & ~seam
        unmeasured = ~self.measured & ~self.between
        wanted = np.zeros(len(self.meters), np.bool_)
        wanted[steps.meter[self.long | self.unknown]] = True
        wanted[grid.owner[unmeasured]] = True
        mode = np.zeros(len(grid.bound), np.int64)
        if wanted.any():
            value = self._differences(self._curve(counted, None, mode))
            own = known & wanted[grid.meter] & (rules & _SEAMS == 0) & (value >= 0)
            shape = self._shape(
                past.of_meters(wanted).and_of(grid.meter[own], grid.start[own], value[own]), wanted
            )
            told = self._estimate_seams(counted, shape, rules)
            missing = unsure[~told[unsure] & ~self.brief[unsure]]
        else:
            shape, missing = None, np.empty(0, np.intp)
        value = self._differences(self._curve(counted, shape, mode))
        if len(missing):
            stretch = self._slots_of(missing)[1]
            value[stretch] = np.nan
        rules |= self._of_bounds(mode, known, seam)
        odd = self._incredible(np.int64(Rule.HIGH))[grid.meter]
        rules[odd] |= np.int64(Rule.UNIT)
        value[odd & ~known] = np.nan
        early = grid.start + grid.length[grid.meter] <= self.meters.installed[grid.meter]
        value[early & ~known] = np.nan
        status = np.where(
            known,
            np.uint8(IntervalStatus.VALID),
            np.where(np.isnan(value), np.uint8(IntervalStatus.MISSING), np.uint8(IntervalStatus.ESTIMATED)),
        ).astype(np.uint8)
        status[odd & known] = IntervalStatus.SUSPECT
        brief = self._slots_of(np.flatnonzero(self.brief))[1]
        status[brief[known[brief]]] = IntervalStatus.SUSPECT
        none = status == IntervalStatus.MISSING
        rules[none] &= ~np.int64(Rule.INTERPOLATED | Rule.LIKE_DAYS | Rule.SCALED)
        rules[none | ~ends] |= np.int64(Rule.MISSING)
        value = np.round(value, 9) + 0.0  # a register has no finer steps; the sum of many has
        return Filled(value=value, status=status, rules=rules, shaped=wanted)

    def _slots_of(self, places: npt.NDArray[np.intp]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """(which, slot): the slots of steps; not those of which a step takes no more than a reading may be off."""
        low, high = self.steps.at[places - 1], self.steps.at[places]
        snap = np.where(self.spent[places] <= 2 * self.snap[places], 0, self.snap[places])
        return self.grid.touched(self.steps.meter[places], low + snap, high - snap, ends=False)

    def _mark_seams(self, rules: Int64s) -> tuple[Bools, npt.NDArray[np.intp]]:
        """Say in `rules` what steps are; which slots nothing is known of for a good part, and the steps that do so."""
        special = np.flatnonzero(self.steps.rule != 0)
        which, slots = self._slots_of(special)
        np.bitwise_or.at(rules, slots, self.steps.rule[special][which])
        seam = np.zeros(len(self.grid), np.bool_)
        unsure = np.flatnonzero(self.unknown)
        seam[self._slots_of(np.flatnonzero(self.unknown & ~self.brief))[1]] = True
        return seam, unsure

    def _shape(self, past: Past, wanted: Bools) -> Float64s:
        """Energy by the bounds as on like days, counted through: float64[bounds]; NaN for meters it is not known of."""
        grid = self.grid
        of_wanted = np.flatnonzero(wanted[grid.meter])
        slot = expected(past, grid.meter[of_wanted], grid.start[of_wanted], self.meters, self.calendar)
        unknown = np.zeros(len(self.meters), np.bool_)
        unknown[grid.meter[of_wanted[np.isnan(slot)]]] = True
        rise = np.zeros(len(grid.bound))
        rise[grid.low[of_wanted] + 1] = np.nan_to_num(slot)
        shape: Float64s = np.cumsum(rise)
        shape[(unknown | ~wanted)[grid.owner]] = np.nan
        return shape

    def _at(self, shape: Float64s, places: npt.NDArray[np.intp]) -> Float64s:
        """`shape` at the times of readings, straight within a slot."""
        grid, meter, at = self.grid, self.steps.meter[places], self.steps.at[places]
        length = grid.length[meter]
        slot = np.clip((at - grid.first[meter]) // length, 0, grid.count[meter])
        low = grid.bounds_before[meter] + slot
        high = np.minimum(low + 1, grid.bounds_before[meter] + grid.count[meter])
        share = (at - grid.bound[low]) / length
        result: Float64s = shape[low] + share * (shape[high] - shape[low])
        return result

    def _estimate_seams(self, counted: Float64s, shape: Float64s, rules: Int64s) -> Bools:
        """Put an estimate where nothing is known of a step, in `counted`; of which steps there is one."""
        told = np.zeros(len(counted), np.bool_)
        places = np.flatnonzero(self.unknown)
        if not len(places):
            return told
        spent = self.spent[places].astype(np.float64)
        like = self._at(shape, places) - self._at(shape, places - 1)
        rates = np.full((2, len(places)), np.nan)
        for row, beside in enumerate((places - 1, np.minimum(places + 1, len(counted) - 1))):
            fine = (self.spent[beside] > 0) & ~self.unknown[beside] & ~self.wide[beside]
            fine &= (counted[beside] >= 0) & (self.steps.meter[beside] == self.steps.meter[places])
            np.divide(counted[beside], self.spent[beside], out=rates[row], where=fine & (beside != places))
        some = np.isfinite(rates)
        rate = np.divide(
            np.nan_to_num(rates).sum(axis=0),
            some.sum(axis=0),
            out=np.full(len(places), np.nan),
            where=some.any(axis=0),
        )
        straight = np.isfinite(rate) & ((spent <= self.settings.linear_s * SECOND) | np.isnan(like))
        straight &= spent <= self.settings.linear_s * SECOND
        made = np.where(straight, rate * spent, like)
        most = self.meters.max_kw[self.steps.meter[places]] * spent / HOUR
        made[self._incredible(_SEAMS)[self.steps.meter[places]]] = np.nan
        told[places] = np.isfinite(made)
        counted[places] = np.clip(np.nan_to_num(made), 0.0, most)
        self.straight = places[straight]
        which, slots = self._slots_of(places)
        np.bitwise_or.at(rules, slots, np.where(straight, _INTERPOLATED, _LIKE_DAYS)[which])
        return told

    def _incredible(self, seam: np.int64) -> Bools:
        """Meters whose steps are for a good part such seams, so that the rest is nothing to go by: bool[meters]."""
        many = np.bincount(self.steps.meter, minlength=len(self.meters))
        of = self.unknown & (self.steps.rule & seam != 0)
        seams = np.bincount(self.steps.meter[of], minlength=len(self.meters))
        result: Bools = (seams >= _MANY_SEAMS) & (seams > _SEAM_SHARE * many)
        return result

    def _curve(self, counted: Float64s, shape: Float64s | None, mode: Int64s) -> Float64s:
        """Energy since a meter's first reading at each bound: float64[bounds], NaN where it is not known.

        With a shape, what bounds were made of is said in `mode`.
        """
        grid, steps, before, after = self.grid, self.steps, self.around.before, self.around.after
        curve = np.full(len(grid.bound), np.nan)
        if not len(steps):
            return curve
        total = np.cumsum(counted)
        at_reading = (before >= 0) & (before == after)
        curve[at_reading] = total[before[at_reading]]
        inner = np.flatnonzero(self.between)
        low, high = before[inner], after[inner]
        share = (grid.bound[inner] - steps.at[low]) / self.spent[high]
        made = np.where(self.measured[inner], 0, _INTERPOLATED)
        if shape is not None:
            bent = self.long[high] | self.unknown[high]
            bent[np.isin(high, self.straight)] = False
            rows = np.flatnonzero(bent)
            left, right = self._at(shape, low[rows]), self._at(shape, high[rows])
            fit = right - left > 1e-9
            rows, left, right = rows[fit], left[fit], right[fit]
            share[rows] = (shape[inner[rows]] - left) / (right - left)
            kind = np.where(self.unknown[high[rows]], _LIKE_DAYS, _SCALED)
            made[rows] = np.where(self.measured[inner[rows]], 0, kind)
        curve[inner] = total[low] + counted[high] * share
        mode[inner] = made
        for outside, place in (
            (np.flatnonzero((before >= 0) & (after < 0)), before),
            (np.flatnonzero((before < 0) & (after >= 0)), after),
        ):
            held = self.measured[outside]
            curve[outside[held]] = total[place[outside[held]]]
            rest = outside[~held]
            if shape is not None and len(rest):
                curve[rest] = total[place[rest]] + shape[rest] - self._at(shape, place[rest])
                mode[rest] = _LIKE_DAYS
        return curve

    def _differences(self, curve: Float64s) -> Float64s:
        result: Float64s = curve[self.grid.low + 1] - curve[self.grid.low]
        return result

    def _of_bounds(self, mode: Int64s, known: Bools, seam: Bools) -> Int64s:
        """Rules of slots that follow from their bounds."""
        low, high = self.grid.low, self.grid.low + 1
        made: Int64s = np.where(known | seam, np.int64(0), mode[low] | mode[high])
        made[made & _LIKE_DAYS != 0] &= ~_INTERPOLATED
        between = self.interpolated[low] | self.interpolated[high]
        unfit = self.unfit[low] | self.unfit[high]
        result: Int64s = (
            made
            | np.where(known & between, _INTERPOLATED, np.int64(0))
            | np.where(unfit, np.int64(Rule.INTERVAL_SIZE), np.int64(0))
        )
        return result
