"""A district that runs: sockets, sessions, faults on command, and the ledger of what was delivered."""

from __future__ import annotations

import asyncio
import logging
import uuid
from types import TracebackType
from typing import Self

import numpy as np

from gateway.core.clock import DAY, HOUR, SECOND, Clock, SystemClock
from gateway.core.model import MeterEventKind
from gateway.core.network import NodeKind
from simulator.customers import Customers, cast
from simulator.district import District
from simulator.faults import Faults
from simulator.history import History
from simulator.layout import build
from simulator.ledger import Ledger
from simulator.load import Load, Snapshot
from simulator.meters_modbus import CommsFault, ModbusMeters
from simulator.meters_mqtt import MqttMeters
from simulator.mqtt_link import Link
from simulator.options import Options

log = logging.getLogger(__name__)

_STEP_S = 0.1
_REFRESH = SECOND


class Simulation:
    """`async with Simulation(options) as sim:` binds the sockets, writes the CSVs and connects to the broker.

    Modbus devices answer from then on; MQTT devices publish after `start`. Every method that changes something
    returns the time (µs) at which it did.
    """

    def __init__(self, options: Options, clock: Clock | None = None) -> None:
        self.options = options
        self.clock = clock or SystemClock()
        district = build(
            options.meters,
            options.seed,
            interval_s=-int(-options.interval_s // 1),
            terminals=options.terminals,
        )
        now = self.clock.now()
        self.customers = Customers.ordinary(len(district.node))
        if options.history_days:
            district, self.customers = cast(district, now, offset=round(options.utc_offset_h * HOUR))
        self.district: District = district
        self.faults = Faults(self.district.network)
        self.network_csv = options.directory / "network.csv"
        self.devices_csv = options.directory / "devices.csv"
        self.history_file = options.directory / "history.npz"
        self._load = Load(self.district, utc_offset_h=options.utc_offset_h, customers=self.customers)
        self.history = History(
            self._load, now - options.history_days * DAY, now, interval=options.profile_s * SECOND
        )
        self._mqtt = MqttMeters(self.district, options.farewell, options.interval_s, self.history)
        self._modbus = ModbusMeters(self.district, self.history, battery_s=options.concentrator_battery_s)
        self._ledger = Ledger()
        self._active: tuple[int, ...] = ()
        self._snapshot: Snapshot | None = None
        self._task: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()

    async def __aenter__(self) -> Self:
        try:
            await self._open()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _open(self) -> None:
        """Raises UnavailableError or RefusedError for the broker, OSError for sockets and files."""
        self.options.directory.mkdir(parents=True, exist_ok=True)
        addresses = await self._modbus.open()
        self.district.write(self.options.directory, addresses)
        if self.options.history_days:
            self.history.write(self.history_file, self.district)
        run = uuid.uuid4().hex[:6]
        self._mqtt.connect(
            lambda name, status: Link(
                self.options.broker, f"sim-{run}-{name}", self._ledger.acknowledged, status_topic=status
            ),
            self.clock,
            head_ends=self.options.head_ends,
            own=self.options.own_sessions,
        )
        for link in self._mqtt.links:
            await link.open()
        await self._step()
        self._task = asyncio.create_task(self._run(), name="simulator steps")

    async def close(self) -> None:
        """Stop everything; safe to call twice. Raises what ended the simulation early, if anything did."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
        await asyncio.gather(*(link.close() for link in self._mqtt.links))
        await self._modbus.close()
        if task is not None and not task.cancelled():
            task.result()

    async def wait(self) -> None:
        """Return only by raising what ended the simulation."""
        assert self._task is not None, "the simulation is not open"
        await asyncio.shield(self._task)

    def describe(self) -> dict[str, object]:
        """The contents of the `ready` event."""
        district = self.district
        rest = district.devices[len(district.meters) :]
        return {
            "devices": len(district.devices),
            "meters": len(district.meters),
            "customers": sum(d.customers for d in district.devices),
            "feeders": list(district.feeders),
            "transformers": list(district.transformers),
            "polled_transformers": [
                t
                for t, polled in zip(district.transformers, district.concentrated.tolist(), strict=True)
                if polled
            ],
            "fuses": self._behind_fuses(),
            "concentrators": [d.id for d in rest if d.kind == "concentrator"],
            "terminals": sum(d.kind == "terminal" for d in rest),
            "network": str(self.network_csv),
            "devices_csv": str(self.devices_csv),
            "history": str(self.history_file) if self.options.history_days else "",
            "thieves": [district.meters[row].id for row in self.customers.thieves()],
            "vacant": [district.meters[row].id for row in self.customers.vacant()],
        }

    def _behind_fuses(self) -> dict[str, dict[str, int]]:
        """Fuse -> the transformers behind it, with their metering points."""
        network, district = self.district.network, self.district
        meters = np.bincount(district.transformer, minlength=len(district.transformers)).tolist()
        fuse = network.ancestor_of_kind(NodeKind.FUSE)[district.transformer_node]
        found: dict[str, dict[str, int]] = {}
        for name, node, count in zip(district.transformers, fuse.tolist(), meters, strict=True):
            if node >= 0:
                found.setdefault(network.ids[node], {})[name] = count
        return found

    async def start(self) -> int:
        """Begin (or go on) publishing and counting polls."""
        now = self.clock.now()
        self._mqtt.begin(now)
        self._modbus.count(True)
        return now

    async def fault(self, node: str, *, phases: str = "ABC", duration_s: float | None = None) -> int:
        """Take supply from everything below `node`. Raises KeyError for an unknown node, ValueError for phases."""
        now = self.clock.now()
        until = None if duration_s is None else now + round(duration_s * SECOND)
        self.faults.begin(node, now, phases=phases, until=until)
        await self._step()
        return now

    async def restore(self, node: str) -> int:
        """End the faults at `node`; below a fault, feed what is at and below `node` some other way.

        Raises KeyError for an unknown node, ValueError when it has lost nothing.
        """
        now = self.clock.now()
        if not self.faults.end(node, now):
            raise ValueError(f"there is no fault at {node}, or it is fed some other way already")
        await self._step()
        return now

    async def cut_comms(self, device: str, how: CommsFault | None = None) -> int:
        """Cut a device's communication while its supply stays on. Raises KeyError, ValueError.

        how: for concentrators and terminals on Modbus `closed` (default), `silent` or `slow`; for a meter behind a
        concentrator `target_failed` (default) or `silent`; MQTT devices just stop.
        """
        if device in self._mqtt.index:
            self._mqtt.set_quiet(self._mqtt.index[device], True)
        elif device in self._modbus.endpoints:
            self._modbus.set_cut(device, how or "closed")
        elif device in self._modbus.units:
            self._modbus.set_cut(device, how or "target_failed")
        else:
            raise KeyError(device)
        await self._apply(self.clock.now())
        return self.clock.now()

    async def cut_cell(self, node: str) -> int:
        """Let no publishing device at or below a node be heard, as where a radio cell is down; their supply stays on.

        Raises KeyError for an unknown node.
        """
        return await self._set_cell(node, True)

    async def mend_cell(self, node: str) -> int:
        """Undo `cut_cell`. Raises KeyError for an unknown node."""
        return await self._set_cell(node, False)

    async def _set_cell(self, node: str, quiet: bool) -> int:
        network = self.district.network
        top = network.index(node)
        for p, device in enumerate(self._mqtt.devices):
            if network.is_below(network.index(device.node), top):
                self._mqtt.set_quiet(p, quiet)
        await self._apply(self.clock.now())
        return self.clock.now()

    async def mend_comms(self, device: str) -> int:
        """Undo `cut_comms`. Raises KeyError for an unknown device."""
        if device in self._mqtt.index:
            self._mqtt.set_quiet(self._mqtt.index[device], False)
        elif device in self._modbus.endpoints or device in self._modbus.units:
            self._modbus.set_cut(device, None)
        else:
            raise KeyError(device)
        await self._apply(self.clock.now())
        return self.clock.now()

    async def tell_event(self, device: str, event: str, *, ended: bool = False) -> int:
        """Let a publishing device tell that a meter event began or ended.

        Raises KeyError for an unknown device, ValueError for one that is polled or an unknown event.
        """
        if device in self._modbus.units or device in self._modbus.endpoints:
            raise ValueError(f"{device} is polled: it tells nothing of its own accord")
        p = self._mqtt.index[device]
        now = self.clock.now()
        self._mqtt.event(p, MeterEventKind(event), now, ended=ended)
        return now

    async def pause(self) -> tuple[int, bool]:
        """Stop publishing and counting polls; returns the time, and whether the broker acknowledged everything.

        Modbus devices go on answering, so the gateway never stores less than was counted.
        """
        self._mqtt.hold()
        self._modbus.count(False)
        flushed = await asyncio.gather(*(link.flush() for link in self._mqtt.links))
        return self.clock.now(), all(flushed)

    def ledger(self) -> Ledger:
        """What was delivered until now."""
        self._ledger.polls = self._modbus.complete_polls()
        return self._ledger

    @property
    def snapshot(self) -> Snapshot:
        """The state of the district at the last step."""
        assert self._snapshot is not None, "the simulation is not open"
        return self._snapshot

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due = max(due + _STEP_S, loop.time())
            await asyncio.sleep(due - loop.time())
            await self._step()

    async def _step(self) -> None:
        async with self._lock:
            now = self.clock.now()
            active = self.faults.active(now)
            changed = active != self._active
            snapshot = self._snapshot
            if snapshot is None or changed or now - snapshot.at >= _REFRESH:
                self._active = active
                snapshot = self._snapshot = self._load.snapshot(now, self.faults.dark(now))
                self.history.note(self._load)
                self._modbus.refresh(snapshot)
            if changed:
                self._mqtt.supply(snapshot.alive, now)
            ends = self._modbus.next_change()
            if changed or (ends is not None and ends <= now):
                await self._modbus.supply(snapshot.alive, snapshot.supplied, now)
            self._mqtt.speak(snapshot, now)

    async def _apply(self, now: int) -> None:
        async with self._lock:
            await self._modbus.supply(self.snapshot.alive, self.snapshot.supplied, now)
