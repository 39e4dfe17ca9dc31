"""The weeks before the demo are in the database before it begins, and the gateway goes on from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gateway.core.clock import DAY, HOUR, SECOND, SystemClock
from gateway.demo.past import DAYS, load_past
from gateway.store import Store
from gateway.store.settings import DatabaseSettings
from simulator.customers import cast
from simulator.history import History
from simulator.layout import build
from simulator.load import Load


async def test_every_hour_of_every_meter_and_terminal_is_there(postgres_url: str, tmp_path: Path) -> None:
    clock = SystemClock()
    now = clock.now()
    district, customers = cast(build(40, 1, terminals="trunk"), now, offset=8 * HOUR)
    history = History(Load(district, customers=customers), now - DAYS * DAY, now)
    history.write(tmp_path / "history.npz", district)
    polled = [d.id for d in district.devices if d.protocol == "modbus"]
    places = {name: f"127.0.0.1:5020/{i + 1}" for i, name in enumerate(polled)}
    places |= {
        d.id: f"127.0.0.1:{6000 + i}" for i, d in enumerate(district.devices) if d.kind == "concentrator"
    }
    network, devices = district.write(tmp_path, places)
    about = {
        "network": str(network),
        "devices_csv": str(devices),
        "history": str(tmp_path / "history.npz"),
        "thieves": [district.meters[row].id for row in customers.thieves()],
        "vacant": [],
    }
    past = await load_past(postgres_url, about, clock)
    with np.load(tmp_path / "history.npz") as archive:
        names, at = archive["device"].tolist(), archive["at"]
    assert past.rows == len(names) * len(at)
    assert past.until == int(at[-1]) + SECOND
    assert (past.thief, past.vacant) == (about["thieves"][0], "")
    assert set(past.heard) == {d.id for d in district.devices if d.kind != "concentrator"}
    async with Store.open(DatabaseSettings(url=postgres_url)) as store:
        assert (await store.reports.totals()).readings == past.rows
        assert len(await store.supply.last_readings(names, since=int(at[-2]))) == len(names)
        assert await store.supply.last_readings(past.heard, since=past.until) == {}


async def test_without_a_past_nothing_is_touched(postgres_url: str, tmp_path: Path) -> None:
    district = build(8, 1)
    polled = [d.id for d in district.devices if d.protocol == "modbus"]
    network, devices = district.write(
        tmp_path, {name: f"127.0.0.1:5020/{i}" for i, name in enumerate(polled, 1)}
    )
    about = {
        "network": str(network), "devices_csv": str(devices), "history": "", "thieves": [], "vacant": [],
    }  # fmt: skip
    past = await load_past(postgres_url, about, SystemClock())
    assert (past.rows, past.until, past.thief) == (0, 0, "")
    assert past.words == ""
