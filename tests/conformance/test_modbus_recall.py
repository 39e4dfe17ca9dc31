"""Load profiles out of registers over a real socket: between polls, bounded, and never in anybody's way."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from prometheus_client import REGISTRY

from drivers.modbus.driver import ModbusDriver
from drivers.modbus.settings import ModbusSettings
from gateway.core.clock import MINUTE, SECOND, SystemClock
from gateway.core.inventory import Device, Inventory
from gateway.core.model import SignalKind
from gateway.core.network import Network
from tests.conformance.modbus_rig import FAST, Kept, inventory, meter, running, small_profiles
from tests.conformance.modbus_server import FieldServer, Unit, frame, refusal
from tests.waiting import until

START, WORDS, CAPACITY = 0x100, 4, 2000
QUARTER = 15 * MINUTE
FULL = SystemClock().now() // QUARTER * QUARTER  # the newest record's time

KEEPING = f"""
title: keeping
comment: for tests
max_gap: 4
max_read: 16
registers:
  - {{quantity: voltage_a, table: input, address: 0, type: float32}}
  - {{quantity: current_a, table: input, address: 6, type: float32}}
load_profile:
  table: input
  address: {START}
  words: {WORDS}
  capacity: {CAPACITY}
  newest: {{address: 0x80, holds: place}}
  time: {{address: 0}}
  columns: [{{quantity: energy_import, address: 2, type: uint32}}]
"""


def keeping(records: int = CAPACITY) -> Unit:
    """Has what its profile says; the newest record, of the last full quarter, stands at place 700."""
    unit = meter(230)
    unit.words[0x80] = 700
    for age in range(records):
        raw = struct.pack(">II", (FULL - age * QUARTER) // SECOND, CAPACITY - age)
        place = START + WORDS * ((700 - age) % CAPACITY)
        unit.words |= dict(zip(range(place, place + WORDS), struct.unpack(">4H", raw), strict=True))
    return unit


def stretch(newest: int, oldest: int) -> tuple[int, int]:
    """[frm, till) of the records of these ages."""
    return FULL - oldest * QUARTER, FULL - newest * QUARTER + 1


def rig(server: FieldServer, *units: int) -> Inventory:
    return inventory([f"127.0.0.1:{server.port}/{unit}" for unit in units], profile="extra1", via=True)


@asynccontextmanager
async def polled(
    *units: Unit, settings: ModbusSettings = FAST
) -> AsyncIterator[tuple[FieldServer, ModbusDriver, Kept]]:
    """Units 1, 2 … behind one concentrator, all of this profile, the first one heard already."""
    async with FieldServer(dict(enumerate(units, start=1))) as server:
        devices = rig(server, *range(1, len(units) + 1))
        profiles = small_profiles(KEEPING)
        async with running(devices, profiles=profiles, settings=settings) as (driver, sink):
            await until(lambda: driver.can_recall(0))
            yield server, driver, sink


def energies(sink: Kept) -> dict[int, float]:
    """By device 0's times."""
    found: dict[int, float] = {}
    for batch in sink.batches:
        column = batch.column("energy_import")
        if column is not None:
            found |= dict(zip(batch.measured_at.tolist(), column.tolist(), strict=True))
    return found


def outcomes(outcome: str) -> float:
    return REGISTRY.get_sample_value("feederline_modbus_recalls_total", {"outcome": outcome}) or 0.0


async def test_the_stretch_is_in_the_sink_when_recall_returns_and_polls_went_on() -> None:
    async with polled(keeping(), keeping()) as (server, driver, sink):
        before = sink.rows(1), outcomes("answered")
        await driver.recall(0, *stretch(650, 800), sink)  # across the seam
        told = energies(sink)
        assert told == {FULL - age * QUARTER: CAPACITY - age for age in range(650, 801)}
        assert outcomes("answered") == before[1] + 1
        await until(lambda: sink.rows(1) > before[0] + 2)
        assert server.accepted == 1
        assert set(sink.kinds(0)) == {SignalKind.CONNECTION_MADE}


async def test_dense_polls_are_not_held_up_by_a_long_recall() -> None:
    """Two meters every 30 ms, each answer takes 10 ms: the line is two thirds full before anybody recalls."""

    async def slow(server: FieldServer, request: bytes) -> bytes:
        await asyncio.sleep(0.01)
        return server.honest(request)

    units = keeping(), keeping()
    for unit in units:
        unit.reply = slow
    async with polled(*units) as (server, driver, sink):
        recall = asyncio.create_task(driver.recall(0, *stretch(0, 1999), sink))
        first = len(server.requests)
        await until(lambda: len(server.requests) > first + 100)
        seen = server.requests[first:]
        fetched = [start for _, start, _ in seen if start >= 0x80]
        assert 0 < len(fetched) < len(seen) / 4
        recall.cancel()
        await asyncio.wait({recall})


async def test_a_recall_ends_with_what_came_until_its_requests_are_spent() -> None:
    settings = FAST.model_copy(update={"recall_requests": 10})
    async with polled(keeping(), settings=settings) as (_, driver, sink):
        before = outcomes("cut_short")
        await driver.recall(0, *stretch(0, 1999), sink)
        assert sorted(energies(sink)) == [FULL - age * QUARTER for age in range(35, -1, -1)]
        assert outcomes("cut_short") == before + 1


@pytest.mark.parametrize(
    ("code", "outcome"), [(None, "unanswered"), (0x0B, "target_failed"), (0x04, "refused"), (-1, "unheard")]
)
async def test_what_happens_instead_ends_it_and_no_signal_is_made_of_it(
    code: int | None, outcome: str
) -> None:
    async def moody(server: FieldServer, request: bytes) -> bytes | None:
        (start,) = struct.unpack(">H", request[8:10])
        if start < START:
            return server.honest(request)
        if code == -1:
            server.cut()
        return refusal(request, code) if code is not None and code >= 0 else None

    unit = keeping()
    unit.reply = moody
    async with polled(unit) as (_, driver, sink):
        before = outcomes(outcome)
        await asyncio.wait_for(driver.recall(0, *stretch(0, 100), sink), 5)
        assert (outcomes(outcome), energies(sink)) == (before + 1, {})
        assert SignalKind.NO_ANSWER not in sink.kinds(0)


async def test_garbage_in_the_ring_costs_only_its_own_records() -> None:
    unit = keeping()
    for age in (3, 4, 5, 50):
        place = START + WORDS * (700 - age)
        unit.words[place], unit.words[place + 1] = 0x7FFF, 0x1234
    unit.words[START + WORDS * 690] = 0  # 1970
    async with polled(unit) as (_, driver, sink):
        await driver.recall(0, *stretch(0, 60), sink)
        wanted = [FULL - age * QUARTER for age in range(60, -1, -1) if age not in (3, 4, 5, 10, 50)]
        assert sorted(energies(sink)) == wanted


async def test_only_a_meter_that_keeps_one_and_was_heard_can_be_asked() -> None:
    async def silent(server: FieldServer, request: bytes) -> None:
        del server, request

    async with FieldServer({1: keeping(), 2: keeping(), 3: meter(230), 4: Unit(reply=silent)}) as server:
        place = f"127.0.0.1:{server.port}"
        rows = [
            Device(id="keeps", node="T", protocol="modbus", profile="extra1", address=f"{place}/1"),
            Device(
                id="says no",
                node="T",
                protocol="modbus",
                profile="extra1",
                address=f"{place}/2",
                attributes={"load_profile": "no"},
            ),
            Device(id="has none", node="T", protocol="modbus", profile="small", address=f"{place}/3"),
            Device(id="silent", node="T", protocol="modbus", profile="extra1", address=f"{place}/4"),
        ]
        devices = Inventory(rows, Network(["T"], [""], ["transformer"]))
        async with running(devices, profiles=small_profiles(KEEPING)) as (driver, sink):
            await until(lambda: driver.can_recall(0) and SignalKind.NO_ANSWER in sink.kinds(3))
            assert [driver.can_recall(key) for key in (-1, 0, 1, 2, 3, 99)] == [False, True, *[False] * 4]
            for key in (-1, 1, 2, 3, 99):
                await driver.recall(key, *stretch(0, 100), sink)
            await driver.recall(0, FULL, FULL, sink)
            assert energies(sink) == {}
            await server.stop()
            await until(lambda: not driver.can_recall(0))
            await driver.recall(0, *stretch(0, 100), sink)
            await driver.stop()
            await driver.recall(0, *stretch(0, 100), sink)
    assert energies(sink) == {}


async def test_a_gateway_that_stops_lets_a_recall_go() -> None:
    async def endless(server: FieldServer, request: bytes) -> bytes:
        (start,) = struct.unpack(">H", request[8:10])
        if start == 0x80:
            asked.set()
            await asyncio.sleep(0.1)
        return server.honest(request)

    asked = asyncio.Event()
    unit = keeping()
    unit.reply = endless
    async with polled(unit) as (_, driver, sink):
        recall = asyncio.create_task(driver.recall(0, *stretch(0, 1999), sink))
        await asked.wait()
        await driver.stop()
        await asyncio.wait_for(recall, 5)


async def test_a_reply_of_the_wrong_length_is_no_record() -> None:
    async def short(server: FieldServer, request: bytes) -> bytes:
        (start,) = struct.unpack(">H", request[8:10])
        return frame(request, b"\0\0") if start >= START else server.honest(request)

    unit = keeping()
    unit.reply = short
    async with polled(unit) as (_, driver, sink):
        await asyncio.wait_for(driver.recall(0, *stretch(0, 100), sink), 5)
        assert energies(sink) == {}
