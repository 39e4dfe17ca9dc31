"""The simulated field against the gateway's own drivers: what one side encodes, the other reads back."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from drivers.modbus.driver import ModbusDriver, read_device
from drivers.modbus.settings import ModbusSettings
from drivers.mqtt.driver import MqttDriver
from drivers.mqtt.settings import MqttSettings
from drivers.profile import Type, load_profiles
from gateway.core.clock import SystemClock
from gateway.core.inventory import Inventory
from gateway.core.model import Batch, DeadLetter, Entry, Signal, SignalKind
from gateway.csvfiles import load_devices, load_network
from gateway.embedded import BrokerAddress, embedded_broker
from simulator.faults import Farewell
from simulator.mqtt_link import Broker
from simulator.options import Options
from simulator.registers import MAPS
from simulator.simulation import Simulation
from tests.waiting import until

QUICK = Farewell(delivery_rate=1.0, gasp_delay_s=0.3, repeat_rate=0.0, restore_delay_s=0.2)


class Heap:
    """A sink that keeps everything."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    async def put(self, entries: Sequence[Entry]) -> None:
        self.entries += entries

    @property
    def batches(self) -> list[Batch]:
        return [e for e in self.entries if isinstance(e, Batch)]

    def rows(self, inventory: Inventory) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for batch in self.batches:
            for key, at in zip(batch.device.tolist(), batch.measured_at.tolist(), strict=True):
                found.setdefault(inventory.ids[key], []).append(at)
        return found

    @property
    def signals(self) -> list[Signal]:
        return [e for e in self.entries if isinstance(e, Signal)]

    def heard(self, kind: SignalKind) -> set[int]:
        return {e.device for e in self.entries if isinstance(e, Signal) and e.kind is kind}


@pytest.fixture(scope="module")
def field_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerAddress]:
    """A broker of this module's own: retained status messages of simulated meters disturb nobody."""
    with embedded_broker(tmp_path_factory.mktemp("field")) as address:
        yield address


@pytest.fixture
async def sim(field_broker: BrokerAddress, tmp_path: Path) -> AsyncIterator[Simulation]:
    options = Options(
        meters=48,
        directory=tmp_path,
        seed=3,
        broker=Broker(host=field_broker.host, port=field_broker.port),
        interval_s=0.5,
        farewell=QUICK,
        own_sessions=3,
    )
    async with Simulation(options) as simulation:
        yield simulation


@pytest.fixture
def inventory(sim: Simulation) -> Inventory:
    return load_devices(sim.devices_csv, load_network(sim.network_csv))


@contextlib.asynccontextmanager
async def gateway(sim: Simulation, inventory: Inventory, name: str) -> AsyncIterator[Heap]:
    """Both drivers, running; on leaving they are stopped in good order."""
    heap, clock = Heap(), SystemClock()
    modbus = ModbusDriver(inventory, load_profiles(), ModbusSettings(), clock)
    url = f"mqtt://{sim.options.broker.host}:{sim.options.broker.port}"
    mqtt = MqttDriver(inventory, MqttSettings(name=name, url=url, client_id=name), clock)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(driver.run(heap)) for driver in (modbus, mqtt)]
        online = {inventory.key(p) for p in own_sessions(sim)}
        await until(lambda: online <= heap.heard(SignalKind.CONNECTION_MADE), what="subscription")
        yield heap
        await modbus.stop()
        await mqtt.stop()
        await until(lambda: all(task.done() for task in tasks))


def own_sessions(sim: Simulation) -> list[str]:
    return [sim._mqtt.devices[p].id for p in sim._mqtt.own]


def keys_below(sim: Simulation, inventory: Inventory, node: str, protocol: str) -> set[int]:
    network = inventory.network
    return {
        key
        for key in inventory.of_protocol(protocol)
        if inventory.device(key).kind == "meter"
        and network.is_below(int(inventory.node[key]), network.index(node))
    }


async def test_every_profile_decodes_to_what_was_encoded(sim: Simulation, inventory: Inventory) -> None:
    profiles = load_profiles()
    district, seen = sim.district, set()
    for d in (inventory.device(k) for k in inventory.of_protocol("modbus")):
        if not d.profile or d.profile in seen:
            continue
        seen.add(d.profile)
        profile = profiles.get(d.profile)
        step = {r.quantity: 0.0 if r.type is Type.FLOAT32 else r.scale for r in profile.registers}
        before = sim.snapshot
        batch = await read_device(d.address, profile, ModbusSettings(), SystemClock())
        after = sim.snapshot
        terminal = d.kind == "terminal"
        row = 0 if terminal else [m.id for m in district.meters].index(d.id)
        assert batch.quality[0] == 0
        for quantity, value in zip(batch.quantities, batch.values[0].tolist(), strict=True):
            wanted = [float((s.feeders if terminal else s.meters)[quantity][row]) for s in (before, after)]
            slack = 1e-6 * abs(wanted[0]) + 0.51 * step[quantity]
            assert min(wanted) - slack <= value <= max(wanted) + slack, (d.profile, quantity)
    assert seen == set(MAPS)


def test_the_simulator_keeps_every_register_that_the_gateways_profile_reads() -> None:
    profiles = load_profiles()
    functions = {"discrete": 2, "holding": 3, "input": 4}
    for name, maps in MAPS.items():
        kept = {(m.function, f.quantity, f.address, f.format, f.scale) for m in maps for f in m.fields}
        read = {
            (functions[r.table.value], r.quantity, r.address, r.type.value, r.scale)
            for r in profiles.get(name).registers
        }
        assert read <= kept, name


async def test_all_that_was_delivered_arrives_and_an_outage_is_heard_on_every_path(
    sim: Simulation, inventory: Inventory
) -> None:
    published = next(t for t in sim.district.transformers if t not in polled(sim))
    dark_polled = polled(sim)[0]
    gasping = keys_below(sim, inventory, published, "mqtt")
    failing = keys_below(sim, inventory, dark_polled, "modbus")
    assert gasping
    assert failing
    async with gateway(sim, inventory, "everything") as heap:
        await sim.start()
        await until(lambda: len(heap.rows(inventory)) == len(sim.district.devices) - len(polled(sim)))
        await sim.fault(published)
        await sim.fault(dark_polled)
        await until(lambda: gasping <= heap.heard(SignalKind.LAST_GASP), what="last gasps")
        await until(lambda: failing <= heap.heard(SignalKind.TARGET_FAILED), what="exceptions 0x0B")
        terminal = inventory.key(f"TT{published[1:]}")
        await until(lambda: last_value(heap, terminal, "voltage_a") == 0.0, what="dead busbar")
        dead = gasping & {inventory.key(name) for name in own_sessions(sim)}
        assert dead
        await until(lambda: dead <= heap.heard(SignalKind.CONNECTION_LOST), what="wills")
        assert not heap.heard(SignalKind.POWER_RESTORED)
        await sim.restore(published)
        await sim.restore(dark_polled)
        await until(lambda: gasping <= heap.heard(SignalKind.POWER_RESTORED), what="supply back")
        polls = sim.ledger().polls
        await until(lambda: all(sim.ledger().polls[d] > polls[d] for d in polls), what="polls after it")
        _, flushed = await sim.pause()
        assert flushed
        ledger = sim.ledger()
        await until(lambda: missing(heap, inventory, sim) == 0, what="every acknowledged reading")
    rows = heap.rows(inventory)
    assert set(ledger.polls) == {inventory.ids[k] for k in inventory.of_protocol("modbus")} - {
        d.id for d in sim.district.devices if d.kind == "concentrator"
    }
    assert all(len(rows[device]) >= count > 0 for device, count in ledger.polls.items())
    assert sum(len(rows[device]) - count for device, count in ledger.polls.items()) <= 4 * len(ledger.polls)
    assert not [e for e in heap.entries if isinstance(e, DeadLetter)]
    assert not any(batch.quality.any() for batch in heap.batches)
    assert {sent.kind for sent in ledger.signals} == {"last_gasp", "power_restored"}


async def test_lost_communication_is_no_loss_of_supply(sim: Simulation, inventory: Inventory) -> None:
    owner = f"C{polled(sim)[0][1:]}"
    quiet = own_sessions(sim)[0]
    async with gateway(sim, inventory, "communications") as heap:
        await sim.start()
        await until(lambda: len(heap.rows(inventory)) == len(sim.district.devices) - len(polled(sim)))
        await sim.cut_comms(owner)
        await sim.cut_comms(quiet)
        lost = {inventory.key(owner), inventory.key(quiet)}
        await until(lambda: lost <= heap.heard(SignalKind.CONNECTION_LOST), what="connections lost")
        assert sim.snapshot.alive.all()
        assert not heap.heard(SignalKind.LAST_GASP)
        made = len(heap.entries)
        await sim.mend_comms(owner)
        await sim.mend_comms(quiet)
        behind = keys_below(sim, inventory, polled(sim)[0], "modbus") | {inventory.key(quiet)}
        await until(
            lambda: behind <= {int(k) for e in heap.entries[made:] if isinstance(e, Batch) for k in e.device},
            what="readings again",
        )


def polled(sim: Simulation) -> list[str]:
    return [t for t, p in zip(sim.district.transformers, sim.district.concentrated, strict=True) if p]


def last_value(heap: Heap, key: int | None, quantity: str) -> float | None:
    for batch in reversed(heap.batches):
        column = batch.column(quantity)
        here = np.flatnonzero(batch.device == key)
        if column is not None and len(here):
            return float(column[here[-1]])
    return None


def missing(heap: Heap, inventory: Inventory, sim: Simulation) -> int:
    rows = heap.rows(inventory)
    readings = sim.ledger().readings
    assert readings
    return sum(len(set(times) - set(rows.get(device, ()))) for device, times in readings.items())
