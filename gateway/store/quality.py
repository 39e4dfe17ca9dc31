"""Supply quality by day, and events of meters: put whole, asked for by pages and reports.

Devices are the inventory's local keys where they go in. What is put again takes the place of what stood.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from typing import Literal, TypeAlias

import msgspec
import numpy as np
import psycopg
from psycopg import sql as compose
from psycopg.rows import dict_row

from gateway.core.clock import from_datetime
from gateway.core.model import MeterEvent, MeterEventKind
from gateway.store.book import Book
from gateway.store.columns import Column, copy_in, stamps
from gateway.store.devices import DeviceKeys
from gateway.store.errors import boundary
from gateway.store.queries import sql
from gateway.store.rows import Row, micros, when, when_any
from gateway.store.text import storable
from processors.quality.days import QualityDays, TransformerDays

QualityPlace: TypeAlias = Literal[
    "all", "feeder", "transformer", "node", "district", "customer_class", "device"
]

_APART = ("frm", "till", "device", "node", "peak_at")


class Compliance(msgspec.Struct, frozen=True, kw_only=True):
    """Voltage compliance of a group; minutes are summed over its points. percent: None where nothing was observed."""

    key: str
    points: int
    days: int  # of a point each
    observed_minutes: float
    out_minutes: float
    low_minutes: float
    high_minutes: float
    lost_minutes: float
    percent: float | None


class En50160(msgspec.Struct, frozen=True, kw_only=True):
    """10-min means of a point within a window; shares are of nominal voltage."""

    device_id: str
    node_id: str | None
    means: int
    within: int
    percent: float | None
    met: bool
    lowest: float | None
    highest: float | None
    frequency_percent: float | None


class TransformerLoad(msgspec.Struct, frozen=True, kw_only=True):
    """A measured place within a window: the most of its days, or the sum of their minutes."""

    node_id: str | None
    name: str | None
    device_id: str
    rated_kva: float | None
    peak_kva: float | None
    peak_percent: float | None
    overload_min: float | None
    heavy_min: float | None
    overload_longest_min: float | None
    reverse_min: float | None
    reverse_kw: float | None
    temperature_high: float | None
    hot_min: float | None
    observed_min: float | None


class MeterEventView(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a meter by the names of things."""

    device: str
    node: str
    kind: MeterEventKind
    phase: str
    started_at: int
    ended_at: int | None
    severe: bool
    extreme: float | None
    limit: float | None
    source: str


class Quality(Book):
    async def put_days(self, days: QualityDays) -> None:
        """Take over the accounts of these devices of one day."""
        await self._put("quality_day", days, ())

    async def put_transformers(self, days: TransformerDays) -> None:
        """Take over the accounts of these measured places of one day."""
        await self._put("transformer_day", days, (stamps(days.peak_at),))

    async def _put(self, table: str, days: QualityDays | TransformerDays, more: tuple[Column, ...]) -> None:
        n = len(days)
        if not n:
            return
        bounds = [stamps(np.full(n, at, np.int64)) for at in (days.frm, days.till)]
        names = [field.name for field in fields(days) if field.name not in _APART]
        columns: list[Column] = [self._devices().column(days.device), *bounds, *more]
        columns += [getattr(days, name) for name in names]
        with boundary("writing supply quality"):
            async with self._pool.connection() as conn, conn.transaction():
                await conn.execute(sql(f"{table}_staging"))
                await copy_in(conn, compose.SQL(sql(f"{table}_copy")), columns)
                await conn.execute(sql(f"{table}_put"))
                await conn.execute(sql(f"{table}_staging_drop"))

    async def compliance(
        self,
        frm: int,
        till: int,
        *,
        place: QualityPlace = "all",
        below: Collection[str] | None = None,
        limit: int = 100,
    ) -> list[Compliance]:
        """Voltage compliance of the days that begin in [frm, till); the worst first. With `below` only of groups that
        are nodes or devices, at or below these nodes."""
        given = {"frm": when(frm), "till": when(till), "place": place, "below": _nodes(below), "limit": limit}
        return [Compliance(**row) for row in await self._all("quality_compliance", given)]

    async def en_50160(
        self, frm: int, till: int, *, below: Collection[str] | None = None, limit: int = 100
    ) -> list[En50160]:
        """Who meets EN 50160 within a window of a week; who does not comes first. `below`: at or below these nodes."""
        given = {"frm": when(frm), "till": when(till), "below": _nodes(below), "limit": limit}
        return [En50160(**row) for row in await self._all("quality_en_50160", given)]

    async def transformers(
        self, frm: int, till: int, *, below: Collection[str] | None = None, limit: int = 100
    ) -> list[TransformerLoad]:
        """How measured places were loaded on the days that begin in [frm, till); the most first. `below`: at or below
        these nodes."""
        given = {"frm": when(frm), "till": when(till), "below": _nodes(below), "limit": limit}
        return [TransformerLoad(**row) for row in await self._all("quality_transformers", given)]

    async def events(
        self,
        frm: int,
        till: int,
        *,
        device: str | None = None,
        kind: MeterEventKind | None = None,
        ended: bool | None = None,
        below: Collection[str] | None = None,
        limit: int = 1000,
    ) -> list[MeterEventView]:
        """Events of meters that went on within [frm, till), newest first; of one device, or at or below these nodes."""
        given = {
            "frm": when(frm),
            "till": when(till),
            "device": None if device is None else storable(device),
            "kind": kind.value if kind is not None else None,
            "ended": ended,
            "below": _nodes(below),
            "limit": limit,
        }
        return [
            MeterEventView(
                device=row["device_id"],
                node=row["node_id"],
                kind=MeterEventKind(row["kind"]),
                phase=row["phase"],
                started_at=from_datetime(row["started_at"]),
                ended_at=micros(row["ended_at"]),
                severe=row["severe"],
                extreme=row["extreme"],
                limit=row["bound"],
                source=row["source"],
            )
            for row in await self._all("meter_event_list", given)
        ]

    async def _all(self, query: str, given: Mapping[str, object]) -> list[Row]:
        with boundary("reading supply quality"):
            async with self._pool.connection() as conn, conn.cursor(row_factory=dict_row) as cur:
                return [*await (await cur.execute(sql(query), given)).fetchall()]


def _nodes(below: Collection[str] | None) -> list[str] | None:
    return None if below is None else [storable(node) for node in below]


async def write(conn: psycopg.AsyncConnection, events: Sequence[MeterEvent], devices: DeviceKeys) -> int:
    """Put events of meters, within the caller's transaction; how many rows are new or say something new."""
    if not events:
        return 0
    given = {
        "device_key": devices.of([event.device for event in events]),
        "kind": [event.kind.value for event in events],
        "phase": [event.phase for event in events],
        "started_at": [when(event.started_at) for event in events],
        "ended_at": [when_any(event.ended_at) for event in events],
        "severe": [event.severe for event in events],
        "extreme": [event.extreme for event in events],
        "bound": [event.limit for event in events],
        "source": [storable(event.source) for event in events],
    }
    return (await conn.execute(sql("meter_event_put"), given)).rowcount
