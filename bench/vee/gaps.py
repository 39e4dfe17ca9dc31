"""How wrong estimates are, by length of gap."""

from __future__ import annotations

import numpy as np

from bench.vee.world import BEFORE, DAYS, World, readings, validated, values_of
from gateway.core.meterdata import Intervals
from gateway.core.model import Float64s, Int64s

LENGTHS = {
    "30 min": 2, "1 h": 4, "2 h": 8, "6 h": 24, "12 h": 48, "1 d": 96, "3 d": 288, "7 d": 672,
}  # fmt: skip


def gaps(world: World, history: Intervals, seed: int) -> dict[str, dict[str, float | None]]:
    """Mean error of an estimated interval as a share of mean use, by what estimated it; `open`: no reading follows."""
    first, last = BEFORE * 96, (BEFORE + DAYS) * 96
    window = world.register[:, first : last + 1]
    true = np.diff(window, axis=1)
    n, slots = true.shape
    table: dict[str, dict[str, float | None]] = {}
    for k, (name, length) in enumerate(LENGTHS.items()):
        rng = np.random.default_rng([seed, 32, k])
        begin: Int64s = rng.integers(1, slots - length, n)
        inside = np.arange(slots)[None, :] - begin[:, None]
        gap = (inside >= 0) & (inside < length)
        closed = np.where(
            (np.arange(slots + 1) > begin[:, None]) & (np.arange(slots + 1) < (begin + length)[:, None]),
            np.nan,
            window,
        )
        ours = values_of(validated(world, readings(closed, first), first, last, history=history), n)
        rows = np.arange(n)
        flat = (window[rows, begin + length] - window[rows, begin])[:, None] / length
        open_ = np.where(np.arange(slots + 1) > (slots - length), np.nan, window)
        ahead = values_of(validated(world, readings(open_, first), first, last, history=history), n)
        end = np.arange(slots) >= slots - length
        held = np.repeat(true[:, slots - length - 1, None], length, axis=1)
        table[name] = {
            "estimated": _error(ours[gap], true[gap]),
            "linear": _error(np.broadcast_to(flat, true.shape)[gap], true[gap]),
            "of_sum": _worst(np.nan_to_num(ours).sum(axis=1), true.sum(axis=1)),
            "open_estimated": _error(ahead[:, end], true[:, end]),
            "open_last_value": _error(held, true[:, end]),
            "open_filled": float(np.mean(~np.isnan(ahead[:, end]))),
        }
    return table


def _error(ours: Float64s, true: Float64s) -> float | None:
    known = ~np.isnan(ours)
    return float(np.abs(ours - true)[known].sum() / true[known].sum()) if known.any() else None


def _worst(ours: Float64s, true: Float64s) -> float:
    return float(np.max(np.abs(ours - true) / np.maximum(true, 1.0)))
