"""The field of the loop benchmark: feeders with one transformer that fails and one that lives, and what meters send."""

from __future__ import annotations

import asyncio
import csv
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

import numpy as np
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from bench.mqtt import VALUES
from gateway.core.clock import SECOND, SystemClock
from gateway.embedded import BrokerAddress

METERS = 10  # of each transformer
SPREAD_S = 2.0  # within which the last gasps of one fault come
_INTERVAL_S = 900
_TURN_S = 0.005
_CONNECT_S = 20.0
_CLOCK = SystemClock()


@dataclass(frozen=True, slots=True)
class Fault:
    """`at_s`: seconds after the load began;  gasps: (seconds after the fault, meter), in order."""

    transformer: str
    at_s: float
    gasps: Sequence[tuple[float, str]]


def faults(count: int, minutes: float, seed: int) -> list[Fault]:
    """`count` faults, one of each failing transformer, at times independent of each other (a Poisson process given
    its number)."""
    chance = np.random.default_rng(seed)
    times = np.sort(chance.uniform(0, minutes * 60, count))
    found = []
    for number, at_s in enumerate(times.tolist()):
        after = np.sort(chance.uniform(0, SPREAD_S, METERS)).tolist()
        meters = chance.permutation(METERS).tolist()
        gasps = [(s, f"X{number}M{meter}") for s, meter in zip(after, meters, strict=True)]
        found.append(Fault(f"X{number}", at_s, gasps))
    return found


def write_district(folder: Path, count: int) -> None:
    """network.csv and devices.csv: a substation, and `count` feeders with transformers X… (fails) and L… (lives)."""
    nodes: list[tuple[object, ...]] = [("S", "", "substation", "", "ABC", "", "")]
    devices: list[tuple[object, ...]] = []
    for number in range(count):
        nodes.append((f"F{number}", "S", "feeder", "", "ABC", "", ""))
        for name in (f"X{number}", f"L{number}"):
            nodes.append((name, f"F{number}", "transformer", "", "ABC", "", ""))
            devices += [
                (f"{name}M{i}", name, "meter", "mqtt", "", "", "", "ABC", 1, "", _INTERVAL_S)
                for i in range(METERS)
            ]
    _write(folder / "network.csv", "node_id,parent_id,kind,name,phases,lat,lon", nodes)
    heading = "device_id,node_id,kind,protocol,profile,address,via,phases,customers,priority,interval_s"
    _write(folder / "devices.csv", heading, devices)


def _write(file: Path, heading: str, rows: Iterable[Sequence[object]]) -> None:
    with file.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows([heading.split(","), *rows])


@dataclass
class Sent:
    """`gasps`: meter → µs when its last gasp was handed to the broker's socket."""

    gasps: dict[str, int] = field(default_factory=dict)
    readings: int = 0
    late_ms: float = 0.0  # by how much the field itself was late with a gasp, at most
    acknowledged: int = 0  # by the broker

    def taken(self, *_: object) -> None:
        self.acknowledged += 1


async def play(broker: BrokerAddress, plan: Sequence[Fault], over: asyncio.Event, *, rate: float) -> Sent:
    """Send the gasps of `plan` at their times, and `rate` readings a second of meters with supply beside them, until
    the gasps are sent and it is `over`; return when the broker has everything."""
    client = await _connected(broker)
    sent = Sent()
    client.on_publish = sent.taken
    try:
        await _play(client, plan, sent, over, rate=rate)
        async with asyncio.timeout(_CONNECT_S):
            while sent.acknowledged < sent.readings + len(sent.gasps):  # noqa: ASYNC110 - another thread's
                await asyncio.sleep(_TURN_S)
    finally:
        client.disconnect()
        client.loop_stop()
    return sent


async def _play(
    client: paho.Client, plan: Sequence[Fault], sent: Sent, over: asyncio.Event, *, rate: float
) -> None:
    gasps = sorted((f.at_s + after, f.at_s, meter) for f in plan for after, meter in f.gasps)
    dark_from = {meter: f.at_s for f in plan for _, meter in f.gasps}
    meters = [f"{kind}{n}M{i}" for i in range(METERS) for n in range(len(plan)) for kind in "XL"]
    turn = cycle(meters)
    began, began_at = time.monotonic(), _CLOCK.now()
    while gasps or not over.is_set():
        now = time.monotonic() - began
        for meter in _due(turn, dark_from, round(now * rate) - sent.readings, now):
            payload = json.dumps({"at": _CLOCK.now() // 1000, "values": VALUES})
            client.publish(f"feederline/v1/{meter}/telemetry", payload, qos=1)
            sent.readings += 1
        while gasps and gasps[0][0] <= now:
            due, onset, meter = gasps.pop(0)
            said = {"type": "last_gasp", "at": (began_at + round(onset * SECOND)) // 1000}
            sent.gasps[meter] = _CLOCK.now()
            client.publish(f"feederline/v1/{meter}/event", json.dumps(said), qos=1)
            sent.late_ms = max(sent.late_ms, (time.monotonic() - began - due) * 1e3)
        await asyncio.sleep(_TURN_S)


def _due(turn: Iterator[str], dark_from: dict[str, float], count: int, now: float) -> Iterator[str]:
    """The next `count` meters that have supply."""
    while count > 0:
        meter = next(turn)
        if dark_from.get(meter, now) >= now:
            count -= 1
            yield meter


async def _connected(broker: BrokerAddress) -> paho.Client:
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="bench-loop-field")
    client.max_inflight_messages_set(1000)
    client.connect(broker.host, broker.port)
    client.loop_start()
    async with asyncio.timeout(_CONNECT_S):
        while not client.is_connected():  # noqa: ASYNC110 - another thread's
            await asyncio.sleep(_TURN_S)
    return client
