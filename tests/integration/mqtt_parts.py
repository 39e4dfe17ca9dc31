"""What the MQTT tests share: a sink that can be held, a publisher, a proxy that turns silent."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from drivers.mqtt import MqttDriver, MqttSettings
from gateway.core.clock import SystemClock
from gateway.core.inventory import Device, Inventory
from gateway.core.model import GATEWAY, Batch, DeadLetter, Entry, Signal
from gateway.core.network import Network
from gateway.embedded import BrokerAddress, _await_listener, _binary, free_port


class HeldSink:
    """Keeps what it is given; `open` decides whether `put` returns. What the driver says of itself always passes."""

    def __init__(self, *, held: bool = False) -> None:
        self.entries: list[Entry] = []
        self.lots: list[int] = []  # rows per put
        self.waiting = 0  # puts that have not returned
        self.open = asyncio.Event()
        if not held:
            self.open.set()

    async def put(self, entries: Sequence[Entry]) -> None:
        if not all(isinstance(e, Signal) and e.device == GATEWAY for e in entries):
            self.waiting += 1
            await self.open.wait()
            self.waiting -= 1
        self.entries += entries
        self.lots.append(sum(len(e) for e in entries if isinstance(e, Batch)))

    @property
    def voltages(self) -> list[float]:
        """voltage_a of every row, in order."""
        return [float(v) for e in self.entries if isinstance(e, Batch) for v in e.values[:, 0]]

    @property
    def qualities(self) -> set[int]:
        """Every combination of flags that some row has."""
        return {int(q) for e in self.entries if isinstance(e, Batch) for q in e.quality}

    @property
    def signals(self) -> list[Signal]:
        """What devices said."""
        return [e for e in self.entries if isinstance(e, Signal) and e.device != GATEWAY]

    @property
    def sessions(self) -> list[Signal]:
        """What the driver said of its own sessions."""
        return [e for e in self.entries if isinstance(e, Signal) and e.device == GATEWAY]

    @property
    def outline(self) -> list[str]:
        """Everything in order: voltages of rows, kinds of the driver's own signals."""
        found: list[str] = []
        for entry in self.entries:
            if isinstance(entry, Batch):
                found += [f"{v:g}" for v in entry.values[:, 0]]
            elif isinstance(entry, Signal) and entry.device == GATEWAY:
                found.append(entry.kind.value)
        return found

    @property
    def dead_letters(self) -> list[DeadLetter]:
        return [e for e in self.entries if isinstance(e, DeadLetter)]


def inventory(*names: str) -> Inventory:
    devices = [Device(id=name, node="N1") for name in names or ("M1", "M2")]
    return Inventory(devices, Network(["N1"], [""], ["substation"]))


def settings(broker: BrokerAddress, space: str, **changes: object) -> MqttSettings:
    """Settings with topics, session and short waits of a test's own; `space` keeps tests apart."""
    qos = changes.pop("qos", 1)
    section: dict[str, object] = {
        "name": space,
        "url": broker.url,
        "subscriptions": [
            {"topic": f"{space}/{{device}}/{channel}", "qos": qos}
            for channel in ("telemetry", "event", "status")
        ],
        "retry_max_s": 0.3,
        "refused_retry_s": 0.3,
        "connect_timeout_s": 5.0,
    }
    return MqttSettings.model_validate(section | changes)


@contextlib.asynccontextmanager
async def running(
    section: MqttSettings, sink: HeldSink, devices: Inventory | None = None
) -> AsyncIterator[MqttDriver]:
    """A driver at work; at the end it is cancelled, as a crash would end it, unless it was stopped before."""
    driver = MqttDriver(devices or inventory(), section, SystemClock())
    task = asyncio.create_task(driver.run(sink))
    try:
        yield driver
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@contextlib.contextmanager
def publisher(broker: BrokerAddress, *, will: tuple[str, str] | None = None) -> Iterator[paho.Client]:
    """A device's own client, with a network thread."""
    client = paho.Client(CallbackAPIVersion.VERSION2)
    if will:
        client.will_set(*will, qos=1)
    client.connect(broker.host, broker.port)
    client.loop_start()
    try:
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


def send(broker: BrokerAddress, topic: str, payloads: Sequence[bytes | str], *, qos: int = 1) -> None:
    """Publish and wait until the broker has them all."""
    with publisher(broker) as client:
        for info in [client.publish(topic, payload, qos) for payload in payloads]:
            info.wait_for_publish(20)
            assert info.is_published()


def voltage(number: float) -> str:
    return f'{{"values": {{"voltage_a": {number}}}}}'


@contextlib.contextmanager
def prompt_broker(directory: Path, **more: object) -> Iterator[BrokerAddress]:
    """nats-server that delivers again what is not acknowledged for a second; by itself it waits for thirty.

    more: further sections of its configuration.
    """
    port = free_port()
    config = {
        "host": "127.0.0.1",
        "port": -1,
        "jetstream": {"store_dir": str(directory / "jetstream")},
        "mqtt": {"host": "127.0.0.1", "port": port, "ack_wait": "1s"},
        **more,
    }
    file = directory / "prompt.json"
    file.write_text(json.dumps(config))
    log = directory / "prompt.log"
    with log.open("wb") as output:
        process = subprocess.Popen([_binary("nats-server"), "-c", str(file)], stdout=output, stderr=output)
    try:
        _await_listener(process, port, log)
        yield BrokerAddress("127.0.0.1", port, process.pid)
    finally:
        process.terminate()
        process.wait(10)


class MutableProxy:
    """A TCP proxy before a broker. A muted connection withholds every PUBLISH, as a half-dead session does."""

    def __init__(self, broker: BrokerAddress) -> None:
        self._broker = broker
        self.mute_next = 0  # so many new connections are muted from the start
        self._muted: set[int] = set()  # numbers of muted connections
        self.connections = 0
        self.refuse = False  # close new connections at once
        self.pings = 0  # PINGREQ on their own, which is how they come
        self.publishes = 0  # PUBLISH from the broker
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def address(self) -> BrokerAddress:
        return BrokerAddress("127.0.0.1", self.port, 0)

    async def __aenter__(self) -> MutableProxy:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def mute(self) -> None:
        """Withhold messages on the connections there are; later ones are sound."""
        self._muted.update(range(self.connections + 1))

    def cut(self) -> None:
        """Break every connection."""
        for task in list(self._tasks):
            task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        if self.refuse:
            writer.close()
            return
        if self.mute_next:
            self.mute_next -= 1
            self._muted.add(number)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        upstream, to_broker = await asyncio.open_connection(self._broker.host, self._broker.port)
        pumps = [
            asyncio.create_task(self._pass_bytes(reader, to_broker)),
            asyncio.create_task(self._pass_packets(upstream, writer, number)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            pass
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            for link in (writer, to_broker):
                link.close()
            self._tasks.discard(task)

    async def _pass_bytes(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            self.pings += data == b"\xc0\x00"
            writer.write(data)
            await writer.drain()

    async def _pass_packets(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        while True:
            head = await reader.readexactly(1)
            length, shift, size = 0, 0, b""
            while True:
                byte = await reader.readexactly(1)
                size += byte
                length |= (byte[0] & 0x7F) << shift
                shift += 7
                if not byte[0] & 0x80:
                    break
            body = await reader.readexactly(length)
            if head[0] >> 4 == 3:
                self.publishes += 1
                if number in self._muted:
                    continue
            writer.write(head + size + body)
            await writer.drain()
