"""Announced outages: every announcement is a row, the latest one of a reference and node holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import psycopg
from psycopg.rows import dict_row

from gateway.core.clock import from_datetime
from gateway.core.model import PlannedOutage
from gateway.store.queries import sql
from gateway.store.rows import Row, when
from gateway.store.text import storable


async def write(conn: psycopg.AsyncConnection, planned: Sequence[PlannedOutage]) -> int:
    """Append what is not there yet, in this order; returns how many rows that made."""
    if not planned:
        return 0
    given = {
        "reference": [storable(p.reference) for p in planned],
        "node_id": [storable(p.node) for p in planned],
        "starts_at": [when(p.starts_at) for p in planned],
        "ends_at": [when(p.ends_at) for p in planned],
        "reason": [storable(p.reason) for p in planned],
        "announced_by": [storable(p.by) for p in planned],
        "withdrawn": [p.withdrawn for p in planned],
        "received_at": [when(p.received_at) for p in planned],
    }
    return (await conn.execute(sql("planned_outage_insert"), given)).rowcount


async def select(
    conn: psycopg.AsyncConnection, query: str, given: Mapping[str, object]
) -> list[PlannedOutage]:
    """The windows that a named query finds, each as it was last announced."""
    async with conn.cursor(row_factory=dict_row) as cur:
        return [planned_of(row) for row in await (await cur.execute(sql(query), given)).fetchall()]


def planned_of(row: Row) -> PlannedOutage:
    return PlannedOutage(
        reference=row["reference"],
        node=row["node_id"],
        starts_at=from_datetime(row["starts_at"]),
        ends_at=from_datetime(row["ends_at"]),
        received_at=from_datetime(row["received_at"]),
        reason=row["reason"],
        by=row["announced_by"],
        withdrawn=row["withdrawn"],
    )
