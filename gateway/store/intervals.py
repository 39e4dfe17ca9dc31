"""Readings in columns out of the database; intervals into it and out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg import sql as compose

from gateway.core.clock import HOUR
from gateway.core.meterdata import Intervals, Registers
from gateway.core.model import Batch, Bools, Float64s, Int32s, Record
from gateway.core.quantities import BY_NAME, INDEX
from gateway.store.book import Book
from gateway.store.columns import copy_in, fetch, stamps
from gateway.store.errors import boundary
from gateway.store.queries import sql
from gateway.store.rows import when
from gateway.store.standing import check, unsaid

_EDGE = 3 * HOUR  # of a day that a state of its first reading stands for
_ROW = ("i4", "t8", "t8", "i4")  # device_key, measured_at, received_at, quality


class Put(Record, frozen=True, kw_only=True):
    """What became of the intervals that were put."""

    inserted: int = 0
    replaced: int = 0  # what stood is a version now
    kept: int = 0  # what stood says the same, is better, or was edited
    too_late: int = 0  # of these: measured, but what stood was final; on record in `interval_too_late`


class IntervalBook(Book):
    async def readings(self, devices: Int32s, quantities: Sequence[str], frm: int, till: int) -> Batch:
        """Rows of [frm, till) of these devices that carry at least one of the quantities, by device and time."""
        names = tuple(sorted(set(quantities), key=INDEX.__getitem__))
        each = [compose.Identifier(name) for name in names]
        query = compose.SQL(sql("meterdata_readings")).format(
            columns=compose.SQL(", ").join(
                compose.SQL("array_agg(coalesce({}, 'NaN'))").format(name) for name in each
            ),
            carries=compose.SQL(" or ").join(compose.SQL("{} is not null").format(name) for name in each),
        )
        given: dict[str, object] = {"frm": when(frm), "till": when(till)}
        columns = await self._columns(devices, query, given, (*_ROW, *["f8"] * len(names)))
        device, measured_at, received_at, quality = columns[:4]
        values = np.column_stack(columns[4:]) if names else np.empty((len(device), 0))
        return Batch(
            quantities=names,
            device=device.astype(np.int32),
            measured_at=measured_at.astype(np.int64),
            received_at=received_at.astype(np.int64),
            values=np.ascontiguousarray(values, np.float64),
            quality=quality.astype(np.uint16),
            source="database",
        )

    async def phases(
        self, devices: Int32s, live: Float64s, frm: int, till: int
    ) -> tuple[Int32s, Float64s, Float64s, Float64s, Bools]:
        """(devices, seen, power, current, cut) of those with readings in [frm, till).

        seen: float64[n], the share of readings with voltage of which one phase shows `live` V or more;  power, current:
        float64[n, 3], means by phase;  NaN for not measured;  cut: bool[n], the breaker was open whenever it was read,
        from the first hours to the last.
        """
        given: dict[str, object] = {"frm": when(frm), "till": when(till), "live": live.tolist()}
        given["devices"] = self._devices().column(devices).tolist()
        edge = min(_EDGE, (till - frm) // 4)
        given |= {"early": when(frm + edge), "late": when(till - edge)}
        with boundary("reading means by phase"):
            async with self._pool.connection() as conn:
                columns = await fetch(
                    conn, compose.SQL(sql("meterdata_phases")), given, ("i4", *["f8"] * 7, "i2")
                )
        device = self._devices().local_column(columns[0].astype(np.int32))
        seen, *by_phase = (column.astype(np.float64) for column in columns[1:8])
        cut: Bools = columns[8] == 1
        return device, seen, np.column_stack(by_phase[:3]), np.column_stack(by_phase[3:]), cut

    async def registers(
        self, devices: Int32s, quantity: str, frm: int, till: int, *, reach: int
    ) -> Registers:
        """Readings of [frm, till], and of each device the nearest one before frm and after till within `reach` µs; by
        device and time. Values that are none, as far as they are on record, come as NaN."""
        column = compose.Identifier(BY_NAME[quantity].name)
        given: dict[str, object] = {
            "frm": when(frm),
            "till": when(till),
            "quantity": quantity,
            "reach": timedelta(microseconds=reach),
        }
        query = compose.SQL(sql("meterdata_registers")).format(quantity=column)
        columns = await self._columns(devices, query, given, (*_ROW, "f8"))
        device, measured_at, received_at, quality, value = columns
        return Registers(
            quantity=quantity,
            device=device.astype(np.int32),
            measured_at=measured_at.astype(np.int64),
            received_at=received_at.astype(np.int64),
            value=value.astype(np.float64),
            quality=quality.astype(np.uint16),
        )

    async def showing(self, devices: Int32s, quantity: str, frm: int, till: int) -> Int32s:
        """Those of these devices that show such a register in [frm, till], rising."""
        query = compose.SQL(sql("meterdata_showing")).format(
            quantity=compose.Identifier(BY_NAME[quantity].name)
        )
        return await self._devices_of(devices, query, {"frm": when(frm), "till": when(till)})

    async def having(self, devices: Int32s, quantity: str) -> Int32s:
        """Those of these devices that have intervals of the quantity at all, rising."""
        return await self._devices_of(
            devices, compose.SQL(sql("interval_known")), {"quantity": INDEX[quantity]}
        )

    async def intervals(self, devices: Int32s, quantity: str, frm: int, till: int) -> Intervals:
        """Intervals that begin in [frm, till), as they stand, by device and start."""
        given: dict[str, object] = {"frm": when(frm), "till": when(till), "quantity": INDEX[quantity]}
        columns = await self._columns(
            devices, compose.SQL(sql("interval_columns")), given, ("i4", "t8", "t8", "f8", "f8", "i2", "i8")
        )
        device, start, end, raw, value, status, rules = columns
        return Intervals(
            quantity=quantity,
            device=device.astype(np.int32),
            start=start.astype(np.int64),
            end=end.astype(np.int64),
            raw=raw.astype(np.float64),
            value=value.astype(np.float64),
            status=status.astype(np.uint8),
            rules=rules.astype(np.int64),
        )

    async def put(self, intervals: Intervals, *, at: int, final_before: int) -> Put:
        """Take over what was made of readings, in one transaction; the same again changes nothing.

        What stands stays where it is better (measured before estimated before missing), where a person edited it (what
        the machine says is kept up under it), and where it ends at or before `final_before`: what is final stays final,
        the latest such time ever given holds. An interval that overlaps one of other bounds is left out: no energy is
        there twice. `Rule.LATE` is set here where what was measured takes the place of what
        was not.

        Raises NotStorableError for what no machine may say (status EDITED, a value without a status or the reverse),
        for an interval twice, and for devices that the inventory does not have.
        """
        n = len(intervals)
        if n == 0:
            return Put()
        keys = self._devices().column(intervals.device)
        check(intervals)
        given: dict[str, object] = {
            "at": when(at),
            "final_before": when(final_before),
            "devices": np.unique(keys).tolist(),
            "quantity": INDEX[intervals.quantity],
            "low": when(int(intervals.start.min())),
            "high": when(int(intervals.start.max())),
        }
        with boundary("writing intervals"):
            async with self._pool.connection() as conn:
                await conn.execute(sql("interval_final"), given)
                fresh = await unsaid(conn, given, intervals, keys)
                if not fresh.any():
                    return Put(kept=n)
        intervals, keys = intervals.rows(fresh), keys[fresh]
        given |= {
            "devices": np.unique(keys).tolist(),
            "months": np.unique(intervals.start.astype("M8[us]").astype("M8[M]"))
            .astype("M8[D]")
            .astype(object)
            .tolist(),
        }
        with boundary("writing intervals"):
            async with self._pool.connection() as conn, conn.transaction():
                await conn.execute(sql("interval_lock"))  # before partitions: who edits holds it, then reads
                await conn.execute(sql("interval_months"), given)
                await _stage(conn, intervals, keys)
                inserted = (await conn.execute(sql("interval_insert"), given)).rowcount
                if inserted == len(keys):
                    return Put(inserted=inserted, kept=n - inserted)
                replaced, late = await _replace(conn, given)
        return Put(inserted=inserted, replaced=replaced, kept=n - inserted - replaced, too_late=late)

    async def _devices_of(
        self, devices: Int32s, query: compose.Composed | compose.SQL, given: dict[str, object]
    ) -> Int32s:
        known = self._devices()
        given = given | {"devices": known.column(devices).tolist()}
        with boundary("reading whose meter data there are"):
            async with self._pool.connection() as conn:
                (column,) = await fetch(conn, query, given, ("i4",))
        return np.sort(known.local_column(column.astype(np.int32)))

    async def _columns(
        self,
        devices: Int32s,
        query: compose.Composed | compose.SQL,
        given: dict[str, object],
        types: Sequence[str],
    ) -> list[npt.NDArray[np.generic]]:
        """Columns whose first two are device_key and a time: those of known devices under their local keys, in order of
        device and time."""
        known = self._devices()
        given = given | {"devices": known.column(devices).tolist()}
        with boundary("reading meter data"):
            async with self._pool.connection() as conn:
                columns = await fetch(conn, query, given, types)
        device = known.local_column(columns[0].astype(np.int32))
        order = np.lexsort((columns[1], device))
        return [column[order] for column in (device, *columns[1:])]


async def _stage(conn: psycopg.AsyncConnection, intervals: Intervals, keys: Int32s) -> None:
    await conn.execute(sql("interval_staging"))
    columns = (
        keys,
        np.full(len(keys), INDEX[intervals.quantity], np.int16),
        intervals.status.astype(np.int16),
        stamps(intervals.start),
        stamps(intervals.end),
        intervals.rules,
        intervals.raw,
        intervals.value,
    )
    await copy_in(conn, compose.SQL(sql("interval_copy")), columns)


async def _replace(conn: psycopg.AsyncConnection, given: dict[str, object]) -> tuple[int, int]:
    """How many stand in a new version, and how many came too late."""
    await conn.execute(sql("interval_judge"), given)
    row = await (await conn.execute(sql("interval_better_count"))).fetchone()
    assert row is not None
    plain, under, late = row
    replaced = 0
    if plain:
        replaced += (await conn.execute(sql("interval_replace"), given)).rowcount
    if under:
        replaced += (await conn.execute(sql("interval_replace_under"), given)).rowcount
    if late:
        await conn.execute(sql("interval_too_late"), given)
    return replaced, late
