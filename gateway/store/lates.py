"""How far the reckoning of intervals is, and what came for stretches that it has left behind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import psycopg
from psycopg import sql as compose

from gateway.core.clock import DAY, from_datetime
from gateway.core.model import Int32s, Int64s
from gateway.core.quantities import QUANTITIES
from gateway.store.book import Book
from gateway.store.columns import fetch
from gateway.store.errors import boundary
from gateway.store.queries import sql
from gateway.store.readings import Rows
from gateway.store.rows import micros, when

_REGISTERS = frozenset(q.name for q in QUANTITIES if q.kind == "register")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LateMarks:
    """Stretches to reckon anew, oldest marks first; several may be of one device.

    number: int64[n];  device: int32[n], −1 where the inventory no longer has it;  first, last: int64[n] µs UTC, when
    the earliest and the latest of what came were measured: the intervals on both sides of each are concerned.
    """

    number: Int64s
    device: Int32s
    first: Int64s
    last: Int64s

    def __len__(self) -> int:
        return len(self.number)


class Progress(Book):
    async def done_until(self) -> int | None:
        """Until when intervals are reckoned for all devices; None before the first time."""
        with boundary("reading how far intervals are"):
            async with self._pool.connection() as conn:
                row = await (await conn.execute(sql("progress"))).fetchone()
        return None if row is None else micros(row[0])

    async def begin(self, till: int) -> None:
        """To be called before the readings until `till` are read for `set_done(till)`: from now on the writer marks
        what comes for earlier times. Returns when whatever is not marked can be read."""
        await self._forward("progress_begin", till)

    async def set_done(self, till: int) -> None:
        """Intervals until `till` are reckoned; never goes back."""
        await self._forward("progress_done", till)

    async def take_late(self, limit: int) -> LateMarks:
        """The oldest marks; they stay until `late_done`."""
        types = ("i8", "i4", "t8", "t8")
        with boundary("reading late marks"):
            async with self._pool.connection() as conn:
                columns = await fetch(conn, compose.SQL(sql("late_mark_take")), {"limit": limit}, types)
        number, device, first, last = columns
        return LateMarks(
            number=number.astype(np.int64),
            device=self._devices().local_column(device.astype(np.int32)),
            first=first.astype(np.int64),
            last=last.astype(np.int64),
        )

    async def late_done(self, marks: LateMarks) -> None:
        """What these marks said has been done."""
        with boundary("deleting late marks"):
            async with self._pool.connection() as conn:
                await conn.execute(sql("late_mark_done"), {"numbers": marks.number.tolist()})

    async def _forward(self, query: str, till: int) -> None:
        with boundary("writing how far intervals are"):
            async with self._pool.connection() as conn:
                await conn.execute(sql(query), {"till": when(till)})


async def mark(conn: psycopg.AsyncConnection, rows: Rows) -> int:
    """Within the transaction that writes these rows: mark those with register readings for times that were reckoned
    already (the border itself too: what is read there ends an interval), one mark per device and UTC day; how many."""
    registers = [j for j, name in enumerate(rows.quantities) if name in _REGISTERS]
    if not registers:
        return 0
    row = await (await conn.execute(sql("late_border"))).fetchone()
    assert row is not None
    if row[0] is None:
        return 0
    late = np.flatnonzero(rows.measured_at <= from_datetime(row[0]))
    if len(late):
        late = late[~np.isnan(rows.values[late][:, registers]).all(axis=1)]
    if not len(late):
        return 0
    device, at = rows.device[late], rows.measured_at[late]
    order = np.lexsort((at, device))
    device, at = device[order], at[order]
    day = at // DAY
    begins = np.flatnonzero(np.concatenate([[True], (device[1:] != device[:-1]) | (day[1:] != day[:-1])]))
    ends = np.append(begins[1:], len(at)) - 1
    given = {
        "device_key": device[begins].tolist(),
        "first_at": [when(t) for t in at[begins].tolist()],
        "last_at": [when(t) for t in at[ends].tolist()],
    }
    return (await conn.execute(sql("late_mark_insert"), given)).rowcount
