"""The validations, each a rule with a name: functions of intervals in columns that say which ones it is about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gateway.core.clock import HOUR, SECOND
from gateway.core.meterdata import Intervals, IntervalStatus, Rule, UInt8s
from gateway.core.model import Bools, Float64s, Int64s
from processors.vee.calendar import Calendar
from processors.vee.meters import Meters
from processors.vee.settings import VeeLimits, VeeSettings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Look:
    """Intervals of n meters as the rules see them, by meter and start.

    meter, start: int64[slots];  value: float64[slots];  status: uint8[slots];  rules: int64[slots];  measured:
    bool[slots];  group: int64[slots], one number for each local day of a meter, rising;  like, days: float64 and
    int64[slots], the mean energy of the meter's like days and how many there are;  check: float64[slots], what the
    check meter says, NaN where there is none.
    """

    quantity: str
    meters: Meters
    settings: VeeSettings
    meter: Int64s
    start: Int64s
    value: Float64s
    status: UInt8s
    rules: Int64s
    measured: Bools
    group: Int64s
    like: Float64s
    days: Int64s
    check: Float64s

    def limit(self, of: Callable[[VeeLimits], float]) -> Float64s:
        """One limit for each slot: float64[slots]."""
        return self.meters.limit(of)[self.meter]

    def has(self, rule: Rule) -> Bools:
        result: Bools = self.rules & np.int64(rule) != 0
        return result

    def whole_day(self) -> tuple[Float64s, Bools]:
        """(total, whole): energy of a slot's local day, and whether all of it, a day long, was measured."""
        many = int(self.group[-1]) + 1 if len(self.group) else 0
        total: Float64s = np.bincount(
            self.group, np.where(self.measured, self.value, 0.0), minlength=many
        ).astype(np.float64)
        length = self.meters.interval[self.meter]
        hours = np.bincount(self.group, np.where(self.measured, length, 0), minlength=many)
        slots = np.bincount(self.group, minlength=many)
        held = np.bincount(self.group, self.measured, minlength=many)
        whole: Bools = (hours >= 23 * HOUR) & (slots == held)
        return total[self.group], whole[self.group]


def interval_size(look: Look) -> Bools:
    """Readings too far apart and off the ends of the interval: told when they are laid on the grid."""
    return look.has(Rule.INTERVAL_SIZE)


def unit(look: Look) -> Bools:
    """A reading in another unit than registered: told when it is read."""
    return look.has(Rule.UNIT)


def multiplier(look: Look) -> Bools:
    """A reading with another multiplier than registered, or one that leads over a change of it."""
    return look.has(Rule.MULTIPLIER)


def negative(look: Look) -> Bools:
    """The register counted backwards."""
    return look.value < -1e-9


def zero_use(look: Look) -> Bools:
    """No use at all, measured, for `zero_use_s` or longer; of the import register only."""
    if look.quantity != "energy_import":
        return np.zeros(len(look.meter), np.bool_)
    return _runs(
        look, look.measured & (np.abs(look.value) < 1e-9), look.limit(lambda limits: limits.zero_use_s)
    )


def high(look: Look) -> Bools:
    """More than the meter can take in the time, or a day of `high_factor` times its like days."""
    length = look.meters.interval[look.meter]
    step = look.settings.register_step_kwh * look.meters.ratio[look.meter]
    most = look.meters.max_kw[look.meter] * (length / HOUR) + step
    total, whole = look.whole_day()
    usual = look.like * look.limit(lambda limits: limits.high_factor)
    day = whole & _enough(look) & (total > usual)
    day &= total - look.like > look.limit(lambda limits: limits.day_floor_kwh)
    result: Bools = look.measured & ((look.value > most) | day)
    return result


def low(look: Look) -> Bools:
    """A day of no more than `low_factor` times its like days."""
    total, whole = look.whole_day()
    usual = look.like * look.limit(lambda limits: limits.low_factor)
    result: Bools = look.measured & whole & _enough(look) & (total <= usual)
    result &= look.like - total > look.limit(lambda limits: limits.day_floor_kwh)
    return result


def spike(look: Look) -> Bools:
    """(highest − third highest) / third highest of the measured intervals of a local day above `spike_share`."""
    rows = np.flatnonzero(look.measured)
    group, value = look.group[rows], look.value[rows]
    floor = look.limit(lambda limits: limits.spike_floor_kwh)[rows]
    third = np.zeros(len(rows))
    # only days with an interval above the floor need to be put in order
    candidates = np.zeros(int(look.group[-1]) + 1 if len(look.group) else 0, np.bool_)
    candidates[group[value > floor]] = True
    some = np.flatnonzero(candidates[group])
    order = some[np.lexsort((-value[some], group[some]))]
    begins = np.flatnonzero(np.concatenate([[True], np.diff(group[order]) != 0])) if len(order) else order
    sizes = np.diff(np.append(begins, len(order)))
    place = np.minimum(begins + 2, max(len(order) - 1, 0))
    fewest = look.limit(lambda limits: limits.spike_intervals)[rows]
    enough = (sizes > 2) & (sizes >= fewest[order[begins]])
    third[order] = np.repeat(np.where(enough, value[order][place] if len(order) else 0.0, np.inf), sizes)
    share = look.limit(lambda limits: limits.spike_share)[rows]
    found = np.zeros(len(look.meter), np.bool_)
    found[rows] = candidates[group] & (value - third > np.maximum(share * third, floor))
    return found


def check_meter(look: Look) -> Bools:
    """Another value than the check meter's, by `check_share` of that and `check_floor_kwh`."""
    apart = np.abs(look.value - look.check)
    share = look.limit(lambda limits: limits.check_share) * np.abs(look.check)
    result: Bools = look.measured & (
        apart > np.maximum(share, look.limit(lambda limits: limits.check_floor_kwh))
    )
    return result


def consecutive_estimates(look: Look) -> Bools:
    """Estimates in a row for `consecutive_estimates_s` or longer."""
    longest = np.full(len(look.meter), look.settings.consecutive_estimates_s)
    return _runs(look, look.status == IntervalStatus.ESTIMATED, longest)


def inactive(look: Look) -> Bools:
    """Use at a meter that is registered as inactive."""
    most = look.limit(lambda limits: limits.inactive_kwh)
    result: Bools = look.measured & look.meters.inactive[look.meter] & (look.value > most)
    return result


def installation_and_future(look: Look) -> Bools:
    """Readings from before the installation or of the future: told when they are read."""
    return look.has(Rule.BEFORE_INSTALLATION | Rule.FUTURE)


class Validation(NamedTuple):
    """A rule, what it is told as (nothing: as the readings were), and whether it doubts what was measured."""

    find: Callable[[Look], Bools]
    rule: Rule
    doubts: bool


VALIDATIONS: tuple[Validation, ...] = (
    Validation(interval_size, Rule.NONE, doubts=False),
    Validation(unit, Rule.NONE, doubts=False),
    Validation(multiplier, Rule.NONE, doubts=True),
    Validation(installation_and_future, Rule.NONE, doubts=False),
    Validation(negative, Rule.NEGATIVE, doubts=True),
    Validation(zero_use, Rule.ZERO_USE, doubts=True),
    Validation(high, Rule.HIGH, doubts=True),
    Validation(low, Rule.LOW, doubts=True),
    Validation(spike, Rule.SPIKE, doubts=True),
    Validation(check_meter, Rule.CHECK_METER, doubts=True),
    Validation(consecutive_estimates, Rule.CONSECUTIVE_ESTIMATES, doubts=False),
    Validation(inactive, Rule.INACTIVE, doubts=True),
)

DOUBTED_READINGS = np.int64(Rule.DUPLICATE | Rule.CLOCK | Rule.REVERSE)
"""What was found of readings that makes the intervals they end doubtful."""


def judge(look: Look) -> tuple[Int64s, UInt8s]:
    """(rules, status) with what the validations say."""
    rules, doubted = look.rules.copy(), look.rules & DOUBTED_READINGS != 0
    for validation in VALIDATIONS:
        found = validation.find(look)
        rules |= np.where(found, np.int64(validation.rule), np.int64(0))
        if validation.doubts:
            doubted |= found
    suspect = doubted & look.measured
    status = np.where(suspect, np.uint8(IntervalStatus.SUSPECT), look.status).astype(np.uint8)
    return rules, status


def sum_against_register(
    intervals: Intervals, counted: Float64s, calendar: Calendar, settings: VeeSettings
) -> Bools:
    """Intervals of local days whose values add up to something else than the register `counted`: bool[n].

    counted: float64[n], what the register says of each interval, estimates shared out included; days with an interval
    where it says nothing are left out. More than `sum_share` apart, and 1 Wh.
    """
    day = calendar.day(intervals.start)
    new = np.ones(len(day), np.bool_)
    new[1:] = (np.diff(intervals.device) != 0) | (np.diff(day) != 0)
    group = np.cumsum(new) - 1
    said = np.bincount(group, np.nan_to_num(intervals.value))
    held = np.bincount(group, counted)  # NaN where one is
    result: Bools = (np.abs(said - held) > np.maximum(settings.sum_share * np.abs(held), 1e-3))[group]
    return result


def _enough(look: Look) -> Bools:
    return np.isfinite(look.like) & (look.days >= look.settings.like_days)


def _runs(look: Look, which: Bools, seconds: Float64s) -> Bools:
    """Those of `which` that stand in rows of a meter at least so long."""
    if not which.any():
        return which
    new = np.ones(len(which), np.bool_)
    new[1:] = (np.diff(look.meter) != 0) | (which[1:] != which[:-1])
    run: npt.NDArray[np.int64] = np.cumsum(new) - 1
    long = np.bincount(run)[run] * look.meters.interval[look.meter] >= seconds * SECOND
    result: Bools = which & long
    return result
