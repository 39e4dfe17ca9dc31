"""The book of meter data over days of readings: what closing and judging a day costs for each device.

A fresh embedded PostgreSQL gets the readings of a district as the gateway writes them, and the real job
takes each day when it is due: intervals, collection, gaps, supply quality, usage, balance, outlook. Some meters have
gaps. The raw limit of the same run is one read of a day's readings into columns, in one query.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import uuid4
from zoneinfo import ZoneInfo

import numpy as np

from bench.store import NoDesk
from gateway.core.clock import DAY, HOUR, MINUTE, parse_time
from gateway.core.inventory import Device, Inventory
from gateway.core.model import Batch, Commit, Entry, Suspicion
from gateway.core.network import Network
from gateway.embedded import embedded_postgres
from gateway.meterdata.ground import Ground, Rules, ground
from gateway.meterdata.job import MeterData
from gateway.meterdata.settings import MeterDataSettings
from gateway.store import DatabaseSettings, Store
from processors.balance.settings import BalanceSettings
from processors.outlook.settings import OutlookSettings
from processors.quality.settings import QualitySettings
from processors.usage.settings import UsageSettings
from processors.vee.settings import VeeSettings

ZONE = ZoneInfo("Asia/Shanghai")
FIRST = parse_time("2026-03-02T00:00:00+08:00")
QUARTER = 15 * MINUTE
LOOK = 6 * HOUR
BELOW = 50  # customers of a transformer
GAPS = 0.005  # of the meters have a hole in a quarter of a day
_QUANTITIES = (
    "voltage_a", "voltage_b", "voltage_c", "current_a", "current_b", "current_c", "active_power", "energy_import",
)  # fmt: skip
_ROWS = 40_000


def _device(name: str, node: str, demand: str, *, kind: str = "meter", customers: int = 1) -> Device:
    return Device(
        id=name,
        node=node,
        kind=kind,
        customers=customers,
        interval_s=900,
        phases="ABC",
        attributes={"max_demand_kw": demand},
    )


class Meters:
    """A year's beginning of `n` customers, and of the terminals of their transformers."""

    def __init__(self, n: int) -> None:
        self._rng = np.random.default_rng(11)
        transformers = [f"T{i}" for i in range(-(-n // BELOW))]
        network = Network(
            ["S", "F", *transformers],
            ["", "S", *["F"] * len(transformers)],
            ["substation", "feeder", *["transformer"] * len(transformers)],
        )
        customers = [_device(f"M{i}", transformers[i // BELOW], "30") for i in range(n)]
        terminals = [_device(f"K{name}", name, "900", kind="terminal", customers=0) for name in transformers]
        self.inventory = Inventory([*customers, *terminals], network)
        self._n = n
        self._size = self._rng.uniform(0.4, 1.6, n)
        self._at = np.arange(n) // BELOW
        self._counted = self._rng.uniform(100.0, 9000.0, n + len(transformers))
        self._transformers = len(transformers)

    def readings(self, frm: int, till: int) -> Iterator[Batch]:
        """Those of (frm, till], one each quarter of an hour."""
        times = np.arange(frm + QUARTER, till + 1, QUARTER)
        hour = (times - FIRST) / HOUR % 24
        shape = 0.15 + 0.1 * np.sin((hour - 9) / 24 * 2 * np.pi) + 0.15 * (np.abs(hour - 19) < 2)
        used = shape[:, None] * self._size * self._rng.uniform(0.6, 1.4, (len(times), self._n)) / 4
        supplied = np.zeros((len(times), self._transformers))
        for row in range(self._transformers):
            supplied[:, row] = used[:, self._at == row].sum(axis=1) * 1.02
        energy = self._counted + np.cumsum(np.hstack([used, supplied]), axis=0)
        self._counted = energy[-1]
        power = np.hstack([used, supplied]) * 4000
        volts = self._rng.normal(231.0, 2.0, (*power.shape, 3))
        amps = np.repeat(power[:, :, None] / 3 / 231.0, 3, axis=2)
        table = np.concatenate([volts, amps, power[:, :, None], energy[:, :, None]], axis=2)
        keep = np.ones(power.shape, np.bool_)
        for meter in self._rng.choice(self._n, round(GAPS * self._n), replace=False):
            at = self._rng.integers(0, len(times))
            keep[at : at + self._rng.integers(1, 20), meter] = False
        device = np.tile(np.arange(power.shape[1], dtype=np.int32), len(times))
        when = np.repeat(times, power.shape[1])
        values, here = table.reshape(len(when), -1), keep.ravel()
        rows = np.flatnonzero(here)
        for first in range(0, len(rows), _ROWS):
            part = rows[first : first + _ROWS]
            yield Batch.of(_QUANTITIES, device[part], when[part], values[part], received_at=when[part] + 60)


class _Stream:
    """Takes what the book tells as the spool does; here nobody listens."""

    def __init__(self) -> None:
        self.told = 0

    async def put(self, entries: Sequence[Entry]) -> None:
        self.told += sum(isinstance(entry, Suspicion) for entry in entries)


async def run(
    *, devices: int = 1000, history: int = 28, days: int = 5, url: str | None = None
) -> dict[str, object]:
    """`devices` customers and the terminals that supply them, in the database at `url` (None: an embedded one): first
    `history` days at once, as on a database that has readings and no book; then `days` more as they come."""
    if url is not None:
        return await _run(devices, history, days, url)
    with (
        tempfile.TemporaryDirectory(prefix="feederline-bench-") as directory,
        embedded_postgres(Path(directory) / "postgres") as embedded,
    ):
        return await _run(devices, history, days, embedded)


async def _run(devices: int, history: int, days: int, url: str) -> dict[str, object]:
    meters, stream, spool = Meters(devices), _Stream(), uuid4()
    inventory = meters.inventory
    everyone = np.arange(len(inventory), dtype=np.int32)
    async with Store.open(DatabaseSettings(url=url)) as store:
        timescale = (await store.migrate()).timescale
        await store.sync_inventory(inventory)
        over = _ground(store, inventory)

        async def write(frm: int) -> None:
            """Readings of six hours, and what the gateway does beside."""
            for batch in meters.readings(frm, frm + LOOK):
                await store.write(Commit(batches=[batch]), NoDesk(), spool)

        async def look(at: int) -> float:
            began = time.perf_counter()
            await MeterData(lambda: over, lambda: at).look(over, stream, at)
            return time.perf_counter() - began

        for part in range(FIRST, FIRST + history * DAY + LOOK, LOOK):
            if (part - FIRST) % DAY == 0:
                await store.maintain(part)
            await write(part)
        at_once = await look(FIRST + history * DAY + LOOK)
        took: list[float] = []
        raw: list[float] = []
        for number in range(history, history + days):
            start = FIRST + number * DAY
            await store.maintain(start + DAY)
            spent = 0.0
            for part in range(start + LOOK, start + DAY + LOOK, LOOK):
                await write(part)
                spent += await look(part + LOOK)
            took.append(spent)
            began = time.perf_counter()
            await store.meterdata.readings(everyone, _QUANTITIES, start, start + DAY)
            raw.append(time.perf_counter() - began)
        reached = await store.bookkeeping.reached("judged")
    if reached != FIRST + (history + days) * DAY:
        raise RuntimeError("the book did not come to its end")
    per_device = 1000 / len(inventory)
    a_day, limit = statistics.median(took) * per_device, statistics.median(raw) * per_device
    return {
        "devices": len(inventory),
        "days": days,
        "ms_per_device_and_day": round(a_day, 3),
        "history_days": history,
        "history_ms_per_device_and_day": round(at_once * per_device / max(history, 1), 3),
        "raw_read_ms_per_device_and_day": round(limit, 3),
        "ratio": round(a_day / limit, 1),
        "told": stream.told,
        "timescale": timescale,
    }


def _ground(store: Store, inventory: Inventory) -> Ground:
    rules = Rules(
        book=MeterDataSettings(),
        vee=VeeSettings(),
        quality=QualitySettings(),
        usage=UsageSettings(),
        balance=BalanceSettings(),
        outlook=OutlookSettings(),
        zone=ZONE,
    )
    return ground(store, inventory, rules)
