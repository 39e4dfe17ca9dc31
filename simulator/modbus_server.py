"""Modbus TCP as a concentrator speaks it: many units behind one socket, answered from prepared bytes.

Written apart from any Modbus library, so that the gateway is tested against a second reading of the specification
(MODBUS Messaging on TCP/IP Implementation Guide V1.0b) and so that thousands of units cost little.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from enum import Enum
from typing import Protocol, cast

from simulator.registers import DISCRETE, HOLDING, INPUT, Image

ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE, PATH_UNAVAILABLE, TARGET_FAILED = 1, 2, 3, 10, 11
_LARGEST = {DISCRETE: 2000, HOLDING: 125, INPUT: 125}


class Manner(Enum):
    """How a unit or an endpoint treats requests."""

    ANSWERS = "answers"
    TARGET_FAILED = "target_failed"  # units only: exception 0x0B, the meter behind does not respond
    SILENT = "silent"  # takes requests, says nothing
    SLOW = "slow"  # endpoints only: answers late
    CLOSED = "closed"  # endpoints only: connections are refused


class Bank:
    """The current registers of all devices of one type; replaced whole when there are new values."""

    def __init__(self) -> None:
        self.images: dict[int, Image] = {}  # by function code


class Memory(Protocol):
    """Holding registers beyond a bank's, made when somebody reads them."""

    def read(self, start: int, count: int) -> bytes | None:
        """None where there are no such registers."""
        ...


class Unit:
    """One device behind an endpoint: row `row` of its bank, and how often each block was answered."""

    __slots__ = ("answered", "bank", "manner", "memory", "row")

    def __init__(self, bank: Bank, row: int, memory: Memory | None = None) -> None:
        self.bank = bank
        self.row = row
        self.memory = memory
        self.manner = Manner.ANSWERS
        self.answered: dict[tuple[int, int, int], int] = {}

    def complete_polls(self) -> int:
        """How often every block that anyone reads here was answered."""
        return min(self.answered.values(), default=0)

    def fail(self) -> None:
        """A poll failed half way: what it had got so far is no part of a complete one."""
        if self.answered:
            complete = self.complete_polls()
            self.answered = dict.fromkeys(self.answered, complete)


class Endpoint:
    """One listening socket with its units.

    The port is held for the endpoint's whole life, also while connections are refused.
    """

    def __init__(self, units: dict[int, Unit], *, host: str = "127.0.0.1", delay_s: float = 2.0) -> None:
        self.units = units
        self.manner = Manner.ANSWERS
        self.counting = True
        self.delay_s = delay_s
        self._host = host
        self._holder: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()

    @property
    def port(self) -> int:
        assert self._holder is not None, "the endpoint is not open"
        return int(self._holder.getsockname()[1])

    @property
    def connections(self) -> int:
        return len(self._connections)

    async def open(self) -> None:
        """Bind to a free port and listen. Raises OSError."""
        self._holder = _bound(self._host, 0)
        await self._listen()

    async def set_manner(self, manner: Manner) -> None:
        """Change how requests are treated from now on; CLOSED drops every connection at once."""
        before, self.manner = self.manner, manner
        if manner is Manner.CLOSED and before is not Manner.CLOSED:
            self._hang_up()
        elif before is Manner.CLOSED and manner is not Manner.CLOSED:
            await self._listen()

    async def close(self) -> None:
        self._hang_up()
        if self._holder is not None:
            self._holder.close()

    def drop_connections(self) -> None:
        for connection in list(self._connections):
            connection.abort()

    async def _listen(self) -> None:
        # The holder never listens, so a second socket may share its port, and nobody else gets it in between.
        sock = _bound(self._host, self.port)
        self._server = await asyncio.get_running_loop().create_server(
            lambda: _Connection(self, self._connections), sock=sock
        )

    def _hang_up(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        self.drop_connections()

    def answer(self, unit_id: int, pdu: bytes) -> bytes | None:
        """The answer to one request, or None where there is to be none."""
        function = pdu[0]
        unit = self.units.get(unit_id)
        if unit is None:
            return bytes((function | 0x80, PATH_UNAVAILABLE))
        if unit.manner is not Manner.ANSWERS:
            unit.fail()
            if unit.manner is Manner.SILENT:
                return None
            return bytes((function | 0x80, TARGET_FAILED))
        image = unit.bank.images.get(function)
        if image is None:
            return bytes((function | 0x80, ILLEGAL_FUNCTION))
        start, count = int.from_bytes(pdu[1:3]), int.from_bytes(pdu[3:5])
        if len(pdu) != 5 or not 1 <= count <= _LARGEST[function]:
            return bytes((function | 0x80, ILLEGAL_VALUE))
        width = 1 if function == DISCRETE else 2
        if (start + count) * width > image.stride:
            kept = unit.memory.read(start, count) if unit.memory and function == HOLDING else None
            if kept is None:
                return bytes((function | 0x80, ILLEGAL_ADDRESS))
            return bytes((function, len(kept))) + kept
        first = unit.row * image.stride + start * width
        data = image.data[first : first + count * width]
        if function == DISCRETE:
            data = _packed(data)
        if self.counting:
            block = (function, start, count)
            unit.answered[block] = unit.answered.get(block, 0) + 1
        return bytes((function, len(data))) + data


class _Connection(asyncio.Protocol):
    def __init__(self, endpoint: Endpoint, connections: set[_Connection]) -> None:
        self._endpoint = endpoint
        self._connections = connections
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one by behaviour only
        self._connections.add(self)
        if self._endpoint.manner is Manner.CLOSED:
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._connections.discard(self)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        answers: list[bytes] = []
        while len(self._buffer) >= 8:
            length = int.from_bytes(self._buffer[4:6])
            if self._buffer[2:4] != b"\0\0" or not 2 <= length <= 254:
                self.abort()  # not Modbus TCP; there is no way back into step
                return
            if len(self._buffer) < 6 + length:
                break
            frame, self._buffer = self._buffer[: 6 + length], self._buffer[6 + length :]
            if self._endpoint.manner in {Manner.SILENT, Manner.CLOSED}:
                continue
            answer = self._endpoint.answer(frame[6], frame[7:])
            if answer is not None:
                answers.append(frame[:4] + (len(answer) + 1).to_bytes(2) + frame[6:7] + answer)
        if not answers or self._transport is None:
            return
        if self._endpoint.manner is Manner.SLOW:
            asyncio.get_running_loop().call_later(
                self._endpoint.delay_s, self._transport.write, b"".join(answers)
            )
        else:
            self._transport.write(b"".join(answers))


def _packed(bits: Sequence[int]) -> bytes:
    """Bits, one a byte, into Modbus order: the first is the lowest bit of the first byte."""
    packed = bytearray((len(bits) + 7) // 8)
    for i, bit in enumerate(bits):
        packed[i >> 3] |= bit << (i & 7)
    return bytes(packed)


def _bound(host: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock
