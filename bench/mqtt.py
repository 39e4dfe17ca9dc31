"""MQTT: from the broker through decoding, spool and acknowledgement, against a bare paho subscriber that discards.

Both drain the same messages of 16 values from the same broker, in turns; medians are shown. QoS 1 messages wait in
a persistent session before the clock starts; QoS 0 ones are sent as fast as the socket takes them by another
process, ready made. So the subscriber is the limit in both.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from drivers.mqtt.driver import MqttDriver
from drivers.mqtt.settings import MqttSettings, Subscription
from gateway.core.clock import SystemClock
from gateway.core.inventory import Device, Inventory
from gateway.core.model import Batch, Entry
from gateway.core.network import Network
from gateway.embedded import BrokerAddress, embedded_broker
from gateway.spool import Spool

DEVICES = 500
VALUES = {
    **{f"voltage_{p}": 229.8 + i for i, p in enumerate("abc")},
    **{f"current_{p}": 5.12 + i for i, p in enumerate("abcn")},
    "active_power": 3412.5,
    **{f"active_power_{p}": 1137.25 + i for i, p in enumerate("abc")},
    "reactive_power": 204.75,
    "power_factor": 0.981,
    "frequency": 50.013,
    "energy_import": 123456.789,
    "energy_export": 0.25,
}
_EPOCH_MS = 1_772_352_000_000
_WINDOW = 200  # QoS 1 messages the publisher has under way


class Round(NamedTuple):
    seconds: float
    cpu_seconds: float


async def run(*, messages: int = 50_000, rounds: int = 3) -> dict[str, object]:
    """Throughput of ours and of the raw limit at QoS 0 and 1.

    messages: per round, at most 100 000 (the broker holds that much for a slow subscriber).
    Returns per QoS `messages_per_second`, `values_per_second`, `raw_messages_per_second`,
    `cpu_seconds_per_million_values`, `raw_cpu_seconds_per_million_values` and `ratio`; and the lower `ratio` of both.
    """
    if not 1 <= messages <= 100_000:
        raise ValueError("messages must be between 1 and 100000")
    result: dict[str, object] = {"messages": messages, "rounds": rounds, "values_per_message": len(VALUES)}
    ratios: list[float] = []
    with tempfile.TemporaryDirectory(prefix="feederline-bench-") as name:
        directory = Path(name)
        with embedded_broker(directory / "broker") as broker:
            for qos in (0, 1):
                raw: list[Round] = []
                ours: list[Round] = []
                for number in range(rounds):
                    raw.append(_raw_round(broker, qos, messages))
                    ours.append(await _our_round(broker, qos, messages, directory / f"spool-{qos}-{number}"))
                figures = _figures(messages, raw, ours)
                ratios.append(figures["ratio"])
                result[f"qos{qos}"] = figures
    result["ratio"] = min(ratios)
    return result


def _figures(messages: int, raw: Sequence[Round], ours: Sequence[Round]) -> dict[str, float]:
    millions = messages * len(VALUES) / 1e6
    raw_s, our_s = (statistics.median(r.seconds for r in rounds) for rounds in (raw, ours))
    raw_cpu, our_cpu = (statistics.median(r.cpu_seconds for r in rounds) for rounds in (raw, ours))
    return {
        "messages_per_second": round(messages / our_s),
        "values_per_second": round(messages * len(VALUES) / our_s),
        "raw_messages_per_second": round(messages / raw_s),
        "cpu_seconds_per_million_values": round(our_cpu / millions, 3),
        "raw_cpu_seconds_per_million_values": round(raw_cpu / millions, 3),
        "ratio": round(raw_s / our_s, 3),
    }


# -- ours ---------------------------------------------------------------------------------------------------------


class _CountingSink:
    """Passes everything on to the spool and counts what is durable."""

    def __init__(self, spool: Spool, wanted: int) -> None:
        self._spool = spool
        self._left = wanted
        self.complete = asyncio.Event()

    async def put(self, entries: Sequence[Entry]) -> None:
        await self._spool.put(entries)
        self._left -= sum(len(entry) for entry in entries if isinstance(entry, Batch))
        if self._left <= 0:
            self.complete.set()


async def _our_round(broker: BrokerAddress, qos: int, messages: int, directory: Path) -> Round:
    network = Network(["N1"], [""], ["substation"])
    inventory = Inventory([Device(id=f"M{i}", node="N1") for i in range(DEVICES)], network)
    settings = MqttSettings(
        name=f"bench{qos}",
        url=broker.url,
        subscriptions=(Subscription.model_validate({"topic": "bench/{device}/telemetry", "qos": qos}),),
    )
    async with Spool(directory) as spool:
        if qos:
            waiting = MqttDriver(inventory, settings, SystemClock())
            await _until_subscribed(waiting, asyncio.create_task(waiting.run(_CountingSink(spool, 1))))
            await waiting.stop()
            _publisher(broker, qos, messages).communicate("go\n")
        sink = _CountingSink(spool, messages)
        driver = MqttDriver(inventory, settings, SystemClock())
        start, cpu = time.perf_counter(), _cpu()
        running = asyncio.create_task(driver.run(sink))
        publisher = None
        if not qos:
            await _until_subscribed(driver, running)
            publisher = await asyncio.to_thread(_publisher, broker, qos, messages)
            start, cpu = time.perf_counter(), _cpu()
            _go(publisher)
        async with asyncio.timeout(120):
            await sink.complete.wait()
            await driver.stop()
        used = Round(time.perf_counter() - start, _cpu() - cpu)
        await running
        if publisher is not None:
            await asyncio.to_thread(publisher.communicate)
    return used


async def _until_subscribed(driver: MqttDriver, running: asyncio.Task[None]) -> None:
    async with asyncio.timeout(20):
        while not driver.connected:
            if running.done():
                running.result()
            await asyncio.sleep(0.005)


# -- the raw limit --------------------------------------------------------------------------------------------------


def _raw_round(broker: BrokerAddress, qos: int, messages: int) -> Round:
    if qos:
        _drop(_raw_subscriber(broker, qos, []))
        _publisher(broker, qos, messages).communicate("go\n")
    got: list[None] = []
    publisher = None
    start, cpu = time.perf_counter(), _cpu()
    client = _raw_subscriber(broker, qos, got)
    if not qos:
        publisher = _publisher(broker, qos, messages)
        start, cpu = time.perf_counter(), _cpu()
        _go(publisher)
    while len(got) < messages:
        if client.loop(1.0):
            raise RuntimeError("the broker dropped the raw subscriber")
    used = Round(time.perf_counter() - start, _cpu() - cpu)
    _drop(client)
    if publisher is not None:
        publisher.communicate()
    return used


def _raw_subscriber(broker: BrokerAddress, qos: int, got: list[None]) -> paho.Client:
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"raw{qos}", clean_session=False)
    ready: list[None] = []
    client.on_message = lambda *_: got.append(None)
    client.on_subscribe = lambda *_: ready.append(None)
    client.connect(broker.host, broker.port)
    while not client.is_connected():
        client.loop(0.1)
    client.subscribe("bench/+/telemetry", qos)
    while not ready:
        client.loop(0.1)
    return client


def _drop(client: paho.Client) -> None:
    client.disconnect()
    while client.loop(0.1) == 0:
        pass


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


# -- the publisher, in a process of its own ---------------------------------------------------------------------------


def _publisher(broker: BrokerAddress, qos: int, messages: int) -> subprocess.Popen[str]:
    """A process that has its messages ready and is connected; it begins at a line on its standard input."""
    command = [sys.executable, "-m", "bench.mqtt", "--publish", str(broker.port), str(qos), str(messages)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    if process.stdout.readline() != "ready\n":
        raise RuntimeError("the publisher did not start")
    return process


def _go(publisher: subprocess.Popen[str]) -> None:
    assert publisher.stdin is not None
    publisher.stdin.write("go\n")
    publisher.stdin.flush()


def _publish(port: int, qos: int, messages: int) -> None:
    """Plain sockets: a client library would be the slowest part of the measurement."""
    chunks: list[tuple[bytes, int]] = []
    for first in range(0, messages, _WINDOW):
        numbers = range(first, min(first + _WINDOW, messages))
        chunks.append((b"".join(_publish_packet(qos, number) for number in numbers), len(numbers)))
    with socket.create_connection(("127.0.0.1", port)) as link:
        link.sendall(_packet(0x10, _text(b"MQTT") + bytes([4, 2, 0, 0]) + _text(b"bench-publisher")))
        _receive(link, 4)
        print("ready", flush=True)
        sys.stdin.readline()
        for chunk, count in chunks:
            link.sendall(chunk)
            if qos:
                _receive(link, 4 * count)
        link.sendall(_packet(0xC0, b""))
        _receive(link, 2)


def _publish_packet(qos: int, number: int) -> bytes:
    payload = json.dumps({"at": _EPOCH_MS + number, "values": VALUES}).encode()
    mid = struct.pack(">H", number % 65_535 + 1) if qos else b""
    return _packet(0x30 | qos << 1, _text(b"bench/M%d/telemetry" % (number % DEVICES)) + mid + payload)


def _text(data: bytes) -> bytes:
    return struct.pack(">H", len(data)) + data


def _packet(kind: int, body: bytes) -> bytes:
    head = bytearray([kind])
    left = len(body)
    while left >= 0x80:
        head.append(left & 0x7F | 0x80)
        left >>= 7
    head.append(left)
    return bytes(head) + body


def _receive(link: socket.socket, count: int) -> None:
    while count:
        data = link.recv(count)
        if not data:
            raise ConnectionError("the broker closed the publisher's connection")
        count -= len(data)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.mqtt", description=__doc__)
    parser.add_argument("--messages", type=int, default=50_000, help="per round and quality of service")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--publish", nargs=3, type=int, help=argparse.SUPPRESS)
    options: Any = parser.parse_args(arguments)
    if options.publish:
        _publish(*options.publish)
        return
    print(json.dumps(asyncio.run(run(messages=options.messages, rounds=options.rounds))))


if __name__ == "__main__":
    main()
