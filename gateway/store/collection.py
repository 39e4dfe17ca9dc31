"""The collection account: what was expected and what came, per device and local day."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, TypeAlias

import numpy as np
from psycopg import sql as compose
from psycopg.rows import dict_row

from gateway.core.meterdata import GAP_CAUSES, CollectionDays
from gateway.core.model import Int32s, Record
from gateway.core.quantities import INDEX
from gateway.store.book import Book
from gateway.store.columns import fetch
from gateway.store.errors import boundary
from gateway.store.queries import sql
from gateway.store.rows import micros, when
from gateway.store.text import storable

CollectionPlace: TypeAlias = Literal["all", "area", "feeder", "transformer", "concentrator", "device"]


class CollectionRate(Record, frozen=True, kw_only=True):
    """The account of one group, over the window or one day of it (`day`, when it begins).

    key: area's name, node's or device's id; empty where there is none.  rate: collected / expected, None where nothing
    was expected.  supply, device, communications, gateway: intervals that lack, by cause.
    """

    key: str
    day: int | None
    devices: int
    expected: int
    collected: int
    estimated: int
    missing: int
    edited: int
    supply: int
    device: int
    communications: int
    gateway: int
    rate: float | None
    target: float
    met: bool | None


_COUNTS = ("expected", "collected", "estimated", "missing", "edited")


class CollectionBook(Book):
    async def put_collection(self, days: CollectionDays, *, at: int) -> int:
        """Take over the account of these devices and days, in the place of what stood; how many rows changed."""
        if not len(days):
            return 0
        given: dict[str, object] = {
            "device_key": self._devices().column(days.device).tolist(),
            "quantity": INDEX[days.quantity],
            "day": [when(day) for day in days.day.tolist()],
            "at": when(at),
        }
        given |= {name: getattr(days, name).tolist() for name in _COUNTS}
        given |= {cause.value: days.lacking[:, i].tolist() for i, cause in enumerate(GAP_CAUSES)}
        with boundary("writing the collection account"):
            async with self._pool.connection() as conn:
                return (await conn.execute(sql("collection_put"), given)).rowcount

    async def collection_days(self, devices: Int32s, quantity: str, frm: int, till: int) -> CollectionDays:
        """The rows of days that begin in [frm, till), by device and day."""
        known = self._devices()
        given = {
            "devices": known.column(devices).tolist(),
            "quantity": INDEX[quantity],
            "frm": when(frm),
            "till": when(till),
        }
        types = ("i4", "t8", *["i4"] * (len(_COUNTS) + len(GAP_CAUSES)))
        with boundary("reading the collection account"):
            async with self._pool.connection() as conn:
                columns = await fetch(conn, compose.SQL(sql("collection_days")), given, types)
        device = known.local_column(columns[0].astype(np.int32))
        order = np.lexsort((columns[1], device))
        counts = [column[order].astype(np.int32) for column in columns[2:]]
        expected, collected, estimated, missing, edited = counts[: len(_COUNTS)]
        return CollectionDays(
            quantity=quantity,
            device=device[order],
            day=columns[1][order].astype(np.int64),
            expected=expected,
            collected=collected,
            estimated=estimated,
            missing=missing,
            edited=edited,
            lacking=np.column_stack(counts[len(_COUNTS) :]),
        )

    async def collection(
        self,
        frm: int,
        till: int,
        place: CollectionPlace = "all",
        *,
        by_day: bool = False,
        below: Collection[str] | None = None,
        limit: int = 100_000,
    ) -> list[CollectionRate]:
        """The account of days that begin in [frm, till) by group, worst rate first, or by day and group. With `below`
        only of groups that are nodes or devices, at or below these nodes."""
        given = {
            "frm": when(frm),
            "till": when(till),
            "place": place,
            "by_day": by_day,
            "below": None if below is None else [storable(node) for node in below],
            "limit": limit,
        }
        with boundary("reading the collection account"):
            async with self._pool.connection() as conn, conn.cursor(row_factory=dict_row) as cur:
                await cur.execute(sql("collection_rate"), given)
                return [CollectionRate(**row | {"day": micros(row["day"])}) async for row in cur]
