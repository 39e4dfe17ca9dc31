"""The devices that are polled: concentrators with the meters behind them, and the feeders' terminals."""

from __future__ import annotations

import asyncio
from typing import Literal

from gateway.core.clock import SECOND
from gateway.core.inventory import Device
from gateway.core.model import Bools
from simulator import ring
from simulator.district import District
from simulator.history import History
from simulator.load import Snapshot
from simulator.modbus_server import Bank, Endpoint, Manner, Unit
from simulator.registers import MAPS
from simulator.ring import Ring

CommsFault = Literal["closed", "silent", "slow", "target_failed"]


class ModbusMeters:
    """Endpoints by the name of the device that owns them: concentrators and feeder terminals.

    A concentrator whose transformer is dead answers 0x0B for its meters while its battery lasts, and is gone after;
    with `battery_s` 0 it dies with the transformer.
    """

    def __init__(self, district: District, history: History, *, battery_s: float) -> None:
        self._district = district
        self._history = history
        self._battery = round(battery_s * SECOND)
        self._banks: dict[str, Bank] = {}
        self._rows: dict[str, list[int]] = {}
        self._transformer_of: dict[str, int] = {}
        self._meter_units: list[tuple[str, int, Unit]] = []  # device, meter row, unit
        self.units: dict[str, Unit] = {}
        self.endpoints: dict[str, Endpoint] = {}
        self.cut: dict[str, Manner] = {}
        self._on_battery_since: dict[str, int] = {}
        self._owner: dict[str, tuple[str, int]] = {}  # device → endpoint, unit id
        by_owner: dict[str, list[tuple[int, Device]]] = {}
        for i, d in enumerate(district.meters):
            if d.protocol == "modbus":
                by_owner.setdefault(d.via, []).append((i, d))
        for owner, members in by_owner.items():
            units: dict[int, Unit] = {}
            for number, (i, d) in enumerate(members, start=1):
                units[number] = self._unit(d, i)
                self._owner[d.id] = (owner, number)
                self._meter_units.append((d.id, i, units[number]))
            self.endpoints[owner] = Endpoint(units)
            self._transformer_of[owner] = int(district.transformer[members[0][0]])
        rest = district.devices[len(district.meters) :]
        for f, d in enumerate(d for d in rest if d.kind == "terminal" and d.protocol == "modbus"):
            self.endpoints[d.id] = Endpoint({1: self._unit(d, f)})
            self._owner[d.id] = (d.id, 1)

    def _unit(self, device: Device, row: int) -> Unit:
        rows = self._rows.setdefault(device.profile, [])
        memory = Ring(self._history, row) if device.profile == ring.PROFILE else None
        unit = Unit(self._banks.setdefault(device.profile, Bank()), len(rows), memory)
        rows.append(row)
        self.units[device.id] = unit
        return unit

    async def open(self) -> dict[str, str]:
        """Bind every endpoint; returns each device's address, `host:port/unit` (concentrators: `host:port`)."""
        for endpoint in self.endpoints.values():
            await endpoint.open()
        places = {name: f"127.0.0.1:{e.port}" for name, e in self.endpoints.items()}
        return {**places, **{device: f"{places[o]}/{u}" for device, (o, u) in self._owner.items()}}

    def refresh(self, snapshot: Snapshot) -> None:
        """Put new values into the registers."""
        for profile, bank in self._banks.items():
            columns = snapshot.feeders if profile == "feederline-dtu" else snapshot.meters
            rows = self._rows[profile]
            bank.images = {m.function: m.image(columns, rows) for m in MAPS[profile]}

    async def supply(self, alive: Bools, supplied: Bools, now: int) -> None:
        """Who answers, given which meters (bool[M]) and transformers (bool[T]) have supply at `now`."""
        for device, i, unit in self._meter_units:
            unit.manner = self.cut.get(device) or (Manner.ANSWERS if alive[i] else Manner.TARGET_FAILED)
        for owner, endpoint in self.endpoints.items():
            transformer = self._transformer_of.get(owner)
            manner = Manner.ANSWERS
            if transformer is None or supplied[transformer]:
                self._on_battery_since.pop(owner, None)
            else:
                since = self._on_battery_since.setdefault(owner, now)
                manner = Manner.CLOSED if now >= since + self._battery else Manner.ANSWERS
            manner = self.cut.get(owner, manner)
            if manner is not endpoint.manner:
                await endpoint.set_manner(manner)

    def next_change(self) -> int | None:
        """When (µs) the next battery runs out, if any will."""
        ends = [
            since + self._battery
            for owner, since in self._on_battery_since.items()
            if self.endpoints[owner].manner is not Manner.CLOSED
        ]
        return min(ends, default=None)

    def set_cut(self, device: str, how: CommsFault | None) -> None:
        """Cut or (None) mend the communication of a concentrator, a terminal or a meter behind a concentrator.

        Takes effect with the next `supply`. Raises ValueError where that manner makes no sense for the device.
        """
        if how is None:
            self.cut.pop(device, None)
            return
        manner = Manner(how)
        whole = device in self.endpoints
        if manner in {Manner.CLOSED, Manner.SLOW} and not whole:
            raise ValueError(f"{how} is for concentrators and terminals; {device} is one unit of several")
        if manner is Manner.TARGET_FAILED and whole:
            raise ValueError(f"{how} is for meters behind a concentrator, not for {device}")
        self.cut[device] = manner

    def count(self, counting: bool) -> None:
        for endpoint in self.endpoints.values():
            endpoint.counting = counting

    def complete_polls(self) -> dict[str, int]:
        return {device: unit.complete_polls() for device, unit in self.units.items()}

    async def close(self) -> None:
        await asyncio.gather(*(endpoint.close() for endpoint in self.endpoints.values()))
