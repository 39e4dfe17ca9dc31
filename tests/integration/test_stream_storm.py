"""Nonsense in the stream, as no driver would send it, stops neither the pipeline nor a restart."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np

from gateway.core.clock import SECOND
from gateway.core.model import Batch, DeadLetter, Entry, PlannedOutage, Signal, SignalKind, Tick
from gateway.pipeline import Pipeline
from gateway.spool import Spool
from gateway.store import Store
from processors.outage.detector import OutageDetector
from processors.outage.settings import OutageSettings
from tests.integration.store_world import T0, PlainDesk, ready_store, rows, small_inventory

INT64 = (-(1 << 63), (1 << 63) - 1)
TIMES = [
    *INT64,
    -62_135_596_800_000_001,
    -62_135_596_800_000_000,
    -1,
    0,
    T0,
    253_402_300_800_000_000,
    1 << 62,
]
KEYS = [-(1 << 31), -2, -1, 0, 5, 6, 100, (1 << 31) - 1]
VALUES = [0.0, 230.0, np.nan, np.inf, -np.inf, 1e308]


def nonsense(chance: random.Random, at: int) -> Entry:
    some = chance.choice
    match chance.randrange(4):
        case 0:
            n = chance.randrange(4)
            return Batch.of(
                ("voltage_a", "energy_import"),
                [some(KEYS) for _ in range(n)],
                [some(TIMES) for _ in range(n)],
                [[some(VALUES), some(VALUES)] for _ in range(n)],
                received_at=[some([*TIMES, at, at]) for _ in range(n)],
            )
        case 1:
            return Signal(
                kind=some(list(SignalKind)),
                device=some(KEYS),
                received_at=some([*TIMES, at, at]),
                occurred_at=some([None, *TIMES]),
                source=some(["", "\0", "x" * 10_000]),
            )
        case 2:
            return PlannedOutage(
                reference=some(["R", "", "\0", "x" * 5000]),
                node=some(["T0", "F", "nowhere", ""]),
                starts_at=some(TIMES),
                ends_at=some(TIMES),
                received_at=some([*TIMES, at, at]),
                withdrawn=some([True, False]),
            )
        case _:
            return DeadLetter(received_at=some(TIMES), source="\0", topic="", payload=b"\xff", reason="test")


@contextlib.asynccontextmanager
async def working(spool: Spool, store: Store) -> AsyncIterator[Pipeline]:
    pipeline = Pipeline(spool, store, [OutageDetector(small_inventory(), OutageSettings())], PlainDesk())
    task = asyncio.create_task(pipeline.run())
    try:
        yield pipeline
        assert not task.done()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_nonsense_stops_nothing(postgres_url: str, tmp_path: Path) -> None:
    chance = random.Random(7)
    entries: list[Entry] = []
    for second in range(250):
        entries += [nonsense(chance, T0 + second * SECOND), Tick(at=T0 + second * SECOND)]
    async with ready_store(postgres_url) as store, Spool(tmp_path) as spool:
        async with working(spool, store) as pipeline:
            await spool.put(entries)
            await asyncio.wait_for(pipeline.drain(), 60)
            await pipeline.snapshot()
        ((letters,),) = await rows(postgres_url, "select count(*) from dead_letter where source = 'pipeline'")
        assert isinstance(letters, int)
        assert letters > 50
        async with working(spool, store) as pipeline:
            good = Batch.of(("voltage_a",), [0], [T0 + 300 * SECOND], [[230.0]])
            await spool.put([good, Tick(at=T0 + 301 * SECOND)])
            await asyncio.wait_for(pipeline.drain(), 30)
        found = await rows(
            postgres_url, "select count(*) from reading where measured_at = '2026-03-01T08:05:00Z'"
        )
        assert found == [(1,)]
