"""Faults that every comparable gateway has had, caused on real sockets and shown to be absent."""

from __future__ import annotations

import asyncio
import socket
import struct

import numpy as np
import pytest
from prometheus_client import REGISTRY

from drivers.modbus.client import ConnectionLostError, NoAnswerError, RefusedByDeviceError
from drivers.modbus.driver import read_device
from gateway.core.clock import SystemClock
from gateway.core.model import Quality, SignalKind
from tests.conformance.modbus_rig import FAST, close_to, inventory, meter, running, small_profiles
from tests.conformance.modbus_server import FieldServer, Unit, floats, frame, refuse, silent
from tests.waiting import until


def at(server: FieldServer, *units: int) -> list[str]:
    return [f"127.0.0.1:{server.port}/{unit}" for unit in units]


def failed_connects() -> float:
    """Since the start of the process, to whichever endpoint."""
    return REGISTRY.get_sample_value("feederline_modbus_connects_total", {"outcome": "failed"}) or 0.0


async def test_a_dead_device_does_not_starve_its_neighbours() -> None:
    dead = Unit(reply=silent)
    async with (
        FieldServer({1: dead, 2: meter(231), 3: meter(232)}) as server,
        running(inventory(at(server, 1, 2, 3))) as (_, sink),
    ):
        await until(lambda: sink.count(0, SignalKind.NO_ANSWER) >= 6)
        await until(lambda: min(sink.rows(1), sink.rows(2)) >= 20)
        # Once it is known to be dead, the neighbours get many turns for each of its own.
        before = dict(server.asked)
        await until(lambda: server.asked[2] - before[2] >= 20)
        assert server.asked[1] - before[1] <= 5
        assert close_to(sink.values(1, "voltage_a"), 231)
        # It is still asked now and then, and back in its rhythm as soon as it answers.
        server.units[1] = meter(229)
        await until(lambda: sink.rows(0) >= 10)


async def test_a_unit_that_is_dead_on_one_endpoint_is_healthy_on_another() -> None:
    async with (
        FieldServer({1: Unit(reply=silent)}) as one,
        FieldServer({1: meter(230)}) as other,
        running(inventory([*at(one, 1), *at(other, 1)])) as (_, sink),
    ):
        await until(lambda: sink.count(0, SignalKind.NO_ANSWER) >= 4 and sink.rows(1) >= 20)
        assert sink.count(1, SignalKind.NO_ANSWER) == 0


async def test_an_endpoint_that_hangs_while_connecting_delays_no_other() -> None:
    hanging = socket.socket()
    hanging.bind(("127.0.0.1", 0))
    hanging.listen(0)
    stuffed = [socket.socket() for _ in range(4)]
    for filler in stuffed:  # a full backlog: further attempts to connect get no answer at all
        filler.setblocking(False)
        filler.connect_ex(hanging.getsockname())
    try:
        async with FieldServer({1: meter(230)}) as server:
            addresses = [f"127.0.0.1:{hanging.getsockname()[1]}/1", *at(server, 1)]
            async with running(inventory(addresses)) as (_, sink):
                await until(lambda: sink.count(0, SignalKind.CONNECTION_LOST) == 1 and sink.rows(1) >= 20)
                assert sink.count(1, SignalKind.CONNECTION_LOST) == 0
    finally:
        for held in (*stuffed, hanging):
            held.close()


async def test_silence_a_failed_target_and_a_lost_connection_are_three_different_signals() -> None:
    units = {1: Unit(reply=silent), 2: Unit(reply=refuse(0x0B)), 3: Unit(reply=refuse(0x0A)), 4: meter(230)}
    async with FieldServer(units) as server:
        devices = inventory(at(server, 1, 2, 3, 4), via=True)
        concentrator = 4
        async with running(devices) as (_, sink):
            await until(lambda: sink.count(0, SignalKind.NO_ANSWER) >= 2)
            await until(lambda: min(sink.count(k, SignalKind.TARGET_FAILED) for k in (1, 2)) >= 2)
            await until(lambda: sink.rows(3) >= 1)
            for key in range(5):
                assert sink.count(key, SignalKind.CONNECTION_MADE) == 1
                assert sink.count(key, SignalKind.CONNECTION_LOST) == 0
            await server.stop()
            await until(lambda: sink.count(concentrator, SignalKind.CONNECTION_LOST) == 1)
            for key in range(5):  # each once, however often connecting fails
                assert sink.count(key, SignalKind.CONNECTION_LOST) == 1
            tried = failed_connects()
            await until(lambda: failed_connects() >= tried + 3)
            assert sink.count(concentrator, SignalKind.CONNECTION_LOST) == 1
            await server.start()
            await until(lambda: sink.count(3, SignalKind.CONNECTION_MADE) == 2)
            assert sink.count(3, SignalKind.CONNECTION_LOST) == 1
            assert {s.source for s in sink.signals} == {f"modbus:127.0.0.1:{server.port}"}
            assert {b.source for b in sink.batches} == {"modbus"}


async def test_a_late_reply_is_never_taken_for_the_next_answer() -> None:
    kept: list[bytes] = []

    async def late(server: FieldServer, request: bytes) -> None:
        kept.append(server.honest(request))

    async def after_the_late_one(server: FieldServer, request: bytes) -> bytes:
        """The answer to somebody else arrives while this request waits for its own."""
        held = b"".join(kept)
        kept.clear()
        return held + server.honest(request)

    slow, other = meter(111), meter(222)
    slow.reply, other.reply = late, after_the_late_one
    async with (
        FieldServer({1: slow, 2: other}) as server,
        running(inventory(at(server, 1, 2))) as (_, sink),
    ):
        await until(lambda: sink.count(0, SignalKind.NO_ANSWER) >= 3 and sink.rows(1) >= 20, 20)
        assert sink.rows(0) == 0
        assert close_to(sink.values(1, "voltage_a"), 222)


@pytest.mark.parametrize("wrong", ["transaction", "unit", "length", "function"])
async def test_a_reply_that_fits_no_request_is_dropped_and_the_connection_recovers(wrong: str) -> None:
    broken = meter(111)
    sick = True

    async def reply(server: FieldServer, request: bytes) -> bytes:
        good = server.honest(request)
        if not sick:
            return good
        transaction = struct.unpack(">H", request[:2])[0]
        match wrong:
            case "transaction":
                return frame(request, good[9:], transaction=transaction - 1)
            case "unit":
                return frame(request, good[9:], unit=2)
            case "length":
                return frame(request, good[9:-2])
            case _:
                return good[:7] + b"\x03" + good[8:]

    broken.reply = reply
    async with (
        FieldServer({1: broken, 2: meter(222)}) as server,
        running(inventory(at(server, 1, 2))) as (_, sink),
    ):
        await until(lambda: sink.count(0, SignalKind.NO_ANSWER) >= 3 and sink.rows(1) >= 5)
        assert sink.rows(0) == 0
        sick = False
        await until(lambda: sink.rows(0) >= 5)
        assert close_to(sink.values(0, "voltage_a"), 111)
        assert close_to(sink.values(1, "voltage_a"), 222)


async def test_a_server_that_is_one_reply_behind_is_connected_anew() -> None:
    """It answers every request with the reply to the one before: without a new connection it never recovers."""
    queued: list[bytes] = []

    async def behind(server: FieldServer, request: bytes) -> bytes | None:
        if server.accepted > 1:
            return server.honest(request)
        queued.append(server.honest(request))
        return queued.pop(0) if len(queued) > 1 else None

    unit = meter(230)
    unit.reply = behind
    patient = FAST.model_copy(update={"recycle_after": 1000})  # silence alone would not end this connection
    async with (
        FieldServer({1: unit}) as server,
        running(inventory(at(server, 1)), settings=patient) as (_, sink),
    ):
        await until(lambda: sink.rows(0) >= 5)
        assert server.accepted == 2


async def test_a_late_reply_in_two_parts_spoils_nothing_after_it() -> None:
    rest: bytes | None = None

    async def torn(server: FieldServer, request: bytes) -> bytes | None:
        nonlocal rest
        good = server.honest(request)
        if rest is None and request[6] == 1:
            server.send(good[:5])
            rest = good[5:]
            return None  # the other part comes when the next request has been sent
        late = b""
        if rest is not None:
            late, rest = rest, b""
        return late + good

    unit, other = meter(111), meter(222)
    unit.reply = other.reply = torn
    async with FieldServer({1: unit, 2: other}) as server, running(inventory(at(server, 1, 2))) as (_, sink):
        await until(lambda: sink.count(0, SignalKind.NO_ANSWER) >= 1 and min(sink.rows(0), sink.rows(1)) >= 5)
        assert close_to(sink.values(0, "voltage_a"), 111)
        assert close_to(sink.values(1, "voltage_a"), 222)
        assert sink.kinds(0).count(SignalKind.NO_ANSWER) == 1
        assert sink.count(1, SignalKind.NO_ANSWER) == 0
        assert server.accepted == 1


async def test_no_endpoint_at_all_is_trouble_and_one_is_enough() -> None:
    one, other = FieldServer({1: meter(230)}), FieldServer({1: meter(231)})
    async with one, other:
        devices = inventory([*at(one, 1), *at(other, 1)])
        await one.stop()
        async with running(devices) as (driver, sink):
            assert driver.trouble == ""  # nobody has been asked yet
            await until(lambda: sink.count(0, SignalKind.CONNECTION_LOST) == 1 and sink.rows(1) >= 1)
            assert driver.trouble == ""
            await other.stop()
            await until(lambda: driver.trouble == "no endpoint answers")
            assert sink.count(1, SignalKind.CONNECTION_MADE) == 1
            await one.start()
            await until(lambda: driver.trouble == "" and sink.rows(0) >= 1)


async def test_a_driver_without_devices_is_in_no_trouble() -> None:
    async with running(inventory([])) as (driver, _):
        await asyncio.sleep(0)
        assert driver.trouble == ""


async def test_one_that_does_not_speak_modbus_tcp_is_told_as_a_lost_connection() -> None:
    async def rtu(server: FieldServer, request: bytes) -> bytes:
        return request[6:8] + b"\x10" + server.honest(request)[9:] + b"\x12\x34"

    unit = meter(230)
    unit.reply = rtu
    async with (
        FieldServer({1: unit}) as server,
        running(inventory(at(server, 1))) as (_, sink),
    ):
        await until(lambda: sink.count(0, SignalKind.CONNECTION_LOST) == 1)
        await until(lambda: server.accepted >= 3)
        assert sink.rows(0) == 0
        assert sink.count(0, SignalKind.CONNECTION_LOST) == 1


async def test_connections_closed_at_once_are_not_tried_without_rest() -> None:
    async def hang_up(server: FieldServer, request: bytes) -> None:
        del request
        server.cut()

    async with (
        FieldServer({1: Unit(reply=hang_up)}) as server,
        FieldServer({1: meter(230)}) as other,
        running(inventory([*at(server, 1), *at(other, 1)])) as (_, sink),
    ):
        await until(lambda: sink.count(0, SignalKind.CONNECTION_LOST) == 1 and server.accepted >= 3)
        await until(lambda: sink.rows(1) >= 20)
        assert server.accepted < sink.rows(1)


async def test_a_connection_that_ends_between_polls_costs_no_reading() -> None:
    async with (
        FieldServer({1: meter(230)}) as server,
        running(inventory(at(server, 1))) as (_, sink),
    ):
        for connection in range(1, 4):
            await until(lambda n=connection: server.accepted == n and sink.rows(0) >= 3 * n)  # type: ignore[misc]
            server.cut()
        await until(lambda: server.accepted == 4)
        assert sink.count(0, SignalKind.CONNECTION_LOST) == 0
        assert sink.count(0, SignalKind.NO_ANSWER) == 0


async def test_a_silent_connection_is_made_anew() -> None:
    async def mute_at_first(server: FieldServer, request: bytes) -> bytes | None:
        return server.honest(request) if server.accepted > 1 else None

    unit = meter(230)
    unit.reply = mute_at_first
    async with (
        FieldServer({1: unit}) as server,
        running(inventory(at(server, 1))) as (_, sink),
    ):
        await until(lambda: sink.rows(0) >= 3)
        assert sink.count(0, SignalKind.CONNECTION_LOST) == 0


async def test_holes_are_found_once_and_then_avoided() -> None:
    holed = meter(230, 5)
    del holed.words[3]
    async with (
        FieldServer({1: holed}) as server,
        running(inventory(at(server, 1))) as (_, sink),
    ):
        await until(lambda: sink.rows(0) >= 5)
        assert close_to(sink.values(0, "voltage_a"), 230)
        assert close_to(sink.values(0, "current_a"), 5)
        assert set(sink.quality(0)) == {Quality.GOOD}
        assert server.requests[:3] == [(1, 0, 8), (1, 0, 2), (1, 6, 2)]
        assert (1, 0, 8) not in server.requests[1:]


async def test_a_quantity_the_device_does_not_have_leaves_the_others() -> None:
    partial = Unit(words=floats({0: 230.0}))
    async with (
        FieldServer({1: partial}) as server,
        running(inventory(at(server, 1))) as (_, sink),
    ):
        await until(lambda: sink.rows(0) >= 3)
        assert close_to(sink.values(0, "voltage_a"), 230)
        assert np.isnan(sink.values(0, "current_a")).all()
        assert set(sink.quality(0)) == {Quality.PARTIAL}
        assert sink.kinds(0) == [SignalKind.CONNECTION_MADE]


async def test_a_device_that_refuses_everything_at_first_is_asked_in_full_later() -> None:
    starting = Unit()
    async with (
        FieldServer({1: starting}) as server,
        running(inventory(at(server, 1))) as (_, sink),
    ):
        await until(lambda: server.asked[1] >= 6)
        starting.words = meter(230).words
        await until(lambda: sink.rows(0) >= 3)
        assert server.requests[-1] == (1, 0, 8)
        assert set(sink.quality(0)) == {Quality.GOOD}


async def test_what_is_no_value_never_becomes_one_and_zero_volts_stay() -> None:
    nan = meter(0.0, float("nan"))
    async with (
        FieldServer({1: nan}) as server,
        running(inventory(at(server, 1))) as (_, sink),
    ):
        await until(lambda: sink.rows(0) >= 3)
        assert close_to(sink.values(0, "voltage_a"), 0.0)
        assert np.isnan(sink.values(0, "current_a")).all()
        assert set(sink.quality(0)) == {Quality.NO_VALUE}
        rejected = [r for batch in sink.batches for r in batch.rejected]
        assert {(r.device, r.quantity, r.raw, r.reason) for r in rejected} == {
            (0, "current_a", "7fc00000", "no_value")
        }
        times = {int(t) for batch in sink.batches for t in batch.measured_at}
        assert {r.measured_at for r in rejected} == times


async def test_a_terminal_is_read_with_its_bits() -> None:
    words = dict(enumerate([2301, 0, 2299, 100, 0, 101, 0, 40_000, 0xFFFF, 0xFF9C, 5001, 0xFFF6]))
    terminal = Unit(words=words, bits={0: 0, 1: 1, 2: 0, 3: 1})
    async with (
        FieldServer({7: terminal}) as server,
        running(inventory(at(server, 7), profile="feederline-dtu")) as (_, sink),
    ):
        await until(lambda: sink.rows(0) >= 2)
    row = dict(zip(sink.batches[0].quantities, sink.batches[0].values[0].tolist(), strict=True))
    assert row == {
        "voltage_a": 230.1, "voltage_b": 0.0, "voltage_c": 229.9, "current_a": 10.0, "current_b": 0.0,
        "current_c": 10.1, "active_power": 40_000.0, "reactive_power": -100.0, "frequency": 50.01,
        "temperature": -1.0, "breaker_closed": 0.0, "fault_indicator": 1.0, "door_open": 0.0, "battery_ok": 1.0,
    }  # fmt: skip


async def test_one_device_can_be_asked_by_itself() -> None:
    units = {1: meter(230), 2: Unit(reply=silent), 3: Unit(reply=refuse(0x0B))}
    profile = small_profiles().get("small")
    async with FieldServer(units) as server:
        one, two, three = at(server, 1, 2, 3)
        batch = await read_device(one, profile, FAST, SystemClock(), device=42, ct_ratio=5)
        assert batch.device.tolist() == [42]
        assert close_to(batch.values[0], 230) is False
        assert batch.values[0].tolist() == [230.0, 1.0]  # the profile gives primary values: no ratio applies
        with pytest.raises(NoAnswerError):
            await read_device(two, profile, FAST, SystemClock())
        with pytest.raises(RefusedByDeviceError, match="0x0B"):
            await read_device(three, profile, FAST, SystemClock())
    with pytest.raises(ConnectionLostError):
        await read_device(one, profile, FAST, SystemClock())
