"""The book over a real database: history day by day, gaps and estimates, late data, and nothing twice."""

from __future__ import annotations

import numpy as np

from gateway.core.clock import DAY, HOUR, MINUTE
from gateway.core.meterdata import GapCause, Intervals, IntervalStatus, Rule
from tests.integration.meterdata_world import DRAW, MONDAY, QUARTER, World, district, registers, world
from tests.integration.store_world import rows

METERS = ["M0-0", "M0-1", "M0-2", "M0-3"]
HOLE = (MONDAY + DAY + 10 * HOUR, MONDAY + DAY + 14 * HOUR)


async def intervals(at: World, name: str, frm: int, till: int) -> Intervals:
    key = at.inventory.key(name)
    assert key is not None
    return await at.store.meterdata.intervals(np.array([key], np.int32), "energy_import", frm, till)


async def fill(at: World, till: int) -> None:
    """All of it but a hole of four hours in M0-1."""
    inventory = at.inventory
    await at.put([registers(inventory, ["M0-0", "M0-2", "M0-3"], MONDAY, till)])
    await at.put([registers(inventory, ["TTU0"], MONDAY, till, draw=4 * DRAW)])
    await at.put([registers(inventory, ["M0-1"], MONDAY, HOLE[0])])
    await at.put([registers(inventory, ["M0-1"], HOLE[1], till)])


async def test_history_is_worked_through_day_by_day_and_a_second_time_changes_nothing(
    database_url: str,
) -> None:
    now = MONDAY + 3 * DAY + 12 * HOUR
    async with world(database_url, district()) as at:
        await fill(at, now)
        await at.look(now)
        made = await intervals(at, "M0-0", MONDAY, now)
        assert len(made) == (now - MONDAY) // QUARTER
        assert (made.status == IntervalStatus.VALID).all()
        np.testing.assert_allclose(made.value, DRAW)
        terminal = await intervals(at, "TTU0", MONDAY, now)
        np.testing.assert_allclose(terminal.value, 4 * DRAW)

        holed = await intervals(at, "M0-1", MONDAY, now)
        lacking = (holed.start >= HOLE[0]) & (holed.end <= HOLE[1])
        assert (holed.status[lacking] == IntervalStatus.ESTIMATED).all()
        assert (holed.status[~lacking] == IntervalStatus.VALID).all()
        np.testing.assert_allclose(holed.value.sum(), DRAW * len(holed))

        (gap,) = await at.store.meterdata.open_gaps(since=0, limit=10)
        assert (gap.start, gap.end, gap.cause) == (*HOLE, GapCause.DEVICE)
        days = await at.store.meterdata.collection(MONDAY, now, by_day=True)
        assert {day.day: (day.expected, day.collected, day.estimated) for day in days} == {
            MONDAY: (480, 480, 0),
            MONDAY + DAY: (480, 464, 16),
            MONDAY + 2 * DAY: (480, 480, 0),
            MONDAY + 3 * DAY: (240, 240, 0),
        }
        assert await at.store.bookkeeping.reached("closed") == MONDAY + 3 * DAY

        before = await rows(database_url, "select * from interval order by device_key, quantity, starts_at")
        await at.look(now + MINUTE)
        assert before == await rows(
            database_url, "select * from interval order by device_key, quantity, starts_at"
        )
        assert await rows(database_url, "select count(*) from interval_version") == [(0,)]
        assert len(await at.store.meterdata.open_gaps(since=0, limit=10)) == 1


async def test_a_meter_that_was_always_silent_is_missing_and_a_terminal_without_a_register_is_not(
    postgres_url: str,
) -> None:
    now = MONDAY + DAY + 6 * HOUR
    async with world(postgres_url, district()) as at:
        await at.put([registers(at.inventory, ["M0-0", "M0-1", "M0-2"], MONDAY, now)])
        await at.look(now)
        silent = await intervals(at, "M0-3", MONDAY, MONDAY + DAY)
        assert (silent.status == IntervalStatus.MISSING).all()
        assert len(silent) == 96
        assert not len(await intervals(at, "TTU0", MONDAY, now))
        (monday, *_) = await at.store.meterdata.collection(MONDAY, MONDAY + DAY, by_day=True)
        assert (monday.devices, monday.expected, monday.collected, monday.missing) == (4, 384, 288, 96)


async def test_readings_that_come_late_take_the_place_of_estimates_and_fill_the_gap(
    database_url: str,
) -> None:
    now = MONDAY + 3 * DAY + 12 * HOUR
    async with world(database_url, district()) as at:
        await fill(at, now)
        await at.look(now)
        await at.put([registers(at.inventory, ["M0-1"], HOLE[0] + QUARTER, HOLE[1] - QUARTER)])
        await at.look(now + MINUTE)
        made = await intervals(at, "M0-1", *HOLE)
        assert (made.status == IntervalStatus.VALID).all()
        assert (made.rules & np.int64(Rule.LATE) != 0).all()
        np.testing.assert_allclose(made.value, DRAW)
        assert await at.store.meterdata.open_gaps(since=0, limit=10) == []
        tuesday, *_ = await at.store.meterdata.collection(MONDAY + DAY, MONDAY + 2 * DAY, by_day=True)
        assert (tuesday.collected, tuesday.estimated, tuesday.rate) == (480, 0, 1.0)
        estimates = "select count(*) from interval_version where status = 1"
        assert await rows(database_url, estimates) == [(16,)], "what stood before is kept"
        assert len(await at.store.meterdata.take_late(10)) == 0


async def test_what_has_not_come_yet_is_no_estimate_and_is_taken_when_it_comes(postgres_url: str) -> None:
    noon = MONDAY + 12 * HOUR
    async with world(postgres_url, district()) as at:
        await at.put([registers(at.inventory, METERS, MONDAY, noon - HOUR)])
        await at.look(noon)
        assert len(await intervals(at, "M0-0", MONDAY, noon)) == 44
        (day,) = await at.store.meterdata.collection(MONDAY, MONDAY + DAY, by_day=True)
        assert (day.expected, day.collected, day.estimated) == (4 * 48, 4 * 44, 0)
        assert len(await at.store.meterdata.open_gaps(since=0, limit=10)) == 4
        await at.put([registers(at.inventory, METERS, noon - HOUR, noon)])
        await at.look(noon + MINUTE)
        made = await intervals(at, "M0-0", MONDAY, noon)
        assert (made.status == IntervalStatus.VALID).all()
        assert (made.rules & np.int64(Rule.LATE) == 0).all(), "it took the place of nothing"
        assert len(made) == 48
        assert await at.store.meterdata.open_gaps(since=0, limit=10) == []
