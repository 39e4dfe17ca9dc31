"""Small worlds for the judgement of usage: some homes below two transformers, day by day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import numpy as np

from gateway.core.meterdata import IntervalStatus, UInt8s
from gateway.core.model import Bools, MeterEventKind, UInt16s
from processors.usage.baseline import Baselines
from processors.usage.day import (
    ALL_HOURS,
    EVENT_KINDS,
    CustomerFacts,
    Float32s,
    UsageDay,
    bounds_of,
    hours_of,
    number_of,
)
from processors.usage.findings import FIGURE
from processors.usage.judge import Judged, judge
from processors.usage.rules import UsageRule
from processors.usage.settings import UsageSettings

ZONE = ZoneInfo("Asia/Shanghai")
FIRST = dt.date(2026, 3, 2)  # a Monday
LEARNED = 42
HOMES = 40
HOUR = np.array(
    [3, 3, 3, 3, 3, 3, 5, 8, 7, 5, 5, 6, 7, 6, 5, 5, 6, 9, 14, 16, 15, 12, 8, 4], np.float32
)  # shape of a home's day; its nights are a refrigerator and what is never switched off


@dataclass
class Today:
    """One day before it is judged; rows are homes. What a test changes here is what happened."""

    index: int
    hours: Float32s  # kWh [homes, 24]
    status: UInt8s
    export: Float32s
    events: UInt16s
    power: Float32s
    current: Float32s
    voltage: Float32s
    cut: Bools
    anomalies: UInt16s

    def event(self, home: int, kind: MeterEventKind) -> None:
        self.events[home, EVENT_KINDS.index(kind)] += 1


Happening = Callable[[Today], None]


@dataclass
class World:
    """`happens` is called for every day from LEARNED on."""

    homes: int = HOMES
    seed: int = 7
    settings: UsageSettings = field(default_factory=UsageSettings)

    def __post_init__(self) -> None:
        n = self.homes
        self.rng = np.random.default_rng(self.seed)
        self.size = self.rng.uniform(5, 15, n).astype(np.float32)
        self.baselines = Baselines(np.arange(n, dtype=np.int32))
        self.contract = np.full(n, np.nan, np.float32)
        self.generation = np.zeros(n, np.float32)
        self.hours = np.full(n, ALL_HOURS, np.uint32)
        self.day = 0

    def facts(self) -> CustomerFacts:
        n = self.homes
        return CustomerFacts(
            transformer=(np.arange(n) % 2).astype(np.int32),
            customer_class=np.zeros(n, np.int32),
            contract_kw=self.contract,
            generation_kw=self.generation,
            hours=self.hours,
            phases=np.full(n, 7, np.uint8),
        )

    def play(self, days: int, happens: Happening | None = None) -> Judged:
        """The judgement of the last of so many days."""
        for _ in range(days):
            judged = self.judge(self.make(happens))
            self.day += 1
        return judged

    def judge(self, day: UsageDay) -> Judged:
        return judge(day, self.baselines, self.facts(), self.settings)

    def make(self, happens: Happening | None = None) -> UsageDay:
        n, rng = self.homes, np.random.default_rng([self.seed, self.day])
        hours = HOUR / HOUR.sum() * self.size[:, None] * rng.gamma(60, 1 / 60, (n, 1))
        hours = (hours * rng.gamma(25, 1 / 25, (n, 24))).astype(np.float32)
        today = Today(
            index=self.day - LEARNED,
            hours=hours,
            status=np.full((n, 24), IntervalStatus.VALID, np.uint8),
            export=np.zeros((n, 24), np.float32),
            events=np.zeros((n, len(EVENT_KINDS)), np.uint16),
            power=np.repeat(self.size[:, None] * np.float32(1000 / 72), 3, axis=1),
            current=np.repeat(self.size[:, None] * np.float32(1 / 16), 3, axis=1),
            voltage=np.ones(n, np.float32),
            cut=np.zeros(n, np.bool_),
            anomalies=np.zeros(n, np.uint16),
        )
        if happens is not None and self.day >= LEARNED:
            happens(today)
        date = FIRST + dt.timedelta(days=self.day)
        start, end = bounds_of(date, ZONE)
        return UsageDay(
            devices=self.baselines.device,
            start=start,
            end=end,
            number=number_of(date),
            interval_s=3600,
            hour=hours_of(start, end, 3600, ZONE),
            import_kwh=today.hours,
            status=today.status,
            export_kwh=today.export,
            voltage_seen=today.voltage,
            events=today.events,
            phase_power=today.power,
            phase_current=today.current,
            disconnected=today.cut,
            anomalies=today.anomalies,
        )


def rules(judged: Judged, home: int = 0) -> dict[UsageRule, float]:
    """What is said of a home: rule -> weight."""
    return {rule: float(judged.weight[home, rule]) for rule in UsageRule if judged.weight[home, rule]}


def figure(judged: Judged, name: str, home: int = 0) -> float:
    return float(judged.figure[home, FIGURE[name]])
