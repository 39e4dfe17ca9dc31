"""The energy balance of transformer areas by day, and what it finds that accuses no customer."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Collection, Sequence

import numpy as np
from psycopg.rows import dict_row

from gateway.core.balance import MOMENTS, AreaFinding, AreaJudged, AreaLosses
from gateway.core.clock import from_datetime
from gateway.core.model import Float64s, Int32s, Record
from gateway.core.network import Network
from gateway.store.book import Book
from gateway.store.errors import boundary
from gateway.store.queries import sql
from gateway.store.rows import micros, when, when_any
from gateway.store.text import storable, to_json

_FLAGS = ("high", "stepped", "noisy", "negative", "proportional")
_COLUMNS = ("members", "supplied", "sold", "intervals", "used", "without_supply", "without_member")
_JUDGED = ("technical", "excess", "level", "sigma", "ratio", "step")


class AreaLossView(Record, frozen=True, kw_only=True):
    """The last balance of a transformer's area; kWh, shares and µs UTC. See the table `area_loss_day`."""

    node_id: str
    name: str
    feeder_id: str | None
    day: dt.date
    members: int
    supplied: float
    sold: float
    technical: float | None
    excess: float | None
    level: float | None
    ratio: float | None
    since: int | None
    coverage: float | None
    found: tuple[str, ...]
    finding: str | None
    words: str | None


class AreaTables(Book):
    async def put_losses(
        self, losses: AreaLosses, judged: AreaJudged | None, network: Network, *, at: int
    ) -> int:
        """Take over the balance of a day with what was judged of it, in the place of what stood; how many rows."""
        if not len(losses):
            return 0
        n = len(losses)
        given: dict[str, object] = {
            "day": losses.day,
            "starts_at": when(losses.start),
            "ends_at": when(losses.end),
            "hours": losses.hours,
            "at": when(at),
            "node": _names(losses.node, network),
            "found": [""] * n,
            "since": [None] * n,
        }
        given |= {name: getattr(losses, name).tolist() for name in _COLUMNS}
        given |= {f"m{j}": losses.moments[:, j].tolist() for j in range(len(MOMENTS))}
        given |= {name: [None] * n for name in _JUDGED}
        if judged is not None:
            row = np.searchsorted(judged.node, losses.node)
            for name in _JUDGED:
                given[name] = nullable(getattr(judged, name)[row])
            given["since"] = [when(int(s)) if s >= 0 else None for s in judged.since[row]]
            flags = np.column_stack([getattr(judged, name)[row] for name in _FLAGS])
            given["found"] = [
                ",".join(name for name, on in zip(_FLAGS, each, strict=True) if on) for each in flags.tolist()
            ]
        with boundary("writing the balance of areas"):
            async with self._pool.connection() as conn:
                return (await conn.execute(sql("area_loss_put"), given)).rowcount

    async def losses(self, frm: dt.date, till: dt.date, network: Network) -> list[AreaLosses]:
        """The balances of [frm, till), one for each day and length of interval; transformers that the network does not
        have are left out."""
        with boundary("reading the balance of areas"):
            async with self._pool.connection() as conn:
                rows = await (
                    await conn.execute(sql("area_loss_columns"), {"frm": frm, "till": till})
                ).fetchall()
        made = []
        for day, start, end, hours, names, *columns, moments in rows:
            node = np.array([network.index(name) if name in network else -1 for name in names], np.int32)
            order = np.argsort(node, kind="stable")
            order = order[node[order] >= 0]
            members, supplied, sold, intervals, used, without_supply, without_member = columns
            whole = [
                np.array(c, np.int32)[order]
                for c in (members, intervals, used, without_supply, without_member)
            ]
            energy = [np.array(c, np.float64)[order] for c in (supplied, sold)]
            made.append(
                AreaLosses(
                    day=day,
                    start=from_datetime(start),
                    end=from_datetime(end),
                    hours=hours,
                    node=node[order],
                    members=whole[0],
                    supplied=energy[0],
                    sold=energy[1],
                    intervals=whole[1],
                    used=whole[2],
                    without_supply=whole[3],
                    without_member=whole[4],
                    moments=np.array(moments, np.float64).reshape(-1, len(MOMENTS))[order],
                )
            )
        return made

    async def put_findings(
        self, day: dt.date, found: Sequence[AreaFinding], network: Network, *, at: int
    ) -> int:
        """What was found on a day, in the place of all that was said of that day; how many rows."""
        keys = self._devices()
        given: dict[str, object] = {
            "day": day,
            "at": when(at),
            "kind": [f.kind for f in found],
            "node": [storable(network.ids[f.node]) for f in found],
            "device_key": [None if f.device < 0 else keys.key(f.device) for f in found],
            "other": [None if f.other < 0 else storable(network.ids[f.other]) for f in found],
            "since": [when_any(f.since if f.since >= 0 else None) for f in found],
            "words": [storable(f.words) for f in found],
            "figures": [to_json(f.figures) for f in found],
        }
        with boundary("writing what the balance found"):
            async with self._pool.connection() as conn, conn.transaction():
                await conn.execute(sql("area_finding_clear"), given)
                return (await conn.execute(sql("area_finding_insert"), given)).rowcount

    async def areas(self, *, below: Collection[str] | None = None, limit: int = 100) -> list[AreaLossView]:
        """The last balance of each area, most lost beyond what is technical first; at or below these nodes only."""
        given = {"below": None if below is None else [storable(b) for b in below], "limit": limit}
        with boundary("reading the balance of areas"):
            async with self._pool.connection() as conn, conn.cursor(row_factory=dict_row) as cur:
                await cur.execute(sql("area_loss_now"), given)
                return [
                    AreaLossView(**row | {"since": micros(row["since"]), "found": tuple(row["found"])})
                    async for row in cur
                ]


def _names(nodes: Int32s, network: Network) -> list[str]:
    return [storable(network.ids[node]) for node in nodes.tolist()]


def nullable(values: Float64s) -> list[float | None]:
    """None in the place of NaN."""
    return [None if math.isnan(value) else value for value in values.tolist()]
