"""A polled meter was out of reach for hours; its registers of those hours come out of its load profile."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np

from drivers.modbus.driver import ModbusDriver
from drivers.modbus.settings import ModbusSettings
from drivers.profile import load_profiles
from gateway.core.clock import DAY, HOUR, MINUTE, ManualClock
from gateway.core.meterdata import IntervalStatus
from gateway.core.model import Batch
from gateway.csvfiles import load_devices, load_network
from gateway.meterdata.recalling import Recaller
from gateway.meterdata.settings import MeterDataSettings
from simulator.faults import Dark
from simulator.history import History
from simulator.layout import build
from simulator.load import Load
from simulator.meters_modbus import ModbusMeters
from tests.integration.meterdata_world import MONDAY, QUARTER, world
from tests.waiting import until

NOW = MONDAY + DAY + 12 * HOUR
HOLE = (MONDAY + 10 * HOUR, MONDAY + 14 * HOUR)
EAGER = MeterDataSettings(recall_per_second=1000)


def collected(history: History, column: int, key: int, frm: int, till: int) -> Batch:
    """What was polled at full quarters of [frm, till]."""
    at, kwh = history.between(column, frm, till + 1)
    return Batch.of(("energy_import", "energy_export"), np.full(len(at), key, np.int32), at, kwh)


async def test_a_gap_of_a_polled_meter_is_filled_out_of_its_ring(postgres_url: str, tmp_path: Path) -> None:
    district = build(80, seed=1)
    load = Load(district)
    history = History(load, MONDAY, NOW, interval=QUARTER)
    field = ModbusMeters(district, history, battery_s=0)
    row = next(i for i, meter in enumerate(district.meters) if meter.profile == "feederline-meter")
    try:
        district.write(tmp_path, await field.open())
        field.refresh(load.snapshot(NOW, Dark(np.zeros(len(district.network), np.uint8))))
        inventory = load_devices(tmp_path / "devices.csv", load_network(tmp_path / "network.csv"))
        keys = [inventory.key(meter.id) for meter in district.meters]
        key = keys[row]
        assert key is not None

        clock = ManualClock(NOW)
        async with world(postgres_url, inventory, account_every_s=1) as at:
            whole = [
                collected(history, i, k, MONDAY, NOW) for i, k in enumerate(keys) if k not in (None, key)
            ]
            halves = [
                collected(history, row, key, MONDAY, HOLE[0]),
                collected(history, row, key, HOLE[1], NOW),
            ]
            await at.put([*whole, *halves])
            await at.look(NOW)
            book = at.store.meterdata
            lacking = [gap for gap in await book.open_gaps(since=0, limit=100) if gap.device == key]
            assert [(gap.start, gap.end) for gap in lacking] == [HOLE]

            driver = ModbusDriver(inventory, load_profiles(), ModbusSettings(gather_s=0.01), clock)
            task = asyncio.create_task(driver.run(at))
            await until(lambda: driver.can_ask(key))
            await driver.ask(key, at)  # nobody recalls what was not heard
            assert await Recaller([driver], inventory, book, EAGER, clock).look(at) == 1
            await driver.stop()
            await task

            clock.at += MINUTE
            await at.look(clock.at)
            assert key not in {gap.device for gap in await book.open_gaps(since=0, limit=100)}
            made = await book.intervals(np.array([key], np.int32), "energy_import", *HOLE)
            assert (made.status == IntervalStatus.VALID).all()
            _, kwh = history.between(row, HOLE[0], HOLE[1] + 1)
            assert len(made.value) == 16
            np.testing.assert_allclose(made.value, np.diff(kwh[:, 0]), atol=0.011)
    finally:
        await field.close()
