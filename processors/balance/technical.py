"""The technical loss of an area from its own history: a + b·load², least squares over the sums of days.

a is what is lost at any hour (iron of the transformer where it is measured above it, meters themselves), b the copper
of transformer and lines. Both are bounded by what such networks lose, so that what was stolen for ever does not pass
for technical.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gateway.core.model import Bools, Float64s
from processors.balance.settings import BalanceSettings

ROUNDS = 4


class Fit(NamedTuple):
    """no_load: float64[a] kW;  copper: float64[a] 1/kW; NaN without days to learn from."""

    no_load: Float64s
    copper: Float64s

    def of(self, moments: Float64s) -> Float64s:
        """Σ technical loss, kW, over sums `MOMENTS` shaped [a, …, 8]."""
        extra = (1,) * (moments.ndim - 2)
        a, b = self.no_load.reshape(-1, *extra), self.copper.reshape(-1, *extra)
        lost: Float64s = a * moments[..., 0] + b * moments[..., 2]
        return lost

    def squares(self, moments: Float64s) -> Float64s:
        """Σ (loss − technical)², kW², over sums shaped [a, 8]."""
        n, _, xx, xxxx, l, ll, _, lxx = np.moveaxis(moments, -1, 0)
        a, b = self
        left: Float64s = ll - 2 * a * l - 2 * b * lxx + a * a * n + 2 * a * b * xx + b * b * xxxx
        return np.maximum(left, 0.0)


def fit(moments: Float64s, days: Bools, rated_kva: Float64s, settings: BalanceSettings) -> Fit:
    """moments: float64[a, d, 8];  days: bool[a, d], which to learn from.

    Days whose loss lies above the others' count less (Tukey's biweight on the upper side): theft only ever adds.
    """
    weight = days.astype(np.float64)
    found = _solve(moments, weight, rated_kva, settings)
    for _ in range(ROUNDS):
        per_hour = _per_slot(moments, found, days)
        middle = _median(per_hour)
        spread = 1.4826 * _median(np.abs(per_hour - middle[:, None]))
        high = np.clip((per_hour - middle[:, None]) / (6 * np.maximum(spread, 1e-9))[:, None], 0, 1)
        weight = np.where(days, (1 - np.nan_to_num(high) ** 2) ** 2, 0.0)
        found = _solve(moments, weight, rated_kva, settings)
    return found


def _per_slot(moments: Float64s, found: Fit, days: Bools) -> Float64s:
    n = moments[:, :, 0]
    left = moments[:, :, 4] - found.of(moments)
    mean: Float64s = np.divide(left, n, out=np.full_like(n, np.nan), where=days & (n > 0))
    return mean


def _median(values: Float64s) -> Float64s:
    """Median of each row without NaN; NaN where nothing is left."""
    return row_quantile(values, 0.5)


def row_quantile(values: Float64s, share: float) -> Float64s:
    """Quantile of each row without NaN, NaN where nothing is left: float64[a] of float64[a, d]."""
    ordered = np.sort(values, axis=1)  # NaN last
    count = np.isfinite(values).sum(axis=1)
    place = share * np.maximum(count - 1, 0)
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, np.maximum(count - 1, 0))
    if not values.shape[1]:
        return np.full(len(values), np.nan)
    rows = np.arange(len(values))
    at: Float64s = ordered[rows, low] + (place - low) * (ordered[rows, high] - ordered[rows, low])
    return np.where(count > 0, at, np.nan)


def _solve(moments: Float64s, weight: Float64s, rated_kva: Float64s, settings: BalanceSettings) -> Fit:
    n, x, xx, xxxx, l, _, _, lxx = np.moveaxis((moments * weight[:, :, None]).sum(axis=1), -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        det = n * xxxx - xx * xx
        steady = det <= 1e-9 * n * xxxx  # the load never changes: one number is all there is to learn
        a = np.where(steady, 0.0, (l * xxxx - lxx * xx) / det)
        most = settings.no_load_max_ratio * np.where(np.isnan(rated_kva), 10 * x / n, rated_kva)
        a = np.clip(a, 0.0, most)
        b = np.maximum((lxx - a * xx) / xxxx, 0.0)
        a = np.where(b > 0, a, np.clip(l / n, 0.0, most))
        technical = a * n + b * xx
        allowed = settings.technical_max_ratio * x
        scale = np.where(technical > allowed, allowed / technical, 1.0)
    known = (n > 0) & (x > 0)
    return Fit(np.where(known, a * scale, np.nan), np.where(known, b * scale, np.nan))
