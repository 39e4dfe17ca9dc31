"""The last weeks of an area as they are looked into: voltages by phase, so that a wrong phase is found."""

from __future__ import annotations

import numpy as np

from gateway.core.clock import DAY, HOUR
from gateway.core.inventory import Device, Inventory
from gateway.core.model import Batch
from gateway.core.network import Network
from gateway.meterdata.areawindows import windows
from gateway.meterdata.planning import day_of
from processors.balance.areas import Areas
from processors.balance.phases import misplaced
from tests.integration.meterdata_world import MONDAY, ZONE, world

REGISTERED = "ABCA"  # of M0 … M3; M3 hangs on phase C


def single_phase() -> Inventory:
    network = Network(["S", "T"], ["", "S"], ["substation", "transformer"])
    terminal = Device(id="TTU", node="T", kind="terminal", customers=0, attributes={"max_demand_kw": "100"})
    meters = [Device(id=f"M{i}", node="T", phases=phase) for i, phase in enumerate(REGISTERED)]
    return Inventory([terminal, *meters], network)


async def test_a_meter_that_follows_another_phase_than_its_own_is_told(postgres_url: str) -> None:
    rng = np.random.default_rng(4)
    times = MONDAY + np.arange(10 * 24) * HOUR
    volts = 230 + rng.normal(0, 2, (len(times), 3)) + rng.normal(0, 3, (len(times), 1))
    async with world(postgres_url, single_phase(), vee={"interval_s": 3600}) as at:
        names = ("voltage_a", "voltage_b", "voltage_c")
        keys = np.zeros(len(times), np.int32)
        await at.put([Batch.of(names, keys + (at.inventory.key("TTU") or 0), times, volts)])
        for i, phase in enumerate((0, 1, 2, 2)):
            own = np.zeros((len(times), 3))
            own[:, 0] = volts[:, phase] - 1.5 + rng.normal(0, 0.2, len(times))
            await at.put([Batch.of(names, keys + (at.inventory.key(f"M{i}") or 0), times, own)])
        areas = Areas.of(at.inventory)
        day = day_of(MONDAY + 9 * DAY, ZONE)
        (window,) = await windows(at.ground, areas, np.array([0], np.int32), day)
        assert window.voltage is not None
        assert window.voltage.shape == window.kwh.shape
        days = np.isfinite(window.voltage).sum(axis=1) / 24
        assert days.tolist() == [7.0] * 4, "no more is read than it takes"
        ((member, phase, best, registered),) = misplaced(window)
        assert at.inventory.ids[window.customer[member]] == "M3"
        assert phase == 2
        assert best > 0.9 > registered


async def test_without_voltages_by_phase_nothing_is_compared(postgres_url: str) -> None:
    async with world(postgres_url, single_phase(), vee={"interval_s": 3600}) as at:
        day = day_of(MONDAY + 9 * DAY, ZONE)
        (window,) = await windows(at.ground, Areas.of(at.inventory), np.array([0], np.int32), day)
        assert window.voltage is None
        assert misplaced(window) == []
