"""The ledger of gaps: what was not collected, why, how often it was asked for, when it was filled."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg.rows import dict_row

from gateway.core.clock import from_datetime
from gateway.core.meterdata import GAP_CAUSES, GapCause, Gaps
from gateway.core.model import Int32s, Record
from gateway.core.quantities import INDEX
from gateway.store.book import Book
from gateway.store.errors import boundary
from gateway.store.queries import sql
from gateway.store.rows import micros, when, when_any


class OpenGap(Record, frozen=True, kw_only=True):
    """A gap that is not filled; `filled` of its `intervals` have come."""

    number: int
    device: int
    quantity: str
    start: int
    end: int
    cause: GapCause
    found_at: int
    asked_at: int | None
    asks: int
    intervals: int
    filled: int


class GapBook(Book):
    async def put_gaps(self, gaps: Gaps, *, at: int) -> int:
        """Take gaps into the ledger; how many are new. One that overlaps or adjoins an open one of its device and cause
        goes on with it; one that lies within an open one is that one, with the cause as found now."""
        if not len(gaps):
            return 0
        given = {
            "device_key": self._devices().column(gaps.device).tolist(),
            "quantity": INDEX[gaps.quantity],
            "starts_at": [when(t) for t in gaps.start.tolist()],
            "ends_at": [when(t) for t in gaps.end.tolist()],
            "cause": [GAP_CAUSES[cause].value for cause in gaps.cause.tolist()],
            "at": when(at),
        }
        with boundary("writing gaps"):
            async with self._pool.connection() as conn, conn.transaction():
                await conn.execute(sql("gap_staging"), given)
                await conn.execute(sql("gap_extend"))
                row = await (await conn.execute(sql("gap_insert"), given)).fetchone()
        return 0 if row is None else int(row[0])

    async def settle_gaps(self, devices: Int32s, quantity: str, *, at: int) -> int:
        """Hold the open gaps of these devices against their intervals; how many are filled now."""
        given = {
            "devices": self._devices().column(devices).tolist(),
            "quantity": INDEX[quantity],
            "at": when(at),
        }
        with boundary("settling gaps"):
            async with self._pool.connection() as conn:
                row = await (await conn.execute(sql("gap_settle"), given)).fetchone()
        return 0 if row is None else int(row[0])

    async def open_gaps(
        self,
        *,
        since: int,
        limit: int,
        asked_before: int | None = None,
        asks_below: int | None = None,
        devices: Int32s | None = None,
    ) -> list[OpenGap]:
        """Gaps not filled that end later than `since`, those asked for least and longest ago first; where given only
        those of these devices, never asked for or last before `asked_before`, and asked for fewer than `asks_below`
        times."""
        given = {
            "since": when(since),
            "limit": limit,
            "asked_before": when_any(asked_before),
            "asks_below": asks_below,
            "devices": None if devices is None else self._devices().column(devices).tolist(),
        }
        with boundary("reading gaps"):
            async with self._pool.connection() as conn, conn.cursor(row_factory=dict_row) as cur:
                rows = await (await cur.execute(sql("gap_open"), given)).fetchall()
        locals_ = self._devices().local_or_none(row["device_key"] for row in rows)
        return [
            OpenGap(
                number=row["gap_id"],
                device=local,
                quantity=row["quantity"],
                start=from_datetime(row["starts_at"]),
                end=from_datetime(row["ends_at"]),
                cause=GapCause(row["cause"]),
                found_at=from_datetime(row["found_at"]),
                asked_at=micros(row["asked_at"]),
                asks=row["asks"],
                intervals=row["intervals"],
                filled=row["filled"],
            )
            for local, row in zip(locals_, rows, strict=True)
            if local is not None
        ]

    async def gaps_asked(self, numbers: Sequence[int], *, at: int) -> None:
        """These were asked for again."""
        with boundary("writing gaps"):
            async with self._pool.connection() as conn:
                await conn.execute(sql("gap_asked"), {"numbers": list(numbers), "at": when(at)})
