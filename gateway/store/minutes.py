"""The gateway's condition minute by minute, for dashboards."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import psycopg
from psycopg_pool import AsyncConnectionPool

from gateway.core.clock import MINUTE
from gateway.store.errors import boundary
from gateway.store.queries import sql
from gateway.store.rows import when
from gateway.store.sole import SoleWriter
from gateway.store.writer import Written


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayMinute:
    """How the gateway is at a moment. stream_at: µs UTC, 0 before the first tick.  alarms: targets without messages."""

    at: int
    stream_at: int
    lag_entries: int
    spool_bytes: int
    drivers_running: int
    drivers_waiting: int
    ready: bool
    alarms: int


class GatewayMinutes:
    """Counts what was written since the minute before, and writes both down."""

    def __init__(self, pool: AsyncConnectionPool[psycopg.AsyncConnection], sole: SoleWriter) -> None:
        self._pool = pool
        self._sole = sole
        self._readings = self._rows = self._signals = 0

    def count(self, written: Written) -> None:
        """What a commit changed."""
        self._readings += written.inserted + written.merged + written.duplicates
        self._rows += written.inserted + written.merged
        self._signals += written.signals

    async def put(self, minute: GatewayMinute) -> None:
        """Write the minute that `minute.at` lies in. Raises UnavailableError where nothing may be written now; what was
        counted is told by the next one."""
        self._sole.check()
        counted = {"readings": self._readings, "rows_written": self._rows, "signals": self._signals}
        told = asdict(minute) | {
            "at": when(minute.at // MINUTE * MINUTE),
            "stream_at": when(minute.stream_at) if minute.stream_at else None,
        }
        with boundary("writing the gateway's condition"):
            async with self._pool.connection() as conn:
                await conn.execute(sql("gateway_minute_put"), told | counted)
        self._readings -= counted["readings"]
        self._rows -= counted["rows_written"]
        self._signals -= counted["signals"]
