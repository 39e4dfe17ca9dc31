"""Lists of meter data for pages and people: intervals, gaps, what persons said, the load to be expected."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from psycopg.rows import dict_row

from gateway.core.clock import from_datetime
from gateway.core.meterdata import GapCause, IntervalStatus
from gateway.core.model import Record
from gateway.core.quantities import INDEX
from gateway.store.book import Book, Retired
from gateway.store.errors import boundary
from gateway.store.queries import sql
from gateway.store.rows import Row, micros, when, when_any
from gateway.store.text import storable


class IntervalView(Record, frozen=True, kw_only=True):
    """An interval as it stands. `by`, `reason`: of the person whose value stands; empty where the machine's does."""

    start: int
    end: int
    raw: float | None
    value: float | None
    status: IntervalStatus
    rules: int  # of `Rule`
    version: int
    made_at: int
    final: bool
    by: str
    reason: str


class GapView(Record, frozen=True, kw_only=True):
    """A gap by the names of things; `filled` of its `intervals` have come. `node`: empty where it hangs nowhere."""

    number: int
    device: str
    node: str
    quantity: str
    start: int
    end: int
    cause: GapCause
    found_at: int
    asked_at: int | None
    asks: int
    filled_at: int | None
    intervals: int
    filled: int


class SaidView(Record, frozen=True, kw_only=True):
    """What a person said of a stretch; value None: what was said before was taken back."""

    number: int
    device: str
    quantity: str
    start: int
    end: int
    value: float | None
    at: int
    by: str
    reason: str


class LoadView(Record, frozen=True, kw_only=True):
    """The load to be expected of a node in one interval, kW; `high` is its upper quantile `share`."""

    start: int
    end: int
    expected_kw: float
    high_kw: float
    share: float
    limit_kw: float | None
    made_at: int


class MeterLists(Book):
    async def intervals(
        self,
        device: int | Retired,
        quantity: str,
        frm: int,
        till: int,
        *,
        after: int | None = None,
        limit: int = 100,
    ) -> list[IntervalView]:
        """Intervals that begin in [frm, till), and later than `after`; earliest first."""
        given = {
            "device": self._key(device),
            "quantity": INDEX[quantity],
            "frm": when(frm),
            "till": when(till),
            "after": when_any(after),
            "limit": limit,
        }
        return [
            IntervalView(
                start=from_datetime(row["starts_at"]),
                end=from_datetime(row["ends_at"]),
                raw=row["raw"],
                value=row["value"],
                status=IntervalStatus(row["status"]),
                rules=row["rules"],
                version=row["version"],
                made_at=from_datetime(row["made_at"]),
                final=row["final"],
                by=row["made_by"],
                reason=row["reason"],
            )
            for row in await self._all("interval_list", given)
        ]

    async def gaps(
        self,
        *,
        filled: bool | None = None,
        cause: GapCause | None = None,
        device: str | None = None,
        below: Collection[str] | None = None,
        before: tuple[int, int] | None = None,
        limit: int = 100,
    ) -> list[GapView]:
        """Latest start first. before: start and number of the last one of the page before; below: only of devices at or
        below these nodes."""
        at, number = before or (None, None)
        given = {
            "filled": filled,
            "cause": None if cause is None else cause.value,
            "device": None if device is None else storable(device),
            "below": None if below is None else [storable(node) for node in below],
            "before": when_any(at),
            "number": number,
            "limit": limit,
        }
        return [
            GapView(
                number=row["gap_id"],
                device=row["device_id"],
                node=row["node_id"],
                quantity=row["quantity"],
                start=from_datetime(row["starts_at"]),
                end=from_datetime(row["ends_at"]),
                cause=GapCause(row["cause"]),
                found_at=from_datetime(row["found_at"]),
                asked_at=micros(row["asked_at"]),
                asks=row["asks"],
                filled_at=micros(row["filled_at"]),
                intervals=row["intervals"],
                filled=row["filled"],
            )
            for row in await self._all("gap_list", given)
        ]

    async def said(
        self,
        *,
        device: str | None = None,
        below: Collection[str] | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[SaidView]:
        """What persons said of intervals before `before`, newest first; below: as in `gaps`."""
        given = {
            "device": None if device is None else storable(device),
            "below": None if below is None else [storable(node) for node in below],
            "before": when_any(before),
            "limit": limit,
        }
        return [
            SaidView(
                number=row["edit_id"],
                device=row["device_id"],
                quantity=row["quantity"],
                start=from_datetime(row["starts_at"]),
                end=from_datetime(row["ends_at"]),
                value=row["value"],
                at=from_datetime(row["made_at"]),
                by=row["made_by"],
                reason=row["reason"],
            )
            for row in await self._all("interval_said", given)
        ]

    async def outlook(self, node: str, *, at: int) -> list[LoadView]:
        """What is to be expected of a node from `at` on, earliest first."""
        return [
            LoadView(
                start=from_datetime(row["starts_at"]),
                end=from_datetime(row["ends_at"]),
                expected_kw=row["expected_kw"],
                high_kw=row["high_kw"],
                share=row["share"],
                limit_kw=row["limit_kw"],
                made_at=from_datetime(row["made_at"]),
            )
            for row in await self._all("load_outlook_of", {"node": storable(node), "at": when(at)})
        ]

    async def _all(self, query: str, given: Mapping[str, object]) -> list[Row]:
        with boundary("reading meter data"):
            async with self._pool.connection() as conn, conn.cursor(row_factory=dict_row) as cur:
                return [*await (await cur.execute(sql(query), given)).fetchall()]
