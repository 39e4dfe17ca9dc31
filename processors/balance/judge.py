"""What of the areas' losses is technical, what is beyond it, and since when."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from gateway.core.model import Bools, Float64s, Int32s
from processors.balance.area import AreaBook
from processors.balance.areas import Areas
from processors.balance.settings import BalanceSettings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AreaJudged:
    """The areas of a book as they stand at the end of `day`; columns have one row per area, NaN where unknown.

    node: int32[a];  judged: bool[a], the day's balance is complete enough;  no_load: float64[a] kW and
    copper: float64[a] 1/kW, the technical loss a + b·load² of the area's own history;  technical: float64[a] kWh, of
    the day's intervals that count;  excess: float64[a] kWh, the day's loss beyond it;  daily_excess: float64[a, d] kWh
    per whole day for the days of the book;  sigma: float64[a], its scatter from day to day;  level: float64[a] kWh
    per day, the excess of recent days;  ratio: float64[a], loss over supply of recent days;  since: int32[a] ordinal
    of the day on which the excess began, −1 where no change is seen;  step: float64[a] kWh per day, by how much;
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
    ratio: Float64s
    since: Int32s
    step: Float64s
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
        """Areas to be looked into."""
        found: Bools = self.judged & (self.high | self.stepped | self.noisy | self.negative)
        return found


def judge(book: AreaBook, areas: Areas, day: dt.date, *, settings: BalanceSettings) -> AreaJudged:
    """`areas` are those of the book, in its order."""
    raise NotImplementedError
