"""The load to be expected, and where it goes beyond what is rated."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from psycopg.rows import dict_row

from gateway.core.clock import DAY, from_datetime
from gateway.core.model import Record
from gateway.core.network import Network
from gateway.core.outlook import LoadOutlook
from gateway.store.areas import nullable
from gateway.store.book import Book
from gateway.store.errors import boundary
from gateway.store.queries import sql
from gateway.store.rows import when
from gateway.store.text import storable

KEPT = 35 * DAY
"""How long what was foretold is kept after its time, to be held against what came."""


class LoadRisk(Record, frozen=True, kw_only=True):
    """A node whose upper quantile goes beyond its limit; kW, µs UTC. `expected`: what is expected does so, too."""

    node_id: str
    name: str
    kind: str
    starts_at: int
    ends_at: int
    intervals: int
    expected_kw: float
    high_kw: float
    limit_kw: float
    expected: bool


class OutlookTable(Book):
    async def put_outlook(self, outlook: LoadOutlook, network: Network, *, at: int) -> int:
        """Take over an outlook, in the place of what was foretold for the same time; how many rows."""
        k, n = np.nonzero(np.isfinite(outlook.expected) & np.isfinite(outlook.high))
        given: dict[str, object] = {
            "node": [storable(network.ids[node]) for node in outlook.node[k].tolist()],
            "starts_at": [when(start) for start in outlook.start[n].tolist()],
            "ends_at": [when(start + outlook.step) for start in outlook.start[n].tolist()],
            "expected": outlook.expected[k, n].tolist(),
            "high": outlook.high[k, n].tolist(),
            "limit": nullable(outlook.limit[k]),
            "share": outlook.share,
            "at": when(at),
            "before": when(at - KEPT),
        }
        with boundary("writing the load outlook"):
            async with self._pool.connection() as conn, conn.transaction():
                await conn.execute(sql("load_outlook_prune"), given)
                return (await conn.execute(sql("load_outlook_put"), given)).rowcount

    async def risks(
        self, *, at: int, below: Collection[str] | None = None, limit: int = 100
    ) -> list[LoadRisk]:
        """Nodes at risk after `at`, the most loaded first; at or below these nodes only."""
        given = {
            "at": when(at),
            "below": None if below is None else [storable(b) for b in below],
            "limit": limit,
        }
        with boundary("reading the load outlook"):
            async with self._pool.connection() as conn, conn.cursor(row_factory=dict_row) as cur:
                await cur.execute(sql("load_risk"), given)
                return [
                    LoadRisk(
                        **row
                        | {
                            "starts_at": from_datetime(row["starts_at"]),
                            "ends_at": from_datetime(row["ends_at"]),
                        }
                    )
                    async for row in cur
                ]
