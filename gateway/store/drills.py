"""Exercises: when they were held, and what became of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from gateway.core.clock import from_datetime
from gateway.core.model import Drill, IncidentState, Record
from gateway.core.ticket import TicketState
from gateway.store.errors import boundary
from gateway.store.queries import sql
from gateway.store.rows import Row, micros, when
from gateway.store.text import storable


class DrillDelivery(Record, frozen=True, kw_only=True):
    """One message about the ticket of an exercise."""

    target: str
    revision: int
    action: str  # of the transition that it tells of
    state: str  # "pending", "delivered" or "dead"
    attempts: int
    created_at: int
    delivered_at: int | None
    last_error: str | None


class DrillReport(Record, frozen=True, kw_only=True):
    """How far an exercise has come; None for what has not happened yet. Of several incidents it is about the largest
    one that others did not take in, but for `detected_at`, which is when the first was detected."""

    drill: Drill
    incident: str | None = None
    incident_state: IncidentState | None = None
    detected_at: int | None = None
    ended_at: int | None = None
    customers: int = 0
    ticket: str | None = None
    ticket_number: int | None = None
    ticket_state: TicketState | None = None
    opened_at: int | None = None
    acknowledged_at: int | None = None
    acknowledged_by: str | None = None
    closed_at: int | None = None
    ended_by: str = ""
    deliveries: tuple[DrillDelivery, ...] = ()  # by target and revision


async def write(conn: psycopg.AsyncConnection, drills: Sequence[Drill]) -> int:
    """Append what is not there yet; returns how many rows that made."""
    if not drills:
        return 0
    given = {
        "id": [storable(d.id) for d in drills],
        "node": [storable(d.node) for d in drills],
        "starts_at": [when(d.starts_at) for d in drills],
        "ends_at": [when(d.ends_at) for d in drills],
        "by": [storable(d.by) for d in drills],
        "reason": [storable(d.reason) for d in drills],
        "received_at": [when(d.received_at) for d in drills],
    }
    return (await conn.execute(sql("drill_insert"), given)).rowcount


class Drills:
    """Reads only. Every method raises UnavailableError while the database is away."""

    def __init__(self, pool: AsyncConnectionPool[psycopg.AsyncConnection]) -> None:
        self._pool = pool

    async def recent(self, limit: int = 20) -> list[Drill]:
        """The last ones by their start, latest first."""
        return [drill_of(row) for row in await self._rows("drill_recent", {"limit": limit})]

    async def last(self) -> Drill | None:
        found = await self.recent(1)
        return found[0] if found else None

    async def report(self, drill_id: str) -> DrillReport | None:
        """None while it is not written: there is none, or the stream has not come to it yet."""
        name = {"drill": storable(drill_id)}
        drills = await self._rows("drill_one", name)
        if not drills:
            return None
        report = DrillReport(drill=drill_of(drills[0]))
        became = await self._rows("drill_incident", name)
        if not became:
            return report
        row = became[0]
        sent = await self._rows("drill_deliveries", {"ticket": row["ticket_id"]}) if row["ticket_id"] else []
        return DrillReport(
            drill=report.drill,
            incident=row["incident_id"],
            incident_state=IncidentState(row["incident_state"]),
            detected_at=from_datetime(row["detected_at"]),
            ended_at=micros(row["ended_at"]),
            customers=row["customers"],
            ticket=row["ticket_id"],
            ticket_number=row["number"],
            ticket_state=None if row["state"] is None else TicketState(row["state"]),
            opened_at=micros(row["opened_at"]),
            acknowledged_at=micros(row["acknowledged_at"]),
            acknowledged_by=row["acknowledged_by"],
            closed_at=micros(row["closed_at"]),
            ended_by=row["ended_by"] or "",
            deliveries=tuple(_delivery(found) for found in sent),
        )

    async def _rows(self, query: str, given: Mapping[str, object]) -> list[Row]:
        with boundary("reading exercises"):
            async with self._pool.connection() as conn, conn.cursor(row_factory=dict_row) as cur:
                return [*await (await cur.execute(sql(query), given)).fetchall()]


def drill_of(row: Row) -> Drill:
    return Drill(
        id=row["drill_id"],
        node=row["node_id"],
        starts_at=from_datetime(row["starts_at"]),
        ends_at=from_datetime(row["ends_at"]),
        received_at=from_datetime(row["received_at"]),
        by=row["made_by"],
        reason=row["reason"],
    )


def _delivery(row: Row) -> DrillDelivery:
    return DrillDelivery(
        target=row["target"],
        revision=row["revision"],
        action=row["action"],
        state=row["state"],
        attempts=row["attempts"],
        created_at=from_datetime(row["created_at"]),
        delivered_at=micros(row["delivered_at"]),
        last_error=row["last_error"],
    )
