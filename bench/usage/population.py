"""Thousands of customers below transformers and what each of them truly uses, a day at a time, all out of a seed.

Use is shape × level × weather × appliances' chance. What honest customers do that looks like something else is in
`Trait`: everybody may go on holiday, many on the same days; some have one trait more. Who is away leaves what stands
by: a little at every hour alike. Days are numbered from 0; rows are customers.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from bench.usage.shapes import CLASSES, DAYS, Source
from gateway.core.model import Bools, Float64s, Int64s

Float32s = npt.NDArray[np.float32]


class Trait(IntEnum):
    """What is honest about a customer and may not look so."""

    PLAIN = 0
    VACANT = 1  # nobody there for weeks or months, or for good
    SOLAR = 2  # registered photovoltaics go on
    CAR = 3  # an electric car at night
    MOVED = 4  # empty for a while, then others with a level of their own
    SEASONAL = 5  # used in season only, or heated by electricity
    EFFICIENT = 6  # new appliances: a fifth less, for good
    DECLINED = 7  # a third to two thirds less for good, and nobody steals anything
    MISPLACED = 8  # registered below another transformer than it hangs on

    @property
    def word(self) -> str:
        return self.name.lower()


_SHARES = {
    Trait.VACANT: 0.04, Trait.SOLAR: 0.04, Trait.CAR: 0.03, Trait.MOVED: 0.04, Trait.SEASONAL: 0.03,
    Trait.EFFICIENT: 0.03, Trait.DECLINED: 0.015, Trait.MISPLACED: 0.005,
}  # fmt: skip
_CLASS_SHARES = (0.82, 0.11, 0.02, 0.025, 0.025)
_MEAN_KWH = (8.5, 26.0, 160.0, 22.0, 45.0)  # a day
_SPREAD = (0.5, 0.75, 0.7, 0.8, 0.7)  # of its logarithm
_DAY_NOISE = (0.16, 0.08, 0.06, 0.16, 0.08)
_SLOT_NOISE = (0.45, 0.18, 0.12, 0.35, 0.18)  # at an hour; shorter slots scatter more
_HOME = 0  # class residential
_FESTIVE = (118, 0.2)  # about this day so many of the homes leave all at once
_STANDBY_NOISE = 0.2  # of an hour's standby: a refrigerator's turns


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class People:
    """The customers as columns, rows in the order of their transformer areas.

    klass, profile: int64;  area, listed: true and registered area;  mean_kwh: of an average day;  phases: float64[n,
    3], shares of the load, one of them 1 for single-phase;  trait with its first and last day (exclusive) and extent;
    holiday: int64[n, 3, 2] first day and length of absences, the last with many others;  contract_kw;  generation_kw:
    registered.
    """

    klass: Int64s
    profile: Int64s
    area: Int64s
    listed: Int64s
    mean_kwh: Float64s
    phases: Float64s
    trait: Int64s
    since: Int64s
    until: Int64s
    extent: Float64s
    holiday: Int64s
    contract_kw: Float64s
    generation_kw: Float64s

    def __len__(self) -> int:
        return len(self.klass)

    @property
    def areas(self) -> int:
        return int(self.area[-1]) + 1

    @property
    def polyphase(self) -> Bools:
        result: Bools = self.phases.max(axis=1) < 1
        return result


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Use:
    """kWh by customer and slot, float64[n, slots]: what is drawn from the network and what is fed into it."""

    drawn: Float64s
    fed: Float64s


class Population:
    """`use(day)` depends on the seed and the day only. `settled`: first day on which a trait may begin."""

    def __init__(self, n: int, days: int, seed: int, source: Source, *, settled: int = 40) -> None:
        self.days, self.seed, self.source, self.slots = days, seed, source, source.slots
        rng = np.random.default_rng([seed, 1])
        self.people = _people(rng, n, days, source, settled)
        who = self.people
        self._swing = rng.uniform(0.02, 0.10, (n, 3)) * np.array([1.5, 1.0, 1.0])
        self._period = rng.uniform([60, 25, 9], [200, 60, 25], (n, 3))
        self._phase = rng.uniform(0, 2 * np.pi, (n, 3))
        home = who.klass == _HOME
        self._heat = rng.gamma(2, 0.006, n) * np.where(home, 1.0, 0.6)
        self._heat[rng.random(n) < 0.06] += 0.06  # heated by electricity
        self._cool = rng.gamma(2, 0.014, n)
        self._shift = np.where(home, rng.integers(-1, 2, n) * self.slots // 24, 0)
        finer = np.sqrt(self.slots / 24)
        self._slot_noise = np.array(_SLOT_NOISE)[who.klass] * min(1.6, finer)
        self._day_noise = np.array(_DAY_NOISE)[who.klass]
        self._floor = np.where(home, rng.uniform(0.02, 0.12, n), rng.uniform(0.1, 0.3, n))
        self._steps = (np.arange(self.slots)[None, :] - self._shift[:, None]) % self.slots
        self.temperature = _weather(np.random.default_rng([seed, 2]), days)

    def use(self, day: int) -> Use:
        who = self.people
        rng = np.random.default_rng([self.seed, 3, day])
        n, slots = len(who), self.slots
        shape = self.source.day(day)[who.profile[:, None], self._steps]
        level = np.exp((self._swing * np.sin(2 * np.pi * day / self._period + self._phase)).sum(axis=1))
        level *= np.exp(self._day_noise * rng.standard_normal(n) - self._day_noise**2 / 2)
        warm = self.temperature[day]
        level *= 1 + self._heat * max(0.0, 16 - warm) + self._cool * max(0.0, warm - 23)
        chance = rng.standard_normal((n, slots), dtype=np.float32)
        kwh = shape * np.exp(self._slot_noise[:, None] * chance - self._slot_noise[:, None] ** 2 / 2)
        kwh *= (who.mean_kwh * level / slots)[:, None]
        present, standby = self._present(day)
        kwh *= present[:, None]
        flat = np.exp(_STANDBY_NOISE * min(1.6, np.sqrt(slots / 24)) * chance)
        kwh += (standby * who.mean_kwh / slots)[:, None] * flat
        self._charge(rng, day, kwh)
        made = self._made(rng, day)
        fed = np.maximum(made - kwh, 0)
        return Use(drawn=np.maximum(kwh - made, 0), fed=fed)

    def _present(self, day: int) -> tuple[Float64s, Float64s]:
        """What of the usual use is left, and what of the mean use stands by in its place: absences, new people,
        seasons, efficiency."""
        who = self.people
        start, length = who.holiday[:, :, 0], who.holiday[:, :, 1]
        away = ((day >= start) & (day < start + length)).any(axis=1)
        within = (day >= who.since) & (day < who.until)
        vacant = within & (who.trait == Trait.VACANT)
        moved = who.trait == Trait.MOVED
        empty = vacant | (moved & within)
        factor = np.where(away | empty, 0.0, 1.0)
        standby = np.where(away, self._floor, 0.0)
        standby[vacant] = np.where(who.extent > 0.6, 0.0, self._floor)[
            vacant
        ]  # some have the main switch off
        standby = np.where(moved & within, 0.3 * self._floor, standby)
        factor = np.where(moved & (day >= who.until), factor * who.extent, factor)
        season = 0.5 - 0.5 * np.cos(2 * np.pi * (day - who.since) / DAYS)
        factor = np.where(who.trait == Trait.SEASONAL, factor * (0.1 + 1.9 * season**1.5), factor)
        less = (who.trait == Trait.EFFICIENT) | (who.trait == Trait.DECLINED)
        return np.where(less & (day >= who.since), factor * (1 - who.extent), factor), standby

    def _charge(self, rng: np.random.Generator, day: int, kwh: Float64s) -> None:
        """Electric cars: most nights some hours at 7 kW, from the evening on; charged into the same day."""
        rows = np.flatnonzero((self.people.trait == Trait.CAR) & (day >= self.people.since))
        begins = rng.uniform(17, 21, len(rows))
        hours = np.where(rng.random(len(rows)) < 0.6, rng.uniform(0.7, 3.0, len(rows)), 0)
        length = 24 / self.slots
        slot = np.arange(self.slots) * length
        on = np.clip(np.minimum((begins + hours)[:, None] - slot, slot + length - begins[:, None]), 0, length)
        kwh[rows] += 7.0 * on

    def _made(self, rng: np.random.Generator, day: int) -> Float64s:
        who = self.people
        clouds = rng.beta(2.5, 1.2) * np.clip(rng.normal(1, 0.08, (len(who), 1)), 0.5, 1.3)
        rated = np.where((who.trait == Trait.SOLAR) & (day >= who.since), who.extent, 0.0)
        made: Float64s = rated[:, None] * clouds * self.source.sun(day) * 24 / self.slots
        return made


def _people(rng: np.random.Generator, n: int, days: int, source: Source, settled: int) -> People:
    area = _areas(rng, n)
    klass = rng.choice(len(CLASSES), n, p=_CLASS_SHARES)
    ways = [source.of_class(k) for k in range(len(CLASSES))]
    profile = np.array([ways[k][int(u * len(ways[k]))] for k, u in zip(klass, rng.random(n), strict=True)])
    mean = np.array(_MEAN_KWH)[klass] * np.exp(np.array(_SPREAD)[klass] * rng.standard_normal(n))
    poly = rng.random(n) < np.where(klass == _HOME, 0.2, 0.85)
    shares = rng.dirichlet((6.0, 6.0, 6.0), n)
    single = np.eye(3)[rng.integers(0, 3, n)]
    phases = np.where(poly[:, None], shares, single)
    kinds = list(_SHARES)
    rest = 1 - sum(_SHARES.values())
    trait = rng.choice([Trait.PLAIN, *kinds], n, p=[rest, *_SHARES.values()])
    homely = np.isin(trait, (Trait.CAR, Trait.SEASONAL, Trait.MOVED, Trait.VACANT)) & (klass >= 2)
    trait[homely] = Trait.PLAIN
    since = rng.integers(settled, max(settled + 1, days - 20), n)
    length = np.where(rng.random(n) < 0.3, 10 * DAYS, rng.integers(14, 100, n))
    length = np.where(trait == Trait.MOVED, rng.integers(5, 50, n), length)
    extent = rng.random(n)
    extent = np.select(
        [trait == Trait.SOLAR, trait == Trait.MOVED, trait == Trait.EFFICIENT, trait == Trait.DECLINED],
        [
            rng.uniform(3, 12, n),
            np.exp(rng.normal(0, 0.45, n)),
            rng.uniform(0.15, 0.25, n),
            rng.uniform(0.33, 0.66, n),
        ],
        extent,
    )
    since = np.where(trait == Trait.SEASONAL, rng.integers(0, DAYS, n), since)
    away = rng.random((n, 2)) < np.where(klass == _HOME, 0.45, 0.1)[:, None]
    lasts = np.where(away, rng.integers(4, 24, (n, 2)), 0)
    holiday = np.stack([rng.integers(0, max(1, days), (n, 2)), lasts], axis=2)
    leaves = rng.random(n) < np.where(klass == _HOME, _FESTIVE[1], 0.0)
    festive = np.stack(
        [_FESTIVE[0] + rng.integers(0, 4, n), np.where(leaves, rng.integers(3, 11, n), 0)], axis=1
    )
    holiday = np.concatenate([holiday, festive[:, None]], axis=1)
    near = np.where(rng.random(n) < 0.5, area - 1, area + 1)
    near = np.where((near < 0) | (near > area[-1]), 2 * area - near, near).clip(0, area[-1])
    return People(
        klass=klass,
        profile=profile,
        area=area,
        listed=np.where(trait == Trait.MISPLACED, near, area),
        mean_kwh=mean,
        phases=phases,
        trait=trait,
        since=since,
        until=since + length,
        extent=extent,
        holiday=holiday,
        contract_kw=np.ceil(mean / 24 * rng.uniform(6, 12, n) + 3.0) + np.where(trait == Trait.CAR, 8.0, 0.0),
        generation_kw=np.where(trait == Trait.SOLAR, extent, 0.0),
    )


def _areas(rng: np.random.Generator, n: int) -> Int64s:
    """Transformer areas of 15 to 60 customers."""
    sizes = rng.integers(15, 61, n // 15 + 1)
    ends = np.cumsum(sizes)
    last = int(np.searchsorted(ends, n))
    area = np.repeat(np.arange(last + 1), sizes[: last + 1])[:n].astype(np.int64)
    small = area == area[-1]
    if small.sum() < 15 and area[-1] > 0:
        area[small] -= 1
    return area


def _weather(rng: np.random.Generator, days: int) -> Float64s:
    """Mean temperature of each day: a year, and weeks that are colder or warmer than they should be."""
    wander = np.empty(days)
    state = 0.0
    for day, step in enumerate(rng.normal(0, 1.6, days)):
        state = 0.82 * state + step
        wander[day] = state
    season: Float64s = 14 - 12 * np.cos(2 * np.pi * (np.arange(days) - 18) / DAYS) + wander
    return season
