"""A meter's alarm word on a real socket: begin and end become signals, and a refused word harms no reading."""

from __future__ import annotations

from gateway.core.model import SignalKind
from tests.conformance.modbus_rig import Kept, inventory, meter, running, small_profiles
from tests.conformance.modbus_server import FieldServer
from tests.waiting import until

ALARMED = """
title: alarmed
comment: for tests
registers:
  - {quantity: voltage_a, table: input, address: 0, type: float32}
events:
  - {event: cover_open, table: input, address: 40, bit: 3}
"""


def told(sink: Kept, key: int = 0) -> list[str]:
    return [s.detail for s in sink.signals if s.kind is SignalKind.METER_EVENT and s.device == key]


async def test_a_cover_is_opened_and_closed() -> None:
    unit = meter(230)
    unit.words[40] = 0
    async with FieldServer({1: unit}) as server:
        devices = inventory([f"127.0.0.1:{server.port}/1"], profile="extra1")
        async with running(devices, profiles=small_profiles(ALARMED)) as (_, sink):
            await until(lambda: sink.rows(0) > 1)
            assert told(sink) == []
            unit.words[40] = 0b1000
            await until(lambda: told(sink) == ["cover_open"])
            seen = sink.rows(0)
            await until(lambda: sink.rows(0) > seen + 2)
            unit.words[40] = 0
            await until(lambda: told(sink) == ["cover_open", "cover_open end"])
            (first, _) = (s for s in sink.signals if s.kind is SignalKind.METER_EVENT)
            assert first.source == f"modbus:127.0.0.1:{server.port}"


async def test_a_meter_without_the_word_is_read_all_the_same() -> None:
    async with FieldServer({1: meter(231)}) as server:
        devices = inventory([f"127.0.0.1:{server.port}/1"], profile="extra1")
        async with running(devices, profiles=small_profiles(ALARMED)) as (_, sink):
            await until(lambda: sink.rows(0) > 3)
            assert set(sink.values(0, "voltage_a")) == {231.0}
            assert set(sink.quality(0)) == {0}
            assert told(sink) == []
