"""Messages waiting in the database, for the dispatcher (`gateway.core.ports.Outbox`)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from gateway.core.errors import FeederlineError
from gateway.core.ticket import Delivery
from gateway.store.errors import boundary
from gateway.store.pool import connect
from gateway.store.queries import sql
from gateway.store.rows import delivery_of, when, when_any
from gateway.store.settings import DatabaseSettings
from gateway.store.text import storable


class PostgresOutbox:
    """Several dispatchers may share one database: each delivery is leased to one at a time."""

    def __init__(
        self,
        pool: AsyncConnectionPool[psycopg.AsyncConnection],
        settings: DatabaseSettings,
        targets: Collection[str] | None = None,
        *,
        owner: str,
        closed: Callable[[PostgresOutbox], None],
    ) -> None:
        """`targets`: only deliveries for these; None for all.  `owner`: who claims; one running dispatcher each.
        `closed`: told when it is."""
        self._pool = pool
        self._settings = settings
        self._targets = None if targets is None else sorted(targets)
        self._owner = owner
        self._closed = closed
        self._listener: psycopg.AsyncConnection | None = None

    async def release(self) -> None:
        """Let go of what this owner had claimed when it was killed, so that nobody waits for the lease to end."""
        with boundary("releasing deliveries"):
            async with self._pool.connection() as conn:
                await conn.execute(sql("delivery_release"), {"owner": self._owner, "targets": self._targets})

    async def claim(self, *, at: int, lease: int, limit: int) -> list[Delivery]:
        """Take up to `limit` due deliveries for `lease` µs; the oldest first of each subject and target only.

        Their `created_at` is the time of the last replay where there was one: patience counts from then. What waits
        for a target that was disabled becomes a dead letter. Raises UnavailableError.
        """
        given = {
            "at": when(at),
            "until": when(at + lease),
            "limit": limit,
            "targets": self._targets,
            "owner": self._owner,
        }
        with boundary("claiming deliveries"):
            async with self._pool.connection() as conn, conn.cursor(row_factory=dict_row) as cur:
                rows = await (await cur.execute(sql("delivery_claim"), given)).fetchall()
        return [delivery_of(row) for row in rows]

    async def delivered(self, delivery: Delivery, *, at: int, status: int, reference: str = "") -> None:
        given = {
            "delivery_id": delivery.id,
            "at": when(at),
            "status": status,
            "reference": storable(reference),
        }
        with boundary("marking a delivery as delivered"):
            async with self._pool.connection() as conn:
                await conn.execute(sql("delivery_delivered"), given)

    async def failed(self, delivery: Delivery, *, at: int, next_at: int | None, error: str) -> None:
        given = {
            "delivery_id": delivery.id,
            "at": when(at),
            "next_at": when_any(next_at),
            "error": storable(error),
        }
        with boundary("marking a delivery as failed"):
            async with self._pool.connection() as conn:
                await conn.execute(sql("delivery_failed"), given)

    async def disable(self, target: str, *, at: int, reason: str) -> None:
        """Remembered for all dispatchers and across restarts; `claim` makes dead letters of what waits."""
        given = {"target": storable(target), "at": when(at), "reason": storable(reason), "by": "dispatch"}
        with boundary("disabling a target"):
            async with self._pool.connection() as conn:
                await conn.execute(sql("target_disable"), given)

    async def hurry(self, target: str, *, at: int) -> None:
        """What waits there for another try is due now."""
        with boundary("hurrying deliveries"):
            async with self._pool.connection() as conn:
                await conn.execute(sql("delivery_hurry"), {"target": storable(target), "at": when(at)})
                await conn.execute(sql("outbox_notify"))

    async def wait(self, timeout_s: float) -> None:
        """Return when something was added, or after the timeout. While the database is away: after the timeout."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while True:
                    try:
                        await self._notified()
                        return
                    except (FeederlineError, psycopg.Error):
                        await self._hang_up()
                        await asyncio.sleep(min(1.0, timeout_s))

    async def _notified(self) -> None:
        if self._listener is None:
            self._listener = await connect(self._settings)
            await self._listener.execute(sql("outbox_listen"))
            return  # something may have been added before we listened
        async for _ in self._listener.notifies(stop_after=1):
            return

    async def close(self) -> None:
        self._closed(self)
        await self._hang_up()

    async def _hang_up(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            await listener.close()
