"""The driver on a small inventory, with a sink that keeps what it gets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import numpy as np

from drivers.modbus.driver import ModbusDriver
from drivers.modbus.settings import ModbusSettings
from drivers.profile import Profile, load_profiles, parse_profile
from gateway.core.clock import SystemClock
from gateway.core.errors import UnavailableError
from gateway.core.inventory import Device, Inventory
from gateway.core.model import Batch, Entry, Signal, SignalKind
from gateway.core.network import Network
from gateway.core.registry import Registry
from tests.conformance.modbus_server import Unit, floats

SMALL = """
title: small
comment: for tests
max_gap: 4
registers:
  - {quantity: voltage_a, table: input, address: 0, type: float32}
  - {quantity: current_a, table: input, address: 6, type: float32}
"""

FAST = ModbusSettings(
    timeout_s=0.15,
    connect_timeout_s=0.3,
    gather_s=0.01,
    reconnect_s=0.05,
    max_reconnect_s=0.2,
    max_backoff_s=0.6,
)


class Quick(ModbusDriver):
    """Every 30 ms instead of whole seconds."""

    def interval(self, key: int) -> int:
        del key
        return 30_000


class Kept:
    """A sink. `refuse` makes it unavailable, `gate` makes it slow."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.signals: list[Signal] = []
        self.refuse = False
        self.refused = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def put(self, entries: Sequence[Entry]) -> None:
        await self.gate.wait()
        if self.refuse:
            self.refused += 1
            raise UnavailableError("the spool is not there")
        self.batches += [entry for entry in entries if isinstance(entry, Batch)]
        self.signals += [entry for entry in entries if isinstance(entry, Signal)]

    def rows(self, key: int) -> int:
        return sum(int((batch.device == key).sum()) for batch in self.batches)

    def values(self, key: int, quantity: str) -> list[float]:
        found: list[float] = []
        for batch in self.batches:
            column = batch.column(quantity)
            if column is not None:
                found += column[batch.device == key].tolist()
        return found

    def quality(self, key: int) -> list[int]:
        return [int(q) for batch in self.batches for q in batch.quality[batch.device == key]]

    def kinds(self, key: int) -> list[SignalKind]:
        return [signal.kind for signal in self.signals if signal.device == key]

    def count(self, key: int, kind: SignalKind) -> int:
        return self.kinds(key).count(kind)


def small_profiles(*texts: str) -> Registry[Profile]:
    profiles = load_profiles()
    for i, text in enumerate((SMALL, *texts)):
        name = "small" if i == 0 else f"extra{i}"
        profiles.add(name, parse_profile(text, name=name, where=name))
    return profiles


def meter(volts: float, amps: float = 1.0) -> Unit:
    """A device that has what `SMALL` asks for, and the gap in between."""
    return Unit(words={**dict.fromkeys(range(8), 0), **floats({0: volts, 6: amps})})


def inventory(addresses: Sequence[str], *, profile: str = "small", via: bool = False) -> Inventory:
    """Devices M0, M1 … at the addresses; with `via` behind a concentrator, which gets the last key."""
    rows = [
        Device(id=f"M{i}", node="T", protocol="modbus", profile=profile, address=a, via="C" if via else "")
        for i, a in enumerate(addresses)
    ]
    if via:
        place = addresses[0].partition("/")[0]
        rows.append(
            Device(id="C", node="T", kind="concentrator", protocol="modbus", address=place, customers=0)
        )
    return Inventory(rows, Network(["T"], [""], ["transformer"]))


@asynccontextmanager
async def running(
    devices: Inventory,
    *,
    settings: ModbusSettings = FAST,
    profiles: Registry[Profile] | None = None,
    kind: Callable[..., ModbusDriver] = Quick,
) -> AsyncIterator[tuple[ModbusDriver, Kept]]:
    sink = Kept()
    driver = kind(devices, profiles or small_profiles(), settings, SystemClock())
    task = asyncio.create_task(driver.run(sink))
    try:
        yield driver, sink
        if task.done():
            task.result()
    finally:
        task.cancel()
        await asyncio.wait({task})


def close_to(values: Sequence[float], expected: float) -> bool:
    return len(values) > 0 and bool(np.allclose(values, expected))
