"""One transaction: what was heard and told, what was concluded from it, its tickets and messages, the position."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec
import psycopg

from gateway.core.model import Commit, DeadLetter, RejectedValue, Signal
from gateway.core.ports import TicketDesk
from gateway.store import drills, incidents, instructions, lates, planned, quality, readings, tickets, usage
from gateway.store.devices import DeviceKeys
from gateway.store.queries import sql
from gateway.store.readings import Stored
from gateway.store.rows import when, when_any
from gateway.store.text import storable
from gateway.store.told import Happening, of_events


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What one commit changed; writing the same commit again changes nothing and counts duplicates only."""

    inserted: int = 0  # rows of readings
    merged: int = 0  # rows that filled gaps of a row of the same device and time
    duplicates: int = 0  # rows that said nothing new
    rejected: int = 0
    signals: int = 0
    dead_letters: int = 0
    planned: int = 0  # announcements of outages
    instructions: int = 0
    drills: int = 0
    suspicions: int = 0
    meter_events: int = 0  # new, or in a newer state
    incidents: int = 0  # seen for the first time
    tickets_opened: int = 0
    tickets_closed: int = 0


async def write(
    conn: psycopg.AsyncConnection,
    commit: Commit,
    desk: TicketDesk,
    spool: UUID,
    devices: DeviceKeys,
) -> tuple[Written, list[Happening]]:
    """Write everything or nothing; what is to be told of when it is there.

    Raises NotStorableError and psycopg's errors.
    """
    async with conn.transaction():
        stored = Stored()
        if commit.batches:
            rows = readings.gather(commit.batches, devices.keys)
            stored = await readings.copy(conn, rows)
            if stored.inserted or stored.merged:
                await lates.mark(conn, rows)
        rejected = await _rejected(conn, [r for batch in commit.batches for r in batch.rejected], devices)
        signals = await _signals(conn, commit.signals, devices)
        dead_letters = await _dead_letters(conn, commit.dead_letters)
        announced = await planned.write(conn, commit.planned)
        instructed = await instructions.write(conn, commit.instructions)
        exercised = await drills.write(conn, commit.drills)
        suspected = await usage.write(conn, commit.suspicions, devices)
        of_meters = await quality.write(conn, commit.meter_events, devices)
        fresh, first_seen = await incidents.write(conn, commit.events, desk, devices)
        steps = await tickets.advance(conn, fresh, desk, commit.at, devices)
        since = (
            when(commit.at).isoformat() if commit.at else None
        )  # the first tick ever is the start of observation
        await conn.execute(sql("position_upsert"), {"spool": spool, "seq": commit.upto, "since": since})
    written = Written(
        inserted=stored.inserted,
        merged=stored.merged,
        duplicates=stored.duplicates,
        rejected=rejected,
        signals=signals,
        dead_letters=dead_letters,
        planned=announced,
        instructions=instructed,
        drills=exercised,
        suspicions=suspected,
        meter_events=of_meters,
        incidents=first_seen,
        tickets_opened=steps.opened,
        tickets_closed=steps.closed,
    )
    return written, [*of_events(fresh), *steps.happened]


async def _rejected(
    conn: psycopg.AsyncConnection, values: Sequence[RejectedValue], devices: DeviceKeys
) -> int:
    if not values:
        return 0
    given = {
        "device_key": devices.of([v.device for v in values]),
        "measured_at": [when(v.measured_at) for v in values],
        "quantity": [storable(v.quantity) for v in values],
        "raw": [storable(v.raw) for v in values],
        "reason": [storable(v.reason) for v in values],
    }
    return (await conn.execute(sql("rejected_insert"), given)).rowcount


async def _signals(conn: psycopg.AsyncConnection, signals: Sequence[Signal], devices: DeviceKeys) -> int:
    if not signals:
        return 0
    given = {
        "kind": [s.kind.value for s in signals],
        "device_key": [devices.key(s.device) for s in signals],
        "occurred_at": [when_any(s.occurred_at) for s in signals],
        "reported_at": [when_any(s.reported_at) for s in signals],
        "received_at": [when(s.received_at) for s in signals],
        "source": [storable(s.source) for s in signals],
        "detail": [storable(s.detail) for s in signals],
    }
    return (await conn.execute(sql("signal_insert"), given)).rowcount


async def _dead_letters(conn: psycopg.AsyncConnection, letters: Sequence[DeadLetter]) -> int:
    if not letters:
        return 0
    given = {
        "received_at": [when(d.received_at) for d in letters],
        "source": [storable(d.source) for d in letters],
        "topic": [storable(d.topic) for d in letters],
        "payload": [d.payload for d in letters],
        "reason": [storable(d.reason) for d in letters],
    }
    return (await conn.execute(sql("dead_letter_insert"), given)).rowcount
