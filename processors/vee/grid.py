"""The intervals of meters as one long row of slots, and readings laid on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gateway.core.model import Bools, Int64s
from processors.vee.series import Indices


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grid:
    """Slots of n meters, one meter after the other. A meter with k slots has k + 1 bounds.

    first: int64[n], the first bound of each;  length: int64[n], of its slots;  count: int64[n], its slots;
    meter, start: int64[slots];  low: intp[slots], the bound that a slot begins at (it ends at the next);
    owner, bound: int64[bounds].
    """

    first: Int64s
    length: Int64s
    count: Int64s
    meter: Int64s
    start: Int64s
    low: Indices
    owner: Int64s
    bound: Int64s
    slots_before: Int64s
    bounds_before: Int64s

    @staticmethod
    def of(first: Int64s, last: Int64s, length: Int64s) -> Grid:
        """From bounds `first` to `last` of each meter, multiples of `length` both."""
        count = np.maximum((last - first) // length, 0)
        rows = np.arange(len(first))
        slots_before = np.concatenate([[0], np.cumsum(count)])
        bounds_before = np.concatenate([[0], np.cumsum(count + 1)])
        meter = np.repeat(rows, count)
        within = np.arange(slots_before[-1]) - np.repeat(slots_before[:-1], count)
        owner = np.repeat(rows, count + 1)
        step = np.arange(bounds_before[-1]) - np.repeat(bounds_before[:-1], count + 1)
        return Grid(
            first=first,
            length=length,
            count=count,
            meter=meter,
            start=first[meter] + within * length[meter],
            low=np.repeat(bounds_before[:-1], count) + within,
            owner=owner,
            bound=first[owner] + step * length[owner],
            slots_before=slots_before,
            bounds_before=bounds_before,
        )

    def __len__(self) -> int:
        return len(self.meter)

    def touched(self, meter: Int64s, low: Int64s, high: Int64s, *, ends: bool) -> tuple[Indices, Indices]:
        """(which, slot): the slots that [low, high] of each stretch overlaps; with `ends` those that it touches, too.

        `which` says which stretch a slot belongs to.
        """
        length, first = self.length[meter], self.first[meter]
        early, late = (low - first) // length, (high - first) // length
        if ends:
            early = early - ((low - first) % length == 0)
        else:
            late = late - (((high - first) % length == 0) & (high > low))
        early, late = np.maximum(early, 0), np.minimum(late, self.count[meter] - 1)
        many = np.maximum(late - early + 1, 0)
        which = np.repeat(np.arange(len(meter)), many)
        within = np.arange(int(many.sum())) - np.repeat(np.cumsum(many) - many, many)
        return which, (self.slots_before[meter] + early)[which] + within


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Neighbours:
    """Of each bound the readings around it: intp[bounds], −1 where its meter has none there.

    before: the last reading not after the bound;  after: the first not before it (the same one where it is there).
    """

    before: Indices
    after: Indices

    @staticmethod
    def of(grid: Grid, meter: Int64s, at: Int64s) -> Neighbours:
        """Of readings by meter and time."""
        n = len(meter)
        if not n:
            none = np.full(len(grid.bound), -1, np.intp)
            return Neighbours(before=none, after=none.copy())
        meters = len(grid.first)
        low, high = grid.first.copy(), grid.first + grid.count * grid.length
        begins = np.searchsorted(meter, np.arange(meters))
        ends = np.searchsorted(meter, np.arange(meters), side="right")
        some = ends > begins
        low[some] = np.minimum(low[some], at[begins[some]])
        high[some] = np.maximum(high[some], at[ends[some] - 1])
        shift = np.concatenate([[0], np.cumsum(high - low + 1)])[:-1] - low  # meters one after the other
        key = at + shift[meter]
        wanted = grid.bound + shift[grid.owner]
        before = np.searchsorted(key, wanted, side="right") - 1
        exact: Bools = np.zeros(len(wanted), np.bool_)
        there = before >= 0
        exact[there] = key[before[there]] == wanted[there]
        after = np.where(exact, before, before + 1)
        mine = meter[np.maximum(before, 0)] == grid.owner
        before = np.where(there & mine, before, -1)
        mine = (after < n) & (meter[np.minimum(after, n - 1)] == grid.owner)
        return Neighbours(before=before, after=np.where(mine, after, -1))
