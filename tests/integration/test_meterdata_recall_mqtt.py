"""A hole in what an MQTT meter delivered, from the gap found to the estimate replaced, over a real broker."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np

from drivers.mqtt.driver import MqttDriver
from drivers.mqtt.settings import MqttSettings
from gateway.core.clock import DAY, HOUR, SECOND, SystemClock
from gateway.core.meterdata import IntervalStatus, Rule
from gateway.core.model import Batch
from gateway.csvfiles import load_devices, load_network
from gateway.embedded import BrokerAddress
from gateway.meterdata.recalling import Recaller
from simulator.mqtt_link import Broker
from simulator.options import Options
from simulator.simulation import Simulation
from tests.integration.meterdata_world import world
from tests.integration.store_world import rows
from tests.waiting import until

LENGTH = 5  # hours that lack


async def test_a_gap_is_recalled_from_the_meter_s_load_profile_and_takes_the_place_of_the_estimate(
    postgres_url: str, broker: BrokerAddress, tmp_path: Path
) -> None:
    clock = SystemClock()
    options = Options(
        meters=8,
        directory=tmp_path,
        broker=Broker(host=broker.host, port=broker.port),
        interval_s=60,
        history_days=10,
    )
    async with Simulation(options) as sim:
        inventory = load_devices(sim.devices_csv, load_network(sim.network_csv))
        name = next(d.id for d in sim.district.meters if d.protocol == "mqtt")
        meter = inventory.key(name)
        assert meter is not None
        with np.load(sim.history_file) as archive:
            at, names, kept = archive["at"], archive["device"].tolist(), archive["energy_import"]
        hole = int(at[-1]) - 2 * DAY
        lacking = (at > hole) & (at < hole + LENGTH * HOUR)
        async with world(
            postgres_url, inventory, vee={"interval_s": 3600}, recall_again_s=1, recall_per_second=100
        ) as book:
            for column, device in enumerate(names):
                told = at >= int(at[-1]) - 4 * DAY
                if device == name:
                    told &= ~lacking
                keys = np.full(int(told.sum()), inventory.key(device), np.int32)
                await book.put([Batch.of(("energy_import",), keys, at[told], kept[told, column][:, None])])
            now = int(at[-1]) + 1
            await book.look(now)
            (gap,) = [
                gap
                for gap in await book.store.meterdata.open_gaps(since=0, limit=100)
                if gap.device == meter and gap.start == hole
            ]
            assert gap.end == hole + LENGTH * HOUR
            window = (np.array([meter], np.int32), "energy_import", gap.start, gap.end)
            estimated = await book.store.meterdata.intervals(*window)
            assert (estimated.status == IntervalStatus.ESTIMATED).all()

            section = {
                "name": "district",
                "url": broker.url,
                "recall": {"answer_s": 10, "quiet_s": 0.3},
            }
            driver = MqttDriver(inventory, MqttSettings.model_validate(section), clock)
            task = asyncio.create_task(driver.run(book))
            await until(lambda: driver.can_recall(meter))
            await sim.start()
            recaller = Recaller([driver], inventory, book.store.meterdata, book.ground.rules.book, clock)
            await asyncio.wait_for(recaller.look(book), 60)
            await book.look(now)
            measured = await book.store.meterdata.intervals(*window)
            assert (measured.status == IntervalStatus.VALID).all()
            assert (measured.rules & np.int64(Rule.LATE) != 0).all()
            used = np.diff(kept[(at >= gap.start) & (at <= gap.end), names.index(name)])
            np.testing.assert_allclose(measured.value, used, atol=1e-3)
            assert gap.number not in {
                gap.number for gap in await book.store.meterdata.open_gaps(since=0, limit=100)
            }
            versions = await rows(
                postgres_url,
                "select v.status from interval_version v join device using (device_key) "
                f"where device_id = '{name}' and starts_at >= to_timestamp({hole // SECOND}) order by starts_at",
            )
            assert versions == [(int(IntervalStatus.ESTIMATED),)] * LENGTH, "what stood before is kept"
            await driver.stop()
            await task
