"""Change points: since when, and by how much, use is lower than it was, over all customers at once.

For every split of the last days the mean of what lies after it is held against the mean before, in units of the usual
scatter: the likelihood-ratio statistic of one step in the mean (Page 1954; Hinkley 1970), with days taken for half as
many as they are, because one day is like the next.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gateway.core.model import Bools
from processors.usage.baseline import DAYS, Float32s

_ALIKE = 2.0  # days that tell as much as one independent one
_REFERENCE = 14.0  # days that the profile itself counts for
_STILL = 1.4  # a drop is at most so many times as deep (in logarithms) as that of the last days
LASTING = 7  # measured days that make a drop a lasting one
_EDGE = 7  # days on either side of its beginning in which it shows how abrupt it was


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drop:
    """share: float32[m], 0 … 1 of what was used before;  sigma: float32[m], how many standard deviations;
    days: int64[m], since so many days, today included;  before: float32[m], ln of the level before over expected."""

    share: Float32s
    sigma: Float32s
    days: npt.NDArray[np.int64]
    before: Float32s


def in_order(ring: Float32s, number: int) -> Float32s:
    """A ring [m, DAYS] with the newest day, the one of this number, first."""
    return ring[:, (number - np.arange(DAYS)) % DAYS]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Splits:
    """values: float32[m, DAYS], newest first;  of the newest j + 1 days: total float32[m, DAYS] and count float32[m,
    DAYS] of measured ones."""

    values: Float32s
    total: Float32s
    count: Float32s

    @staticmethod
    def of(newest_first: Float32s) -> Splits:
        measured = ~np.isnan(newest_first)
        return Splits(
            values=newest_first,
            total=np.cumsum(np.where(measured, newest_first, np.float32(0)), axis=1),
            count=np.cumsum(measured, axis=1, dtype=np.float32),
        )

    def mean(self, days: int) -> Float32s:
        """Mean of the newest `days`, NaN where none was measured."""
        count = self.count[:, days - 1]
        return np.where(count > 0, self.total[:, days - 1] / np.maximum(count, 1), np.float32(np.nan))

    def abrupt(self, drop: Drop) -> Float32s:
        """How much of the drop came within days, float32[m]: 1 all of it, 0 nothing (a season); NaN where it is too
        long ago or too fresh to tell."""
        at = drop.days
        after = self._between(np.maximum(at - _EDGE, 0), at)
        before = self._between(at, np.minimum(at + _EDGE, DAYS))
        step = np.log(np.maximum(1 - drop.share, 1e-3))
        share = (after - np.minimum(before, 0)) / np.minimum(step, -1e-3)
        result: Float32s = np.clip(share, 0, 1).astype(np.float32)
        return result

    def _between(self, newest: npt.NDArray[np.int64], oldest: npt.NDArray[np.int64]) -> Float32s:
        """Mean of the days [newest, oldest) back from today, float32[m]; NaN where fewer than three were measured."""
        rows = np.arange(len(self.total))
        total, count = (
            np.where(oldest > 0, of[rows, oldest - 1], 0) - np.where(newest > 0, of[rows, newest - 1], 0)
            for of in (self.total, self.count)
        )
        mean: Float32s = np.where(count >= 3, total / np.maximum(count, 1), np.float32(np.nan))
        return mean

    def steady(self, drop: Drop) -> Float32s:
        """Share of the measured days since its beginning that lie below the middle of the drop, float32[m]."""
        middle = drop.before + 0.5 * np.log(np.maximum(1 - drop.share, 1e-3))
        since = np.arange(DAYS) < drop.days[:, None]
        low = (since & (self.values < middle[:, None])).sum(axis=1)
        count = self.count[np.arange(len(low)), drop.days - 1]
        share: Float32s = (low / np.maximum(count, 1)).astype(np.float32)
        return share

    def drop(self, noise: Float32s, *, least: int, most: int) -> Drop:
        """The clearest drop that has lasted at least `least` measured days, and at most `most`."""
        total, count = self.total, self.count
        rest = count[:, -1:] - count + np.float32(_REFERENCE)
        before = np.minimum(
            (total[:, -1:] - total) / rest, 0
        )  # after a rise, back to what is usual is no drop
        step = total / np.maximum(count, 1) - before
        lately = self.mean(least)[:, None] - before  # what was over before these days is no drop any more
        step = np.where(np.isnan(lately), step, np.maximum(step, _STILL * np.minimum(lately, 0)))
        sigma = step / np.sqrt(_ALIKE / np.maximum(count, 1) + _ALIKE / rest)
        fits: Bools = (count >= least) & (count <= most)
        sigma = np.where(fits, sigma, np.float32(0))
        days = np.argmin(sigma, axis=1)
        rows = np.arange(len(days))
        found = np.minimum(step[rows, days], 0)
        none = sigma[rows, days] >= 0
        return Drop(
            share=np.where(none, 0, -np.expm1(found)).astype(np.float32),
            sigma=np.where(none, 0, -sigma[rows, days] / np.maximum(noise, 0.08)).astype(np.float32),
            days=days + 1,
            before=before[rows, days],
        )
