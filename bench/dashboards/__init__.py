"""How long every panel of every dashboard takes on a year of a district.

Loads a synthetic year into a database of its own, opens each dashboard as Grafana does at the last day, 30 days, a year
and its own range, and takes the time of each query. The raw limit of the same run is the plainest query that has to
look at every metering point: one day of one account, summed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import os
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import psycopg
from psycopg import sql
from rich.console import Console
from rich.table import Table

from bench.dashboards.measure import WANTED_MS, Timed, measure, percentile, yardstick
from bench.dashboards.world import Size, load
from dashboards.opened import dashboards
from gateway.embedded import embedded_postgres
from gateway.store.migrate import migrate
from gateway.store.settings import DatabaseSettings

SERVER = "FEEDERLINE_TEST_DATABASE_URL"


async def run(
    *,
    size: Size | None = None,
    server: str | None = None,
    runs: int = 5,
    only: str = "",
    loaded: bool = False,
) -> dict[str, object]:
    """server: URL of a superuser, whose server should have TimescaleDB; None for the one that the environment names, or
    else an embedded PostgreSQL, where a month of 500 meters is enough to look at.  loaded: `server` is a database that
    is filled already; nothing is loaded nor dropped.

    Returns `panels` with each query's time, `p95_ms` over all runs of all panels, `above`: those whose own p95 is more
    than is wanted, and `raw_ms`; `cpu_…` is the same by what the server's process computed.
    """
    server = server or os.environ.get(SERVER)
    size = size or (Size() if server else Size(meters=500, days=30))
    async with contextlib.AsyncExitStack() as stack:
        if server is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="feederline-bench-"))
            server = stack.enter_context(embedded_postgres(Path(folder), durable=False))
        url = server if loaded else await stack.enter_async_context(_database(server))
        connection = await stack.enter_async_context(
            await psycopg.AsyncConnection.connect(url, autocommit=True)
        )
        took: dict[str, float] = {}
        if loaded:
            timescale = await _has_timescale(connection)
        else:
            timescale = (await migrate(connection, DatabaseSettings())).timescale
            with psycopg.connect(url, autocommit=True) as loader:
                took = await asyncio.to_thread(load, loader, size, timescale=timescale, say=_say)
        raw = await yardstick(connection)
        timed = await measure(connection, dashboards(), timescale=timescale, runs=runs, only=only)
        version = connection.info.parameter_status("server_version")
    return _result(timed, raw) | {
        "server": f"PostgreSQL {version}{', TimescaleDB' if timescale else ''}",
        "meters": size.meters,
        "days": size.days,
        "step_s": size.step_s,
        "loading_s": took,
    }


@contextlib.asynccontextmanager
async def _database(server: str) -> AsyncIterator[str]:
    name = sql.Identifier(f"bench_{uuid.uuid4().hex[:8]}")
    async with await psycopg.AsyncConnection.connect(server, autocommit=True) as connection:
        await connection.execute(sql.SQL("create database {}").format(name))
        try:
            yield psycopg.conninfo.make_conninfo(server, dbname=name.as_string().strip('"'))
        finally:
            await connection.execute(sql.SQL("drop database {} with (force)").format(name))


async def _has_timescale(connection: psycopg.AsyncConnection) -> bool:
    found = await connection.execute("select 1 from pg_extension where extname = 'timescaledb'")
    return await found.fetchone() is not None


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _result(timed: Sequence[Timed], raw: float) -> dict[str, object]:
    wall = [ms for panel in timed for ms in panel.ms]
    spent = [ms for panel in timed for ms in panel.cpu_ms if not math.isnan(ms)]
    return {
        "bench": "dashboards",
        "wanted_ms": WANTED_MS,
        "p50_ms": round(percentile(wall, 0.5), 1),
        "p95_ms": round(percentile(wall, 0.95), 1),
        "cpu_p95_ms": round(percentile(spent, 0.95), 1) if spent else None,
        "raw_ms": round(raw, 2),
        "p95_to_raw": round(percentile(wall, 0.95) / raw, 1),
        "queries": len(timed),
        "failed": [f"{panel.dashboard}: {panel.panel}: {panel.error}" for panel in timed if panel.error],
        "above": [f"{p.dashboard}: {p.panel} ({p.range})" for p in timed if p.p95 > WANTED_MS],
        "cpu_above": [f"{p.dashboard}: {p.panel} ({p.range})" for p in timed if p.cpu > WANTED_MS],
        "panels": [panel.told() for panel in timed],
    }


def show(result: dict[str, object], *, slowest: int = 40) -> None:
    """The slowest queries, and the sums."""
    table = Table("dashboard", "panel", "range", "rows", "p50 ms", "p95 ms", "CPU ms", "first ms")
    panels = result["panels"]
    assert isinstance(panels, list)
    for panel in sorted(panels, key=lambda p: -p["p95_ms"])[:slowest]:
        figures = (panel[key] for key in ("rows", "p50_ms", "p95_ms", "cpu_ms", "first_ms"))
        table.add_row(panel["dashboard"], panel["panel"], panel["range"], *map(str, figures))
    console = Console()
    console.print(table)
    for key, value in result.items():
        if key not in {"panels", "loading_s"}:
            console.print(f"{key}: {value}")


def options(arguments: Sequence[str]) -> dict[str, object]:
    """What `run` takes, from a command line."""
    size = Size()
    parser = argparse.ArgumentParser(prog="feederline bench dashboards", description=__doc__)
    parser.add_argument("--meters", type=int, help=f"{size.meters}, or 500 on the embedded PostgreSQL")
    parser.add_argument("--days", type=int, help=f"{size.days}, or 30 there")
    parser.add_argument("--step", type=int, default=size.step_s, help="seconds between readings")
    parser.add_argument("--raw-days", type=int, default=size.raw_days, help="of readings, the latest")
    parser.add_argument(
        "--database", help=f"URL of a superuser; otherwise that of {SERVER}, otherwise embedded"
    )
    parser.add_argument("--loaded", action="store_true", help="--database is one that is filled already")
    parser.add_argument("--runs", type=int, default=5, help="of each query")
    parser.add_argument("--only", default="", help="a dashboard's file, or a part of a panel's title")
    given = parser.parse_args(arguments)
    small = not (given.database or os.environ.get(SERVER))
    return {
        "size": Size(
            meters=given.meters or (500 if small else size.meters),
            days=given.days or (30 if small else size.days),
            step_s=given.step,
            raw_days=given.raw_days,
        ),
        "server": given.database,
        "runs": given.runs,
        "only": given.only,
        "loaded": given.loaded,
    }


def main(arguments: Sequence[str]) -> None:
    as_json = "--json" in arguments
    result = asyncio.run(run(**options([a for a in arguments if a != "--json"])))  # type: ignore[arg-type]
    if as_json:
        print(json.dumps(result))
    else:
        show(result)
