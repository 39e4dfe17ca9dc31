"""What is stolen, from which day on and how much of it: the ground truth, and what the meters then show."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from bench.usage.population import Population, Trait, Use
from gateway.core.model import Bools, Float64s, Int64s


class Theft(IntEnum):
    NONE = 0
    BYPASS_PART = 1  # 20 % to 80 % of the load runs past the meter
    BYPASS_ALL = 2
    SLOW = 3  # the meter counts 25 % to 60 % too little, always
    REVERSED_PHASE = 4  # one phase of a polyphase meter counts backwards
    NIGHTS = 5  # most nights next to nothing is counted
    FAILED_CT = 6  # the current of one phase is not measured: a fault, and energy is lost all the same

    @property
    def word(self) -> str:
        return self.name.lower()


KINDS = tuple(kind for kind in Theft if kind is not Theft.NONE)
_POLYPHASE = (Theft.REVERSED_PHASE, Theft.FAILED_CT)
TAPPED = "tapped"  # before any meter: no meter shows it, the area does


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Truth:
    """kind: of `Theft`, by customer;  since: its first day;  extent: share that is not counted;  phase: whose.

    tapped: kW, by area, drawn before the meters;  tapped_since: its first day. `ever`: it stole from before day 0 on.
    """

    kind: Int64s
    since: Int64s
    extent: Float64s
    phase: Int64s
    ever: Bools
    tapped: Float64s
    tapped_since: Int64s


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Metered:
    """kWh by slot: float64[n, slots] imported and exported by each meter;  supplied: float64[areas, slots] by each
    transformer;  phases: float64[n, 3] kW, mean active power that each phase of the meter shows;  amperes:
    float64[n, 3], mean current that it shows."""

    imported: Float64s
    exported: Float64s
    supplied: Float64s
    phases: Float64s
    amperes: Float64s


class Meters:
    """What the meters show of what is used, with their errors, and what passes the transformers."""

    def __init__(
        self,
        population: Population,
        *,
        seed: int,
        prevalence: float = 0.01,
        settled: int = 60,
        lasts: int = 30,
    ) -> None:
        """Thefts begin from day `settled` on and last for `lasts` days at least."""
        who = population.people
        rng = np.random.default_rng([seed, 11])
        self._population, self._seed = population, seed
        n, areas = len(who), who.areas
        self.truth = _draw(rng, population, prevalence, settled, max(settled + 1, population.days - lasts))
        self._error = 1 + rng.normal(0, 0.0025, n)
        self._terminal = 1 + rng.normal(0, 0.0015, areas)
        mean_kw = np.bincount(who.area, who.mean_kwh, areas) / 24
        self.rated_kva = np.maximum(50.0, mean_kw * rng.uniform(2.5, 4.5, areas))
        self._idle_from = np.where(
            who.polyphase & (rng.random(n) < 0.03), rng.integers(0, population.days, n), 10**6
        )
        self._idle_days = rng.integers(5, 60, n)
        self._iron = self.rated_kva * rng.uniform(0.0018, 0.003, areas)
        self._copper = rng.uniform(0.04, 0.10, areas) / self.rated_kva

    def read(self, day: int) -> Metered:
        who, truth = self._population.people, self.truth
        rng = np.random.default_rng([self._seed, 12, day])
        use = self._population.use(day)
        slots = use.drawn.shape[1]
        seen, phases = self._counted(rng, day, use)
        net = np.add.reduceat(use.drawn - use.fed, np.searchsorted(who.area, np.arange(who.areas)), axis=0)
        tapped = np.where(day >= truth.tapped_since, truth.tapped, 0.0)
        net += (tapped * rng.lognormal(-0.02, 0.2, who.areas))[:, None] * 24 / slots
        kw = net * slots / 24
        lost = (self._iron[:, None] + self._copper[:, None] * kw**2) * 24 / slots
        supplied = (net + lost) * self._terminal[:, None] * rng.normal(1, 0.002, net.shape)
        amperes = np.abs(phases) * 1e3 / 230 / 0.93
        return Metered(
            imported=np.maximum(seen, 0) * self._error[:, None],
            exported=(use.fed + np.maximum(-seen, 0)) * self._error[:, None],
            supplied=supplied,
            phases=phases,
            amperes=amperes,
        )

    def shares(self, day: int) -> Float64s:
        """What each phase carries of the load that day, float64[n, 3]; it varies, and some have one idle for weeks."""
        who = self._population.people
        rng = np.random.default_rng([self._seed, 13, day])
        idle = (day >= self._idle_from) & (day < self._idle_from + self._idle_days)
        share = who.phases * rng.lognormal(0, 0.2, who.phases.shape)
        share[idle, who.phases[idle].argmin(axis=1)] *= 0.03
        result: Float64s = share / share.sum(axis=1, keepdims=True)
        return result

    def _counted(self, rng: np.random.Generator, day: int, use: Use) -> tuple[Float64s, Float64s]:
        """kWh counted by slot, below zero where a meter runs backwards, and mean kW of each phase."""
        truth = self.truth
        seen = use.drawn.copy()
        share = self.shares(day)
        slots = seen.shape[1]
        for kind in KINDS:
            rows = np.flatnonzero((truth.kind == kind) & (day >= truth.since))
            if not len(rows):
                continue
            extent = truth.extent[rows, None]
            phase = share[rows, truth.phase[rows]]
            if kind is Theft.BYPASS_PART:
                wavering = np.clip(rng.normal(1, 0.15, (len(rows), slots)), 0.5, 1.5)
                seen[rows] *= 1 - np.minimum(extent * wavering, 0.95)
            elif kind is Theft.NIGHTS:
                hour = np.arange(slots) * 24 / slots
                night = ((hour >= 21) | (hour < 7)) & (rng.random((len(rows), 1)) < 0.85)
                seen[rows] *= np.where(night, 1 - extent, 1.0)
            elif kind is Theft.REVERSED_PHASE:
                seen[rows] *= 1 - 2 * phase[:, None]
                share[rows, truth.phase[rows]] *= -1
            elif kind is Theft.FAILED_CT:
                seen[rows] *= 1 - phase[:, None]
                share[rows, truth.phase[rows]] = 0
            else:
                seen[rows] *= 1 - extent
        total = share.sum(axis=1, keepdims=True)
        shown = np.divide(share, total, out=np.zeros_like(share), where=np.abs(total) > 1e-9)
        return seen, shown * (seen.sum(axis=1) / 24)[:, None]


def _draw(
    rng: np.random.Generator, population: Population, prevalence: float, first: int, last: int
) -> Truth:
    who = population.people
    n, areas = len(who), who.areas
    kind = np.zeros(n, np.int64)
    plain = who.trait == Trait.PLAIN
    for each, count in zip(KINDS, _counts(round(n * prevalence)), strict=True):
        free = plain & (kind == 0) & (who.polyphase if each in _POLYPHASE else True)
        kind[rng.choice(np.flatnonzero(free), min(count, int(free.sum())), replace=False)] = each
    ever = np.zeros(n, bool)
    free = np.flatnonzero(plain & (kind == 0))
    ever[rng.choice(free, max(1, round(n * prevalence / 10)), replace=False)] = True
    kind[ever] = Theft.BYPASS_PART
    extent = np.select(
        [ever, kind == Theft.BYPASS_PART, kind == Theft.BYPASS_ALL, kind == Theft.SLOW, kind == Theft.NIGHTS],
        [
            rng.uniform(0.4, 0.8, n), rng.uniform(0.2, 0.8, n), rng.uniform(0.97, 1, n),
            rng.uniform(0.25, 0.6, n), rng.uniform(0.85, 1, n),
        ],
        0.0,
    )  # fmt: skip
    mean_kw = np.bincount(who.area, who.mean_kwh, areas) / 24
    tapped = np.where(rng.random(areas) < 0.04, mean_kw * rng.uniform(0.05, 0.25, areas), 0.0)
    return Truth(
        kind=kind,
        since=np.where(ever, -1, rng.integers(first, last, n)),
        extent=extent,
        phase=_phases(rng, who.phases),
        ever=ever,
        tapped=tapped,
        tapped_since=rng.integers(first, last, areas),
    )


def _phases(rng: np.random.Generator, shares: Float64s) -> Int64s:
    """A phase that carries load."""
    phase: Int64s = np.argmax(rng.random(shares.shape) * (shares > 0), axis=1)
    return phase


def _counts(total: int) -> list[int]:
    return [total // len(KINDS) + (i < total % len(KINDS)) for i in range(len(KINDS))]
