"""Sums over many metering points that dashboards would else make each time somebody looks."""

from __future__ import annotations

import psycopg
from psycopg_pool import AsyncConnectionPool

from gateway.store.errors import boundary
from gateway.store.queries import sql
from gateway.store.rows import when
from gateway.store.sole import SoleWriter


class Totals:
    """Each call is a transaction of its own. Both raise UnavailableError where nothing may be written now."""

    def __init__(self, pool: AsyncConnectionPool[psycopg.AsyncConnection], sole: SoleWriter) -> None:
        self._pool = pool
        self._sole = sole

    async def sum_day(self) -> bool:
        """Sum the latest day anew that changed; False where none did."""
        return await self._sum("totals_day", {})

    async def sum_hour(self, at: int) -> bool:
        """Reckon the latest hour up to `at` that is due; False where none is."""
        return await self._sum("totals_hour", {"at": when(at)})

    async def _sum(self, name: str, given: dict[str, object]) -> bool:
        self._sole.check()
        with boundary("summing days and hours"):
            async with self._pool.connection() as conn:
                row = await (await conn.execute(sql(name), given)).fetchone()
        return row is not None and bool(row[0])
