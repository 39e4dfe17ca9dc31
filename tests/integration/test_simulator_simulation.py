"""A simulation inside this process, on a clock that the test moves where time matters."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from gateway.core.clock import SECOND, ManualClock
from gateway.core.errors import UnavailableError
from gateway.embedded import BrokerAddress, embedded_broker, free_port
from simulator.faults import Farewell
from simulator.ledger import Sent
from simulator.meters_modbus import CommsFault
from simulator.modbus_server import Manner
from simulator.mqtt_link import Broker, Link
from simulator.options import Options
from simulator.simulation import Simulation
from tests.waiting import until

AT = 1_780_000_000 * SECOND


@pytest.fixture(scope="module")
def field_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerAddress]:
    with embedded_broker(tmp_path_factory.mktemp("field")) as address:
        yield address


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(AT)


@pytest.fixture
async def sim(field_broker: BrokerAddress, tmp_path: Path, clock: ManualClock) -> AsyncIterator[Simulation]:
    options = Options(
        meters=40,
        directory=tmp_path,
        broker=Broker(host=field_broker.host, port=field_broker.port),
        own_sessions=2,
        concentrator_battery_s=600,
        farewell=Farewell(delivery_rate=1.0, repeat_rate=0.0),
    )
    async with Simulation(options, clock) as simulation:
        yield simulation


def first_polled(sim: Simulation) -> tuple[str, str]:
    row = sim.district.concentrated.tolist().index(True)
    transformer = sim.district.transformers[row]
    return transformer, f"C{transformer[1:]}"


def manner(sim: Simulation, owner: str) -> Manner:
    return sim._modbus.endpoints[owner].manner


async def test_a_concentrators_battery_lasts_and_then_its_connection_is_gone(
    sim: Simulation, clock: ManualClock
) -> None:
    transformer, owner = first_polled(sim)
    endpoint = sim._modbus.endpoints[owner]
    await sim.fault(transformer)
    assert {unit.manner for unit in endpoint.units.values()} == {Manner.TARGET_FAILED}
    clock.advance(599 * SECOND)
    await until(lambda: sim.snapshot.at == clock.at)
    assert manner(sim, owner) is Manner.ANSWERS
    clock.advance(SECOND)
    await until(lambda: manner(sim, owner) is Manner.CLOSED)
    await sim.restore(transformer)
    assert manner(sim, owner) is Manner.ANSWERS
    assert {unit.manner for unit in endpoint.units.values()} == {Manner.ANSWERS}


async def test_a_single_service_fails_alone(sim: Simulation) -> None:
    transformer, owner = first_polled(sim)
    meter = next(d for d in sim.district.meters if d.via == owner)
    await sim.fault(meter.node)
    dark = [d for d, unit in sim._modbus.units.items() if unit.manner is not Manner.ANSWERS]
    assert dark == [meter.id]
    with pytest.raises(ValueError, match="no fault"):
        await sim.restore(transformer)


async def test_a_fuse_is_restored_step_by_step(sim: Simulation) -> None:
    await sim.fault("F1-L1")
    assert dark_transformers(sim) == {"T01", "T02"}
    await sim.restore("T01")
    assert dark_transformers(sim) == {"T02"}
    with pytest.raises(ValueError, match="no fault at T01"):
        await sim.restore("T01")
    await sim.restore("F1-L1")
    assert dark_transformers(sim) == set()


def dark_transformers(sim: Simulation) -> set[str]:
    """Those of which no meter is alive."""
    rows = sim.district.transformer
    return {
        name for t, name in enumerate(sim.district.transformers) if not sim.snapshot.alive[rows == t].any()
    }


async def test_in_a_cell_that_is_down_nobody_publishes_and_everybody_has_supply(
    sim: Simulation, clock: ManualClock
) -> None:
    await sim.start()
    await sim.cut_cell("F1")
    network = sim.district.network
    away = {d.id for d in sim._mqtt.devices if network.is_below(network.index(d.node), network.index("F1"))}
    heard = {d.id for d in sim._mqtt.devices} - away
    assert away
    clock.advance(4 * SECOND)
    await until(lambda: set(sim.ledger().readings) == heard)
    assert sim.snapshot.alive.all()
    await sim.mend_cell("F1")
    clock.advance(4 * SECOND)
    await until(lambda: set(sim.ledger().readings) == heard | away)
    assert sim.ledger().signals == []


async def test_a_cut_outlives_an_outage_until_it_is_mended(sim: Simulation) -> None:
    transformer, owner = first_polled(sim)
    await sim.cut_comms(owner, "silent")
    await sim.fault(transformer)
    await sim.restore(transformer)
    assert manner(sim, owner) is Manner.SILENT
    await sim.mend_comms(owner)
    assert manner(sim, owner) is Manner.ANSWERS


@pytest.mark.parametrize(("what", "how"), [("meter", "closed"), ("owner", "target_failed")])
async def test_a_manner_that_makes_no_sense_for_the_device_is_refused(
    sim: Simulation, what: str, how: CommsFault
) -> None:
    _, owner = first_polled(sim)
    device = owner if what == "owner" else next(d.id for d in sim.district.meters if d.via == owner)
    with pytest.raises(ValueError, match=device):
        await sim.cut_comms(device, how)


async def test_nothing_is_published_before_the_start_nor_after_a_pause(
    sim: Simulation, clock: ManualClock
) -> None:
    clock.advance(10 * SECOND)
    await until(lambda: sim.snapshot.at == clock.at)
    assert sim.ledger().totals()["readings"] == 0
    await sim.start()
    clock.advance(3 * SECOND)
    publishing = len(sim._mqtt.devices)
    await until(lambda: sim.ledger().totals()["readings"] == publishing)
    assert {len(times) for times in sim.ledger().readings.values()} == {1}
    await sim.pause()
    clock.advance(10 * SECOND)
    await until(lambda: sim.snapshot.at == clock.at)
    assert sim.ledger().totals()["readings"] == publishing


async def test_gasps_left_behind_by_a_restoration_are_not_sent(sim: Simulation, clock: ManualClock) -> None:
    await sim.start()
    await sim.fault("SS1")
    await sim.restore("SS1")
    clock.advance(60 * SECOND)
    meters = {d.id for d in sim._mqtt.devices if d.kind == "meter"}
    await until(lambda: {s.device for s in sim.ledger().signals} == meters)
    assert {s.kind for s in sim.ledger().signals} == {"power_restored"}


async def test_no_broker_leaves_no_socket_behind(tmp_path: Path) -> None:
    options = Options(meters=10, directory=tmp_path, broker=Broker(port=free_port()))
    simulation = Simulation(options)
    with pytest.raises(UnavailableError, match="no MQTT broker"):
        async with simulation:
            pass
    for endpoint in simulation._modbus.endpoints.values():
        assert endpoint._holder is not None
        assert endpoint._holder.fileno() == -1


async def test_a_link_survives_its_brokers_restart_and_counts_each_message_once(tmp_path: Path) -> None:
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip("mosquitto is not installed")
    port = free_port()
    config = tmp_path / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")

    def broker() -> subprocess.Popen[bytes]:
        return subprocess.Popen([program, "-c", str(config)], stderr=subprocess.DEVNULL)

    acknowledged: list[Sent] = []
    link = Link(Broker(port=port), "restart", acknowledged.append)
    process = broker()
    try:

        async def opened() -> bool:
            try:
                await link.open()
            except UnavailableError:
                return False
            return True

        await until(opened)
        for at in range(100):
            link.publish("t", b"x", Sent("M", at))
        assert await link.flush()
        process.terminate()
        await asyncio.to_thread(process.wait, 10)
        await until(lambda: not link.connected)
        for at in range(100, 200):
            link.publish("t", b"x", Sent("M", at))
        process = broker()
        assert await link.flush()
        assert sorted(sent.at for sent in acknowledged) == list(range(200))
    finally:
        await link.close()
        process.terminate()
        await asyncio.to_thread(process.wait, 10)
