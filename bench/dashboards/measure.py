"""Opens every dashboard at several ranges, as Grafana does, and takes the time of each panel's query."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from dashboards.macros import Value, expand
from dashboards.opened import Asked, Opened
from gateway.core.clock import DAY, SystemClock

RANGES = {"24 h": DAY, "30 d": 30 * DAY, "1 y": 365 * DAY}
WANTED_MS = 300.0
_TIMEOUT_S = 60


@dataclass(slots=True, kw_only=True)
class Timed:
    """A panel's query at one range; ms of each run after the first, which fills the server's memory.

    cpu_ms: what the server's process computed, where it runs on this machine: waiting for others there is not in it.
    """

    dashboard: str
    panel: str
    range: str
    default: bool
    rows: int = 0
    first_ms: float = 0.0
    ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    error: str = ""

    @property
    def p50(self) -> float:
        return percentile(self.ms, 0.5)

    @property
    def p95(self) -> float:
        return percentile(self.ms, 0.95)

    @property
    def cpu(self) -> float:
        return percentile(self.cpu_ms, 0.5)

    def told(self) -> dict[str, object]:
        """As JSON; times are -1 where they are not known."""
        times = {"p50_ms": self.p50, "p95_ms": self.p95, "cpu_ms": self.cpu, "first_ms": self.first_ms}
        return {
            "dashboard": self.dashboard,
            "panel": self.panel,
            "range": self.range + (" (its own)" if self.default else ""),
            "rows": self.rows,
            **{name: round(ms, 1) if math.isfinite(ms) else -1.0 for name, ms in times.items()},
            "error": self.error,
        }


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of the values that so many are not above; infinite where there are none."""
    return sorted(values)[max(math.ceil(share * len(values)) - 1, 0)] if values else math.inf


async def measure(
    connection: psycopg.AsyncConnection,
    opened: Sequence[Opened],
    *,
    timescale: bool,
    runs: int,
    only: str = "",
) -> list[Timed]:
    """Every panel of every dashboard at its own range and at RANGES. `only`: a dashboard, or part of a title."""
    await connection.execute("set role feederline_grafana")
    await connection.execute("set default_transaction_read_only = on")
    await connection.execute("set search_path = public")
    await connection.execute(
        "set max_parallel_workers_per_gather = 0"
    )  # all of a query's work is one process's
    await connection.execute(f"set statement_timeout = '{_TIMEOUT_S}s'")
    found: list[Timed] = []
    for dashboard in opened:
        ranges = RANGES | {name: length for name, length in RANGES.items() if length == dashboard.range_us}
        if dashboard.range_us not in ranges.values():
            ranges[f"{dashboard.range_us / DAY:g} d"] = dashboard.range_us
        for name, length in sorted(ranges.items(), key=lambda item: item[1]):
            high = SystemClock().now()
            chosen = await dashboard.choose(_Asker(connection), high - length, high)
            for panel in dashboard.panels:
                if only and only not in (dashboard.name, panel.panel) and only not in panel.panel:
                    continue
                timed = Timed(
                    dashboard=dashboard.name,
                    panel=panel.panel,
                    range=name,
                    default=length == dashboard.range_us,
                )
                await _time(
                    connection, timed, panel, chosen, (high - length, high), timescale=timescale, runs=runs
                )
                found.append(timed)
    return found


class _Asker:
    """Runs a variable's query: its values are the column __value, or else the only one."""

    def __init__(self, connection: psycopg.AsyncConnection) -> None:
        self._connection = connection

    async def __call__(self, text: str) -> list[str]:
        cursor = await self._connection.execute(text.encode())
        names = [column.name for column in cursor.description or ()]
        place = names.index("__value") if "__value" in names else 0
        return [str(row[place]) for row in await cursor.fetchall() if row[place] is not None]


async def _time(
    connection: psycopg.AsyncConnection,
    timed: Timed,
    panel: Asked,
    chosen: dict[str, Value],
    span: tuple[int, int],
    *,
    timescale: bool,
    runs: int,
) -> None:
    text = expand(panel.sql, panel.window(*span), timescale=timescale, variables=chosen).encode()
    for number in range(runs + 1):
        before, started = cpu_s(connection), time.perf_counter()
        try:
            rows = await (await connection.execute(text, prepare=False)).fetchall()
        except psycopg.Error as exc:
            timed.error = str(exc).splitlines()[0]
            return
        took = (time.perf_counter() - started) * 1e3
        timed.rows = len(rows)
        if number:
            timed.ms.append(took)
            timed.cpu_ms.append((cpu_s(connection) - before) * 1e3)
        else:
            timed.first_ms = took


def cpu_s(connection: psycopg.AsyncConnection) -> float:
    """Seconds that the server's process has computed; NaN where it is on another machine."""
    try:
        spent, _, _ = Path(f"/proc/{connection.info.backend_pid}/schedstat").read_text().split()
    except OSError:
        return math.nan
    return int(spent) / 1e9


async def yardstick(connection: psycopg.AsyncConnection, runs: int = 9) -> float:
    """Milliseconds of the plainest query that has to look at every metering point: one day of one account, summed."""
    text = (
        "select sum(expected), sum(collected), count(*) from feederline.collection_day "
        "where day = (select max(day) from feederline.collection_day)"
    )
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        await (await connection.execute(text)).fetchall()
        times.append((time.perf_counter() - started) * 1e3)
    return percentile(times, 0.5)
