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


class Change(NamedTuple):
    """What changed by hour of the day, 24 of them counted from the window's first, when the excess began; all in kW.

    rise, rise_error: float64[24], of the area's excess;  short, short_error: float64[m, 24], of what each member used
    at such hours before, less what it does;  load: float64[m, 24], what it uses now.
    """

    rise: Float64s
    rise_error: Float64s
    short: Float64s
    short_error: Float64s
    load: Float64s


class Left(NamedTuple):
    """What is looked at: the intervals since the excess began, k of them, in which everything was measured.

    row: of the area;  at: int64[k] their places in the window;  excess: float64[k] kW beyond the technical loss;
    load: float64[m, k] kW;  shortfall: float64[m, k] kW, what each member used at such hours before, less what it
    does, or None without a time before;  change: likewise;  plain: float64[k, j], an orthonormal basis of the hours of
    the day, of the days, of the supply and its square.
    """

    row: int
    at: Int64s
    excess: Float64s
    load: Float64s
    shortfall: Float64s | None
    change: Change | None
    plain: Float64s

    def apart(self, values: Float64s) -> Float64s:
        """Values float64[..., k] without what is common: each customer's own ups and downs."""
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
    if len(at) * window.hours / 24 < LEAST_DAYS:
        return None
    power = window.supplied / window.hours
    load = window.kwh / window.hours
    no_load, copper = np.nan_to_num(judged.no_load[row]), np.nan_to_num(judged.copper[row])
    excess = power - load.sum(axis=0) - no_load - copper * power * power
    slots = max(1, round(24 / window.hours))
    hour = (np.arange(len(window.start)) % slots * window.hours).astype(np.int64)
    x = power[at]
    scaled = x / max(float(np.abs(x).max()), 1e-9)
    day = at // slots
    common = np.column_stack(
        [np.eye(24)[hour[at]], np.eye(int(day[-1] - day[0]) + 1)[day - day[0]], scaled, scaled * scaled]
    )
    plain = basis(common)
    before = np.flatnonzero(good & ~later)
    if since < 0 or len(before) * window.hours / 24 < LEAST_BEFORE_DAYS:
        return Left(row, at, excess[at], load[:, at], None, None, plain)
    short = _shortfall(window, load, power, before)
    day = np.arange(len(window.start)) // slots
    then, then_error = _hourly(np.vstack([excess, short]), day, hour, before)
    now, now_error = _hourly(np.vstack([excess, short]), day, hour, at)
    error = np.hypot(then_error, now_error)
    change = Change(
        rise=(now - then)[0],
        rise_error=error[0],
        short=(now - then)[1:],
        short_error=error[1:],
        load=_hourly(load, day, hour, at)[0],
    )
    return Left(row, at, excess[at], load[:, at], short[:, at], change, plain)


def basis(columns: Float64s) -> Float64s:
    """Orthonormal columns float64[k, j] that span those of float64[k, j'], j ≤ j'."""
    size, turn = np.linalg.eigh(columns.T @ columns)
    kept = size > 1e-9 * size[-1]
    spanned: Float64s = columns @ (turn[:, kept] / np.sqrt(size[kept]))
    return spanned


def _shortfall(window: AreaWindow, load: Float64s, power: Float64s, before: Int64s) -> Float64s:
    """float64[m, n] kW: the mean of such hours of the days before, moved as the area's supply moves, less the load."""
    slots = max(1, round(24 / window.hours))
    slot = np.arange(len(window.start)) % slots
    count = np.maximum(np.bincount(slot[before], minlength=slots), 1)
    usual = _sums(load, slot, slots, before) / count
    supply = _sums(power[None], slot, slots, before)[0] / count
    day = np.arange(len(window.start)) // slots
    there = np.flatnonzero(np.isfinite(power))
    days = int(day[-1]) + 1
    expected = np.bincount(day[there], supply[slot[there]], days)
    moved = np.divide(
        np.bincount(day[there], power[there], days), expected, where=expected > 0, out=np.ones(days)
    )
    short: Float64s = usual[:, slot] * moved[day] - load
    return short


def _hourly(values: Float64s, day: Int64s, hour: Int64s, at: Int64s) -> tuple[Float64s, Float64s]:
    """Means of values float64[m, n] by hour of the day, and their standard errors from day to day: float64[m, 24]."""
    days = int(day[-1]) + 1
    cell = day * 24 + hour
    count = np.bincount(cell[at], minlength=days * 24)
    mean = (_sums(values, cell, days * 24, at) / np.maximum(count, 1)).reshape(len(values), days, 24)
    there = (count > 0).reshape(days, 24)
    n = np.maximum(there.sum(axis=0), 1)
    middle = np.where(there, mean, 0.0).sum(axis=1) / n
    square = np.where(there, np.square(mean - middle[:, None]), 0.0).sum(axis=1)
    return middle, np.sqrt(square / np.maximum(n - 1, 1) / n)


def _sums(values: Float64s, cell: Int64s, cells: int, at: Int64s) -> Float64s:
    """Sums of values float64[m, n] over the places `at` by cell: float64[m, cells]."""
    flat = (np.arange(len(values))[:, None] * cells + cell[at]).ravel()
    sums: Float64s = np.bincount(flat, values[:, at].ravel(), len(values) * cells).astype(np.float64)
    return sums.reshape(len(values), cells)
