"""A Modbus TCP concentrator on a real socket that does what real ones do wrong, on request."""

from __future__ import annotations

import asyncio
import struct
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

Reply = Callable[["FieldServer", bytes], Awaitable[bytes | None]]
"""Gets a whole request and gives the whole reply, or None for silence."""


def floats(values: Mapping[int, float]) -> dict[int, int]:
    """Registers of big-endian float32 values by address."""
    words: dict[int, int] = {}
    for address, value in values.items():
        words[address], words[address + 1] = struct.unpack(">HH", struct.pack(">f", value))
    return words


@dataclass
class Unit:
    """One device behind the concentrator. An address that is not there is illegal to ask for."""

    words: dict[int, int] = field(default_factory=dict)
    bits: dict[int, int] = field(default_factory=dict)
    reply: Reply | None = None


class FieldServer:
    """`async with FieldServer({1: Unit(...)}) as server`. Requests are worked off one after the other."""

    def __init__(self, units: Mapping[int, Unit]) -> None:
        self.units = dict(units)
        self.asked: Counter[int] = Counter()  # requests by unit
        self.requests: list[tuple[int, int, int]] = []  # unit, address, count
        self.accepted = 0
        self.port = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and cut every connection."""
        if self._server is not None:
            self._server.close()
        self.cut()
        if self._server is not None:
            await self._server.wait_closed()

    @property
    def connections(self) -> int:
        """How many stand now."""
        return len(self._writers)

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    def send(self, data: bytes) -> None:
        """Bytes to everyone connected, outside the usual course of requests and replies."""
        for writer in self._writers:
            writer.write(data)

    async def __aenter__(self) -> FieldServer:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self._writers.add(writer)
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                request = await reader.readexactly(12)
                unit = request[6]
                self.asked[unit] += 1
                self.requests.append((unit, *struct.unpack(">HH", request[8:12])))
                here = self.units.get(unit)
                reply = None
                if here is not None:
                    reply = await here.reply(self, request) if here.reply else self.honest(request)
                if reply is not None:
                    writer.write(reply)
                    await writer.drain()
        self._writers.discard(writer)
        writer.close()

    def honest(self, request: bytes) -> bytes:
        """What a healthy device answers."""
        unit = self.units[request[6]]
        function = request[7]
        address, count = struct.unpack(">HH", request[8:12])
        cells = unit.bits if function in {1, 2} else unit.words
        wanted = [cells.get(a) for a in range(address, address + count)]
        if any(cell is None for cell in wanted):
            return refusal(request, 2)
        numbers = [cell or 0 for cell in wanted]
        if function in {1, 2}:
            packed = bytearray((count + 7) // 8)
            for i, bit in enumerate(numbers):
                packed[i // 8] |= bit << i % 8
            return frame(request, bytes(packed))
        return frame(request, struct.pack(f">{count}H", *numbers))


def frame(request: bytes, data: bytes, *, transaction: int | None = None, unit: int | None = None) -> bytes:
    head = request[:2] if transaction is None else struct.pack(">H", transaction & 0xFFFF)
    body = bytes((request[6] if unit is None else unit, request[7], len(data))) + data
    return head + b"\0\0" + struct.pack(">H", len(body)) + body


def refusal(request: bytes, code: int) -> bytes:
    return request[:4] + b"\0\3" + bytes((request[6], request[7] | 0x80, code))


def refuse(code: int) -> Reply:
    async def reply(_: FieldServer, request: bytes) -> bytes:
        return refusal(request, code)

    return reply


async def silent(_: FieldServer, request: bytes) -> None:
    del request
