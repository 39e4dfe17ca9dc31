"""What of the areas' losses is technical, what is beyond it, and since when."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

import numpy as np

from gateway.core.balance import AreaJudged
from gateway.core.model import Bools, Float64s, Int64s
from processors.balance.area import AreaBook
from processors.balance.areas import Areas
from processors.balance.settings import BalanceSettings
from processors.balance.step import rises
from processors.balance.technical import Fit, fit, row_quantile

__all__ = ["AreaJudged", "judge"]


def judge(book: AreaBook, areas: Areas, day: dt.date, *, settings: BalanceSettings) -> AreaJudged:
    """`areas` are those of the book, in its order; days after `day` are left alone."""
    upto = int(np.searchsorted(book.day, day.toordinal(), side="right"))
    moments, hours = book.moments[:, :upto], np.nan_to_num(book.hours[:, :upto])
    days = (book.coverage[:, :upto] >= settings.coverage) & (moments[:, :, 0] > 0)
    whole = _whole(book, upto)
    fitted, excess, stepped = _levels(moments, days, hours * whole, areas.rated_kva, settings)
    today = bool(upto) and int(book.day[upto - 1]) == day.toordinal()
    latest = days[:, -1] if today else np.zeros(len(book), np.bool_)
    last = moments[:, -1] if upto else np.zeros((len(book), moments.shape[2]))
    length = hours[:, -1] if upto else np.zeros(len(book))

    recent = days & (book.day[:upto] > day.toordinal() - settings.recent_days)
    count = recent.sum(axis=1)
    sums = np.where(recent[:, :, None], moments, 0.0).sum(axis=1)
    n, x, xx, _, l, ll, lx, _ = np.moveaxis(sums, -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        level = np.where(recent, excess, 0.0).sum(axis=1) / count
        supply = np.where(recent, moments[:, :, 1] * hours * whole, 0.0).sum(axis=1) / count
        ratio = l / x
        cosine = lx * lx / (xx * ll)
        scatter = np.sqrt(fitted.squares(sums) / n) / (x / n)
        factor = (x - l) / x
    enough = count >= min(3, settings.recent_days)
    lasting = stepped.found & enough & (level >= stepped.base + 0.5 * stepped.size)
    proportional = enough & (cosine >= settings.proportional) & (x > 0)
    proportional &= (ratio > max(settings.proportional_ratio, settings.technical_max_ratio)) | (
        ratio < -settings.proportional_ratio
    )
    at = np.minimum(stepped.at, max(upto - 1, 0))
    return AreaJudged(
        day=day,
        node=book.node,
        judged=latest,
        no_load=fitted.no_load,
        copper=fitted.copper,
        technical=np.where(latest, fitted.of(last) * length, np.nan),
        excess=np.where(latest, (last[:, 4] - fitted.of(last)) * length, np.nan),
        daily_excess=excess,
        sigma=stepped.sigma,
        level=level,
        supply=supply,
        ratio=ratio,
        since=np.where(lasting, book.start[at] if upto else -1, -1),
        step=np.where(lasting, level - stepped.base, 0.0),
        score=np.where(np.isfinite(stepped.score), stepped.score, np.nan),
        high=enough & (ratio > settings.high_loss_ratio),
        stepped=lasting,
        noisy=enough & (days.sum(axis=1) >= settings.least_days) & (scatter > settings.noise_ratio),
        negative=enough & (ratio < -settings.negative_ratio),
        proportional=proportional,
        factor=np.where(proportional, factor, np.nan),
    )


class _Stepped(NamedTuple):
    """found: bool[a];  at: int64[a] day of the first rise;  base: float64[a], the level before it;  size: float64[a];
    sigma, score: float64[a]."""

    found: Bools
    at: Int64s
    base: Float64s
    size: Float64s
    sigma: Float64s
    score: Float64s


def _levels(
    moments: Float64s, days: Bools, scale: Float64s, rated_kva: Float64s, settings: BalanceSettings
) -> tuple[Fit, Float64s, _Stepped]:
    """The technical loss learnt before the first lasting rise, the daily excess beyond it, and that rise.

    A rise that is found hides an earlier one no longer: what lies before it is looked at again.
    """
    learnt = days.copy()
    fitted = fit(moments, learnt, rated_kva, settings)
    a = len(moments)
    none = np.zeros(a)
    stepped = _Stepped(np.zeros(a, np.bool_), np.zeros(a, np.int64), none, none, none, np.full(a, -np.inf))
    excess = _daily(moments, days, scale, fitted)
    supply = _daily_supply(moments, days, scale)
    for _ in range(3):
        found = rises(excess, learnt, 0.001 * supply)
        least = np.maximum(settings.step_kwh, settings.step_ratio * supply)
        new = (found.score >= settings.step_sigma) & (found.size >= least) & found.clear
        first = new | ~np.isfinite(stepped.score)
        stepped = _Stepped(
            stepped.found | new,
            *(
                np.where(first, v, w)
                for v, w in zip(
                    (found.at, none, found.size, found.sigma, found.score), stepped[1:], strict=True
                )
            ),
        )
        if not new.any():
            break
        before = learnt & (np.arange(days.shape[1]) < found.at[:, None])
        learnt = np.where(new[:, None], before, learnt)
        long = new & (learnt.sum(axis=1) >= settings.least_days)
        again = fit(moments, learnt, rated_kva, settings)
        fitted = Fit(*(np.where(long, v, w) for v, w in zip(again, fitted, strict=True)))
        excess = _daily(moments, days, scale, fitted)
    base = _mean(excess, learnt)
    quiet = np.where(learnt, excess, np.nan)
    sigma = 1.4826 * row_quantile(np.abs(quiet - row_quantile(quiet, 0.5)[:, None]), 0.5)
    sigma = np.maximum(sigma, 0.001 * supply)
    after = days & ~learnt
    return fitted, excess, stepped._replace(base=base, size=_mean(excess, after) - base, sigma=sigma)


def _whole(book: AreaBook, upto: int) -> Float64s:
    """What a day's sums are to be multiplied by to stand for all of its intervals."""
    n = book.moments[:, :upto, 0]
    return np.divide(book.intervals[:, :upto], n, out=np.zeros_like(n), where=n > 0)


def _daily(moments: Float64s, days: Bools, scale: Float64s, fitted: Fit) -> Float64s:
    """float64[a, d] kWh per whole day beyond what is technical; NaN where the day does not count."""
    left: Float64s = (moments[:, :, 4] - fitted.of(moments)) * scale
    return np.where(days, left, np.nan)


def _daily_supply(moments: Float64s, days: Bools, scale: Float64s) -> Float64s:
    supply = row_quantile(np.where(days, moments[:, :, 1] * scale, np.nan), 0.5)
    return np.nan_to_num(supply)


def _mean(values: Float64s, days: Bools) -> Float64s:
    count = days.sum(axis=1)
    total = np.where(days, values, 0.0).sum(axis=1)
    mean: Float64s = np.divide(total, count, out=np.zeros(len(values)), where=count > 0)
    return mean
