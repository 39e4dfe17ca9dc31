"""Readings through the store, against a binary COPY of the same rows into the same table.

Both sides write rows of the same devices, quantities and partition in turns: the store gathers batches, looks for
duplicates, encodes and copies them in a transaction with the position in the stream; the raw side copies bytes that
were encoded beforehand, by psycopg's synchronous connection. Figures are medians over alternating rounds.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import numpy as np
import psycopg
from psycopg import sql

from gateway.core.clock import DAY, SystemClock
from gateway.core.inventory import Device, Inventory
from gateway.core.model import Batch, Commit, Incident
from gateway.core.network import Network
from gateway.core.ports import TicketStep
from gateway.core.quantities import NAMES
from gateway.core.ticket import Delivery, Storm, Ticket, TicketRequest
from gateway.embedded import embedded_postgres
from gateway.store import DatabaseSettings, Store
from gateway.store.readings import HEADER, KEYS, TRAILER, encode, gather

METERS = 2000
ROWS_PER_BATCH = 500
ROWS_PER_COMMIT = 40_000  # about what the pipeline puts into one transaction under load


class NoDesk:
    """No incidents here, so no tickets."""

    def due_at(self, incident: Incident) -> int | None:
        raise NotImplementedError

    def choose(self, due: Sequence[Incident], standing: Sequence[Ticket]) -> list[Incident]:
        raise NotImplementedError

    def open(
        self,
        incident: Incident,
        *,
        number: int,
        at: int,
        split_from: Ticket | None = None,
        storming: bool = False,
    ) -> TicketStep:
        raise NotImplementedError

    def follow(
        self, incident: Incident, ticket: Ticket, *, at: int, storming: bool = False
    ) -> TicketStep | None:
        raise NotImplementedError

    def again_at(self, incident: Incident, ticket: Ticket) -> int | None:
        raise NotImplementedError

    def remind(self, incident: Incident, ticket: Ticket, *, at: int) -> TicketStep | None:
        raise NotImplementedError

    def act(self, incident: Incident, ticket: Ticket, request: TicketRequest, *, at: int) -> TicketStep:
        raise NotImplementedError

    def weather(
        self, storm: Storm | None, standing: Sequence[Ticket], *, at: int
    ) -> tuple[Storm | None, tuple[Delivery, ...]]:
        raise NotImplementedError


class Round(NamedTuple):
    wall_s: float
    cpu_s: float


class Stopwatch:
    def __enter__(self) -> Stopwatch:
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.round = Round(time.perf_counter() - self._wall, time.process_time() - self._cpu)


class Meters:
    """Readings of many meters, a new time at every call, in batches as a driver hands them over."""

    def __init__(self, values: int) -> None:
        self.names = NAMES[:values]
        self._random = np.random.default_rng(7)
        self._at = SystemClock().now() // DAY * DAY

    def read(self, rows: int) -> list[Batch]:
        device = np.arange(rows, dtype=np.int32) % METERS
        at = self._at + np.arange(rows) // METERS * 1000
        self._at = int(at[-1]) + 1000
        values = self._random.normal(230.0, 5.0, (rows, len(self.names)))
        return [
            Batch.of(self.names, device[cut], at[cut], values[cut], received_at=at[cut] + 40_000)
            for cut in (slice(i, i + ROWS_PER_BATCH) for i in range(0, rows, ROWS_PER_BATCH))
        ]


async def run(*, rows: int = 400_000, values: int = 16, url: str | None = None) -> dict[str, object]:
    """`rows` rows of `values` quantities by each side, into the database at `url` (None: an embedded one).

    A database that is given is left with the rows in it; use one of its own.
    """
    if url is not None:
        return await _run(rows, values, url)
    with (
        tempfile.TemporaryDirectory(prefix="feederline-bench-") as directory,
        embedded_postgres(Path(directory) / "postgres") as embedded,
    ):
        return await _run(rows, values, embedded)


async def _run(rows: int, values: int, url: str) -> dict[str, object]:
    inventory = Inventory(
        [Device(id=f"bench-{i}", node="T") for i in range(METERS)],
        Network(["S", "T"], ["", "S"], ["substation", "transformer"]),
    )
    meters = Meters(values)
    per_round = min(rows, ROWS_PER_COMMIT)
    rounds = max(1, rows // per_round)
    async with Store.open(_settings(url)) as store:
        timescale = (await store.migrate()).timescale
        await store.sync_inventory(inventory)
        with psycopg.connect(url) as raw:
            ours: list[Round] = []
            theirs: list[Round] = []
            for number in range(rounds + 1):  # the first warms caches and is not counted
                sides = [(ours, _by_store), (theirs, _by_copy)]
                for results, side in sides if number % 2 else reversed(sides):
                    results.append(await side(store, raw, meters.read(per_round)))
            version = raw.info.parameter_status("server_version")
    return _result(ours[1:], theirs[1:], per_round, values) | {
        "server": f"PostgreSQL {version}{', TimescaleDB' if timescale else ''}"
    }


def _settings(url: str) -> DatabaseSettings:
    """The password of a URL given by hand goes the way that passwords go."""
    parts = psycopg.conninfo.conninfo_to_dict(url)
    password = parts.pop("password", None)
    if not password:
        return DatabaseSettings.model_validate({"url": url, "pool_max": 2})
    os.environ["FEEDERLINE_BENCH_PASSWORD"] = str(password)
    plain = psycopg.conninfo.make_conninfo("", **{k: str(v) for k, v in parts.items() if v is not None})
    return DatabaseSettings.model_validate(
        {"url": plain, "pool_max": 2, "password": {"env": "FEEDERLINE_BENCH_PASSWORD"}}
    )


async def _by_store(store: Store, raw: psycopg.Connection, batches: list[Batch]) -> Round:  # noqa: ARG001
    with Stopwatch() as watch:
        written = await store.write(Commit(batches=batches, upto=1), NoDesk(), uuid4())
    assert written.inserted == sum(map(len, batches))
    return watch.round


async def _by_copy(store: Store, raw: psycopg.Connection, batches: list[Batch]) -> Round:
    data = b"".join((HEADER, *encode(gather(batches, store.devices.keys)), TRAILER))
    columns = sql.SQL(", ").join(map(sql.Identifier, (*KEYS, *batches[0].quantities)))
    statement = sql.SQL("copy feederline.reading ({}) from stdin (format binary)").format(columns)
    with Stopwatch() as watch, raw.transaction(), raw.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(data)
    return watch.round


def _result(ours: list[Round], theirs: list[Round], rows: int, values: int) -> dict[str, object]:
    wall, cpu, raw_wall, raw_cpu = (
        statistics.median(getattr(round_, field) for round_ in side)
        for side in (ours, theirs)
        for field in ("wall_s", "cpu_s")
    )
    count = rows * values
    return {
        "bench": "store",
        "ratio": round(raw_wall / wall, 3),
        "rows_per_round": rows,
        "values_per_row": values,
        "rounds": len(ours),
        "rows_per_second": round(rows / wall),
        "values_per_second": round(count / wall),
        "raw_values_per_second": round(count / raw_wall),
        "cpu_seconds_per_million_values": round(cpu / count * 1e6, 4),
        "raw_cpu_seconds_per_million_values": round(raw_cpu / count * 1e6, 4),
        "ratio_by_round": [round(b.wall_s / a.wall_s, 3) for a, b in zip(ours, theirs, strict=True)],
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(url=sys.argv[1] if len(sys.argv) > 1 else None))))
