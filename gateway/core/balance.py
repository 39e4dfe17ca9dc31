"""Transformer areas and what is lost in them: the columns that the balance, its judgement and the database share.

Areas are network indices of transformers, devices integer keys of `core.inventory.Inventory`, times µs UTC.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, fields

import numpy as np

from gateway.core.model import Bools, Float64s, Int32s, Int64s, Record

MOMENTS = ("n", "x", "xx", "xxxx", "l", "ll", "lx", "lxx")
"""Sums over the intervals that count, x the power supplied and l the power lost, both kW: Σ1, Σx, Σx², Σx⁴, Σl, Σl²,
Σlx, Σlx²."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AreaLosses:
    """The balance of areas on one local day, one row each.

    node: int32[a] network index of the transformer;  members: int32[a];  supplied, sold: float64[a] kWh of the
    intervals that count;  intervals: int32[a] of the day;  used: int32[a], those that count;  without_supply,
    without_member: int32[a], left out because the supply, or (with the supply there) any member, was not measured;
    moments: float64[a, 8] of `MOMENTS`.
    """

    day: dt.date
    start: int  # µs UTC
    end: int
    hours: float  # length of an interval
    node: Int32s
    members: Int32s
    supplied: Float64s
    sold: Float64s
    intervals: Int32s
    used: Int32s
    without_supply: Int32s
    without_member: Int32s
    moments: Float64s

    def __len__(self) -> int:
        return len(self.node)

    @property
    def loss(self) -> Float64s:
        return self.supplied - self.sold

    @property
    def ratio(self) -> Float64s:
        """Loss as a share of what was supplied; NaN where nothing was."""
        share: Float64s = np.divide(
            self.loss, self.supplied, out=np.full(len(self), np.nan), where=self.supplied > 0
        )
        return share

    def of(self, rows: Bools) -> AreaLosses:
        """Only these rows."""
        kept = {
            f.name: getattr(self, f.name)[rows]
            for f in fields(self)
            if isinstance(getattr(self, f.name), np.ndarray)
        }
        return AreaLosses(day=self.day, start=self.start, end=self.end, hours=self.hours, **kept)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AreaJudged:
    """The areas of a book as they stand at the end of `day`; columns have one row per area, NaN where unknown.

    node: int32[a];  judged: bool[a], the day's balance is complete enough;  no_load: float64[a] kW and
    copper: float64[a] 1/kW, the technical loss a + b·load² of the area's own history;  technical: float64[a] kWh, of
    the day's intervals that count;  excess: float64[a] kWh, the day's loss beyond it;  daily_excess: float64[a, d] kWh
    per whole day for the days of the book;  sigma: float64[a], its scatter from day to day;  level: float64[a] kWh
    per day, the excess of recent days;  supply: float64[a] kWh per day and ratio: float64[a], loss over supply, of
    recent days;  since: int64[a] µs UTC, start of the day on which the excess began, −1 where no change is seen;
    step: float64[a] kWh per day, by how much it rose;  score: float64[a], that in its standard errors;
    high, stepped, noisy, negative, proportional: bool[a], what was found;  factor: float64[a], by what the supply's
    register would have to be multiplied where `proportional`.
    """

    day: dt.date
    node: Int32s
    judged: Bools
    no_load: Float64s
    copper: Float64s
    technical: Float64s
    excess: Float64s
    daily_excess: Float64s
    sigma: Float64s
    level: Float64s
    supply: Float64s
    ratio: Float64s
    since: Int64s
    step: Float64s
    score: Float64s
    high: Bools
    stepped: Bools
    noisy: Bools
    negative: Bools
    proportional: Bools
    factor: Float64s

    @property
    def supply_fault(self) -> Bools:
        """The balance itself is wrong: no customer is to be judged by it."""
        fault: Bools = self.negative | self.proportional
        return fault

    @property
    def flagged(self) -> Bools:
        """Areas to be looked into, on days with gaps too: what was found of the days before still stands."""
        found: Bools = self.high | self.stepped | self.noisy | self.negative
        return found

    def worst(self, most: int) -> Int32s:
        """Rows of up to `most` flagged areas, the largest share of excess first."""
        rows = np.flatnonzero(self.flagged)
        share = np.abs(self.level[rows]) / np.maximum(self.supply[rows], 1e-9)
        order = np.lexsort((-share, ~(self.stepped | self.high)[rows]))
        return rows[order][:most].astype(np.int32)


class AreaFinding(Record, frozen=True, kw_only=True):
    """kind: "area_loss" (more than is technical, and nobody below explains it: a line tapped before the meters),
    "supply_meter" (the register of the supply counts wrongly: a current transformer), "topology" (`device` hangs on
    `other`, not here), "phase" (`device` hangs on another phase than is registered).

    node, other: network indices of transformers;  device: a key, or −1;  since: µs UTC, −1 where it cannot be told.
    """

    kind: str
    node: int
    since: int
    words: str
    figures: dict[str, float]
    device: int = -1
    other: int = -1
