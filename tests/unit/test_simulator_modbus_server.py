from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator

import pytest

from simulator.modbus_server import Bank, Endpoint, Manner, Unit
from simulator.registers import DISCRETE, INPUT, Image
from tests.waiting import until


class Poller:
    """The few bytes of a Modbus TCP master, written out."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(cls, endpoint: Endpoint) -> Poller:
        return cls(*await asyncio.open_connection("127.0.0.1", endpoint.port))

    def send(self, unit: int, function: int, start: int, count: int, *, tid: int = 7) -> None:
        self.writer.write(struct.pack(">HHHBBHH", tid, 0, 6, unit, function, start, count))

    async def receive(self) -> tuple[int, int, bytes]:
        """(transaction, unit, PDU)"""
        tid, protocol, length, unit = struct.unpack(">HHHB", await self.reader.readexactly(7))
        assert protocol == 0
        return tid, unit, await self.reader.readexactly(length - 1)

    async def ask(self, unit: int, function: int, start: int, count: int) -> bytes:
        self.send(unit, function, start, count)
        tid, answering, pdu = await asyncio.wait_for(self.receive(), 5)
        assert (tid, answering) == (7, unit)
        return pdu

    async def close(self) -> None:
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except ConnectionError:
            pass


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    """Units 1 and 2: four input registers each (10 … 13, 20 … 23) and ten discrete inputs."""
    bank = Bank()
    bank.images = {
        INPUT: Image(struct.pack(">8H", 10, 11, 12, 13, 20, 21, 22, 23), 8),
        DISCRETE: Image(bytes([1, 0, 1, 1, 0, 0, 0, 0, 0, 1] * 2), 10),
    }
    endpoint = Endpoint({1: Unit(bank, 0), 2: Unit(bank, 1)}, delay_s=0.05)
    await endpoint.open()
    yield endpoint
    await endpoint.close()


@pytest.fixture
async def poller(endpoint: Endpoint) -> AsyncIterator[Poller]:
    poller = await Poller.connect(endpoint)
    yield poller
    await poller.close()


async def test_each_unit_answers_with_its_own_registers(poller: Poller) -> None:
    assert await poller.ask(1, 4, 0, 4) == struct.pack(">BB4H", 4, 8, 10, 11, 12, 13)
    assert await poller.ask(2, 4, 2, 2) == struct.pack(">BB2H", 4, 4, 22, 23)
    assert await poller.ask(2, 2, 0, 10) == bytes([2, 2, 0b00001101, 0b10])


async def test_requests_sent_together_are_answered_in_order(poller: Poller) -> None:
    for tid in (1, 2, 3):
        poller.send(1 + tid % 2, 4, 0, 1, tid=tid)
    assert [(await poller.receive())[:2] for _ in range(3)] == [(1, 2), (2, 1), (3, 2)]


@pytest.mark.parametrize(
    ("asked", "code"),
    [((9, 4, 0, 1), 10), ((1, 3, 0, 1), 1), ((1, 4, 3, 2), 2), ((1, 4, 0, 0), 3), ((1, 4, 0, 126), 3)],
)
async def test_what_cannot_be_answered_gets_the_exception_of_the_standard(
    poller: Poller, asked: tuple[int, int, int, int], code: int
) -> None:
    assert await poller.ask(*asked) == bytes([asked[1] | 0x80, code])


async def test_a_dark_meter_is_told_from_a_silent_one(endpoint: Endpoint, poller: Poller) -> None:
    endpoint.units[1].manner = Manner.TARGET_FAILED
    endpoint.units[2].manner = Manner.SILENT
    assert await poller.ask(1, 4, 0, 1) == bytes([0x84, 0x0B])
    poller.send(2, 4, 0, 1, tid=1)
    poller.send(1, 4, 0, 1, tid=2)
    assert (await poller.receive())[0] == 2  # nothing came for the silent one


async def test_a_slow_endpoint_answers_all_the_same(endpoint: Endpoint, poller: Poller) -> None:
    await endpoint.set_manner(Manner.SLOW)
    assert await poller.ask(1, 4, 0, 1) == struct.pack(">BBH", 4, 2, 10)


async def test_a_closed_endpoint_drops_and_refuses_and_comes_back_at_its_port(
    endpoint: Endpoint, poller: Poller
) -> None:
    await poller.ask(1, 4, 0, 1)
    port = endpoint.port
    await endpoint.set_manner(Manner.CLOSED)
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await asyncio.wait_for(poller.receive(), 5)
    with pytest.raises(ConnectionError):
        await Poller.connect(endpoint)
    await endpoint.set_manner(Manner.ANSWERS)
    assert endpoint.port == port
    again = await Poller.connect(endpoint)
    assert await again.ask(2, 4, 0, 1) == struct.pack(">BBH", 4, 2, 20)
    await again.close()


async def test_bytes_that_are_not_modbus_end_the_connection(endpoint: Endpoint, poller: Poller) -> None:
    poller.writer.write(b"GET / HTTP/1.1\r\n\r\n")
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await asyncio.wait_for(poller.receive(), 5)
    await until(lambda: endpoint.connections == 0)


async def test_only_polls_answered_in_every_block_are_complete(endpoint: Endpoint, poller: Poller) -> None:
    unit = endpoint.units[1]
    assert unit.complete_polls() == 0
    for _ in range(3):
        await poller.ask(1, 4, 0, 2)
        await poller.ask(1, 2, 0, 4)
    assert unit.complete_polls() == 3
    await poller.ask(1, 4, 0, 2)  # the meter goes dark between two blocks of a poll …
    unit.manner = Manner.TARGET_FAILED
    await poller.ask(1, 2, 0, 4)
    await poller.ask(1, 4, 0, 2)
    unit.manner = Manner.ANSWERS  # … and comes back between two of another
    await poller.ask(1, 2, 0, 4)
    assert unit.complete_polls() == 3
    await poller.ask(1, 4, 0, 2)
    await poller.ask(1, 2, 0, 4)
    assert unit.complete_polls() == 4
    assert endpoint.units[2].complete_polls() == 0


async def test_polls_after_the_count_was_stopped_are_answered_and_not_counted(
    endpoint: Endpoint, poller: Poller
) -> None:
    await poller.ask(1, 4, 0, 1)
    endpoint.counting = False
    assert (await poller.ask(1, 4, 0, 1))[0] == 4
    assert endpoint.units[1].complete_polls() == 1
