"""Who below a flagged area the loss points at, and for whom it speaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.core.model import Float64s, Int32s, Int64s
from gateway.core.usage import AreaEvidence, Drops
from processors.balance.area import AreaBook
from processors.balance.areas import Areas
from processors.balance.judge import AreaJudged
from processors.balance.settings import BalanceSettings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AreaWindow:
    """One flagged area looked into: n intervals on one grid, in order, m members.

    node: network index of the transformer;  customer: int32[m] device keys;  start: int64[n] µs UTC;
    kwh: float64[m, n] import less export, NaN where it was not measured;  supplied: float64[n], likewise;
    voltage: float64[m, n] V, or None;  supply_voltage: float64[3, n] V of phases A, B, C, or None;
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


def rank(
    judged: AreaJudged,
    book: AreaBook,
    areas: Areas,
    windows: Sequence[AreaWindow] = (),
    drops: Drops | None = None,
    *,
    settings: BalanceSettings,
) -> AreaEvidence:
    """Evidence of every member of the areas looked into (`windows`), and of everybody whose use dropped (`drops`)."""
    raise NotImplementedError
