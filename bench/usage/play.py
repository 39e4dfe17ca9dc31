"""A population day by day through the code that the gateway's book runs: judgement, energy balance, score."""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from bench.usage.population import Float32s, People, Population
from bench.usage.score import Course
from bench.usage.shapes import source
from bench.usage.thefts import Metered, Meters, Theft, Truth
from gateway.core.clock import SECOND
from gateway.core.inventory import Device, Inventory
from gateway.core.meterdata import IntervalStatus
from gateway.core.model import Bools, Float64s, Int32s, Int64s, MeterEventKind
from gateway.core.network import Network
from gateway.core.usage import AreaEvidence, Drops
from processors.balance import findings
from processors.balance import judge as areas_judge
from processors.balance.area import AreaBook, AreaSums
from processors.balance.areas import Areas
from processors.balance.guests import look
from processors.balance.settings import BalanceSettings
from processors.balance.suspects import AreaWindow, rank
from processors.usage.baseline import Baselines
from processors.usage.day import EVENT_KINDS, CustomerFacts, UsageDay, bounds_of, hours_of, number_of
from processors.usage.judge import judge
from processors.usage.score import Scores, combine, drops, suspicions
from processors.usage.settings import UsageSettings

FIRST = dt.date(2021, 1, 1)
ZONE = ZoneInfo("Asia/Shanghai")
_READS_PHASES = 0.8  # share of meters whose currents and powers by phase are read
_GAPPY, _SILENT = 0.01, 0.003  # share of days with an estimated stretch, or with nothing
_COVER_OPENED = 0.25  # share of thefts at the meter that its cover tells of
_SERVICED = 0.01  # share of honest meters opened in a year


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is played. slots: of a day; 24 are hours, 96 quarter-hours."""

    customers: int = 3_000
    days: int = 180
    slots: int = 24
    shapes: str = "simulator"
    prevalence: float = 0.01
    judged_from: int = 60


def play(plan: Plan, seed: int, *, told: Callable[[int], None] | None = None) -> Course | None:
    """None where the data of `plan.shapes` is not installed. `told` hears of each day that is done."""
    shapes = source(plan.shapes, plan.slots)
    if shapes is None:
        return None
    population = Population(plan.customers, plan.days, seed, shapes)
    meters = Meters(population, seed=seed, prevalence=plan.prevalence, settled=plan.judged_from)
    return _Game(plan, population, meters, seed).run(told)


class _Game:
    def __init__(self, plan: Plan, population: Population, meters: Meters, seed: int) -> None:
        self.plan, self.seed, self.meters = plan, seed, meters
        self.people: People = population.people
        self.truth: Truth = meters.truth
        self.inventory = inventory_of(self.people, meters.rated_kva)
        n = len(self.people)
        self.keys: Int32s = np.arange(n, dtype=np.int32)
        self.supply_keys: Int32s = np.arange(n, n + self.people.areas, dtype=np.int32)
        self.usage, self.balance = UsageSettings(), BalanceSettings()
        self.facts = CustomerFacts.of(self.inventory, self.keys)
        self.baselines = Baselines(self.keys)
        self.areas = Areas.of(self.inventory)
        self.book = AreaBook(self.areas.node, self.balance.history_days)
        self.past: deque[tuple[Float32s, Float32s]] = deque(maxlen=self.balance.window_days)
        rng = np.random.default_rng([seed, 21])
        self.reads_phases = self.people.polyphase & (rng.random(n) < _READS_PHASES)
        touched = np.isin(self.truth.kind, (Theft.BYPASS_PART, Theft.BYPASS_ALL, Theft.SLOW, Theft.NIGHTS))
        opened = np.where(touched & (rng.random(n) < _COVER_OPENED), self.truth.since, -1)
        serviced = rng.random(n) < _SERVICED * plan.days / 365
        self.opened: Int64s = np.where(~touched & serviced, rng.integers(0, plan.days, n), opened)

    def run(self, told: Callable[[int], None] | None) -> Course:
        n, days = len(self.people), self.plan.days
        score, alone = np.zeros((2, days, n), np.float32)
        opens, opens_alone = np.zeros((2, days, n), np.bool_)
        found = np.full(self.people.areas, -1, np.int64)
        sentences: tuple[str, ...] = ()
        for day in range(days):
            own, full, told_areas, evidence_words = self._day(day, last=day == days - 1)
            score[day], alone[day] = full.score, own.score
            opens[day], opens_alone[day] = full.opens, own.opens
            if day >= self.plan.judged_from:
                new = told_areas & (found < 0)
                found[new] = day
            sentences = evidence_words
            if told:
                told(day)
        return Course(
            people=self.people,
            truth=self.truth,
            score=score,
            alone=alone,
            opens=opens,
            opens_alone=opens_alone,
            judged_from=self.plan.judged_from,
            found_area=found,
            sentences=sentences,
        )

    def _day(self, day: int, *, last: bool) -> tuple[Scores, Scores, Bools, tuple[str, ...]]:
        read = self.meters.read(day)
        date = FIRST + dt.timedelta(days=day)
        usage_day = self._usage_day(day, date, read)
        judged = judge(usage_day, self.baselines, self.facts, self.usage)
        evidence, told = self._balance(date, usage_day, read, drops(judged, self.usage))
        own, full = combine(judged, None, self.usage), combine(judged, evidence, self.usage)
        words: tuple[str, ...] = ()
        if last:
            told_of = suspicions(judged, full, evidence, at=usage_day.end, settings=self.usage)
            words = tuple(
                f"{self._who(s.device)} {s.score:.2f}: " + " ".join(r.words for r in s.reasons)
                for s in told_of[:40]
            )
        return own, full, told, words

    def _who(self, device: int) -> str:
        kind = Theft(int(self.truth.kind[device]))
        return f"{self.inventory.ids[device]} ({kind.word})"

    def _usage_day(self, day: int, date: dt.date, read: Metered) -> UsageDay:
        n, slots = read.imported.shape
        rng = np.random.default_rng([self.seed, 22, day])
        value = read.imported.astype(np.float32)
        status = np.full((n, slots), IntervalStatus.VALID, np.uint8)
        gappy = np.flatnonzero(rng.random(n) < _GAPPY)
        length = max(1, slots // 6)
        columns = rng.integers(0, slots - length, len(gappy))[:, None] + np.arange(length)
        value[gappy[:, None], columns] = value[gappy[:, None], columns].mean(axis=1, keepdims=True)
        status[gappy[:, None], columns] = IntervalStatus.ESTIMATED
        silent = rng.random(n) < _SILENT
        value[silent], status[silent] = np.nan, IntervalStatus.MISSING
        start, end = bounds_of(date, ZONE)
        interval_s = 86_400 // slots
        events = np.zeros((n, len(EVENT_KINDS)), np.uint16)
        events[self.opened == day, EVENT_KINDS.index(MeterEventKind.COVER_OPEN)] = 1
        hidden = ~self.reads_phases[:, None]
        return UsageDay(
            devices=self.keys,
            start=start,
            end=end,
            number=number_of(date),
            interval_s=interval_s,
            hour=hours_of(start, end, interval_s, ZONE),
            import_kwh=value,
            status=status,
            export_kwh=np.where(status == IntervalStatus.MISSING, np.nan, read.exported).astype(np.float32),
            voltage_seen=np.where(silent, np.nan, 1.0).astype(np.float32),
            events=events,
            phase_power=np.where(hidden, np.nan, read.phases * 1e3).astype(np.float32),
            phase_current=np.where(hidden, np.nan, read.amperes).astype(np.float32),
        )

    def _balance(
        self, date: dt.date, day: UsageDay, read: Metered, drops: Drops | None
    ) -> tuple[AreaEvidence, Bools]:
        """Evidence about customers, and of which areas it is told that they lose too much."""
        good = day.status == IntervalStatus.VALID
        net = np.where(good, read.imported - read.exported, 0.0)
        sums = AreaSums(self.areas, day.start, day.end, day.interval_s * SECOND)
        sums.add_dense(self.keys, net, good)
        sums.add_dense(self.supply_keys, read.supplied, np.ones(read.supplied.shape, np.bool_))
        self.book.take(sums.losses(date))
        self.past.append((np.where(good, net, np.nan).astype(np.float32), read.supplied.astype(np.float32)))
        judged = areas_judge.judge(self.book, self.areas, date, settings=self.balance)
        windows = self._windows(judged, day)
        looked = look(windows, judged, self.areas)
        evidence = rank(judged, self.book, self.areas, windows, drops, settings=self.balance, looked=looked)
        found = findings.find(
            judged,
            self.book,
            self.areas,
            windows,
            evidence,
            self.inventory,
            settings=self.balance,
            looked=looked,
        )
        told = np.zeros(self.people.areas, np.bool_)
        for one in found:
            if one.kind == "area_loss":
                told[self.areas.row(one.node)] = True
        return evidence, told

    def _windows(self, judged: areas_judge.AreaJudged, day: UsageDay) -> list[AreaWindow]:
        """What the gateway would fetch of the areas to be looked into: the last days, by interval."""
        rows = np.flatnonzero(judged.flagged)
        rows = rows[np.argsort(-judged.level[rows], kind="stable")][: self.balance.looked_into]
        step = day.interval_s * SECOND
        count = len(self.past) * self.plan.slots
        start = day.end - (count - np.arange(count)) * step
        result = []
        for row in rows.tolist():
            members = np.flatnonzero(self.areas.member & (self.areas.area_of == row)).astype(np.int32)
            result.append(
                AreaWindow(
                    node=int(self.areas.node[row]),
                    customer=members,
                    start=start,
                    hours=day.interval_s / 3600,
                    kwh=np.concatenate([kwh[members] for kwh, _ in self.past], axis=1).astype(np.float64),
                    supplied=np.concatenate([supplied[row] for _, supplied in self.past]).astype(np.float64),
                )
            )
        return result


def inventory_of(people: People, rated_kva: Float64s) -> Inventory:
    """Customers' meters first, in their order, then a terminal per transformer, on its node."""
    areas = len(rated_kva)
    names = [f"T{a:05d}" for a in range(areas)]
    network = Network(
        ["S", "F", *names],
        ["", "S", *["F"] * areas],
        ["substation", "feeder", *["transformer"] * areas],
        attributes=[{}, {}, *({"rated_kva": f"{kva:.0f}"} for kva in rated_kva)],
    )
    phases = np.where(people.polyphase, 3, people.phases.argmax(axis=1))
    meters = [
        Device(
            id=f"M{i:06d}",
            node=names[area],
            interval_s=900,
            phases=("A", "B", "C", "ABC")[phase],
            attributes={
                "customer_class": str(klass),
                "contract_kw": f"{contract:.0f}",
                **({"generation_kw": f"{generation:.1f}"} if generation else {}),
            },
        )
        for i, (area, phase, klass, contract, generation) in enumerate(
            zip(
                people.listed.tolist(),
                phases.tolist(),
                people.klass.tolist(),
                people.contract_kw.tolist(),
                people.generation_kw.tolist(),
                strict=True,
            )
        )
    ]
    terminals = [
        Device(id=f"X{a:05d}", node=names[a], kind="terminal", customers=0, interval_s=900)
        for a in range(areas)
    ]
    return Inventory([*meters, *terminals], network)
