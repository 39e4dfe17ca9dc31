"""Stage usage: judges the use of all customers and the balance of all transformers on a local day that is over."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gateway.core.balance import AreaLosses
from gateway.core.inventory import DeviceKind
from gateway.core.model import Bools, IncidentKind, Int32s, Suspicion
from gateway.core.ports import Sink
from gateway.core.usage import AreaEvidence, Drops
from gateway.meterdata import metrics
from gateway.meterdata.areawindows import windows
from gateway.meterdata.ground import EXPORT, IMPORT, Ground
from gateway.meterdata.planning import Day, size_of, together
from gateway.meterdata.usagedays import usage_day
from gateway.store.judgements import JudgedDay
from processors.balance import findings
from processors.balance.area import AreaBook, AreaSums
from processors.balance.areas import Areas
from processors.balance.guests import Looked, look
from processors.balance.judge import AreaJudged
from processors.balance.judge import judge as judge_areas
from processors.balance.suspects import AreaWindow, rank
from processors.usage.baseline import VERSION, WIDTH, BaselineRows, Baselines
from processors.usage.day import CustomerFacts
from processors.usage.findings import FIGURE
from processors.usage.judge import Judged, judge
from processors.usage.score import Scores, combine, drops, suspicions

log = logging.getLogger(__name__)

_TOLD_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Balance:
    """What the balance of areas says of a day."""

    areas: Areas
    losses: AreaLosses
    book: AreaBook
    judged: AreaJudged
    windows: Sequence[AreaWindow]
    looked: Sequence[Looked]
    evidence: AreaEvidence


@dataclass(slots=True)
class Judging:
    """at: stream time, which is when the stream is told of what is found."""

    ground: Ground
    at: int

    async def run(self, day: Day, sink: Sink) -> int:
        """Judge the day and tell the stream; of how many metering points. Judged again it gives the same, and tells
        only what is not as it was told. A day before one that was judged cannot be. Raises UnavailableError."""
        rules = self.ground.rules
        areas = Areas.of(self.ground.inventory)
        sums = AreaSums(areas, day.start, day.end, self.ground.step)
        anew = await self.ground.store.bookkeeping.anew(day.start, day.end)
        judged = [
            await self._customers(customers, day, sums, anew)
            for customers in together(self._customer_keys(), self._transformer(), size=rules.book.judge_chunk)
        ]
        await self._balance(np.flatnonzero(areas.supply).astype(np.int32), day, sums)
        found = sums.losses(day.date)
        book = await self._book(areas, day, found)
        area = await asyncio.to_thread(judge_areas, book, areas, day.date, settings=rules.balance)
        inside = await windows(self.ground, areas, self._worst(area), day)
        looked = await asyncio.to_thread(look, inside, area, areas)
        fallen = _joined([drops(part, rules.usage) for part in judged])
        evidence = await asyncio.to_thread(
            rank, area, book, areas, inside, fallen, settings=rules.balance, looked=looked
        )
        balance = _Balance(
            areas=areas,
            losses=found,
            book=book,
            judged=area,
            windows=inside,
            looked=looked,
            evidence=evidence,
        )
        return await self._tell(day, balance, judged, sink)

    def _customer_keys(self) -> Int32s:
        inventory = self.ground.inventory
        devices = self.ground.devices
        which: Bools = (inventory.kind[devices] == DeviceKind.METER) & (inventory.customers[devices] > 0)
        return devices[which]

    def _transformer(self) -> Int32s:
        return self.ground.inventory.transformer()[self._customer_keys()]

    async def _customers(self, devices: Int32s, day: Day, sums: AreaSums, anew: Int32s) -> Judged:
        """Judge those of one chunk, take the day into their baselines, and their energy into the balance. anew: those
        whose baselines begin with this day."""
        store, rules = self.ground.store, self.ground.rules
        made = await usage_day(self.ground, devices, day, sums)
        facts = CustomerFacts.of(self.ground.inventory, devices)
        kept = await store.usage.baselines(devices, version=VERSION, width=WIDTH)
        rows = BaselineRows(device=kept.device, number=kept.number, state=kept.state)
        baselines = await asyncio.to_thread(Baselines.of_rows, rows, devices)
        baselines.forget(anew)
        judged = await asyncio.to_thread(judge, made, baselines, facts, rules.usage)
        state = baselines.rows()
        await store.usage.put_baselines(
            state.device, state.number, state.state, version=state.version, at=self.at
        )
        return judged

    async def _balance(self, devices: Int32s, day: Day, sums: AreaSums) -> None:
        store, book = self.ground.store.meterdata, self.ground.rules.book
        size = size_of((day.end - day.start) // self.ground.step, chunk=book.chunk, rows=book.chunk_rows)
        for first in range(0, len(devices), size):
            for quantity in (IMPORT, EXPORT):
                some = await store.intervals(devices[first : first + size], quantity, day.start, day.end)
                await asyncio.to_thread(sums.add, some)

    async def _book(self, areas: Areas, day: Day, found: AreaLosses) -> AreaBook:
        keep = self.ground.rules.balance.history_days
        known = await self.ground.store.usage.losses(
            day.date - dt.timedelta(days=keep), day.date, self.ground.inventory.network
        )
        return AreaBook.of(areas.node, [*known, found], keep_days=keep)

    def _worst(self, area: AreaJudged) -> Int32s:
        """Rows of the areas to be looked into, those with the greatest excess first."""
        rows = np.flatnonzero(area.flagged)
        order = np.argsort(-np.abs(np.nan_to_num(area.level[rows])), kind="stable")
        return rows[order][: self.ground.rules.balance.looked_into].astype(np.int32)

    async def _tell(self, day: Day, balance: _Balance, judged: Sequence[Judged], sink: Sink) -> int:
        store, rules, inventory = self.ground.store, self.ground.rules, self.ground.inventory
        told = {one.device: one for one in await store.usage.standing()}
        followed = {key for key, one in told.items() if one.score >= rules.usage.tell_score}
        for incident in await store.open_incidents():
            if incident.kind == IncidentKind.USAGE_ANOMALY:
                followed |= set(incident.devices)
        tell: list[Suspicion] = []
        rows: list[JudgedDay] = []
        for part in judged:
            scores = combine(part, balance.evidence, rules.usage)
            some = suspicions(part, scores, balance.evidence, at=self.at, settings=rules.usage, also=followed)
            rows += _days(day, part, scores, some)
            tell += some
        found = await asyncio.to_thread(
            findings.find,
            balance.judged,
            balance.book,
            balance.areas,
            balance.windows,
            balance.evidence,
            inventory,
            settings=rules.balance,
            looked=balance.looked,
        )
        tell += findings.suspicions(found, balance.areas, received_at=self.at, until=day.end)
        network = inventory.network
        await store.usage.put_losses(balance.losses, balance.judged, network, at=self.at)
        await store.usage.put_findings(day.date, found, network, at=self.at)
        await store.usage.put_days(day.date, rows, at=self.at)
        fresh = [one for one in tell if not _same(told.get(one.device), one)]
        for first in range(0, len(fresh), _TOLD_AT_ONCE):
            await sink.put(fresh[first : first + _TOLD_AT_ONCE])
        metrics.SUSPICIONS.inc(len(fresh))
        log.info(
            "usage of a day is judged",
            extra={
                "day": day.date.isoformat(),
                "customers": sum(len(part.devices) for part in judged),
                "areas": len(balance.areas),
                "looked_into": len(balance.windows),
                "told": len(fresh),
            },
        )
        return len(fresh)


def _joined(parts: Sequence[Drops]) -> Drops:
    if not parts:
        return Drops(
            customer=np.empty(0, np.int32), kwh_per_day=np.empty(0, np.float64), since=np.empty(0, np.int64)
        )
    return Drops(
        customer=np.concatenate([part.customer for part in parts]),
        kwh_per_day=np.concatenate([part.kwh_per_day for part in parts]),
        since=np.concatenate([part.since for part in parts]),
    )


def _days(day: Day, judged: Judged, scores: Scores, told: Sequence[Suspicion]) -> list[JudgedDay]:
    """What is kept of the day: of those whom the stream is told of."""
    rows = np.searchsorted(judged.devices, np.array([one.device for one in told], np.int32))
    found = []
    for row, one in zip(rows.tolist(), told, strict=True):
        kwh, expected = (float(judged.figure[row, FIGURE[name]]) for name in ("kwh", "expected_kwh"))
        found.append(
            JudgedDay(
                device=one.device,
                day=day.date,
                score=float(scores.score[row]),
                log_odds=float(scores.log_odds[row]),
                kinds=int(scores.groups[row]),
                opens=bool(scores.opens[row]),
                kwh=None if np.isnan(kwh) else kwh,
                expected_kwh=None if np.isnan(expected) else expected,
                since=one.since,
                reasons=one.reasons,
            )
        )
    return found


def _same(told: Suspicion | None, now: Suspicion) -> bool:
    """Whether the stream was told just that of just this day."""
    return (
        told is not None
        and told.until == now.until
        and told.score == now.score
        and told.since == now.since
        and [reason.rule for reason in told.reasons] == [reason.rule for reason in now.reasons]
    )
