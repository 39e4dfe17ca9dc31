"""One area looked into: what its members used by interval, and what of its loss is left after the technical part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gateway.core.model import Float64s, Int32s, Int64s
from processors.balance.judge import AreaJudged

LEAST_DAYS = 2.0
LEAST_BEFORE_DAYS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AreaWindow:
    """n intervals on one grid, in order and without gaps, of the m members of one area.

    node: network index of the transformer;  customer: int32[m] device keys;  start: int64[n] µs UTC;  hours: length of
    an interval;  kwh: float64[m, n] import less export, NaN where it was not measured;  supplied: float64[n],
    likewise;  voltage: float64[m, n] V, or None;  supply_voltage: float64[3, n] V of phases A, B, C, or None;
    phases: uint8[m] bits of `core.network.phase_mask`, or None.
    """

    node: int
    customer: Int32s
    start: Int64s
    hours: float
    kwh: Float64s
    supplied: Float64s
    voltage: Float64s | None = None
    supply_voltage: Float64s | None = None
    phases: Int32s | None = None


class Left(NamedTuple):
    """What is looked at: the intervals since the excess began, k of them, in which everything was measured.

    row: of the area;  at: int64[k] their places in the window;  excess: float64[k] kW beyond the technical loss;
    load: float64[m, k] kW;  shortfall: float64[m, k] kW, what each member used at such hours before, less what it
    does, or None without a time before;  short_daily, short_error: float64[m] kWh per day, its mean and standard error
    (None likewise);  plain: float64[k, 3], an orthonormal basis of 1, supply and supply²;  days: how many.
    """

    row: int
    at: Int64s
    excess: Float64s
    load: Float64s
    shortfall: Float64s | None
    short_daily: Float64s | None
    short_error: Float64s | None
    plain: Float64s
    days: float

    def apart(self, values: Float64s) -> Float64s:
        """Values float64[..., k] without what supply and supply² explain: each customer's own ups and downs."""
        own: Float64s = values - (values @ self.plain) @ self.plain.T
        return own


def left(window: AreaWindow, judged: AreaJudged) -> Left | None:
    """None where too little was measured, or the area is not known."""
    row = int(np.searchsorted(judged.node, window.node))
    if row >= len(judged.node) or judged.node[row] != window.node:
        return None
    good = np.isfinite(window.supplied) & np.isfinite(window.kwh).all(axis=0)
    since = int(judged.since[row])
    later = window.start >= since
    at = np.flatnonzero(good & later)
    days = len(at) * window.hours / 24
    if days < LEAST_DAYS:
        return None
    power = window.supplied / window.hours
    load = window.kwh / window.hours
    x = power[at]
    no_load, copper = np.nan_to_num(judged.no_load[row]), np.nan_to_num(judged.copper[row])
    excess = x - load[:, at].sum(axis=0) - no_load - copper * x * x
    scaled = x / max(float(np.abs(x).max()), 1e-9)
    plain, _ = np.linalg.qr(np.column_stack([np.ones_like(scaled), scaled, scaled * scaled]))
    before = np.flatnonzero(good & ~later)
    if since < 0 or len(before) * window.hours / 24 < LEAST_BEFORE_DAYS:
        return Left(row, at, excess, load[:, at], None, None, None, plain, days)
    short = _shortfall(window, load, power, before)
    mean, error = _daily(window, short, before, at)
    return Left(row, at, excess, load[:, at], short[:, at], mean, error, plain, days)


def _shortfall(window: AreaWindow, load: Float64s, power: Float64s, before: Int64s) -> Float64s:
    """float64[m, n] kW: the mean of such hours of the days before, moved as the area's supply moves, less the load."""
    slots = max(1, round(24 / window.hours))
    slot = np.arange(len(window.start)) % slots
    count = np.maximum(np.bincount(slot[before], minlength=slots), 1)
    members = len(load)
    flat = (np.arange(members)[:, None] * slots + slot[before]).ravel()
    usual = np.bincount(flat, load[:, before].ravel(), members * slots).reshape(members, slots) / count
    supply = np.bincount(slot[before], power[before], slots) / count
    day = np.arange(len(window.start)) // slots
    there = np.isfinite(power)
    ratio = np.bincount(day[there], power[there]) / np.maximum(
        np.bincount(day[there], supply[slot[there]]), 1e-9
    )
    moved = np.ones(day[-1] + 1)
    moved[: len(ratio)] = np.where(ratio > 0, ratio, 1.0)
    short: Float64s = usual[:, slot] * moved[day] - load
    return short


def _daily(window: AreaWindow, short: Float64s, before: Int64s, at: Int64s) -> tuple[Float64s, Float64s]:
    """Mean shortfall of each member, kWh a day, and its standard error from the scatter of whole days."""
    slots = max(1, round(24 / window.hours))
    day = np.arange(len(window.start)) // slots
    variance = np.zeros(len(short))
    mean = np.zeros(len(short))
    for places, sign in ((before, -1.0), (at, 1.0)):
        days, row, count = np.unique(day[places], return_inverse=True, return_counts=True)
        flat = (np.arange(len(short))[:, None] * len(days) + row).ravel()
        sums = np.bincount(flat, short[:, places].ravel(), len(short) * len(days)).reshape(len(short), -1)
        daily = sums / count * 24
        mean += sign * daily.mean(axis=1)
        variance += daily.var(axis=1) / max(len(days) - 1, 1)
    return mean, np.sqrt(variance)
