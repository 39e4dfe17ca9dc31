"""What was judged of customers by day, and what the stream was told of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence

import msgspec
from psycopg.rows import dict_row

from gateway.core.clock import from_datetime
from gateway.core.model import Reason, Record, Suspicion
from gateway.store.book import Book
from gateway.store.errors import boundary
from gateway.store.queries import sql
from gateway.store.rows import Row, micros, when, when_any
from gateway.store.text import storable, to_json


class JudgedDay(Record, frozen=True, kw_only=True):
    """A customer's day as judged. kinds: of independent evidence;  opens: they and the score ask for an inspection."""

    device: int
    day: dt.date
    score: float
    log_odds: float
    kinds: int
    opens: bool
    kwh: float | None
    expected_kwh: float | None
    since: int | None
    reasons: tuple[Reason, ...]


class WatchView(Record, frozen=True, kw_only=True):
    """The last word on a device of which the stream was told, with what is being done about it; µs UTC.

    rule, words: of its strongest reason. A terminal stands for the area of its transformer.
    """

    device_id: str
    device_kind: str
    node_id: str | None
    transformer_id: str | None
    feeder_id: str | None
    customer_class: str
    score: float
    since: int
    until: int
    rule: str | None
    words: str | None
    reasons: tuple[Reason, ...]
    incident_id: str | None
    ticket_number: int | None
    ticket_state: str | None


class JudgementTables(Book):
    async def put_days(self, day: dt.date, rows: Sequence[JudgedDay], *, at: int) -> int:
        """The customers of a day that are worth keeping, in the place of all that was kept of that day."""
        given: dict[str, object] = {
            "day": day,
            "at": when(at),
            "device_key": self._devices().of([r.device for r in rows]),
            "score": [r.score for r in rows],
            "log_odds": [r.log_odds for r in rows],
            "kinds": [r.kinds for r in rows],
            "opens": [r.opens for r in rows],
            "kwh": [r.kwh for r in rows],
            "expected_kwh": [r.expected_kwh for r in rows],
            "since": [when_any(r.since) for r in rows],
            "reasons": [to_json(r.reasons) for r in rows],
        }
        with boundary("writing judged days"):
            async with self._pool.connection() as conn, conn.transaction():
                await conn.execute(sql("usage_day_clear"), given)
                return (await conn.execute(sql("usage_day_insert"), given)).rowcount

    async def days(
        self, frm: dt.date, till: dt.date, *, device: int | None = None, limit: int = 1000
    ) -> list[JudgedDay]:
        """Days of [frm, till), latest first, then by score; of one device or of all."""
        known = self._devices()
        given = {
            "frm": frm,
            "till": till,
            "device_key": None if device is None else known.key(device),
            "limit": limit,
        }
        with boundary("reading judged days"):
            async with self._pool.connection() as conn, conn.cursor(row_factory=dict_row) as cur:
                await cur.execute(sql("usage_day_of"), given)
                rows = await cur.fetchall()
        local = known.local_or_none(row["device_key"] for row in rows)
        return [
            JudgedDay(
                device=key,
                since=micros(row["since"]),
                reasons=_reasons(row["reasons"]),
                **{name: row[name] for name in _PLAIN},
            )
            for key, row in zip(local, rows, strict=True)
            if key is not None
        ]

    async def suspicions(self, devices: Sequence[int], *, limit: int = 100) -> list[Suspicion]:
        """All that the stream was told of these devices, latest first."""
        given = {"devices": self._devices().of(devices), "limit": limit}
        return await self._suspicions("suspicion_of", given)

    async def standing(self, *, score: float = 0.0, limit: int = 1_000_000) -> list[Suspicion]:
        """The last word on every device whose score is still this or more, highest first."""
        return await self._suspicions("suspicion_standing", {"score": score, "limit": limit})

    async def watchlist(
        self, *, score: float = 0.0, below: Collection[str] | None = None, limit: int = 100
    ) -> list[WatchView]:
        """Whom to look at first; at or below these nodes only."""
        given = {
            "score": score,
            "below": None if below is None else [storable(b) for b in below],
            "limit": limit,
        }
        with boundary("reading the watch list"):
            async with self._pool.connection() as conn, conn.cursor(row_factory=dict_row) as cur:
                await cur.execute(sql("usage_watchlist"), given)
                return [
                    WatchView(
                        **row
                        | {
                            "since": from_datetime(row["since"]),
                            "until": from_datetime(row["until"]),
                            "reasons": _reasons(row["reasons"]),
                        }
                    )
                    async for row in cur
                ]

    async def _suspicions(self, query: str, given: dict[str, object]) -> list[Suspicion]:
        with boundary("reading suspicions"):
            async with self._pool.connection() as conn, conn.cursor(row_factory=dict_row) as cur:
                await cur.execute(sql(query), given)
                rows = await cur.fetchall()
        local = self._devices().local_or_none(row["device_key"] for row in rows)
        return [_suspicion(key, row) for key, row in zip(local, rows, strict=True) if key is not None]


_PLAIN = ("day", "score", "log_odds", "kinds", "opens", "kwh", "expected_kwh")


def _suspicion(device: int, row: Row) -> Suspicion:
    return Suspicion(
        device=device,
        received_at=from_datetime(row["received_at"]),
        since=from_datetime(row["since"]),
        until=from_datetime(row["until"]),
        score=row["score"],
        reasons=_reasons(row["reasons"]),
    )


def _reasons(stored: object) -> tuple[Reason, ...]:
    """Figures that were not finite are null in JSON, and are left out."""
    assert isinstance(stored, list)
    clean = [r | {"figures": {k: v for k, v in r["figures"].items() if v is not None}} for r in stored]
    return msgspec.convert(clean, tuple[Reason, ...])
