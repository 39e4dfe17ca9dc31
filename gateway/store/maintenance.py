"""Partitions ahead, and what is older than its retention goes.

Tickets, their transitions and links, deliveries, instructions, exercises, corrections and the audit log are kept."""

from __future__ import annotations

import datetime as dt

import psycopg

from gateway.core.clock import DAY, to_datetime
from gateway.store.queries import sql
from gateway.store.settings import DatabaseSettings

CALLBACKS_KEPT = 30 * DAY
"""How long a service system may repeat a call and be given the same answer."""


async def maintain(
    conn: psycopg.AsyncConnection, settings: DatabaseSettings, now: int, *, timescale: bool
) -> None:
    """To be called once a day or more often; each step is a transaction of its own and may be repeated.

    On TimescaleDB chunks, compression and retention of readings are the server's own jobs.
    """
    await conn.execute(sql("maintain_session"))
    if not timescale:
        first = _day(now - settings.retention_days * DAY)
        days = {"first": first, "today": _day(now), "last": _day(now + settings.partitions_ahead_days * DAY)}
        for step in ("partitions_ahead", "partitions_sort", "partitions_drop"):
            await conn.execute(sql(step), days)
    await conn.execute(sql("callback_prune"), {"before": to_datetime(now - CALLBACKS_KEPT)})
    before = {"before": to_datetime(now - settings.signal_retention_days * DAY)}
    await conn.execute(sql("signals_prune"), before)
    await conn.execute(sql("quality_prune"), before)
    await conn.execute(sql("gateway_minute_prune"), before)


def _day(at: int) -> dt.date:
    return to_datetime(at).date()
