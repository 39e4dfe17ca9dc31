"""What every collection of reports stands on."""

from __future__ import annotations

from collections.abc import Mapping

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from gateway.store.errors import boundary
from gateway.store.queries import sql
from gateway.store.rows import Row


class Reader:
    """Reads only. Every method raises UnavailableError while the database is away. Times are µs UTC."""

    def __init__(self, pool: AsyncConnectionPool[psycopg.AsyncConnection]) -> None:
        self._pool = pool

    async def _all(self, query: str, given: Mapping[str, object]) -> list[Row]:
        with boundary("reading reports"):
            async with self._pool.connection() as conn, conn.cursor(row_factory=dict_row) as cur:
                return [*await (await cur.execute(sql(query), given)).fetchall()]
