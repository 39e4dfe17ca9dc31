"""Asking one device between polls: one request at a time, the poll's own counters untouched, neighbours unharmed."""

from __future__ import annotations

import asyncio
import functools

import pytest

from drivers.modbus.driver import ModbusDriver
from gateway.core.clock import DAY
from gateway.core.model import SignalKind
from tests.conformance.modbus_rig import FAST, Kept, close_to, inventory, meter, running
from tests.conformance.modbus_server import FieldServer, Unit, refuse, silent
from tests.waiting import until

PUT_OFF = FAST.model_copy(update={"breaker_after": 1, "max_backoff_s": 3600})
"""Who misses one poll is not polled again for as long as a test runs."""


class Patient(ModbusDriver):
    """Polls so rarely that only questions are heard."""

    def interval(self, key: int) -> int:
        del key
        return 36_500 * DAY


class LastOneBusy(Patient):
    """The device of key 4 every 30 ms, the others hardly ever."""

    def interval(self, key: int) -> int:
        return 30_000 if key == 4 else super().interval(key)


patient = functools.partial(running, kind=Patient)


def at(server: FieldServer, *units: int) -> list[str]:
    return [f"127.0.0.1:{server.port}/{unit}" for unit in units]


async def ready(driver: ModbusDriver) -> None:
    await until(lambda: driver.can_ask(0))


def questions(sink: Kept, key: int) -> list[SignalKind]:
    links = (SignalKind.CONNECTION_LOST, SignalKind.CONNECTION_MADE)
    return [kind for kind in sink.kinds(key) if kind not in links]


async def test_the_answer_is_in_the_sink_when_ask_returns() -> None:
    async with FieldServer({1: meter(231)}) as server, patient(inventory(at(server, 1))) as (driver, sink):
        await ready(driver)
        for count in (1, 2, 3):
            await driver.ask(0, sink)
            assert sink.rows(0) == count
        assert close_to(sink.values(0, "voltage_a"), 231)
        assert (sink.quality(0), server.accepted) == ([0, 0, 0], 1)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (0x0B, [SignalKind.TARGET_FAILED]),
        (0x0A, [SignalKind.TARGET_FAILED]),
        (0x01, [SignalKind.PING_OK]),
        (0x02, [SignalKind.PING_OK]),
        (0x04, []),
        (0x06, []),
    ],
)
async def test_a_refusal_is_taken_for_what_it_can_only_be(code: int, said: list[SignalKind]) -> None:
    async with (
        FieldServer({1: Unit(reply=refuse(code))}) as server,
        patient(inventory(at(server, 1), via=True)) as (driver, sink),
    ):
        await ready(driver)
        await driver.ask(0, sink)
        assert (questions(sink, 0), sink.rows(0)) == (said, 0)


async def test_silence_counts_where_a_neighbour_was_heard_and_is_no_missed_poll() -> None:
    async with (
        FieldServer({1: Unit(reply=silent), 2: meter(230)}) as server,
        patient(inventory(at(server, 1, 2))) as (driver, sink),
    ):
        await ready(driver)
        await driver.ask(0, sink)
        assert questions(sink, 0) == []  # nobody was heard yet: it may be the path
        await driver.ask(1, sink)
        for _ in range(2 * FAST.recycle_after):
            await driver.ask(0, sink)
        assert questions(sink, 0) == [SignalKind.PING_FAILED] * 2 * FAST.recycle_after
        assert server.accepted == 1  # a connection is not made anew for it


async def test_silence_of_a_device_with_an_endpoint_of_its_own_is_its_own() -> None:
    async with (
        FieldServer({1: Unit(reply=silent)}) as server,
        patient(inventory(at(server, 1))) as (driver, sink),
    ):
        await ready(driver)
        await driver.ask(0, sink)
        assert questions(sink, 0) == [SignalKind.PING_FAILED]


async def test_while_no_endpoint_can_be_reached_nobody_is_said_to_have_failed() -> None:
    async with (
        FieldServer({1: meter(230)}) as one,
        FieldServer({1: meter(230)}) as other,
        patient(inventory([*at(one, 1), *at(other, 1)])) as (driver, sink),
    ):
        await ready(driver)
        await one.stop()
        await driver.ask(0, sink)
        assert questions(sink, 0) == [SignalKind.PING_FAILED]  # the other one is not lost
        await other.stop()
        await driver.ask(1, sink)
        await driver.ask(0, sink)
        assert (questions(sink, 0), questions(sink, 1)) == ([SignalKind.PING_FAILED], [])


async def test_a_connection_that_the_device_closed_meanwhile_is_made_again_for_the_question() -> None:
    async with FieldServer({1: meter(230)}) as server, patient(inventory(at(server, 1))) as (driver, sink):
        await ready(driver)
        await driver.ask(0, sink)
        server.cut()
        await driver.ask(0, sink)
        assert (sink.rows(0), questions(sink, 0), server.accepted) == (2, [], 2)


async def test_a_connection_that_ends_under_the_question_is_tried_once_more() -> None:
    async def hang_up(server: FieldServer, request: bytes) -> None:
        del request
        server.cut()

    async with (
        FieldServer({1: Unit(reply=hang_up), 2: meter(230)}) as server,
        patient(inventory(at(server, 1, 2))) as (driver, sink),
    ):
        await ready(driver)
        await driver.ask(1, sink)
        await asyncio.wait_for(driver.ask(0, sink), 10)
        assert server.asked[1] == 2
        assert questions(sink, 0) == []


async def test_one_request_at_a_time_however_many_ask() -> None:
    busy = most = 0

    async def careful(server: FieldServer, request: bytes) -> bytes:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        for _ in range(20):  # turns of the loop in which a second request would come in
            await asyncio.sleep(0)
        busy -= 1
        return server.honest(request)

    units = {n: meter(230) for n in range(1, 9)}
    for unit in units.values():
        unit.reply = careful
    async with (
        FieldServer(units) as server,
        running(inventory(at(server, *units))) as (driver, sink),
    ):
        await until(lambda: sink.rows(0) > 0)
        await asyncio.gather(*(driver.ask(key, sink) for key in range(8) for _ in range(3)))
        assert (most, server.connections) == (1, 1)


async def test_questions_to_silent_devices_leave_their_neighbours_most_of_the_line() -> None:
    units = {n: Unit(reply=silent) for n in range(1, 5)} | {5: meter(230)}
    async with (
        FieldServer(units) as server,
        running(inventory(at(server, *units)), kind=LastOneBusy) as (driver, sink),
    ):
        await until(lambda: sink.rows(4) > 0)
        start = len(server.requests)
        await asyncio.gather(*(driver.ask(key, sink) for key in range(4)))
        asked = [unit for unit, *_ in server.requests[start:]]
        first, *_, last = (i for i, unit in enumerate(asked) if unit != 5)
        # each question takes 150 ms, and leaves the next 600 ms to whoever is polled every 30 ms
        between = "".join("." if unit == 5 else "?" for unit in asked[first : last + 1]).split("?")[1:-1]
        assert len(between) == 3
        assert min(map(len, between)) >= 4
        assert all(SignalKind.PING_FAILED in sink.kinds(key) for key in range(4))


async def test_a_device_that_polling_has_put_off_is_asked_at_once() -> None:
    async with (
        FieldServer({1: Unit(reply=silent), 2: meter(230)}) as server,
        running(inventory(at(server, 1, 2)), settings=PUT_OFF) as (driver, sink),
    ):
        await until(lambda: sink.count(0, SignalKind.NO_ANSWER) == 1)
        server.units[1] = meter(229)
        await driver.ask(0, sink)
        assert close_to(sink.values(0, "voltage_a"), 229)


async def test_whoever_waits_is_let_go_when_polling_stops() -> None:
    async with (
        FieldServer({1: Unit(reply=silent)}) as server,
        patient(inventory(at(server, 1))) as (driver, sink),
    ):
        await ready(driver)
        asking = [asyncio.create_task(driver.ask(0, sink)) for _ in range(2)]
        await until(lambda: server.asked[1] == 1)
        asking[0].cancel()
        await driver.stop()
        await asyncio.wait_for(asyncio.wait(asking), 10)
        assert asking[0].cancelled()
        assert not driver.can_ask(0)
        await driver.ask(0, sink)
        assert server.asked[1] == 1


async def test_unknown_devices_are_left_alone() -> None:
    async with (
        FieldServer({1: meter(230)}) as server,
        patient(inventory(at(server, 1), via=True)) as (driver, sink),
    ):
        await ready(driver)
        for key in (1, 2, -1):  # the concentrator, and nobody
            assert not driver.can_ask(key)
            await driver.ask(key, sink)
        assert not server.asked
