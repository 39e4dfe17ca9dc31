"""Transformer areas with customers who each have ups and downs of their own, for tests of the energy balance."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np

from gateway.core.clock import DAY, HOUR
from gateway.core.inventory import Device, Inventory
from gateway.core.model import Bools, Float64s
from gateway.core.network import Network
from processors.balance.area import AreaBook, AreaLosses, AreaSums
from processors.balance.areas import Areas
from processors.balance.judge import AreaJudged, judge
from processors.balance.settings import BalanceSettings
from processors.balance.window import AreaWindow

DAY0 = dt.date(2026, 3, 2)
START = 20_514 * DAY  # DAY0 in UTC
SETTINGS = BalanceSettings()
SLOTS = 96


@dataclass(eq=False)
class World:
    """`areas` transformers T0 … with `members` meters each and a terminal.

    used, sold: float64[areas, members, days × slots] kW, what is truly used, and what the meters say;  supplied:
    float64[areas, days × slots] kW;  good: bool like sold.  Tests change these before `run`.
    """

    areas: int
    members: int
    days: int
    used: Float64s
    sold: Float64s
    extra: Float64s
    factor: Float64s
    good: Bools
    slots: int = SLOTS

    @property
    def inventory(self) -> Inventory:
        names = [f"T{a}" for a in range(self.areas)]
        network = Network(
            ["S", "F", *names],
            ["", "S", *["F"] * self.areas],
            ["substation", "feeder", *["transformer"] * self.areas],
            attributes=[{}, {}, *[{"rated_kva": "200"}] * self.areas],
        )
        meters = [
            Device(id=f"M{a}.{m}", node=names[a]) for a in range(self.areas) for m in range(self.members)
        ]
        terminals = [
            Device(id=f"X{a}", node=names[a], kind="terminal", customers=0) for a in range(self.areas)
        ]
        return Inventory([*meters, *terminals], network)

    @property
    def supplied(self) -> Float64s:
        """kW as the supply's meter says: all that is used, and 0.1 kW + 0.0006/kW of it lost."""
        load = self.used.sum(axis=1) + self.extra
        supplied: Float64s = (load + 0.1 + 0.0006 * load**2) * self.factor
        return supplied

    def key(self, area: int, member: int) -> int:
        return area * self.members + member

    def date(self, day: int) -> dt.date:
        return DAY0 + dt.timedelta(days=day)

    def losses(self, areas: Areas) -> list[AreaLosses]:
        """The balance of every day."""
        hours = 24 / self.slots
        supplied = self.supplied
        keys = np.arange(self.areas * self.members, dtype=np.int32)
        made = []
        for day in range(self.days):
            part = slice(day * self.slots, (day + 1) * self.slots)
            sums = AreaSums(areas, START + day * DAY, START + (day + 1) * DAY, round(hours * HOUR))
            sums.add_dense(
                keys,
                self.sold[:, :, part].reshape(-1, self.slots) * hours,
                self.good[:, :, part].reshape(-1, self.slots),
            )
            sums.add_dense(
                keys[-1] + 1 + np.arange(self.areas, dtype=np.int32),
                supplied[:, part] * hours,
                np.ones((self.areas, self.slots), np.bool_),
            )
            made.append(sums.losses(self.date(day)))
        return made

    def book(self, areas: Areas) -> AreaBook:
        return AreaBook.of(areas.node, self.losses(areas), keep_days=SETTINGS.history_days)

    def judged(self) -> tuple[AreaJudged, AreaBook, Areas]:
        areas = Areas.of(self.inventory)
        book = self.book(areas)
        return judge(book, areas, self.date(self.days - 1), settings=SETTINGS), book, areas

    def window(self, area: int, areas: Areas, days: int = 28) -> AreaWindow:
        hours = 24 / self.slots
        count = days * self.slots
        first = START + (self.days - days) * DAY
        return AreaWindow(
            node=int(areas.node[area]),
            customer=np.arange(area * self.members, (area + 1) * self.members, dtype=np.int32),
            start=first + np.arange(count) * round(hours * HOUR),
            hours=hours,
            kwh=np.where(self.good, self.sold, np.nan)[area, :, -count:] * hours,
            supplied=self.supplied[area, -count:] * hours,
        )


def world(areas: int = 4, members: int = 30, days: int = 40, *, seed: int = 1, slots: int = SLOTS) -> World:
    """Honest: every customer has a size, a shape of the day and chance of their own, weather moves all of them."""
    random = np.random.default_rng(seed)
    n = days * slots
    hour = np.arange(n) % slots * 24 / slots
    size = random.lognormal(-1.0, 0.5, (areas, members, 1))
    evening = random.uniform(17, 22, (areas, members, 1))
    shape = 0.4 + 1.2 * np.exp(-(((hour - evening) / 2.5) ** 2)) + 0.5 * np.exp(-(((hour - 8) / 1.5) ** 2))
    day = np.repeat(np.exp(random.normal(0, 0.15, (areas, members, days))), slots, axis=2)
    weather = np.repeat(np.exp(np.cumsum(random.normal(0, 0.04, days))), slots)
    chance = random.gamma(4, 0.25, (areas, members, n))
    used = size * shape * day * weather * chance
    noise = 1 + random.normal(0, 0.003, (areas, n))
    return World(
        areas,
        members,
        days,
        used,
        used.copy(),
        np.zeros((areas, n)),
        noise,
        np.ones(used.shape, np.bool_),
        slots,
    )
