"""A small district whose registers are known, in a real database, and the book kept over it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import numpy as np
import psycopg

from gateway.core.clock import MINUTE, SECOND, parse_time
from gateway.core.inventory import Device, Inventory
from gateway.core.model import Batch, Commit, Entry, Suspicion
from gateway.core.network import Network
from gateway.meterdata.ground import Ground, Rules, ground
from gateway.meterdata.job import MeterData
from gateway.meterdata.metrics import FAULTS
from gateway.meterdata.settings import MeterDataSettings
from gateway.store import Store
from processors.balance.settings import BalanceSettings
from processors.outlook.settings import OutlookSettings
from processors.quality.settings import QualitySettings
from processors.usage.settings import UsageSettings
from processors.vee.settings import VeeSettings
from tests.integration.store_world import SPOOL, PlainDesk, ready_store

ZONE = ZoneInfo("Asia/Shanghai")
MONDAY = parse_time("2026-03-02T00:00:00+08:00")
QUARTER = 15 * MINUTE
DRAW = 0.05  # kWh an interval, of each customer


def district(meters: int = 4, *, transformers: int = 1, via: str = "") -> Inventory:
    """`meters` customers on each transformer, behind its terminal that counts what it supplies."""
    network = Network(
        ["S", "F", *(f"T{t}" for t in range(transformers))],
        ["", "S", *["F"] * transformers],
        ["substation", "feeder", *["transformer"] * transformers],
    )
    devices = [Device(id=via, node="F", kind="concentrator", customers=0)] if via else []
    for t in range(transformers):
        devices.append(
            Device(
                id=f"TTU{t}", node=f"T{t}", kind="terminal", customers=0, attributes={"max_demand_kw": "100"}
            )
        )
        devices += [
            Device(id=f"M{t}-{i}", node=f"T{t}", via=via, attributes={"max_demand_kw": "20"})
            for i in range(meters)
        ]
    return Inventory(devices, network)


def registers(
    inventory: Inventory,
    devices: Sequence[str],
    frm: int,
    till: int,
    *,
    draw: float = DRAW,
    start: float = 100.0,
) -> Batch:
    """Readings each quarter of an hour of [frm, till] of registers that count `draw` an interval since MONDAY."""
    at = np.arange(frm, till + 1, QUARTER)
    keys = [inventory.key(name) for name in devices]
    counted = start + (at - MONDAY) / QUARTER * draw
    return Batch.of(
        ("energy_import", "voltage_a"),
        np.repeat(np.array(keys, np.int32), len(at)),
        np.tile(at, len(keys)),
        np.column_stack([np.tile(counted, len(keys)), np.full(len(at) * len(keys), 230.0)]),
    )


def _failed() -> float:
    samples = [sample for metric in FAULTS.collect() for sample in metric.samples]
    return sum(sample.value for sample in samples if sample.name.endswith("_total"))


@dataclass
class World:
    """`put` is a sink as the stream is one: what it gets is in the database at once."""

    store: Store
    inventory: Inventory
    ground: Ground
    at: int = MONDAY
    suspicions: list[Suspicion] = field(default_factory=list)
    seq: int = 0
    failed: float = field(default_factory=_failed)

    async def put(self, entries: Sequence[Entry]) -> None:
        self.seq += len(entries)
        told = [entry for entry in entries if isinstance(entry, Suspicion)]
        self.suspicions += told
        commit = Commit(
            batches=[entry for entry in entries if isinstance(entry, Batch)],
            suspicions=told,
            upto=self.seq,
            at=self.at,
        )
        await self.store.write(commit, PlainDesk(), SPOOL)

    async def look(self, at: int) -> None:
        """What a book that was started just now does at `at`."""
        self.at = at
        await MeterData(lambda: self.ground, lambda: at).look(self.ground, self, at)

    async def judge_again(self, day: int) -> None:
        await self.store.bookkeeping.set_again("judge", [day], wanted=True)

    def faults(self) -> float:
        """Stages and devices that failed since this world was made."""
        return _failed() - self.failed


@asynccontextmanager
async def world(
    url: str,
    inventory: Inventory,
    *,
    vee: Mapping[str, object] | None = None,
    usage: Mapping[str, object] | None = None,
    balance: Mapping[str, object] | None = None,
    **settings: object,
) -> AsyncIterator[World]:
    async with ready_store(url, inventory) as store:
        async with await psycopg.AsyncConnection.connect(url) as connection:
            await connection.execute(
                "update feederline.device set created_at = to_timestamp(%s)", [MONDAY // SECOND]
            )
        rules = Rules(
            book=MeterDataSettings.model_validate({"gap_after_s": 0, "wait_s": 0, **settings}),
            vee=VeeSettings.model_validate(vee or {}),
            quality=QualitySettings(),
            usage=UsageSettings.model_validate(usage or {}),
            balance=BalanceSettings.model_validate(balance or {}),
            outlook=OutlookSettings(),
            zone=ZONE,
        )
        at = World(store, inventory, ground(store, inventory, rules))
        yield at
        assert not at.faults()
