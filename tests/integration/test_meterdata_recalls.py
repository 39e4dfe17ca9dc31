"""A gap is found, the meter is asked, its load profile comes back, and everything that stood for it makes way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from gateway.core.clock import DAY, HOUR, MINUTE, SECOND, ManualClock
from gateway.core.meterdata import GapCause, IntervalStatus
from gateway.core.model import Entry, Int32s
from gateway.core.ports import Sink
from gateway.meterdata.recalling import Recaller, due
from gateway.meterdata.settings import MeterDataSettings
from gateway.store.gaps import OpenGap
from tests.integration.meterdata_world import DRAW, MONDAY, QUARTER, World, district, registers, world
from tests.integration.store_world import rows
from tests.waiting import until

NOW = MONDAY + DAY + 12 * HOUR
HOLE = (MONDAY + 10 * HOUR, MONDAY + 14 * HOUR)
EAGER = MeterDataSettings(recall_per_second=1000, recall_tries=3)


@dataclass
class LoadProfiles:
    """A driver at its seam: these meters keep what was read of them."""

    at: World
    keep: tuple[str, ...]
    answer: bool = True
    asked: list[tuple[str, int, int]] = field(default_factory=list)

    def can_recall(self, device: int) -> bool:
        return self.at.inventory.ids[device] in self.keep

    async def recall(self, device: int, frm: int, till: int, sink: Sink) -> None:
        name = self.at.inventory.ids[device]
        self.asked.append((name, frm, till))
        if self.answer:
            await sink.put([registers(self.at.inventory, [name], frm, till)])


async def fill(at: World) -> None:
    whole = [registers(at.inventory, ["M0-1", "TTU0"], MONDAY, NOW)]
    for name in ("M0-0", "M0-2", "M0-3"):
        whole.append(registers(at.inventory, [name], MONDAY, HOLE[0]))
        whole.append(registers(at.inventory, [name], HOLE[1], NOW))
    await at.put(whole)


async def settled(at: World, clock: ManualClock) -> None:
    clock.at += MINUTE
    await at.look(clock.at)


def key(at: World, name: str) -> Int32s:
    return np.array([at.inventory.key(name)], np.int32)


async def test_a_gap_is_asked_for_and_filled_and_the_estimate_makes_way(database_url: str) -> None:
    clock = ManualClock(NOW)
    async with world(database_url, district(via="C1"), account_every_s=1) as at:
        await fill(at)
        await at.look(NOW)
        book = at.store.meterdata
        gaps = await book.open_gaps(since=0, limit=10)
        assert sorted((gap.start, gap.end, gap.cause) for gap in gaps) == [
            (*HOLE, GapCause.DEVICE),
            (*HOLE, GapCause.DEVICE),
            (*HOLE, GapCause.DEVICE),
        ], "M0-1 came over the same path, so it worked"
        (monday, *_) = await book.collection(MONDAY, NOW, by_day=True)
        assert monday.estimated == 48

        driver = LoadProfiles(at, keep=("M0-0", "M0-2"))
        recaller = Recaller([driver, object()], at.inventory, book, EAGER, clock)
        assert await recaller.look(at) == 2
        assert sorted(driver.asked) == [
            ("M0-0", HOLE[0], HOLE[1] + SECOND),
            ("M0-2", HOLE[0], HOLE[1] + SECOND),
        ]
        await settled(at, clock)

        made = await book.intervals(key(at, "M0-0"), "energy_import", *HOLE)
        assert (made.status == IntervalStatus.VALID).all()
        np.testing.assert_allclose(made.value, DRAW)
        versions = "select count(*) from interval_version where status = 1"
        assert await rows(database_url, versions) == [(32,)]
        (left,) = await book.open_gaps(since=0, limit=10)
        assert at.inventory.ids[left.device] == "M0-3"
        (monday, *_) = await book.collection(MONDAY, NOW, by_day=True)
        assert (monday.collected, monday.estimated) == (monday.expected - 16, 16)
        assert await recaller.look(at) == 0, "nobody can ask for what is left"


async def test_a_meter_that_does_not_answer_is_asked_less_and_less_and_then_no_more(
    postgres_url: str,
) -> None:
    clock = ManualClock(NOW)
    async with world(postgres_url, district()) as at:
        await fill(at)
        await at.look(NOW)
        driver = LoadProfiles(at, keep=("M0-0",), answer=False)
        recaller = Recaller([driver], at.inventory, at.store.meterdata, EAGER, clock)
        asked_at = []
        for _ in range(40):
            if await recaller.look(at):
                asked_at.append((clock.at - NOW) // HOUR)
            clock.at += HOUR // 2
        assert asked_at == [0, 1, 3]
        (gap,) = [g for g in await at.store.meterdata.open_gaps(since=0, limit=10) if g.asks]
        assert (gap.asks, gap.device) == (3, at.inventory.key("M0-0"))


async def test_one_question_at_a_time_goes_over_one_path(postgres_url: str) -> None:
    clock = ManualClock(NOW)
    async with world(postgres_url, district(via="C1")) as at:
        await fill(at)
        await at.look(NOW)
        under_way, most, may_answer = 0, 0, asyncio.Event()

        class Slow(LoadProfiles):
            async def recall(self, device: int, frm: int, till: int, sink: Sink) -> None:
                nonlocal under_way, most
                under_way += 1
                most = max(most, under_way)
                await may_answer.wait()
                under_way -= 1
                await super().recall(device, frm, till, sink)

        driver = Slow(at, keep=("M0-0", "M0-2", "M0-3"))
        recaller = Recaller([driver], at.inventory, at.store.meterdata, EAGER, clock)
        looking = asyncio.create_task(recaller.look(at))
        await until(lambda: under_way == 1, what="the first question")
        may_answer.set()
        assert await asyncio.wait_for(looking, 10) == 3
        assert most == 1


async def test_a_driver_that_fails_or_never_returns_stops_nobody(postgres_url: str) -> None:
    clock = ManualClock(NOW)
    async with world(postgres_url, district()) as at:
        await fill(at)
        await at.look(NOW)

        class Faulty(LoadProfiles):
            async def recall(self, device: int, frm: int, till: int, sink: Sink) -> None:
                name = self.at.inventory.ids[device]
                if name == "M0-0":
                    raise RuntimeError("cannot")
                if name == "M0-2":
                    await asyncio.Event().wait()
                await super().recall(device, frm, till, sink)

        driver = Faulty(at, keep=("M0-0", "M0-2", "M0-3"))
        settings = EAGER.model_copy(update={"recall_longest_s": 0.1})
        recaller = Recaller([driver], at.inventory, at.store.meterdata, settings, clock)
        assert await recaller.look(at) == 3
        assert [name for name, _, _ in driver.asked] == ["M0-3"]


class Nowhere:
    async def put(self, entries: Sequence[Entry]) -> None:
        raise AssertionError("nothing is asked for")


async def test_without_drivers_that_can_there_is_nothing_to_run(postgres_url: str) -> None:
    async with world(postgres_url, district()) as at:
        for drivers, settings in (
            ([object()], EAGER),
            ([LoadProfiles(at, ())], MeterDataSettings(recall=False)),
        ):
            recaller = Recaller(drivers, at.inventory, at.store.meterdata, settings, ManualClock(NOW))
            await asyncio.wait_for(recaller.run(Nowhere()), 5)


def test_when_a_gap_is_due_again() -> None:
    settings = MeterDataSettings(recall_again_s=3600, recall_tries=3)

    def gap(asks: int, asked_at: int | None) -> OpenGap:
        return OpenGap(
            number=1,
            device=0,
            quantity="energy_import",
            start=0,
            end=QUARTER,
            cause=GapCause.DEVICE,
            found_at=0,
            asked_at=asked_at,
            asks=asks,
            intervals=1,
            filled=0,
        )

    assert due(gap(0, None), 0, settings)
    assert not due(gap(1, 0), HOUR - 1, settings)
    assert due(gap(1, 0), HOUR, settings)
    assert not due(gap(2, 0), 2 * HOUR - 1, settings)
    assert due(gap(2, 0), 2 * HOUR, settings)
    assert not due(gap(3, 0), DAY, settings)
