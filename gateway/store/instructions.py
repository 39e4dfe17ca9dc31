"""What people told the gateway to make of incidents: written once, never changed."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from gateway.core.clock import from_datetime
from gateway.core.model import Instruction, Order
from gateway.store.errors import boundary
from gateway.store.queries import sql
from gateway.store.rows import Row, when
from gateway.store.text import storable


async def write(conn: psycopg.AsyncConnection, instructions: Sequence[Instruction]) -> int:
    """Append what is not there yet; returns how many rows that made."""
    if not instructions:
        return 0
    given = {
        "id": [storable(i.id) for i in instructions],
        "incident": [storable(i.incident) for i in instructions],
        "word": [i.order.value for i in instructions],
        "other": [storable(i.into) for i in instructions],
        "node": [storable(i.node) for i in instructions],
        "by": [storable(i.by) for i in instructions],
        "reason": [storable(i.reason) for i in instructions],
        "received_at": [when(i.received_at) for i in instructions],
    }
    return (await conn.execute(sql("instruction_insert"), given)).rowcount


class Instructions:
    """Reads only. Every method raises UnavailableError while the database is away."""

    def __init__(self, pool: AsyncConnectionPool[psycopg.AsyncConnection]) -> None:
        self._pool = pool

    async def one(self, instruction_id: str) -> Instruction | None:
        """None while it is not written: the stream has not come to it yet."""
        found = await self._select("instruction_one", {"instruction": storable(instruction_id)})
        return found[0] if found else None

    async def of(self, incident: str, *, limit: int = 100) -> list[Instruction]:
        """Those about an incident, or that merged another one into it; oldest first."""
        return await self._select("instruction_of", {"incident": storable(incident), "limit": limit})

    async def _select(self, query: str, given: dict[str, object]) -> list[Instruction]:
        with boundary("reading instructions"):
            async with self._pool.connection() as conn, conn.cursor(row_factory=dict_row) as cur:
                return [_instruction(row) async for row in await cur.execute(sql(query), given)]


def _instruction(row: Row) -> Instruction:
    return Instruction(
        id=row["instruction_id"],
        incident=row["incident_id"],
        order=Order(row["word"]),
        received_at=from_datetime(row["received_at"]),
        by=row["made_by"],
        reason=row["reason"],
        into=row["other"],
        node=row["node_id"],
    )
