"""What the job over meter data asks beside the meter data: how far its steps are, and what went on meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import psycopg
from psycopg_pool import AsyncConnectionPool

from gateway.core.model import Int32s, Int64s
from gateway.store.devices import DeviceKeys
from gateway.store.errors import boundary
from gateway.store.queries import sql
from gateway.store.rows import when


class OffSpells(NamedTuple):
    """Stretches without supply. device: int32[n] local keys;  start, end: int64[n] µs UTC."""

    device: Int32s
    start: Int64s
    end: Int64s


class BookKeeping:
    """Every method raises UnavailableError while the database is away."""

    def __init__(
        self, pool: AsyncConnectionPool[psycopg.AsyncConnection], devices: Callable[[], DeviceKeys]
    ) -> None:
        self._pool = pool
        self._devices = devices

    async def reached(self, step: str) -> int | None:
        """Until when that step is done; None before the first time."""
        with boundary("reading how far the meter data are reckoned"):
            async with self._pool.connection() as conn:
                row = await (await conn.execute(sql("book_reached"), {"step": f"book_{step}"})).fetchone()
        return None if row is None else int(row[0])

    async def set_reached(self, step: str, at: int) -> None:
        with boundary("keeping how far the meter data are reckoned"):
            async with self._pool.connection() as conn:
                await conn.execute(sql("book_set_reached"), {"step": f"book_{step}", "at": str(at)})

    async def again(self, step: str) -> list[int]:
        """Beginnings of days for which that step is to be done again, rising."""
        with boundary("reading what of the meter data is to be done again"):
            async with self._pool.connection() as conn:
                row = await (await conn.execute(sql("book_again"), {"step": f"book_{step}_again"})).fetchone()
        return [] if row is None else [int(day) for day in row[0]]

    async def set_again(self, step: str, days: Sequence[int], *, wanted: bool) -> None:
        """Note that it is to be done again for these days, or that it is done."""
        given = {"step": f"book_{step}_again", "days": list(days), "wanted": wanted}
        with boundary("keeping what of the meter data is to be done again"):
            async with self._pool.connection() as conn:
                await conn.execute(sql("book_set_again"), given)

    async def first_reading(self, *, since: int, till: int) -> int | None:
        """The first reading within [since, till)."""
        with boundary("looking for the first reading"):
            async with self._pool.connection() as conn:
                given = {"since": when(since), "till": when(till)}
                row = await (await conn.execute(sql("book_first_reading"), given)).fetchone()
        return None if row is None else int(row[0])

    async def expected_since(self, devices: Int32s) -> Int64s:
        """From when on each of these is expected to deliver: since it is listed, or has a reading: int64[n] µs UTC."""
        known = self._devices()
        given = {"devices": known.of(devices.tolist())}
        with boundary("reading since when devices are there"):
            async with self._pool.connection() as conn:
                rows = await (await conn.execute(sql("book_expected_since"), given)).fetchall()
        found: dict[int, int] = dict(rows)
        return np.array([found.get(key, 0) for key in given["devices"]], np.int64)

    async def absences(self, frm: int, till: int) -> list[tuple[int, int]]:
        """When the gateway itself was away, as far as it touches [frm, till), in order."""
        with boundary("reading absences of the gateway"):
            async with self._pool.connection() as conn:
                given = {"frm": when(frm), "till": when(till)}
                rows: Sequence[tuple[int, int]] = await (
                    await conn.execute(sql("book_absences"), given)
                ).fetchall()
        return [(int(start), int(end)) for start, end in rows]

    async def off(self, frm: int, till: int) -> OffSpells:
        """When metering points were without supply, as far as it touches [frm, till); what goes on ends at `till`."""
        with boundary("reading interruptions"):
            async with self._pool.connection() as conn:
                given = {"frm": when(frm), "till": when(till)}
                rows = await (await conn.execute(sql("book_off"), given)).fetchall()
        local = self._devices().local_or_none(key for key, _, _ in rows)
        kept = [(i, row) for i, row in zip(local, rows, strict=True) if i is not None]
        return OffSpells(
            np.array([i for i, _ in kept], np.int32),
            np.array([row[1] for _, row in kept], np.int64),
            np.array([row[2] for _, row in kept], np.int64),
        )

    async def anew(self, frm: int, till: int) -> Int32s:
        """Whose use is to be learned anew from [frm, till) on, rising: the meter was exchanged, or a person cancelled
        an incident of anomalous usage."""
        with boundary("reading whose use is another one"):
            async with self._pool.connection() as conn:
                given = {"frm": when(frm), "till": when(till)}
                rows = await (await conn.execute(sql("book_anew"), given)).fetchall()
        local = self._devices().local_column(np.array([key for (key,) in rows], np.int32))
        return np.unique(local[local >= 0]).astype(np.int32)

    async def meter_events(self, devices: Int32s, frm: int, till: int) -> list[tuple[int, str, int]]:
        """How many events of each kind began in [frm, till): (local key, kind, count)."""
        given = {"devices": self._devices().of(devices.tolist()), "frm": when(frm), "till": when(till)}
        with boundary("counting events of meters"):
            async with self._pool.connection() as conn:
                rows = await (await conn.execute(sql("book_meter_events"), given)).fetchall()
        local = self._devices().local_or_none(key for key, _, _ in rows)
        return [(i, kind, count) for i, (_, kind, count) in zip(local, rows, strict=True) if i is not None]
