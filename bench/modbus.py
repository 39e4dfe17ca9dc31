"""Polling through the whole driver, decoded into batches, against bare pymodbus polls of the same registers.

Both sides use as many connections to the same server process, one request at a time on each, in turns within one
run: the machine is shared, so medians of alternating rounds are what can be compared.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import statistics
import struct
import time
from collections.abc import Awaitable, Callable, Sequence
from multiprocessing.connection import Connection as Pipe
from typing import NamedTuple, cast

import uvloop
from pymodbus.client import AsyncModbusTcpClient

from drivers.modbus.driver import ModbusDriver
from drivers.modbus.settings import ModbusSettings
from drivers.profile import Table, load_profiles
from gateway.core import quantities
from gateway.core.clock import SystemClock
from gateway.core.inventory import Device, Inventory
from gateway.core.model import Batch, Entry
from gateway.core.network import Network

PROFILE = "eastron-sdm630"
ROUNDS = 5


class Counts(NamedTuple):
    polls: int
    values: int
    batches: int


class Round(NamedTuple):
    counts: Counts
    wall_s: float
    cpu_s: float

    @property
    def values_per_second(self) -> float:
        return self.counts.values / self.wall_s

    @property
    def cpu_per_million(self) -> float:
        return self.cpu_s / self.counts.values * 1e6


def _registers() -> bytes:
    """What a healthy meter of the profile would answer from address 0 on."""
    plausible = {"V": 230.1, "A": 8.4, "Hz": 50.02, "": 0.97}
    registers = load_profiles().get(PROFILE).registers
    image = bytearray(2 * max(register.end for register in registers))
    for register in registers:
        value = plausible.get(quantities.BY_NAME[register.quantity].unit, 1234.5)
        struct.pack_into(">f", image, 2 * register.address, value)
    return bytes(image)


class _Answering(asyncio.Protocol):
    """The cheapest honest server: reads requests one by one and answers each in one write."""

    def __init__(self, registers: bytes) -> None:
        self._registers = registers
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= 12:
            request, self._buffer = self._buffer[:12], self._buffer[12:]
            start = 2 * int.from_bytes(request[8:10], "big")
            size = 2 * int.from_bytes(request[10:12], "big")
            head = request[:4] + (size + 3).to_bytes(2, "big") + request[6:8] + bytes((size,))
            self._transport.write(head + self._registers[start : start + size])


def _serve(pipe: Pipe, ports: int) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        registers = _registers()
        servers = [
            await loop.create_server(lambda: _Answering(registers), "127.0.0.1", 0) for _ in range(ports)
        ]
        pipe.send([server.sockets[0].getsockname()[1] for server in servers])
        await loop.run_in_executor(None, pipe.recv)
        for server in servers:
            server.close()

    uvloop.run(main())


class _Discard:
    def __init__(self) -> None:
        self.rows = self.values = self.rejected = self.batches = 0

    async def put(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            if isinstance(entry, Batch):
                self.batches += 1
                self.rows += len(entry)
                self.values += entry.values.size
                self.rejected += len(entry.rejected)


class _Restless(ModbusDriver):
    """Every device is always due: the driver as fast as it can."""

    def interval(self, key: int) -> int:
        del key
        return 1


async def _ours(ports: Sequence[int], devices: int, seconds: float) -> Counts:
    network = Network(["T"], [""], ["transformer"])
    rows = [
        Device(
            id=f"M{i}",
            node="T",
            protocol="modbus",
            profile=PROFILE,
            address=f"127.0.0.1:{ports[i % len(ports)]}/{1 + i // len(ports)}",
        )
        for i in range(devices)
    ]
    driver = _Restless(Inventory(rows, network), load_profiles(), ModbusSettings(), SystemClock())
    sink = _Discard()
    running = asyncio.create_task(driver.run(sink))
    await asyncio.sleep(seconds)
    await driver.stop()
    await running
    assert not sink.rejected
    return Counts(sink.rows, sink.values, sink.batches)


async def _bare(ports: Sequence[int], devices: int, seconds: float) -> Counts:
    profile = load_profiles().get(PROFILE)
    first = min(register.address for register in profile.registers)
    count = max(register.end for register in profile.registers) - first
    assert {register.table for register in profile.registers} == {Table.INPUT}
    units = range(1, 1 + max(1, devices // len(ports)))
    polls = 0
    deadline = time.perf_counter() + seconds

    async def poll(port: int) -> None:
        nonlocal polls
        client = AsyncModbusTcpClient("127.0.0.1", port=port, retries=0, reconnect_delay=0)
        await client.connect()
        while time.perf_counter() < deadline:
            for unit in units:
                answer = await client.read_input_registers(first, count=count, device_id=unit)
                assert len(answer.registers) == count
                polls += 1
        client.close()

    await asyncio.gather(*(poll(port) for port in ports))
    return Counts(polls, polls * len(profile.registers), 0)


async def _round(measure: Callable[[], Awaitable[Counts]]) -> Round:
    wall, cpu = time.perf_counter(), time.process_time()
    counts = await measure()
    return Round(counts, time.perf_counter() - wall, time.process_time() - cpu)


async def run(
    *,
    seconds: float = 5.0,
    connections: int = 10,
    devices: int = 500,
    many_connections: int = 250,
    many_devices: int = 500,
) -> dict[str, object]:
    """Measure for about `seconds` on each side. `ratio` is ours over raw, in values per second.

    `cpu_ratio` is the raw side's CPU time per value over ours: it says the same without the noise of a shared
    machine. `rows_per_batch` is what one batch brings to whoever reads it. `many_endpoints` has the same figures for
    a site where every endpoint has few devices.
    """
    result: dict[str, object] = dict(await _shape(seconds, connections, devices))
    result["many_endpoints"] = await _shape(seconds, many_connections, many_devices)
    return result


async def _shape(seconds: float, connections: int, devices: int) -> dict[str, float]:
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(
        target=_serve, args=(there, connections), daemon=True
    )
    server.start()
    try:
        ports: list[int] = await asyncio.to_thread(here.recv)
        ours: list[Round] = []
        raw: list[Round] = []
        for _ in range(ROUNDS):
            raw.append(await _round(lambda: _bare(ports, devices, seconds / ROUNDS)))
            ours.append(await _round(lambda: _ours(ports, devices, seconds / ROUNDS)))
    finally:
        here.send(None)
        await asyncio.to_thread(server.join, 5)
        if server.is_alive():
            server.kill()
    middle = statistics.median
    throughput = middle(r.values_per_second for r in ours)
    raw_throughput = middle(r.values_per_second for r in raw)
    cpu, raw_cpu = middle(r.cpu_per_million for r in ours), middle(r.cpu_per_million for r in raw)
    return {
        "values_per_second": round(throughput),
        "polls_per_second": round(middle(r.counts.polls / r.wall_s for r in ours)),
        "rows_per_batch": round(middle(r.counts.polls / r.counts.batches for r in ours), 1),
        "cpu_seconds_per_million_values": round(cpu, 3),
        "raw_values_per_second": round(raw_throughput),
        "raw_polls_per_second": round(middle(r.counts.polls / r.wall_s for r in raw)),
        "raw_cpu_seconds_per_million_values": round(raw_cpu, 3),
        "ratio": round(throughput / raw_throughput, 3),
        "cpu_ratio": round(raw_cpu / cpu, 3),
        "connections": connections,
        "devices": devices,
    }


def main() -> None:
    print(json.dumps(uvloop.run(run())))


if __name__ == "__main__":
    main()
