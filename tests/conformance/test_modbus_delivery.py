"""What a device has answered reaches the sink, whatever happens to the sink or to the driver."""

from __future__ import annotations

import asyncio

import pytest

from drivers.modbus.schedule import Schedule, Turn
from gateway.core.model import SignalKind
from tests.conformance.modbus_rig import FAST, inventory, meter, running
from tests.conformance.modbus_server import FieldServer, Unit, silent
from tests.waiting import until


async def test_a_graceful_stop_loses_no_answer() -> None:
    answered = 0
    holding, stopping = asyncio.Event(), asyncio.Event()

    async def counted(server: FieldServer, request: bytes) -> bytes:
        nonlocal answered
        if answered >= 10:
            holding.set()
            await stopping.wait()
        answered += 1
        return server.honest(request)

    units = {n: meter(230 + n) for n in (1, 2, 3)}
    for unit in units.values():
        unit.reply = counted
    settings = FAST.model_copy(update={"gather_s": 0.5})
    async with FieldServer(units) as server:
        addresses = [f"127.0.0.1:{server.port}/{n}" for n in units]
        async with running(inventory(addresses), settings=settings) as (driver, sink):
            await holding.wait()
            stop = asyncio.create_task(driver.stop())
            await asyncio.sleep(0)  # stop comes while this poll is under way
            assert not stop.done()
            stopping.set()
            await stop
            assert sum(sink.rows(key) for key in range(3)) == answered == 11
            await until(lambda: server.connections == 0)
            assert (answered, server.accepted) == (11, 1)  # nothing new was taken up


async def test_stop_does_not_wait_for_an_endpoint_that_is_not_there() -> None:
    async with FieldServer({1: Unit(reply=silent)}) as server:
        port = server.port
    async with running(inventory([f"127.0.0.1:{port}/1"])) as (driver, sink):
        await until(lambda: sink.count(0, SignalKind.CONNECTION_LOST) == 1)
        async with asyncio.timeout(5):
            await driver.stop()


async def test_a_driver_without_devices_runs_and_stops() -> None:
    async with (
        running(inventory([])) as (driver, _),
        asyncio.timeout(5),
    ):
        await driver.stop()


async def test_a_sink_that_is_away_gets_everything_later_once() -> None:
    async with (
        FieldServer({1: meter(230)}) as server,
        running(inventory([f"127.0.0.1:{server.port}/1"])) as (driver, sink),
    ):
        await until(lambda: sink.rows(0) >= 1)
        sink.refuse = True
        await until(lambda: sink.refused >= 1)
        sink.refuse = False
        await until(lambda: sink.rows(0) >= 10)
        await driver.stop()
        times = [int(at) for batch in sink.batches for at in batch.measured_at]
        assert len(times) == len(set(times)) == server.asked[1]
        assert times == sorted(times)


async def test_a_full_sink_slows_polling_down() -> None:
    settings = FAST.model_copy(update={"max_pending": 5})
    async with (
        FieldServer({1: meter(230), 2: meter(231)}) as server,
        running(inventory([f"127.0.0.1:{server.port}/1"]), settings=settings) as (_, sink),
        running(inventory([f"127.0.0.1:{server.port}/2"])),  # tells how fast it goes without hindrance
    ):
        await until(lambda: sink.rows(0) >= 1)
        sink.gate.clear()
        before = server.asked.copy()
        await until(lambda: server.asked[2] - before[2] >= 30)
        assert server.asked[1] - before[1] <= 12  # two fillings at most: one being put, one waiting
        sink.gate.set()
        await until(lambda: sink.rows(0) >= 20)


@pytest.mark.parametrize("in_flight", [1, 4])
async def test_every_device_gets_its_own_answer_whatever_is_in_flight(in_flight: int) -> None:
    units = {n: meter(200 + n) for n in range(1, 21)}
    settings = FAST.model_copy(update={"in_flight": in_flight})
    async with FieldServer(units) as server:
        addresses = [f"127.0.0.1:{server.port}/{n}" for n in units]
        async with running(inventory(addresses), settings=settings) as (_, sink):
            await until(lambda: min(sink.rows(key) for key in range(20)) >= 3)
            for key in range(20):
                assert set(sink.values(key, "voltage_a")) == {201.0 + key}


async def test_a_mistake_at_one_endpoint_stops_neither_the_others_nor_itself_for_good(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = Schedule.take
    broken = True

    def take(self: Schedule, now: int) -> Turn | None:
        turn = real(self, now)
        if turn is not None and turn.key == 0 and broken:
            raise RuntimeError("a mistake")
        return turn

    monkeypatch.setattr(Schedule, "take", take)
    async with FieldServer({1: meter(230)}) as one, FieldServer({1: meter(231)}) as other:
        devices = inventory([f"127.0.0.1:{server.port}/1" for server in (one, other)])
        async with running(devices) as (_, sink):
            await until(lambda: sink.rows(1) >= 20)
            assert sink.rows(0) == 0
            broken = False
            await until(lambda: sink.rows(0) >= 3)
