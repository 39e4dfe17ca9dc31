"""Simulated meters with a past, and the gateway's driver that has it sent again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from drivers.modbus.driver import ModbusDriver
from drivers.modbus.settings import ModbusSettings
from drivers.mqtt.driver import MqttDriver
from drivers.mqtt.settings import MqttSettings
from drivers.profile import load_profiles
from gateway.core.clock import DAY, HOUR, SystemClock
from gateway.core.model import Batch, Signal, SignalKind
from gateway.csvfiles import load_devices, load_network
from gateway.embedded import BrokerAddress, embedded_broker
from simulator.mqtt_link import Broker
from simulator.options import Options
from simulator.simulation import Simulation
from tests.integration.mqtt_parts import HeldSink
from tests.waiting import until


@pytest.fixture(scope="module")
def field_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerAddress]:
    with embedded_broker(tmp_path_factory.mktemp("field")) as address:
        yield address


def energies(sink: HeldSink, key: int, frm: int, till: int) -> dict[int, float]:
    found: dict[int, float] = {}
    for batch in [e for e in sink.entries if isinstance(e, Batch)]:
        column = batch.column("energy_import")
        if column is None:
            continue
        for row in np.flatnonzero(batch.device == key).tolist():
            at = int(batch.measured_at[row])
            if frm <= at < till:
                found[at] = float(column[row])
    return found


def events(sink: HeldSink) -> list[Signal]:
    return [s for s in sink.signals if s.kind is SignalKind.METER_EVENT]


async def test_a_meter_and_a_terminal_send_their_past_again_and_a_cover_is_opened(
    field_broker: BrokerAddress, tmp_path: Path
) -> None:
    options = Options(
        meters=40,
        directory=tmp_path,
        broker=Broker(host=field_broker.host, port=field_broker.port),
        interval_s=60,
        history_days=10,
    )
    sink = HeldSink()
    async with Simulation(options) as sim:
        inventory = load_devices(sim.devices_csv, load_network(sim.network_csv))
        quick = {"answer_s": 10, "quiet_s": 0.3}
        section = {"name": "district", "url": field_broker.url, "recall": quick}
        driver = MqttDriver(inventory, MqttSettings.model_validate(section), SystemClock())
        task = asyncio.create_task(driver.run(sink))
        meter = inventory.key(next(d.id for d in sim.district.meters if d.protocol == "mqtt"))
        terminal = inventory.key(next(d.id for d in sim.district.devices if d.id.startswith("TT")))
        assert meter is not None
        assert terminal is not None
        await until(lambda: driver.can_recall(meter))
        await sim.start()
        with np.load(sim.history_file) as archive:
            at, kept = archive["at"], archive["energy_import"]
            names = archive["device"].tolist()
        frm, till = int(at[-1]) - 8 * DAY, int(at[-1]) - 2 * HOUR
        wanted = at[(at >= frm) & (at < till)].tolist()
        for key in (meter, terminal):
            await asyncio.wait_for(driver.recall(key, frm, till, sink), 20)
            column = kept[:, names.index(inventory.ids[key])]
            told = energies(sink, key, frm, till)
            assert list(told) == wanted
            assert list(told.values()) == pytest.approx(column[(at >= frm) & (at < till)], abs=1e-4)
        recalled = set(wanted)
        await until(lambda: recalled <= set(sim.ledger().readings[inventory.ids[meter]]))
        opened = await sim.tell_event(inventory.ids[meter], "cover_open")
        await sim.tell_event(inventory.ids[meter], "cover_open", ended=True)
        await until(lambda: len(events(sink)) == 2)
        assert [(s.device, s.detail) for s in events(sink)] == [
            (meter, "cover_open"),
            (meter, "cover_open end"),
        ]
        assert events(sink)[0].occurred_at == opened // 1000 * 1000
        polled = next(d.id for d in sim.district.meters if d.protocol == "modbus")
        with pytest.raises(ValueError, match="is polled"):
            await sim.tell_event(polled, "cover_open")
        with pytest.raises(ValueError, match="party"):
            await sim.tell_event(inventory.ids[meter], "party")
        assert sink.dead_letters == []
        await driver.stop()
        await task


async def test_a_polled_meter_gives_its_past_between_polls(
    field_broker: BrokerAddress, tmp_path: Path
) -> None:
    options = Options(
        meters=80,
        directory=tmp_path,
        broker=Broker(host=field_broker.host, port=field_broker.port),
        interval_s=1,
        history_days=10,
    )
    sink = HeldSink()
    async with Simulation(options) as sim:
        inventory = load_devices(sim.devices_csv, load_network(sim.network_csv))
        driver = ModbusDriver(inventory, load_profiles(), ModbusSettings(gather_s=0.01), SystemClock())
        task = asyncio.create_task(driver.run(sink))
        keeping = next(d.id for d in sim.district.meters if d.profile == "feederline-meter")
        forgetful = inventory.key(next(d.id for d in sim.district.meters if d.profile == "eastron-sdm120"))
        meter = inventory.key(keeping)
        assert meter is not None
        assert forgetful is not None
        await until(lambda: driver.can_recall(meter))
        assert not driver.can_recall(forgetful)
        await sim.cut_comms(keeping)
        await until(lambda: (meter, SignalKind.TARGET_FAILED) in {(s.device, s.kind) for s in sink.signals})
        await sim.mend_comms(keeping)
        await until(lambda: driver.can_recall(meter))
        with np.load(sim.history_file) as archive:
            at, names = archive["at"], archive["device"].tolist()
            kept = archive["energy_import"][:, names.index(keeping)]
        frm, till = int(at[-1]) - 8 * DAY, int(at[-1]) - 2 * HOUR
        inside = (at >= frm) & (at < till)
        polls = sim.ledger().polls[keeping]
        await asyncio.wait_for(driver.recall(meter, frm, till, sink), 20)
        told = energies(sink, meter, frm, till)
        assert sorted(told) == at[inside].tolist()
        assert [told[t] for t in sorted(told)] == pytest.approx(kept[inside].tolist(), abs=1e-9)
        await until(lambda: sim.ledger().polls[keeping] > polls)  # what was recalled counts as no poll
        await driver.stop()
        await task
