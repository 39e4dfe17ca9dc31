"""What readings show at once: conditions that last become evidence, which alone opens nothing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from gateway.core.clock import DAY, SECOND
from gateway.core.inventory import Inventory
from gateway.core.model import Batch, Bools, Float64s, Int32s, Int64s, Reason
from processors.usage.calibration import FULL
from processors.usage.day import CustomerFacts
from processors.usage.rules import UsageRule
from processors.usage.settings import UsageSettings

RULES = (
    UsageRule.USE_AFTER_DISCONNECTION,
    UsageRule.CURRENT_WITHOUT_VOLTAGE,
    UsageRule.PHASE_REVERSED,
    UsageRule.OVER_CAPACITY,
)
"""Columns of `Live`."""
COLUMNS = ("last", "since", "seen", "figure")
_Table = npt.NDArray[np.int64]


class Live:
    """By device key: last int64[n] µs, of the latest reading;  since int64[n, rules], when the condition began, 0 while
    it does not hold;  seen int64[n, rules], when it last had lasted long enough, 0 for never;  figure float64[n, rules]
    what was measured then.  `touched`: devices of whom something became evidence since it was taken last.
    """

    def __init__(self, inventory: Inventory, settings: UsageSettings) -> None:
        n = len(inventory)
        self.inventory = inventory
        self.settings = settings
        facts = CustomerFacts.of(inventory, np.arange(n, dtype=np.int32))
        self.limit_w: Float64s = facts.contract_kw.astype(np.float64) * 1000 * settings.over_contract
        self.generates: Bools = facts.generation_kw > 0
        self.several: Bools = (inventory.phases & (inventory.phases - 1)) > 0
        self.last: Int64s = np.zeros(n, np.int64)
        self.since: _Table = np.zeros((n, len(RULES)), np.int64)
        self.seen: _Table = np.zeros((n, len(RULES)), np.int64)
        self.figure: Float64s = np.zeros((n, len(RULES)))
        self.touched: set[int] = set()
        self._wait = round(settings.live_wait_s * SECOND)
        self._gap = round(settings.live_gap_s * SECOND)
        self._keep = settings.live_keep_days * DAY

    def observe(self, batch: Batch) -> None:
        """Rows of one device are taken in their order; one that is older than the one before says nothing any more."""
        on, off, figure = self._conditions(batch)
        device = batch.device
        if not (on.any() or self.since[device].any()):
            np.maximum.at(self.last, device, batch.measured_at)
            return
        for rows in _rounds(device):
            self._take(device[rows], batch.measured_at[rows], on[rows], off[rows], figure[rows])

    def _conditions(self, batch: Batch) -> tuple[Bools, Bools, Float64s]:
        """(holds, is over, figure), each [rows, rules]; neither where it was not measured."""
        n, s = len(batch), self.settings
        on, off, figure = (
            np.zeros((n, len(RULES)), np.bool_),
            np.zeros((n, len(RULES)), np.bool_),
            np.zeros((n, 4)),
        )
        back = 1 - s.live_hysteresis
        by_phase = _phases(batch, "active_power")
        whole = batch.column("active_power")
        power = np.full(n, np.nan) if whole is None else whole
        power = np.where(np.isnan(power), by_phase.sum(axis=1), power)
        device = batch.device
        breaker = batch.column("breaker_closed")
        if breaker is not None:
            on[:, 0] = (breaker == 0) & (power >= s.live_power_w)
            off[:, 0] = (breaker == 1) | (power < s.live_power_w * back)
            figure[:, 0] = power
        volts, amperes = _phases(batch, "voltage"), np.abs(_phases(batch, "current"))
        dead = volts < s.live_dead_share * self.inventory.nominal_v[device][:, None]
        flows = np.where(dead, amperes, np.nan)
        on[:, 1] = (flows >= s.live_current_a).any(axis=1)
        known = ~np.isnan(volts) & ~np.isnan(amperes)
        off[:, 1] = known.any(axis=1) & ~(np.nan_to_num(flows) >= s.live_current_a * back).any(axis=1)
        figure[:, 1] = np.nan_to_num(flows).max(axis=1)
        lowest, highest = np.nan_to_num(by_phase).min(axis=1), np.nan_to_num(by_phase).max(axis=1)
        counts = self.several[device] & ~self.generates[device]
        on[:, 2] = counts & (lowest <= -s.live_power_w) & (highest >= s.live_power_w)
        off[:, 2] = ~np.isnan(by_phase).all(axis=1) & (lowest > -s.live_power_w * back)
        figure[:, 2] = lowest
        limit = self.limit_w[device]
        on[:, 3] = power >= limit
        off[:, 3] = power < limit * back
        figure[:, 3] = power / 1000
        return on, off, figure

    def _take(self, device: Int32s, at: Int64s, on: Bools, off: Bools, figure: Float64s) -> None:
        """One row of each of these devices."""
        fresh = at > self.last[device]
        device, at, on, off, figure = device[fresh], at[fresh], on[fresh], off[fresh], figure[fresh]
        since = self.since[device]
        since[at - self.last[device] > self._gap] = 0
        since[off & ~on] = 0
        since = np.where(on & (since == 0), at[:, None], since)
        stands = on & (at[:, None] - since >= self._wait)
        before = self.seen[device]
        new = stands & ((before == 0) | (at[:, None] - before > self._keep))
        self.touched.update(device[new.any(axis=1)].tolist())
        self.since[device], self.last[device] = since, at
        self.seen[device] = np.where(stands, at[:, None], before)
        self.figure[device] = np.where(stands, figure, self.figure[device])

    def reasons(self, device: int, at: int) -> list[Reason]:
        """What is evidence at `at`."""
        seen = self.seen[device]
        return [
            _reason(rule, float(self.figure[device, i]), self.settings)
            for i, rule in enumerate(RULES)
            if seen[i] and at - int(seen[i]) <= self._keep
        ]

    def fades_at(self, device: int, at: int) -> int:
        """When the next of it is evidence no more, 0 where nothing is."""
        ends = [int(seen) + self._keep + 1 for seen in self.seen[device] if seen]
        return min((end for end in ends if end > at), default=0)

    def began(self, device: int, at: int) -> int:
        """When the oldest of what is evidence was seen; `at` where nothing is."""
        return min(
            (int(seen) for seen in self.seen[device] if seen and at - int(seen) <= self._keep), default=at
        )


def _phases(batch: Batch, stem: str) -> Float64s:
    """float64[rows, 3], NaN where it is not measured."""
    columns = [batch.column(f"{stem}_{phase}") for phase in "abc"]
    empty = np.full(len(batch), np.nan)
    return np.stack([empty if column is None else column for column in columns], axis=1)


def _rounds(device: Int32s) -> Iterator[npt.NDArray[np.int64]]:
    """Rows in rounds in which no device comes twice, each device's in their order."""
    order = np.argsort(device, kind="stable")
    ranked = device[order]
    first = np.concatenate([[True], ranked[1:] != ranked[:-1]])
    place = np.arange(len(order))
    rank = place - np.maximum.accumulate(np.where(first, place, 0))
    for turn in range(int(rank.max(initial=-1)) + 1):
        yield order[rank == turn]


def _reason(rule: UsageRule, figure: float, settings: UsageSettings) -> Reason:
    minutes = settings.live_wait_s / 60
    match rule:
        case UsageRule.USE_AFTER_DISCONNECTION:
            name, words = "power_w", f"{figure:.0f} W with the breaker open, for {minutes:.0f} min or longer."
        case UsageRule.CURRENT_WITHOUT_VOLTAGE:
            name, words = (
                "current_a",
                f"{figure:.1f} A on a phase without voltage, for {minutes:.0f} min or longer.",
            )
        case UsageRule.PHASE_REVERSED:
            name = "phase_w"
            words = (
                f"One phase at {figure:.0f} W while another is drawn from, for {minutes:.0f} min or longer."
            )
        case _:
            name, words = (
                "power_kw",
                f"{figure:.1f} kW, above contract capacity, for {minutes:.0f} min or longer.",
            )
    return Reason(rule=rule.word, weight=FULL[rule], words=words, figures={name: round(figure, 3)})
