"""What every stage of the book stands on."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from gateway.config import Config
from gateway.core.clock import SECOND
from gateway.core.errors import RefusedError, UnavailableError
from gateway.core.inventory import DeviceKind, Inventory
from gateway.core.meterdata import Intervals
from gateway.core.model import Bools, Int32s, Int64s
from gateway.core.network import NodeKind
from gateway.meterdata.memory import Memory, nothing
from gateway.meterdata.metrics import FAULTS
from gateway.meterdata.settings import MeterDataSettings
from gateway.store import Store
from processors.balance.settings import BalanceSettings
from processors.collection.causes import Paths
from processors.outlook.settings import OutlookSettings
from processors.quality.settings import QualitySettings
from processors.usage.settings import UsageSettings
from processors.vee.meters import Meters
from processors.vee.settings import VeeSettings

log = logging.getLogger(__name__)

IMPORT, EXPORT = "energy_import", "energy_export"
_MANY = 20  # devices that fail one after the other: it is the stage that fails


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The settings that the stages go by."""

    book: MeterDataSettings
    vee: VeeSettings
    quality: QualitySettings
    usage: UsageSettings
    balance: BalanceSettings
    outlook: OutlookSettings
    zone: ZoneInfo


def rules_of(config: Config) -> Rules:
    return Rules(
        book=config.meterdata,
        vee=config.vee,
        quality=config.quality,
        usage=config.usage,
        balance=config.balance,
        outlook=config.outlook,
        zone=ZoneInfo(config.targets.time_zone),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ground:
    """meters: facts of the metering points, rising by device;  sure: bool[n], those that are expected to deliver from
    the start; of the others (terminals of transformers) only such as have a register;  paths: what carries their
    readings, by level;  since: int64[n] µs UTC, from when on each is expected, as far as it was asked for; else −1."""

    store: Store
    inventory: Inventory
    rules: Rules
    meters: Meters
    sure: Bools
    paths: tuple[Paths, ...]
    since: Int64s
    memory: Memory

    @property
    def devices(self) -> Int32s:
        return self.meters.device

    def facts(self, devices: Int32s) -> Meters:
        """Of these, which are rising and among the metering points."""
        return self.meters.take(np.searchsorted(self.meters.device, devices))

    def length(self, devices: Int32s) -> Int64s:
        found: Int64s = self.meters.interval[np.searchsorted(self.meters.device, devices)]
        return found

    def known(self, devices: Int32s) -> Int32s:
        """Those of them that are metering points, rising, each once."""
        return np.intersect1d(devices, self.devices).astype(np.int32)

    def surely(self, devices: Int32s) -> Bools:
        found: Bools = self.sure[np.searchsorted(self.meters.device, devices)]
        return found

    async def expected_since(self, devices: Int32s) -> Int64s:
        """From when on each of these is expected to deliver: int64[n]. Raises UnavailableError."""
        row = np.searchsorted(self.meters.device, devices)
        unknown = self.since[row] < 0
        if unknown.any():
            found = await self.store.bookkeeping.expected_since(devices[unknown])
            self.since[row[unknown]] = found
        known: Int64s = self.since[row]
        return known

    async def exported(self, devices: Int32s, frm: int, till: int) -> Intervals:
        """Intervals of energy_export as they stand, of those of these that have any. Raises UnavailableError."""
        some = self.memory.shown(devices, EXPORT)
        if not len(some):
            return nothing(EXPORT)
        return await self.store.meterdata.intervals(some, EXPORT, frm, till)

    @property
    def step(self) -> int:
        """µs of the finest grid."""
        return self.rules.vee.interval_s * SECOND


def ground(store: Store, inventory: Inventory, rules: Rules) -> Ground:
    """Raises InvalidInputError for attributes of devices that cannot be understood. Looks at every device once."""
    at_transformer = np.zeros(len(inventory.network) + 1, np.bool_)
    at_transformer[:-1] = inventory.network.kind == NodeKind.TRANSFORMER
    listed = inventory.node >= 0
    sure = listed & (inventory.kind == DeviceKind.METER)
    terminal = listed & (inventory.kind == DeviceKind.TERMINAL) & at_transformer[inventory.node]
    devices = np.flatnonzero(sure | terminal).astype(np.int32)
    return Ground(
        store=store,
        inventory=inventory,
        rules=rules,
        meters=Meters.of(inventory, devices, rules.vee, zone=rules.zone),
        sure=sure[devices],
        paths=paths_of(inventory, devices),
        since=np.full(len(devices), -1, np.int64),
        memory=Memory(len(inventory), max(rules.book.history_days, 1)),
    )


def path_of(inventory: Inventory, device: int) -> str:
    """What stands between us and the device and carries one question at a time; the device where nothing does."""
    row = inventory.device(device)
    if row.protocol == "modbus":
        return f"modbus {row.address.partition('/')[0]}"
    return f"via {row.via}" if row.via else f"device {row.id}"


def paths_of(inventory: Inventory, devices: Int32s) -> tuple[Paths, ...]:
    """Concentrators, endpoints and protocols that carry the readings of these devices."""
    labels: tuple[dict[str, int], ...] = ({}, {}, {})
    of = [np.full(len(inventory), -1, np.int32) for _ in labels]
    for key in devices.tolist():
        row = inventory.device(key)
        endpoint = row.address.partition("/")[0] if row.protocol == "modbus" else ""
        for level, name in enumerate((row.via, endpoint, row.protocol)):
            if name:
                of[level][key] = labels[level].setdefault(name, len(labels[level]))
    return tuple(
        Paths(
            of=column,
            members=np.bincount(column[devices][column[devices] >= 0], minlength=len(names)).astype(np.int32),
        )
        for column, names in zip(of, labels, strict=True)
    )


class Care:
    """Sees to it that what fails on one device does not stop the others: halves a chunk until that device is found and
    leaves it out. When too many fail, it is not the devices: the stage fails, to be tried again later."""

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self._left_out = 0

    async def each(self, devices: Int32s, work: Callable[[Int32s], Awaitable[None]]) -> None:
        """Raises what is no fault of a device: UnavailableError, RefusedError, and the last of too many faults."""
        if not len(devices):
            return
        if await self._done(devices, work):
            return
        middle = len(devices) // 2
        await self.each(devices[:middle], work)
        await self.each(devices[middle:], work)

    async def _done(self, devices: Int32s, work: Callable[[Int32s], Awaitable[None]]) -> bool:
        """Whether there is nothing more to do for these: it is done, or the one that it fails on is left out."""
        try:
            await work(devices)
        except (UnavailableError, RefusedError):
            raise
        except Exception:  # a boundary: what field data do to one device must not stop the others
            if len(devices) > 1:
                return False
            self._left_out += 1
            if self._left_out > _MANY:
                raise
            FAULTS.labels(self.stage).inc()
            log.exception(
                "meter data of a device left out", extra={"stage": self.stage, "device": int(devices[0])}
            )
        return True
