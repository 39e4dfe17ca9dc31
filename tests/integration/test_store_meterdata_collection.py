"""The collection account, the ledger of gaps, and readings that come after their time was reckoned."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np

from gateway.core.clock import DAY, HOUR, MINUTE, SECOND
from gateway.core.inventory import Device, Inventory
from gateway.core.meterdata import CollectionDays, GapCause, Gaps
from gateway.core.model import Batch, Commit
from gateway.store.collection import CollectionPlace, CollectionRate
from tests.integration.store_world import (
    SPOOL,
    T0,
    PlainDesk,
    ready_store,
    rows,
    small_inventory,
    small_network,
    voltages,
)
from tests.integration.test_store_meterdata import (
    DEVICES,
    ESTIMATED,
    LONG_AGO,
    MISSING,
    QUARTER,
    VALID,
    intervals,
)
from tests.waiting import until

MIDNIGHT = T0 - 8 * HOUR


def account(
    collected: Sequence[int],
    *,
    expected: int = 96,
    devices: Sequence[int] = (0, 1, 2, 3),
    day: int = MIDNIGHT,
) -> CollectionDays:
    """What lacks is estimated, for reasons of communications."""
    n = len(collected)
    came = np.asarray(collected, np.int32)
    none = np.zeros(n, np.int32)
    return CollectionDays(
        quantity="energy_import",
        device=np.asarray(devices, np.int32),
        day=np.full(n, day, np.int64),
        expected=np.full(n, expected, np.int32),
        collected=came,
        estimated=expected - came,
        missing=none,
        edited=none,
        lacking=np.column_stack([none, none, expected - came, none]),
    )


def placed() -> Inventory:
    """Two meters behind a concentrator in town, two on their own in the country."""
    hub = Device(id="C1", node="F", kind="concentrator", customers=0)
    town, land = {"area": "urban"}, {"area": "rural"}
    meters = [
        Device(id="M0", node="T0", via="C1", attributes=town),
        Device(id="M1", node="T0", via="C1", attributes=town),
        Device(id="M2", node="T1", attributes=land),
        Device(id="M3", node="T1", attributes=land),
    ]
    return Inventory([*meters, hub], small_network())


async def test_collection_is_told_by_place_and_by_day(database_url: str) -> None:
    async with ready_store(database_url, placed()) as store:
        book = store.meterdata
        assert await book.put_collection(account([96, 96, 90, 0]), at=T0) == 4
        assert await book.put_collection(account([96, 96, 90, 0]), at=T0 + 1) == 0
        assert await book.put_collection(account([96, 96, 96, 90]), at=T0 + 2) == 2  # more has come
        tomorrow = account([96, 96, 95, 96], day=MIDNIGHT + DAY)
        assert await book.put_collection(tomorrow, at=T0 + DAY) == 4

        async def told(place: CollectionPlace, by_day: bool = False) -> list[CollectionRate]:
            return await book.collection(MIDNIGHT, MIDNIGHT + 2 * DAY, place, by_day=by_day)

        (whole,) = await told("all")
        assert (whole.devices, whole.expected, whole.collected) == (4, 768, 761)
        assert (whole.estimated, whole.communications, whole.supply) == (7, 7, 0)
        assert (whole.rate, whole.target, whole.met) == (761 / 768, 0.998, False)
        areas = await told("area")
        assert [(a.key, a.expected, a.collected, a.met) for a in areas] == [
            ("rural", 384, 377, False),
            ("urban", 384, 384, True),
        ]
        assert [a.key for a in await told("transformer")] == ["T1", "T0"]
        assert [a.key for a in await told("concentrator")] == ["", "C1"]
        assert [a.key for a in await told("feeder")] == ["F"]
        assert [a.key for a in await told("device")] == ["M3", "M2", "M0", "M1"]
        days = await told("all", by_day=True)
        assert [(d.day, d.collected) for d in days] == [(MIDNIGHT, 378), (MIDNIGHT + DAY, 383)]
        back = await book.collection_days(DEVICES[:4], "energy_import", MIDNIGHT + DAY, MIDNIGHT + 2 * DAY)
        assert back.collected.tolist() == tomorrow.collected.tolist()
        assert back.lacking.tolist() == tomorrow.lacking.tolist()
        assert back.day.tolist() == tomorrow.day.tolist()
        assert await book.collection(T0 + 9 * DAY, T0 + 10 * DAY) == []


def gap(start: int, end: int, cause: GapCause = GapCause.COMMUNICATIONS, device: int = 0) -> Gaps:
    """From quarter `start` to quarter `end`."""
    return Gaps(
        quantity="energy_import",
        device=np.array([device], np.int32),
        start=np.array([T0 + start * QUARTER], np.int64),
        end=np.array([T0 + end * QUARTER], np.int64),
        cause=np.array([list(GapCause).index(cause)], np.uint8),
    )


async def test_gaps_grow_are_asked_for_and_are_filled(database_url: str) -> None:
    async with ready_store(database_url) as store:
        book = store.meterdata

        async def standing() -> list[tuple[int, int, GapCause, int, int]]:
            found = await book.open_gaps(since=T0, limit=100)
            return [
                ((g.start - T0) // QUARTER, (g.end - T0) // QUARTER, g.cause, g.intervals, g.filled)
                for g in sorted(found, key=lambda g: g.start)
            ]

        assert await book.put_gaps(gap(0, 2), at=T0) == 1
        assert await book.put_gaps(gap(0, 2), at=T0) == 0
        assert await book.put_gaps(gap(2, 4), at=T0) == 0  # it goes on
        assert await book.put_gaps(gap(6, 8, GapCause.DEVICE), at=T0) == 1
        assert await book.put_gaps(gap(8, 9), at=T0) == 1  # another cause is another gap
        assert await book.put_gaps(gap(2, 4, GapCause.GATEWAY), at=T0) == 0  # known better now
        assert await standing() == [
            (0, 4, GapCause.GATEWAY, 0, 0),
            (6, 8, GapCause.DEVICE, 0, 0),
            (8, 9, GapCause.COMMUNICATIONS, 0, 0),
        ]
        first = (await book.open_gaps(since=T0, limit=1))[0]
        await book.gaps_asked([first.number], at=T0 + HOUR)
        assert first.number not in [g.number for g in await book.open_gaps(since=T0, limit=2)]
        due = await book.open_gaps(since=T0, limit=9, asked_before=T0 + HOUR, asks_below=1)
        assert len(due) == 2
        assert len(await book.open_gaps(since=T0, limit=9, asked_before=T0 + HOUR + 1)) == 3
        states = [VALID, ESTIMATED, MISSING, VALID, VALID, VALID, VALID, VALID, ESTIMATED]
        values = [1.0, 1.0, float("nan"), 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
        await book.put(intervals(values, status=states), at=T0 + DAY, final_before=LONG_AGO)
        assert await book.settle_gaps(DEVICES, "energy_import", at=T0 + DAY) == 1
        assert await standing() == [
            (0, 4, GapCause.GATEWAY, 4, 2),
            (8, 9, GapCause.COMMUNICATIONS, 1, 0),
        ]
        await book.put(intervals([1.0] * 9), at=T0 + 2 * DAY, final_before=LONG_AGO)
        assert await book.settle_gaps(DEVICES[1:], "energy_import", at=T0 + 2 * DAY) == 0
        assert await book.settle_gaps(DEVICES, "energy_import", at=T0 + 2 * DAY) == 2
        assert await standing() == []
    asked = await rows(database_url, "select asks, filled, cause from gap order by starts_at")
    assert asked == [(1, 4, "gateway"), (0, 2, "device"), (0, 1, "communications")]


def registers(devices: Sequence[int], at: Sequence[int]) -> Batch:
    return Batch.of(("energy_import",), devices, at, [[100.0]] * len(at))


async def test_the_writer_marks_what_comes_late_and_nothing_else(database_url: str) -> None:
    async with ready_store(database_url, small_inventory()) as store:
        book = store.meterdata
        numbers = iter(range(1, 100))

        async def write(*batches: Batch) -> None:
            commit = Commit(batches=list(batches), at=T0 + DAY, upto=next(numbers))
            await store.write(commit, PlainDesk(), SPOOL)

        assert await book.done_until() is None
        await write(registers([0], [T0 - DAY]))
        assert not len(await book.take_late(10))
        await book.begin(T0)
        assert await book.done_until() is None
        await book.set_done(T0)
        await book.set_done(T0 - HOUR)
        assert await book.done_until() == T0
        await write(voltages([1], T0 - HOUR, [230.0]), registers([0, 1], [T0 + 1, T0 + 2]))
        assert not len(await book.take_late(10))
        late = registers([4, 1, 4, 4, 2, 5], [T0 - 1, T0 - 5 * MINUTE, T0 - HOUR, T0 - DAY, T0 + HOUR, T0])
        await write(late, voltages([3], T0 - 2 * HOUR, [230.0]))
        await write(late)  # again: it says nothing new
        marks = await book.take_late(10)
        told = list(zip(marks.device.tolist(), marks.first.tolist(), marks.last.tolist(), strict=True))
        assert sorted(told) == [
            (1, T0 - 5 * MINUTE, T0 - 5 * MINUTE),
            (4, T0 - DAY, T0 - DAY),
            (4, T0 - HOUR, T0 - 1),
            (5, T0, T0),
        ]
        await book.late_done(await book.take_late(2))
        assert (await book.take_late(10)).number.tolist() == marks.number.tolist()[2:]


async def test_the_border_waits_for_what_is_being_written(database_url: str) -> None:
    async with ready_store(database_url) as store, store._pool.connection() as conn:
        async with conn.transaction():
            await conn.execute("select 1 from meter_data_progress for share")
            begun = asyncio.create_task(store.meterdata.begin(T0))
            waiting = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
            await until(lambda: rows(database_url, waiting), what="a wait for the lock")
            assert not begun.done()
        async with asyncio.timeout(10):
            await begun
        await store.write(Commit(batches=[registers([0], [T0 - SECOND])], at=T0, upto=1), PlainDesk(), SPOOL)
        assert len(await store.meterdata.take_late(1)) == 1
