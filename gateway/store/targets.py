"""Targets as the database knows them: what waits for each, which want no more.

Alarms about them are in `lateness`."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from gateway.core.access import AuditEntry
from gateway.core.model import Record
from gateway.store.access import audit_write
from gateway.store.deliveries import replay
from gateway.store.errors import boundary
from gateway.store.queries import sql
from gateway.store.rows import Row, micros, when
from gateway.store.text import storable


class TargetState(Record, frozen=True, kw_only=True):
    target: str
    pending: int = 0
    late: int = 0  # of the pending: older than was asked for
    dead: int = 0
    oldest_pending_at: int | None = None
    disabled_at: int | None = None  # since then nothing is sent to it
    reason: str = ""
    late_since: int | None = None  # since when the alarm stands
    changed_at: int | None = None
    changed_by: str = ""


class TargetStates:
    """Every method raises UnavailableError while the database is away. Times are µs UTC."""

    def __init__(self, pool: AsyncConnectionPool[psycopg.AsyncConnection]) -> None:
        self._pool = pool

    async def states(self, *, at: int, late_after: int = 0, names: Sequence[str] = ()) -> list[TargetState]:
        """By name: those named here, those something waits for, and those something is remembered of."""
        given = {"names": [storable(name) for name in names], "late_before": when(at - late_after)}
        with boundary("reading targets"):
            async with self._pool.connection() as conn, conn.cursor(row_factory=dict_row) as cur:
                return [_state(row) async for row in await cur.execute(sql("target_list"), given)]

    async def disable(
        self, target: str, *, at: int, by: str, reason: str, audit: AuditEntry | None = None
    ) -> bool:
        """Send it nothing any more: what waits becomes dead letters (`Outbox.claim`), and what is still to come too.

        Returns False when it was disabled already; that changes nothing but the audit log.
        """
        given = {"target": storable(target), "at": when(at), "by": storable(by), "reason": storable(reason)}
        with boundary("disabling a target"):
            async with self._pool.connection() as conn, conn.transaction():
                changed = (await conn.execute(sql("target_disable"), given)).rowcount == 1
                if audit is not None:
                    await audit_write(conn, audit)
        return changed

    async def enable(
        self, target: str, *, at: int, by: str, dead_too: bool = True, audit: AuditEntry | None = None
    ) -> int | None:
        """Send to it again; `dead_too`: its dead letters are replayed, oldest first and before what is new.

        Returns how many are replayed; None when it was not disabled, which changes nothing.
        """
        given = {"target": storable(target), "at": when(at), "by": storable(by)}
        with boundary("enabling a target"):
            async with self._pool.connection() as conn, conn.transaction():
                changed = (await conn.execute(sql("target_enable"), given)).rowcount == 1
                replayed = 0
                if changed and dead_too:
                    replayed = await replay(conn, at=at, by=by, target=target)
                if changed and audit is not None:
                    await audit_write(conn, audit)
        return replayed if changed else None


def _state(row: Row) -> TargetState:
    return TargetState(
        target=row["target"],
        pending=row["pending"],
        late=row["late"],
        dead=row["dead"],
        oldest_pending_at=micros(row["oldest_pending_at"]),
        disabled_at=micros(row["disabled_at"]),
        reason=row["reason"] or "",
        late_since=micros(row["late_since"]),
        changed_at=micros(row["changed_at"]),
        changed_by=row["changed_by"] or "",
    )
