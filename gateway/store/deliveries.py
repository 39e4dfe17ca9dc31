"""Deliveries as people look for them, and dead letters sent once more."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from msgspec import structs
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from gateway.core.access import AuditEntry
from gateway.core.errors import NotFoundError
from gateway.store.access import audit_write
from gateway.store.errors import boundary
from gateway.store.queries import sql
from gateway.store.rows import Row, delivery_fields, micros, when
from gateway.store.text import storable
from gateway.store.views import DeliveryView


class ListedDelivery(DeliveryView, frozen=True, kw_only=True):
    """One of a list over all tickets and what is about none; without its body."""

    subject: str
    ticket: str | None
    ticket_number: int | None
    node: str | None  # of the ticket
    replayed_at: int | None
    replayed_by: str


class Deliveries:
    """Every method raises UnavailableError while the database is away. Times are µs UTC."""

    def __init__(self, pool: AsyncConnectionPool[psycopg.AsyncConnection]) -> None:
        self._pool = pool

    async def page(
        self,
        *,
        state: str | None = None,
        target: str | None = None,
        ticket: str | None = None,
        below: Sequence[str] | None = None,
        before: tuple[int, str] | None = None,
        limit: int = 100,
    ) -> list[ListedDelivery]:
        """Newest first. below: about tickets at or below these nodes;  before: (created_at, id) of the last one of
        the page before."""
        given: dict[str, object] = {
            "state": state,
            "target": None if target is None else storable(target),
            "ticket": None if ticket is None else storable(ticket),
            "below": None if below is None else [storable(node) for node in below],
            "before": None if before is None else when(before[0]),
            "before_id": None if before is None else storable(before[1]),
            "limit": limit,
        }
        with boundary("reading deliveries"):
            async with self._pool.connection() as conn, conn.cursor(row_factory=dict_row) as cur:
                return [_listed(row) async for row in await cur.execute(sql("message_list"), given)]

    async def one(self, delivery_id: str) -> ListedDelivery:
        """Raises NotFoundError."""
        with boundary("reading a delivery"):
            async with self._pool.connection() as conn, conn.cursor(row_factory=dict_row) as cur:
                found = await cur.execute(sql("message_one"), {"delivery_id": storable(delivery_id)})
                row = await found.fetchone()
        if row is None:
            raise NotFoundError(f"there is no delivery {delivery_id!r}")
        return _listed(row)

    async def replay(
        self,
        *,
        at: int,
        by: str,
        delivery: str | None = None,
        target: str | None = None,
        ticket: str | None = None,
        audit: AuditEntry | None = None,
    ) -> int:
        """Make dead letters pending again: one, or all of a target, of a ticket, or of both; oldest first of each
        subject. Returns how many; those of disabled targets stay dead. Raises ValueError when nothing is named."""
        if delivery is None and target is None and ticket is None:
            raise ValueError("replay what: name a delivery, a target or a ticket")
        with boundary("replaying deliveries"):
            async with self._pool.connection() as conn, conn.transaction():
                replayed = await replay(conn, at=at, by=by, delivery=delivery, target=target, ticket=ticket)
                if audit is not None and (replayed or delivery is None):
                    detail = {**audit.detail, "changed": replayed}
                    await audit_write(conn, structs.replace(audit, detail=detail))
        return replayed


async def replay(
    conn: psycopg.AsyncConnection,
    *,
    at: int,
    by: str,
    delivery: str | None = None,
    target: str | None = None,
    ticket: str | None = None,
) -> int:
    """Within the caller's transaction; returns how many dead letters are pending again."""
    given = {
        "at": when(at),
        "by": storable(by),
        "delivery": None if delivery is None else storable(delivery),
        "target": None if target is None else storable(target),
        "ticket": None if ticket is None else storable(ticket),
    }
    replayed = (await conn.execute(sql("message_replay"), given)).rowcount
    if replayed:
        await conn.execute(sql("outbox_notify"))
    return replayed


def _listed(row: Row) -> ListedDelivery:
    return ListedDelivery(
        **delivery_fields(row),
        subject=row["subject"],
        ticket=row["ticket_id"],
        ticket_number=row["number"],
        node=row["node_id"],
        replayed_at=micros(row["replayed_at"]),
        replayed_by=row["replayed_by"],
    )
