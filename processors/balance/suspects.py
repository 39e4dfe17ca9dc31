"""Who below a flagged area the loss points at, and for whom it speaks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gateway.core.clock import DAY
from gateway.core.model import Bools, Float64s, Int32s, Int64s
from gateway.core.usage import AreaEvidence, Drops
from processors.balance.area import AreaBook
from processors.balance.areas import Areas
from processors.balance.elsewhere import elsewhere
from processors.balance.explain import CLEAR, Explained
from processors.balance.guests import Looked, look
from processors.balance.judge import AreaJudged
from processors.balance.settings import BalanceSettings
from processors.balance.window import AreaWindow, Change

__all__ = ["RULES", "SENTENCES", "AreaWindow", "rank"]

SENTENCES = {
    "loss_follows_use": "The loss of the transformer's area moves with this meter's own use, as if {lost_share:.0%} of "
    "what is used there were not measured ({attributed_kwh:.1f} kWh a day, correlation {correlation:.2f}).",
    "loss_follows_shortfall": "The area loses energy at the hours at which this meter shows less than before: "
    "{shortfall_share:.0%} of its shortfall is lost ({attributed_kwh:.1f} kWh a day, correlation {correlation:.2f}).",
    "loss_rose_with_drop": "When this meter's use fell by {drop_kwh:.1f} kWh a day, the loss of its area rose by "
    "{rise_kwh:.1f} kWh a day.",
    "no_loss_with_drop": "When this meter's use fell by {drop_kwh:.1f} kWh a day, the loss of its area did not rise "
    "with it ({rise_kwh:+.1f} kWh a day).",
    "loss_elsewhere": "The loss of its area is explained by others.",
}
RULES = tuple(SENTENCES)
FIGURES = (
    "lost_share",
    "shortfall_share",
    "attributed_kwh",
    "correlation",
    "clarity",
    "drop_kwh",
    "rise_kwh",
)
_FOLLOWS, _SHORT, _ROSE, _NOT, _ELSEWHERE = range(len(RULES))

STRONGEST = 7.0  # of one rule
COMPARED_DAYS = (28, 8)  # before and after a drop: it rose with it, and it rose then
_UNSURE_DAYS = 1  # on either side of the day on which a drop seems to have begun
_TAIL = 4.0  # degrees of freedom: neither hypothesis is believed to the letter
_SIZE_ERROR = 0.15  # of a drop, as told
_FROM_DROPS = 4.5  # at most for the customer
_MOST_FROM_DROPS = 3.5  # and against: another's theft may have begun then, of as much
_DRIFT = 3.0  # an area's loss is not independent from day to day
_SAME_DAYS = 10  # drops so close to each other compete for one rise
_BELOW = 0.25  # of a drop: what a loss below the technical one is believed of
_SMALL_PART, _LARGE_PART = 0.25, 0.6  # of a rise
_HOURS_TOGETHER = 3.0  # neighbouring hours are not independent
_CLEAR_DROP = 25.0  # squared standard errors, for a shortfall to be one
_EXPLAINED = 0.7  # of the excess: then it speaks for the others


class _Rows:
    """Evidence as it is gathered: first of drops, then of areas that were looked into."""

    def __init__(self) -> None:
        self.parts: list[tuple[Int32s, Int32s, Int64s, Float64s, Float64s]] = []

    def add(self, device: Int32s, area: Int32s, since: Int64s, weights: Float64s, figures: Float64s) -> None:
        self.parts.append((device, area, since, weights, figures))

    def forget_drops(self, device: Int32s) -> Float64s:
        """What was said of the drops of these before, float64[len(device)], NaN where nothing was. It is said no
        more."""
        said = np.full(len(device), np.nan)
        for known, _, _, weights, _ in self.parts:
            _, here, there = np.intersect1d(device, known, return_indices=True)
            said[here] = weights[there].sum(axis=1)
            weights[there] = 0.0
        return said

    def evidence(self) -> AreaEvidence:
        if not self.parts:
            return AreaEvidence.nothing(RULES)
        device, area, since, weights, figures = (np.concatenate(c) for c in zip(*self.parts, strict=True))
        said = np.isin(device, device[(weights != 0).any(axis=1)])
        device, area, since, weights, figures = (c[said] for c in (device, area, since, weights, figures))
        unique, first, row = np.unique(device, return_index=True, return_inverse=True)
        total = np.zeros((len(unique), len(RULES)))
        np.add.at(total, row, weights)
        told = np.full((len(unique), len(FIGURES)), np.nan)
        at, column = np.nonzero(np.isfinite(figures))
        told[row[at], column] = figures[at, column]
        return AreaEvidence(
            device=unique,
            area=area[first],
            since=since[first],
            rules=RULES,
            weights=total,
            figures={name: told[:, j] for j, name in enumerate(FIGURES)},
            sentences=SENTENCES,
        )


def rank(
    judged: AreaJudged,
    book: AreaBook,
    areas: Areas,
    windows: Sequence[AreaWindow] = (),
    drops: Drops | None = None,
    *,
    settings: BalanceSettings,
    looked: Sequence[Looked] | None = None,
) -> AreaEvidence:
    """Evidence of the members of the areas looked into (`windows`), and of everybody whose use dropped (`drops`).

    A drop is held against the rise of its area's loss: log-likelihood ratio of "all of it is lost" to "nothing is
    lost", Student's t. Where an area was looked into, what others explain is no longer held against a drop.
    looked: of `look(windows, ...)`, where that is at hand.
    """
    rows = _Rows()
    if drops is not None and len(drops):
        _of_drops(rows, judged, book, areas, drops)
    for one in look(windows, judged, areas) if looked is None else looked:
        if not judged.supply_fault[one.seen.row]:
            _of_window(rows, one, judged, settings)
    return rows.evidence()


def _of_drops(rows: _Rows, judged: AreaJudged, book: AreaBook, areas: Areas, drops: Drops) -> None:
    row = areas.area_of[drops.customer]
    here = (row >= 0) & areas.member[drops.customer]
    here[here] &= ~judged.supply_fault[row[here]] & np.isfinite(judged.sigma[row[here]])
    device, row = drops.customer[here], row[here]
    drop, since = drops.kwh_per_day[here], drops.since[here]
    days = judged.daily_excess.shape[1]
    at = np.searchsorted(book.start[:days], since)
    level = _Level.of(judged.daily_excess)
    weight, rise = np.full(len(device), np.inf), np.zeros(len(device))
    for span in COMPARED_DAYS:
        last, first = np.maximum(at - _UNSURE_DAYS, 0), np.minimum(at + _UNSURE_DAYS, days)
        before = level.within(row, np.maximum(last - span, 0), last, judged.sigma[row])
        after = level.within(row, first, np.minimum(first + span, days), judged.sigma[row])
        enough = (before.days >= 5) & (after.days >= 2) & (drop > 0)
        # Less than is technical before, and nothing beyond it now: what was sold here came from elsewhere.
        rose = after.mean - np.maximum(before.mean, -_BELOW * drop)
        error = np.sqrt(_DRIFT * (before.error2 + after.error2) + np.square(_SIZE_ERROR * drop))
        now = _ratio(rose, drop, np.where(enough, error, 1.0), enough)
        now = np.where(now > 0, now * _part(drop, rose), now)
        rise = np.where(now < weight, rose, rise)
        weight = np.minimum(weight, now)
    weight = np.minimum(_shared(weight, row, since), _MOST_FROM_DROPS)
    weights, figures = _blank(len(device))
    weights[:, _ROSE], weights[:, _NOT] = np.maximum(weight, 0.0), np.minimum(weight, 0.0)
    figures[:, FIGURES.index("drop_kwh")] = drop
    figures[:, FIGURES.index("rise_kwh")] = rise
    rows.add(device, judged.node[row], since, weights, figures)


def _shared(weight: Float64s, row: Int32s, since: Int64s) -> Float64s:
    """One rise is not held against several drops of the same days in full: whoever fits as well takes a share of it."""
    share = np.exp(np.maximum(weight, 0.0))
    rivals = np.zeros(len(weight))
    order = np.argsort(row, kind="stable")
    for one in np.split(order, np.flatnonzero(np.diff(row[order])) + 1):
        near = np.abs(since[one][:, None] - since[one]) <= _SAME_DAYS * DAY
        rivals[one] = (near * (share[one] - 1.0)).sum(axis=1) - (share[one] - 1.0)
    lessened: Float64s = np.where(weight > 0, np.maximum(weight - np.log1p(rivals / share), 0.0), weight)
    return lessened


class _Level(NamedTuple):
    """Sums over the days of areas' daily excess: float64[a, d + 1] each, of values, squares and days that count."""

    total: Float64s
    squares: Float64s
    days: Float64s

    @staticmethod
    def of(daily: Float64s) -> _Level:
        known = np.nan_to_num(daily)
        sums = (
            np.cumsum(x, axis=1) for x in (known, np.square(known), np.isfinite(daily).astype(np.float64))
        )
        return _Level(*(np.pad(x, ((0, 0), (1, 0))) for x in sums))

    def within(self, row: Int32s, first: Int64s, last: Int64s, sigma: Float64s) -> _Stretch:
        """Of days [first, last) of these areas; `sigma` is the least that their scatter is taken for."""
        total, squares, days = (x[row, last] - x[row, first] for x in self)
        count = np.maximum(days, 1)
        mean = total / count
        scatter = np.maximum(squares / count - np.square(mean), 0) * count / np.maximum(count - 1, 1)
        return _Stretch(days, mean, np.maximum(scatter, np.square(sigma)) / count)


class _Stretch(NamedTuple):
    days: Float64s
    mean: Float64s
    error2: Float64s  # squared standard error of the mean


def _ratio(rise: Float64s, drop: Float64s, error: Float64s, valid: Bools) -> Float64s:
    """Log-odds of "the drop is lost" against "it is not used": t-distributed around `drop` and around 0."""
    scale = _TAIL * error * error
    ratio = (_TAIL + 1) / 2 * (np.log1p(np.square(rise) / scale) - np.log1p(np.square(rise - drop) / scale))
    bounded: Float64s = np.where(valid, np.clip(ratio, -_FROM_DROPS, _FROM_DROPS), 0.0)
    return np.nan_to_num(bounded)


def _of_window(rows: _Rows, looked: Looked, judged: AreaJudged, settings: BalanceSettings) -> None:
    window, seen, found = looked
    n = len(window.customer)
    weights, figures = _blank(n)
    strength = np.clip(1.0 + 0.5 * (found.clarity - CLEAR), 0.75, STRONGEST)
    material = (found.kwh >= 0.3 * settings.step_kwh) & ~found.foreign
    uses, short = np.isfinite(found.share) & material, np.isfinite(found.match) & material
    weights[uses, _FOLLOWS] = strength[uses]
    weights[short, _SHORT] = strength[short]
    for name, column in (
        ("lost_share", found.share / (1 + found.share)),
        ("shortfall_share", found.match),
        ("attributed_kwh", found.kwh),
        ("correlation", found.correlation),
        ("clarity", np.where(uses | short, found.clarity, np.nan)),
    ):
        figures[:, FIGURES.index(name)] = column
    told = uses | short
    before = rows.forget_drops(window.customer)
    if seen.change is not None and judged.stepped[seen.row]:
        _hold_drops((weights, figures), seen.change, found, told)
        # It has to fit by the hour and by the day of its beginning.
        weights[:, _ROSE] = np.fmin(weights[:, _ROSE], np.maximum(before, 0.0))
        weights[:, _NOT] = np.fmin(weights[:, _NOT], np.where(told, 0.0, np.minimum(before, 0.0)))
    else:
        weights[:, _ROSE] = np.maximum(np.nan_to_num(before), 0.0)
        weights[:, _NOT] = np.where(told, 0.0, np.minimum(np.nan_to_num(before), 0.0))
    away = found.foreign | elsewhere(window, judged, seen.row)
    weights[away] = 0.0  # what they use never came through this transformer
    told &= ~away
    explained = np.nansum(np.where(told, found.kwh, 0.0)) + found.guests_kwh
    if explained >= _EXPLAINED * max(found.level_kwh, settings.step_kwh):
        weights[~told, _ROSE] = 0.0
        weights[~told & (weights[:, _NOT] == 0), _ELSEWHERE] = -0.7
    rows.add(
        window.customer,
        np.full(n, window.node, np.int32),
        np.full(n, judged.since[seen.row], np.int64),
        weights,
        figures,
    )


def _hold_drops(into: tuple[Float64s, Float64s], change: Change, found: Explained, told: Bools) -> None:
    """What members lack by hour of the day, against how the loss rose at those hours: kWh for kWh.

    Who explains the loss interval by interval takes its part away first; then whose shortfall fits best is taken to
    have caused as much, one after the other, and the rest is held against what is left.
    """
    (weights, figures), short = into, change.short
    spread = np.hypot(np.hypot(change.rise_error, change.short_error), _SIZE_ERROR * np.abs(short))
    spread = np.maximum(spread, 1e-3 * max(float(np.abs(change.rise).max()), 1e-6))
    drop = short.sum(axis=1)
    noise = np.square(short / np.maximum(change.short_error, 1e-9)).sum(axis=1)
    dropped = (drop > 0.3) & (noise / _HOURS_TOGETHER > _CLEAR_DROP)
    part = np.nan_to_num(found.share)[:, None] * change.load + np.nan_to_num(found.match)[:, None] * short
    rest = change.rise - part[told].sum(axis=0)
    rise = np.where(told, change.rise.sum(), rest.sum())
    weight = np.where(told, _ratio_by_hour(change.rise, short, spread), _ratio_by_hour(rest, short, spread))
    open_ = dropped & ~told
    while open_.any():
        now = np.where(open_, _ratio_by_hour(rest, short, spread), -np.inf)
        best = int(now.argmax())
        weight[open_], rise[open_] = now[open_], rest.sum()
        if now[best] <= 0:
            break
        open_[best] = False
        rest = rest - short[best]
    weight = np.where(weight > 0, np.minimum(weight, _MOST_FROM_DROPS) * _part(drop, rise), weight)
    # Who explains the loss interval by interval is not cleared by hours that do not fit.
    weight = np.where(
        dropped, np.clip(np.where(told, np.maximum(weight, 0.0), weight), -_FROM_DROPS, _FROM_DROPS), 0.0
    )
    weights[:, _ROSE], weights[:, _NOT] = np.maximum(weight, 0.0), np.minimum(weight, 0.0)
    figures[dropped, FIGURES.index("drop_kwh")] = drop[dropped]
    figures[dropped, FIGURES.index("rise_kwh")] = rise[dropped]


def _part(drop: Float64s, rise: Float64s) -> Float64s:
    """0 … 1: of a rise that is far more than the drop, the drop tells little."""
    share = np.divide(drop, rise, out=np.ones_like(drop), where=rise > 0)
    return np.clip((np.nan_to_num(share) - _SMALL_PART) / (_LARGE_PART - _SMALL_PART), 0.0, 1.0)


def _ratio_by_hour(rise: Float64s, short: Float64s, spread: Float64s) -> Float64s:
    """Log-odds, float64[m], of "the loss rose by what the member lacks" against "it did not": multivariate t."""
    dims = short.shape[1] / _HOURS_TOGETHER
    none = np.square(rise / spread).sum(axis=1) / _HOURS_TOGETHER
    all_ = np.square((rise - short) / spread).sum(axis=1) / _HOURS_TOGETHER
    ratio: Float64s = (_TAIL + dims) / 2 * (np.log1p(none / _TAIL) - np.log1p(all_ / _TAIL))
    return ratio


def _blank(n: int) -> tuple[Float64s, Float64s]:
    return np.zeros((n, len(RULES))), np.full((n, len(FIGURES)), np.nan)
