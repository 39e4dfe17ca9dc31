"""Questions to the simulated field, over real sockets: who has supply answers, who has none does not."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from drivers.modbus.driver import ModbusDriver
from drivers.modbus.settings import ModbusSettings
from drivers.mqtt.driver import MqttDriver
from drivers.mqtt.settings import MqttSettings
from drivers.profile import load_profiles
from gateway.asking import Asker, AskingSettings
from gateway.core.clock import DAY, SystemClock
from gateway.core.inventory import Inventory
from gateway.core.model import Purpose, Question, SignalKind
from gateway.csvfiles import load_devices, load_network
from gateway.embedded import BrokerAddress
from simulator.faults import Farewell
from simulator.mqtt_link import Broker
from simulator.options import Options
from simulator.simulation import Simulation
from tests.integration.test_simulator_drivers import Heap
from tests.waiting import until

SILENT = Farewell(delivery_rate=0.0, gasp_delay_s=0.0, repeat_rate=0.0, restore_delay_s=0.1)
ASK_S = 0.5


class Patient(ModbusDriver):
    """Polls once in a hundred years, so that only questions are heard."""

    def interval(self, key: int) -> int:
        del key
        return 36_500 * DAY


class Scene:
    """A district that speaks only when asked: readings come once an hour."""

    def __init__(self, sim: Simulation, inventory: Inventory, modbus: ModbusDriver, mqtt: MqttDriver) -> None:
        self.sim = sim
        self.inventory = inventory
        self.modbus = modbus
        self.mqtt = mqtt
        self.heap = Heap()

    def key(self, device: str) -> int:
        key = self.inventory.key(device)
        assert key is not None
        return key

    def asker(self, **settings: object) -> Asker:
        section = AskingSettings.model_validate({"per_second": 200, **settings})
        return Asker([self.modbus, self.mqtt], self.inventory, section, SystemClock())

    def said(self, device: int) -> list[SignalKind]:
        """What the question brought, in order, apart from news of connections."""
        links = (SignalKind.CONNECTION_LOST, SignalKind.CONNECTION_MADE)
        return [s.kind for s in self.heap.signals if s.device == device and s.kind not in links]

    def rows(self, device: int) -> int:
        return len(self.heap.rows(self.inventory).get(self.inventory.ids[device], []))

    def mqtt_meters(self, node: str) -> list[int]:
        return self._below(node, "mqtt")

    def modbus_meters(self, node: str) -> list[int]:
        return self._below(node, "modbus")

    def _below(self, node: str, protocol: str) -> list[int]:
        network = self.inventory.network
        return [
            key
            for key in self.inventory.of_protocol(protocol)
            if self.inventory.device(key).kind == "meter"
            and network.is_below(int(self.inventory.node[key]), network.index(node))
        ]

    def transformer(self, *, polled: bool) -> str:
        below = self.modbus_meters if polled else self.mqtt_meters
        return next(name for name in self.sim.district.transformers if below(name))


either_broker = pytest.mark.parametrize("asking_broker", ["own_broker", "mosquitto"], indirect=True)


@pytest.fixture
def asking_broker(request: pytest.FixtureRequest) -> BrokerAddress:
    """A broker of each test's own: what retained messages and sessions leave behind disturbs nobody."""
    address: BrokerAddress = request.getfixturevalue(getattr(request, "param", "own_broker"))
    return address


@pytest.fixture
async def scene(asking_broker: BrokerAddress, tmp_path: Path) -> AsyncIterator[Scene]:
    broker = Broker(host=asking_broker.host, port=asking_broker.port)
    options = Options(
        meters=48, directory=tmp_path, seed=3, broker=broker, interval_s=3600, farewell=SILENT, own_sessions=3
    )
    async with Simulation(options) as sim:
        await sim.start()
        inventory = load_devices(sim.devices_csv, load_network(sim.network_csv))
        clock = SystemClock()
        modbus = Patient(inventory, load_profiles(), ModbusSettings(timeout_s=ASK_S, gather_s=0.02), clock)
        name = f"ask{id(sim)}"
        section = MqttSettings.model_validate(
            {"name": name, "url": asking_broker.url, "ask": {"answer_s": ASK_S}}
        )
        there = Scene(sim, inventory, modbus, MqttDriver(inventory, section, clock))
        tasks = [asyncio.create_task(driver.run(there.heap)) for driver in (modbus, there.mqtt)]
        await until(
            lambda: (
                there.mqtt.connected
                and modbus.can_ask(there.modbus_meters(there.transformer(polled=True))[0])
            )
        )
        try:
            yield there
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


@either_broker
async def test_who_has_supply_answers_over_either_protocol(scene: Scene) -> None:
    meter = scene.modbus_meters(scene.transformer(polled=True))[0]
    await asyncio.wait_for(scene.modbus.ask(meter, scene.heap), 10)
    assert (scene.rows(meter), scene.said(meter)) == (1, [])
    publishing = scene.mqtt_meters(scene.transformer(polled=False))
    await asyncio.gather(*(scene.mqtt.ask(key, scene.heap) for key in publishing))
    assert {tuple(scene.said(key)) for key in publishing} == {(SignalKind.PING_OK,)}


async def test_a_terminal_answers_with_what_it_measures(scene: Scene) -> None:
    node = scene.transformer(polled=False)
    terminal = next(
        key
        for key in scene.inventory.of_protocol("mqtt")
        if scene.inventory.device(key).kind == "terminal" and scene.inventory.device(key).node == node
    )
    await scene.sim.fault(node)
    await scene.mqtt.ask(terminal, scene.heap)
    assert scene.rows(terminal) >= 1
    assert scene.said(terminal) == []
    batch = next(b for b in scene.heap.batches if terminal in b.device)
    volts = batch.column("voltage_a")
    assert volts is not None
    assert volts[batch.device == terminal].tolist() == [0.0]


@either_broker
async def test_dark_meters_do_not_answer_and_a_concentrator_says_so_of_its_own(scene: Scene) -> None:
    polled, heard = scene.transformer(polled=True), scene.transformer(polled=False)
    meter = scene.modbus_meters(polled)[0]
    publishing = scene.mqtt_meters(heard)
    await scene.sim.fault(polled)
    await scene.sim.fault(heard)
    await scene.modbus.ask(meter, scene.heap)
    assert (scene.rows(meter), scene.said(meter)) == (0, [SignalKind.TARGET_FAILED])
    await asyncio.gather(*(scene.mqtt.ask(key, scene.heap) for key in publishing))
    assert {tuple(scene.said(key)) for key in publishing} == {(SignalKind.PING_FAILED,)}
    await scene.sim.restore(polled)
    await scene.sim.restore(heard)

    async def answers(key: int) -> bool:
        await scene.mqtt.ask(key, scene.heap)
        return SignalKind.PING_OK in scene.said(key)

    await until(lambda: answers(publishing[0]))
    await scene.modbus.ask(meter, scene.heap)
    assert scene.rows(meter) == 1


async def test_a_meter_whose_own_communication_is_cut_does_not_answer(scene: Scene) -> None:
    key = scene.mqtt_meters(scene.transformer(polled=False))[0]
    await scene.sim.cut_comms(scene.inventory.ids[key])
    await scene.mqtt.ask(key, scene.heap)
    assert scene.said(key) == [SignalKind.PING_FAILED]


async def test_silence_of_a_whole_concentrator_says_nothing_about_a_meter(scene: Scene) -> None:
    one, other = scene.modbus_meters(scene.transformer(polled=True))[:2]
    concentrator = scene.inventory.device(one).via
    await scene.modbus.ask(one, scene.heap)
    await scene.modbus.ask(other, scene.heap)
    await scene.sim.cut_comms(scene.inventory.ids[one], "silent")
    await scene.modbus.ask(one, scene.heap)
    assert scene.said(one) == [SignalKind.PING_FAILED]  # its neighbour was heard last time
    await scene.sim.cut_comms(concentrator, "silent")
    await scene.modbus.ask(other, scene.heap)
    await scene.modbus.ask(one, scene.heap)
    assert (scene.said(one), scene.said(other)) == ([SignalKind.PING_FAILED], [])


async def test_a_lost_concentrator_is_told_as_such_and_its_meters_are_left_alone(scene: Scene) -> None:
    one = scene.modbus_meters(scene.transformer(polled=True))[0]
    await scene.modbus.ask(one, scene.heap)
    await scene.sim.cut_comms(scene.inventory.device(one).via, "closed")
    await scene.modbus.ask(one, scene.heap)
    await scene.modbus.ask(one, scene.heap)
    assert scene.said(one) == []
    await until(lambda: one in scene.heap.heard(SignalKind.CONNECTION_LOST))
    assert scene.rows(one) == 1


async def test_a_terminal_with_a_line_of_its_own_has_failed_when_its_line_is_lost(scene: Scene) -> None:
    terminal = scene.key("FT1")
    await scene.modbus.ask(terminal, scene.heap)
    await scene.sim.cut_comms("FT1", "closed")
    await scene.modbus.ask(terminal, scene.heap)
    await scene.modbus.ask(terminal, scene.heap)
    assert scene.said(terminal) == [SignalKind.PING_FAILED] * 2
    assert scene.rows(terminal) == 1


def _questions(devices: list[int]) -> list[Question]:
    now = SystemClock().now()
    return [Question(device=d, incident="i", purpose=Purpose.CLOSE, asked_at=now) for d in devices]


@contextlib.asynccontextmanager
async def at_work(scene: Scene, asker: Asker) -> AsyncIterator[None]:
    task = asyncio.create_task(asker.run(scene.heap))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_a_silent_endpoint_does_not_starve_the_others(scene: Scene) -> None:
    stuck = scene.modbus_meters(scene.transformer(polled=True))
    concentrator = scene.inventory.device(stuck[0]).via
    await scene.sim.cut_comms(concentrator, "silent")
    others = [k for k in scene.inventory.of_protocol("mqtt") if scene.inventory.device(k).kind == "meter"]
    elsewhere = [
        k
        for k in scene.inventory.of_protocol("modbus")
        if scene.inventory.device(k).via not in ("", concentrator)
    ]
    asker = scene.asker(at_once=4)
    async with at_work(scene, asker):
        asker.take(_questions([*stuck, *others, *elsewhere]))
        await until(
            lambda: all(scene.said(k) for k in others) and all(scene.rows(k) for k in elsewhere),
            what="everyone else to answer",
        )
        assert asker.waiting > 0  # the silent ones still wait for each other


async def test_cancelled_in_the_middle_nothing_is_left_behind(scene: Scene) -> None:
    node = scene.transformer(polled=False)
    await scene.sim.fault(node)
    dark = scene.mqtt_meters(node)
    polled = scene.modbus_meters(scene.transformer(polled=True))
    await scene.sim.cut_comms(scene.inventory.device(polled[0]).via, "silent")
    before = asyncio.all_tasks()
    asker = scene.asker(at_once=64)
    async with at_work(scene, asker):
        asker.take(_questions([*dark, *polled]))
        await until(lambda: asker.under_way > len(dark))
    assert asker.under_way == 0
    assert REGISTRY.get_sample_value("feederline_asking_under_way") == 0
    assert {task for task in asyncio.all_tasks() - before if task.get_name().startswith("ask")} == set()
    assert scene.said(dark[0]) == []
    await scene.mqtt.ask(dark[0], scene.heap)  # nothing of the cancelled question stands in the way
    assert scene.said(dark[0]) == [SignalKind.PING_FAILED]


@either_broker
async def test_who_cannot_be_heard_is_not_said_to_have_failed(scene: Scene) -> None:
    node = scene.transformer(polled=False)
    await scene.sim.fault(node)
    key = scene.mqtt_meters(node)[0]
    asking = asyncio.create_task(scene.mqtt.ask(key, scene.heap))
    await asyncio.sleep(0)
    assert scene.mqtt._session is not None
    scene.mqtt._session.abort()
    await asking
    await until(
        lambda: scene.mqtt.can_ask(key)
    )  # a session again, but not the one it might have been heard in
    assert scene.said(key) == []
    await scene.mqtt.stop()
    assert not scene.mqtt.can_ask(key)
    await scene.mqtt.ask(key, scene.heap)
    assert scene.said(key) == []
