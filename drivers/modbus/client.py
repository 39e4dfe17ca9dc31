"""One Modbus TCP connection: requests out, answers matched to them, everything else dropped and counted.

pymodbus builds the requests. Its client does not carry them: docs/decisions/modbus-client.md says why.
"""

from __future__ import annotations

import asyncio
import logging
import random
import socket
from functools import lru_cache
from typing import cast

from pymodbus.constants import ExcCodes
from pymodbus.framer import FramerSocket
from pymodbus.pdu import DecodePDU, ModbusPDU
from pymodbus.pdu.bit_message import ReadCoilsRequest, ReadDiscreteInputsRequest
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, ReadInputRegistersRequest

from drivers.modbus import metrics
from drivers.modbus.plan import Read
from drivers.profile import Table
from gateway.core.errors import FeederlineError, UnavailableError

log = logging.getLogger(__name__)

NOT_AS_ASKED = frozenset({int(ExcCodes.ILLEGAL_ADDRESS), int(ExcCodes.ILLEGAL_VALUE)})
"""The device refuses this range of addresses, or this many at once."""
OF_ITS_OWN = NOT_AS_ASKED | {int(ExcCodes.ILLEGAL_FUNCTION)}
"""What only the device itself can object to; the other codes may be a gateway's on its behalf."""
TARGET_FAILED = frozenset({int(ExcCodes.GATEWAY_PATH_UNAVIABLE), int(ExcCodes.GATEWAY_NO_RESPONSE)})

_REQUESTS: dict[Table, type[ModbusPDU]] = {
    Table.COILS: ReadCoilsRequest,
    Table.DISCRETE: ReadDiscreteInputsRequest,
    Table.HOLDING: ReadHoldingRegistersRequest,
    Table.INPUT: ReadInputRegistersRequest,
}
_HEADER = 7  # transaction 2, protocol 2, length 2, unit 1
_LONGEST = 254  # what the length field may say: unit and a PDU of at most 253 bytes


class NoAnswerError(UnavailableError):
    """The request went out and nothing that fits it came back in time."""


class ConnectionLostError(UnavailableError):
    """The connection ended before the answer came, or could not be made."""


class RefusedByDeviceError(FeederlineError):
    """The answer is an exception response."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exception 0x{code:02X}")
        self.code = code


@lru_cache(maxsize=65_536)
def request_frame(unit: int, read: Read) -> bytes:
    """A request without its first two bytes, the transaction."""
    request = _REQUESTS[read.table](address=read.address, count=read.length, dev_id=unit)
    return FramerSocket(DecodePDU(False)).buildFrame(request)[2:]


class _Waiting:
    __slots__ = ("future", "head", "size")

    def __init__(self, future: asyncio.Future[bytes], head: bytes, size: int) -> None:
        self.future = future
        self.head = head  # unit and function code
        self.size = size  # bytes of data wanted


class Connection(asyncio.Protocol):
    """Use `Connection.open`. Any number of requests may be under way; each gets its own answer or none.

    A reply counts only if transaction, unit, function and length all fit a request that still waits. A late reply
    is dropped by its transaction, which comes round again after 65,536 requests only.
    """

    def __init__(self, *, max_strays: int, on_close: asyncio.Event | None = None) -> None:
        self.closed = False
        self.proven = False  # an answer has come over it
        self._on_close = on_close
        self._max_strays = max_strays
        self._strays = 0
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._waiting: dict[int, _Waiting] = {}
        self._transaction = random.randrange(0x10000)
        self._buffer = b""

    @staticmethod
    async def open(
        host: str, port: int, *, timeout_s: float, max_strays: int = 3, on_close: asyncio.Event | None = None
    ) -> Connection:
        """Raises ConnectionLostError when there is no connection within the time."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout_s):
                _, connection = await loop.create_connection(
                    lambda: Connection(max_strays=max_strays, on_close=on_close), host, port
                )
        except (OSError, TimeoutError, UnicodeError) as exc:
            reason = str(exc) or f"no connection within {timeout_s:g} s"
            raise ConnectionLostError(f"{host}:{port}: {reason}") from exc
        return connection

    async def read(self, unit: int, read: Read, timeout_s: float) -> bytes:
        """The data of the answer: registers big-endian as they came, or bits packed least significant first.

        Raises:
            NoAnswerError: nothing came in time.
            RefusedByDeviceError: an exception response.
            ConnectionLostError: the connection is closed, or closed meanwhile.
        """
        if self.closed or self._transport is None:
            raise ConnectionLostError("the connection is closed")
        self._transaction = transaction = (self._transaction + 1) & 0xFFFF
        frame = request_frame(unit, read)
        future: asyncio.Future[bytes] = self._loop.create_future()
        self._waiting[transaction] = _Waiting(future, frame[4:6], read.size)
        timer = self._loop.call_later(timeout_s, _expire, future)
        self._transport.write(transaction.to_bytes(2, "big") + frame)
        try:
            return await future
        finally:
            timer.cancel()
            self._waiting.pop(transaction, None)

    def close(self) -> None:
        """Close at once; whoever still waits gets ConnectionLostError."""
        if self._transport is not None:
            self._transport.abort()
        self.connection_lost(None)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.closed:
            return
        self.closed = True
        for waiting in self._waiting.values():
            if not waiting.future.done():
                waiting.future.set_exception(ConnectionLostError(str(exc or "closed by the other side")))
        if self._on_close is not None:
            self._on_close.set()

    def data_received(self, data: bytes) -> None:
        if self._buffer:
            data = self._buffer + data
        start = 0
        while len(data) - start >= _HEADER and not self.closed:
            length = data[start + 4] << 8 | data[start + 5]
            if data[start + 2] or data[start + 3] or not 3 <= length <= _LONGEST:
                self._recycle("malformed", "what came is not Modbus TCP")
                return
            end = start + 6 + length
            if len(data) < end:
                break
            self._answer(data[start] << 8 | data[start + 1], data[start + 6 : end])
            start = end
        self._buffer = data[start:]

    # matching

    def _answer(self, transaction: int, body: bytes) -> None:
        waiting = self._waiting.get(transaction)
        if waiting is None or waiting.future.done():
            self._stray("late")
        elif body[0] != waiting.head[0]:
            self._stray("wrong_unit")
        elif body[1] == waiting.head[1] and len(body) == 3 + waiting.size and body[2] == waiting.size:
            self._settle()
            waiting.future.set_result(body[3:])
        elif body[1] == waiting.head[1] | 0x80 and len(body) == 3:
            self._settle()
            waiting.future.set_exception(RefusedByDeviceError(body[2]))
        else:
            self._stray("malformed")

    def _settle(self) -> None:
        self._strays = 0
        self.proven = True

    def _stray(self, reason: str) -> None:
        self._strays += 1
        if self._strays >= self._max_strays:
            self._recycle(reason, "too many replies in a row fit no request")
        else:
            metrics.strays.labels(reason).inc()

    def _recycle(self, reason: str, why: str) -> None:
        metrics.strays.labels(reason).inc()
        log.warning("modbus connection is made anew", extra={"reason": why, "peer": self.peer})
        self.close()

    @property
    def peer(self) -> str:
        name = self._transport.get_extra_info("peername") if self._transport is not None else None
        return f"{name[0]}:{name[1]}" if name else ""


def _expire(future: asyncio.Future[bytes]) -> None:
    if not future.done():
        future.set_exception(NoAnswerError("no answer in time"))
