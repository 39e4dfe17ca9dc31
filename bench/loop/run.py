"""Runs the loop and measures it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import psycopg
import yaml

from alerts.webhook import new_secret
from bench.loop.field import SPREAD_S, Fault, Sent, faults, play, write_district
from bench.loop.raw import raw
from bench.loop.trace import Trace, trace
from gateway.config import GatewaySettings
from gateway.core.clock import SECOND
from gateway.core.errors import UnavailableError
from gateway.embedded import embedded_broker, embedded_postgres, free_port
from simulator.receiver import Receiver

WANTED_MS = 1000.0
_LOOK_S = 0.05
_SECRET = "FEEDERLINE_BENCH_SECRET"  # the name of a variable
_READY_S = 60.0
_PATIENCE_S = 60.0


async def run(
    *,
    minutes: float = 2.0,
    rate: float = 100.0,
    readings: float = 200.0,
    collecting_s: float = 10.0,
    tick_s: float | None = None,
    url: str = "",
    seed: int = 1,
    rounds: int = 200,
) -> dict[str, object]:
    """minutes: of faults;  rate: faults a minute;  readings: a second, of 16 values, beside them;  tick_s: as by
    default where it is None;  url: an empty database instead of an embedded one;  rounds: of the raw limit.

    The tickets' hold-off is 0; everything else that is not named here is as by default. The delay counts from the end
    of what is waited on purpose: reception of a transformer's first gasp + `collecting_s`. Returns `delay_ms` (`p50`,
    `p95`, `p99`, `max` of `whole` and of each leg; those that need the times of commits only where the server keeps
    them), `raw_ms`, `ratio` (raw spool + commit + post to conclusion → desk, medians), `lost` and `doubled`.
    """
    count = round(minutes * rate)
    if count < 1:
        raise ValueError("no faults: minutes times rate is below 1")
    plan = faults(count, minutes, seed)
    secret = new_secret()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="feederline-bench-")))
        database = url or stack.enter_context(_postgres(folder / "database"))
        broker = stack.enter_context(embedded_broker(folder / "broker"))
        limits = await raw(database, folder, secret, rounds=rounds)
        write_district(folder, count)
        async with Receiver(secret) as receiver:
            document = {
                "gateway": {"data_dir": "data"} | ({} if tick_s is None else {"tick_s": tick_s}),
                "database": {"url": database},
                "mqtt": [{"name": "field", "url": broker.url}],
                "outage": {"collecting_s": collecting_s},
                "alerts": {
                    "hold_off_s": 0,
                    "targets": [{"name": "desk", "url": receiver.url, "secret": {"env": _SECRET}}],
                },
            }
            async with _gateway(folder, secret, document):
                over = asyncio.Event()
                async with asyncio.TaskGroup() as group:
                    playing = group.create_task(play(broker, plan, over, rate=readings))
                    await _all_told(receiver, plan, collecting_s)
                    over.set()
            sent = playing.result()
            found = await trace(database, receiver, plan, sent)
    given = {"minutes": minutes, "rate": rate, "readings_per_second": readings, "seed": seed}
    given |= {"collecting_s": collecting_s, "tick_s": tick_s or GatewaySettings().tick_s, "hold_off_s": 0.0}
    return given | _figures(found, limits, sent, plan, window_s=collecting_s)


@contextlib.contextmanager
def _postgres(folder: Path) -> Iterator[str]:
    """Embedded PostgreSQL that keeps the times of commits, which it begins to do at a start."""
    with embedded_postgres(folder) as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute("alter system set track_commit_timestamp = on")
    with embedded_postgres(folder) as url:
        yield url


@contextlib.asynccontextmanager
async def _gateway(folder: Path, secret: str, document: dict[str, Any]) -> AsyncIterator[None]:
    """`feederline run`, ready to hear and to conclude; what it has read is stored when it ends."""
    port = free_port()
    text = yaml.safe_dump(document | {"api": {"port": port}})
    (folder / "feederline.yaml").write_text(text, encoding="utf-8")
    with (folder / "gateway.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", "run", "-c", str(folder / "feederline.yaml"),
            stdout=log, stderr=log, env={**os.environ, _SECRET: secret},
        )  # fmt: skip
    try:
        if not await _is_ready(process, f"http://127.0.0.1:{port}/health/ready"):
            raise UnavailableError(f"the gateway did not get ready: {_said(folder)}")
        yield
    finally:
        await _end(process)
    if process.returncode != 0:
        raise UnavailableError(f"the gateway ended with code {process.returncode}: {_said(folder)}")


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _READY_S)
    except TimeoutError:
        process.kill()
        await process.wait()


def _said(folder: Path) -> str:
    return (folder / "gateway.log").read_text(errors="replace")[-2000:]


async def _is_ready(process: asyncio.subprocess.Process, url: str) -> bool:
    deadline = time.monotonic() + _READY_S
    async with aiohttp.ClientSession() as client:
        while time.monotonic() < deadline and process.returncode is None:
            with contextlib.suppress(aiohttp.ClientError):
                async with client.get(url) as response:
                    if response.status == 200:
                        return True
            await asyncio.sleep(_LOOK_S)
    return False


async def _all_told(receiver: Receiver, plan: Sequence[Fault], collecting_s: float) -> None:
    """Return when the desk has heard of every outage, or when it is clear that it will not."""
    deadline = time.monotonic() + plan[-1].at_s + SPREAD_S + collecting_s + _PATIENCE_S
    while len(receiver.tickets) < len(plan) and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(_LOOK_S)
    await asyncio.sleep(1.0)  # whatever comes too often has the time to come


def _figures(
    found: Trace, limits: dict[str, list[float]], sent: Sent, plan: Sequence[Fault], *, window_s: float
) -> dict[str, object]:
    window = round(window_s * SECOND)
    legs: dict[str, list[float]] = {}
    for life in found.lives:
        for name, ms in life.legs(window).items():
            legs.setdefault(name, []).append(ms)
    delays = {name: _spread(times) for name, times in legs.items()}
    limit = sum(float(np.median(times)) for times in limits.values())
    whole = delays.get("whole", {})
    return {
        "incidents": len(plan),
        "told": len(found.lives),
        "readings": sent.readings,
        "field_late_ms": sent.late_ms,
        "delay_ms": delays,
        "raw_ms": {name: _spread(times) for name, times in limits.items()},
        "ratio": limit / delays["conclusion_to_desk"]["p50"] if delays else 0.0,
        "p99_ms": whole.get("p99", float("inf")),
        "wanted_ms": WANTED_MS,
        "lost": found.lost,
        "doubled": found.doubled,
    }


def _spread(times: Sequence[float]) -> dict[str, float]:
    """Of a few hundred times; a percentile is the time next above it, never one between."""
    found = {f"p{q}": float(np.percentile(times, q, method="higher")) for q in (50, 95, 99)}
    return found | {"max": max(times)}
