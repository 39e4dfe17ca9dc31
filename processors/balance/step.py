"""Since when: the one lasting rise that explains a row of daily figures best."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gateway.core.model import Bools, Float64s, Int64s

LEAST_BEFORE = 5
LEAST_AFTER = 3
CLEAR = 0.8  # share of the days on each side that lie on their side of the middle


class Steps(NamedTuple):
    """at: int64[a] index of the first day of the new level;  size: float64[a], by how much the mean rose;
    sigma: float64[a], scatter within the two levels;  score: float64[a], size in standard errors, larger
    where one day is like the next; −inf without days;
    clear: bool[a], nearly all days lie on their own side of the middle."""

    at: Int64s
    size: Float64s
    sigma: Float64s
    score: Float64s
    clear: Bools


def rises(daily: Float64s, days: Bools, floor: Float64s) -> Steps:
    """daily: float64[a, d];  days: bool[a, d], which count;  floor: float64[a], no scatter is taken to be smaller."""
    a, d = daily.shape
    if d == 0:
        none = np.zeros(a)
        return Steps(np.zeros(a, np.int64), none, none, np.full(a, -np.inf), np.zeros(a, np.bool_))
    value = np.where(days, daily, 0.0)
    one = days.astype(np.float64)
    n, total, square = (np.cumsum(v, axis=1) for v in (one, value, value * value))
    zero = np.zeros((a, 1))
    before = [np.concatenate([zero, v[:, :-1]], axis=1) for v in (n, total, square)]
    after = [v[:, -1:] - w for v, w in zip((n, total, square), before, strict=True)]
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = before[1] / before[0], after[1] / after[0]
        within = (before[2] - before[0] * low**2) + (after[2] - after[0] * high**2)
        count = before[0] + after[0]
        sigma = np.maximum(np.sqrt(np.maximum(within, 0.0) / np.maximum(count - 2, 1)), floor[:, None])
        score = (high - low) / (sigma * np.sqrt(1 / before[0] + 1 / after[0]))
    possible = (before[0] >= LEAST_BEFORE) & (after[0] >= LEAST_AFTER) & days
    score = np.where(possible & np.isfinite(score), score, -np.inf)
    at = score.argmax(axis=1)
    rows = np.arange(a)
    best = score[rows, at]
    found = np.isfinite(best)
    best = best / _together(value, days, at, (low[rows, at], high[rows, at]))
    left, right = np.where(found, low[rows, at], 0.0), np.where(found, high[rows, at], 0.0)
    middle = ((left + right) / 2)[:, None]
    later = np.arange(d) >= at[:, None]
    wrong_after = (days & later & (daily < middle)).sum(axis=1)
    wrong_before = (days & ~later & (daily > middle)).sum(axis=1)
    clear = (
        found
        & (wrong_after <= (1 - CLEAR) * after[0][rows, at])
        & (wrong_before <= (1 - CLEAR) * before[0][rows, at])
    )
    return Steps(
        at, np.where(found, right - left, 0.0), np.where(found, sigma[rows, at], np.nan), best, clear
    )


def _together(value: Float64s, days: Bools, at: Int64s, levels: tuple[Float64s, Float64s]) -> Float64s:
    """float64[a]: by how much larger standard errors are because one day is like the next, √((1 + r) / (1 − r)) with r
    the correlation of neighbouring days within the two levels (Bayley, Hammersley 1946)."""
    later = np.arange(value.shape[1]) >= at[:, None]
    off = np.where(days, value - np.where(later, levels[1][:, None], levels[0][:, None]), 0.0)
    off = np.nan_to_num(off)
    both = days[:, 1:] & days[:, :-1] & (later[:, 1:] == later[:, :-1])
    shared = np.where(both, off[:, 1:] * off[:, :-1], 0.0).sum(axis=1)
    own = np.where(both, (off[:, 1:] ** 2 + off[:, :-1] ** 2) / 2, 0.0).sum(axis=1)
    r = np.clip(np.divide(shared, own, out=np.zeros(len(value)), where=own > 0), 0.0, 0.9)
    larger: Float64s = np.sqrt((1 + r) / (1 - r))
    return larger
