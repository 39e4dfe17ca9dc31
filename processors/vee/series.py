"""Readings put in order, and what can be told of each by itself: which are values, and what is wrong with others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gateway.core.clock import SECOND, parse_time
from gateway.core.meterdata import Registers, Rule
from gateway.core.model import Bools, Float64s, Int64s, Quality
from gateway.core.quantities import BY_NAME
from processors.vee.meters import Meters
from processors.vee.settings import VeeSettings

Indices = npt.NDArray[np.intp]

EARLIEST = parse_time("2001-01-01T00:00:00Z")
"""Earlier times are of clocks that start again at 1970 or 2000."""

_NO_VALUES = Rule.NO_VALUE | Rule.FUTURE | Rule.BEFORE_INSTALLATION
_ALL_ONES = np.array([2.0**31 - 1, 2.0**31, 2.0**32 - 1, 2.0**48 - 1, 2.0**63, 2.0**64])
_SENTINELS = np.unique(np.outer(_ALL_ONES, 10.0 ** np.arange(-4, 4)))
_LEAST_SENTINEL = float(_SENTINELS[0])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Series:
    """Readings by meter and time, no time twice.

    meter: int64[n], row of Meters;  at: int64[n];  value: float64[n] as it came;  good: bool[n], whether it may be a
    value;  row: intp[n], where it stood among the registers.
    """

    meter: Int64s
    at: Int64s
    value: Float64s
    good: Bools
    row: Indices

    def __len__(self) -> int:
        return len(self.meter)


def arrange(registers: Registers, meters: Meters, settings: VeeSettings, marks: Int64s) -> Series:
    """Readings of these meters in order; `marks`, int64 `Rule` by row of `registers`, is told what is found of each."""
    place = np.searchsorted(meters.device, registers.device)
    place = np.minimum(place, max(len(meters) - 1, 0))
    mine = np.flatnonzero(meters.device[place] == registers.device) if len(meters) else np.empty(0, np.intp)
    meter, at = place[mine].astype(np.int64), registers.measured_at[mine]
    received, value = registers.received_at[mine], registers.value[mine]
    found = _of_themselves(
        registers.quantity, meter, at=at, received=received, value=value, meters=meters, settings=settings
    )
    quality = registers.quality[mine]
    found |= np.where(quality & Quality.CLOCK_SUSPECT, np.int64(Rule.CLOCK), np.int64(0))
    again = quality & Quality.REDELIVERED != 0
    bad = (found & np.int64(_NO_VALUES) != 0) | (at < EARLIEST) | again
    found |= np.where(again, np.int64(Rule.DUPLICATE), np.int64(0))
    order: Indices
    if _in_order(meter, at, received):
        order = np.arange(len(mine))
    else:
        arrived = np.lexsort((received, meter))
        past = arrived[found[arrived] & np.int64(Rule.FUTURE) == 0]
        found[past[_overtaken(meter[past], at[past])]] |= np.int64(Rule.UNORDERED)
        rank = np.empty(len(mine), np.int64)
        rank[arrived] = np.arange(len(mine))
        order = np.lexsort((rank, bad, at, meter))
    meter, at, value, bad = meter[order], at[order], value[order], bad[order]
    again = np.zeros(len(order), np.bool_)
    again[1:] = (meter[1:] == meter[:-1]) & (at[1:] == at[:-1])
    if again.any():
        leader = np.maximum.accumulate(np.where(again, 0, np.arange(len(order))))
        found[order[again & ~bad]] |= np.int64(Rule.DUPLICATE)
        other = np.flatnonzero(again & ~bad & (np.abs(value - value[leader]) > 1e-9 * np.abs(value)))
        found[order[leader[other]]] |= np.int64(Rule.DUPLICATE)
    marks[mine] |= found
    once = np.flatnonzero(~again)
    return Series(meter=meter[once], at=at[once], value=value[once], good=~bad[once], row=mine[order[once]])


def _of_themselves(
    quantity: str,
    meter: Int64s,
    *,
    at: Int64s,
    received: Int64s,
    value: Float64s,
    meters: Meters,
    settings: VeeSettings,
) -> Int64s:
    """What a reading says of itself, without its neighbours: int64 `Rule` of each."""
    found = np.zeros(len(meter), np.int64)
    none = ~np.isfinite(value)
    negative = value < 0
    none |= negative | (value > BY_NAME[quantity].high)
    capacity = meters.capacity[meter]
    none |= value > capacity * (1 + 1e-9)
    large = np.flatnonzero(value > _LEAST_SENTINEL * (1 - 1e-9))
    if len(large):
        none[large] |= _is_sentinel(value[large]) | _is_sentinel(value[large] / meters.ratio[meter[large]])
    found[none] |= np.int64(Rule.NO_VALUE)
    found[negative] |= np.int64(Rule.NEGATIVE)
    found[at < EARLIEST] |= np.int64(Rule.CLOCK)
    found[at > received + round(settings.future_s * SECOND)] |= np.int64(Rule.FUTURE)
    found[at < meters.installed[meter]] |= np.int64(Rule.BEFORE_INSTALLATION)
    return found


def _is_sentinel(value: Float64s) -> Bools:
    """All bits set, or all but the sign, of 32, 48 or 64, at any decimal scale."""
    after = np.minimum(np.searchsorted(_SENTINELS, value), len(_SENTINELS) - 1)
    nearest = np.minimum(
        np.abs(_SENTINELS[after] - value), np.abs(_SENTINELS[np.maximum(after - 1, 0)] - value)
    )
    result: Bools = nearest <= 1e-9 * np.abs(value)
    return result


def _in_order(meter: Int64s, at: Int64s, received: Int64s) -> bool:
    """Whether rows stand by meter and time, and came so, without a time that stands there twice."""
    same = meter[1:] == meter[:-1]
    fine = (meter[1:] > meter[:-1]) | (same & (at[1:] > at[:-1]) & (received[1:] >= received[:-1]))
    return bool(fine.all())


def _overtaken(meter: Int64s, at: Int64s) -> Bools:
    """Of rows in order of arrival by meter, those that a later time came before."""
    _, rank = np.unique(at, return_inverse=True)
    key = meter * np.int64(len(at) + 1) + rank
    before = np.maximum.accumulate(key)
    result: Bools = key < before
    return result
