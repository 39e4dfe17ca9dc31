"""Which targets do not get their messages; for the alarms."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from gateway.core.model import Record
from gateway.core.ticket import Delivery
from gateway.store.errors import boundary
from gateway.store.queries import sql
from gateway.store.rows import micros, when
from gateway.store.text import storable
from gateway.store.tickets import save_deliveries


class TargetLateness(Record, frozen=True, kw_only=True):
    """How one target stands. `count` 0: nothing waits for too long there. Times are µs UTC."""

    target: str
    count: int
    alarms: int  # of these: messages about alarms
    oldest_at: int | None
    error: str  # of the last try of the oldest that was tried; why it is disabled, where it is
    late_since: int | None  # since when the alarm stands
    disabled_at: int | None
    dead: int  # given up; 0 where no alarm stands
    through: (
        bool  # something was delivered since the alarm was raised, after the last try of what was given up
    )


class Lateness:
    """Every method raises UnavailableError while the database is away."""

    def __init__(self, pool: AsyncConnectionPool[psycopg.AsyncConnection]) -> None:
        self._pool = pool

    async def look(self, targets: Collection[str], *, before: int) -> list[TargetLateness]:
        """How these targets stand: what was made (or replayed) by `before` and waits still counts as late.

        Of a target that wants no more messages, its dead letters count; of one that a person disabled, nothing does.
        """
        given = {"targets": [storable(name) for name in targets], "before": when(before)}
        with boundary("looking for late deliveries"):
            async with self._pool.connection() as conn, conn.cursor(row_factory=dict_row) as cur:
                rows = await (await cur.execute(sql("lateness"), given)).fetchall()
        return [
            TargetLateness(
                target=row["target"],
                count=row["count"],
                alarms=row["alarms"],
                oldest_at=micros(row["oldest_at"]),
                error=row["error"],
                late_since=micros(row["late_since"]),
                disabled_at=micros(row["disabled_at"]),
                dead=row["dead"],
                through=row["through"],
            )
            for row in rows
        ]

    async def begin(self, target: str, messages: Sequence[Delivery], *, at: int) -> bool:
        """The alarm stands from `at` on, and `messages` tell of it; False, and nothing written, when it stood."""
        return await self._change("lateness_begin", {"target": storable(target), "at": when(at)}, messages)

    async def end(self, target: str, messages: Sequence[Delivery], *, since: int) -> bool:
        """The alarm that stands since `since` is over; False, and nothing written, when somebody else ended it."""
        return await self._change(
            "lateness_end", {"target": storable(target), "since": when(since)}, messages
        )

    async def bury(self, targets: Collection[str], *, before: int, at: int) -> int:
        """Make dead letters of what was made by `before` for any but these targets; how many that were."""
        given = {
            "targets": [storable(name) for name in targets],
            "before": when(before),
            "at": when(at),
        }
        with boundary("burying deliveries"):
            async with self._pool.connection() as conn:
                return (await conn.execute(sql("delivery_orphans"), given)).rowcount

    async def _change(self, query: str, given: dict[str, object], messages: Sequence[Delivery]) -> bool:
        with boundary("writing an alarm"):
            async with self._pool.connection() as conn, conn.transaction():
                if not (await conn.execute(sql(query), given)).rowcount:
                    return False
                await save_deliveries(conn, messages)
                if messages:
                    await conn.execute(sql("outbox_notify"))
        return True
