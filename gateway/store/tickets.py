"""Tickets move on in the transaction that moves their incidents, and with them the messages about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import psycopg
from psycopg.rows import dict_row

from gateway.core.model import Event, Incident, Ticket, TicketState
from gateway.core.ports import TicketDesk, TicketStep
from gateway.store import incidents
from gateway.store.devices import DeviceKeys
from gateway.store.queries import sql
from gateway.store.rows import ticket_of, ticket_row, when, when_any
from gateway.store.text import storable


class Steps(NamedTuple):
    opened: int = 0
    closed: int = 0


async def advance(
    conn: psycopg.AsyncConnection,
    events: Sequence[Event],
    desk: TicketDesk,
    at: int,
    devices: DeviceKeys,
) -> Steps:
    """Let existing tickets follow `events`, and those that the desk held something back from by `at`; then open
    those due by `at` (0: time did not move)."""
    news = [(event.incident, event.at) for event in events]
    if at:
        told = {incident.id for incident, _ in news}
        held_back = await incidents.select(conn, "ticket_look_again", {"at": when(at)}, devices)
        news += [(incident, at) for incident in held_back if incident.id not in told]
    existing = await _existing(conn, sorted({storable(incident.id) for incident, _ in news}))
    again: dict[str, int | None] = {}
    opened = closed = messages = 0
    for incident, moment in news:
        name = storable(incident.id)
        if name not in existing:
            continue
        step = desk.follow(incident, existing[name], at=moment)
        if step is not None:
            await save(conn, step, new=False)
            existing[name] = step.ticket
            closed += step.transition.to_state == TicketState.CLOSED
            messages += len(step.deliveries)
        again[existing[name].id] = desk.again_at(incident, existing[name])
    await _look_again(conn, again)
    for incident in await _due(conn, at, devices) if at else ():
        row = await (await conn.execute(sql("ticket_number"))).fetchone()
        assert row is not None
        step = desk.open(incident, number=row[0], at=at)
        await save(conn, step, new=True)
        opened += 1
        messages += len(step.deliveries)
    if messages:
        await conn.execute(sql("outbox_notify"))
    return Steps(opened, closed)


async def _due(conn: psycopg.AsyncConnection, at: int, devices: DeviceKeys) -> list[Incident]:
    """Open incidents whose ticket is due by `at` and not there."""
    return await incidents.select(conn, "incident_due", {"at": when(at)}, devices)


async def _look_again(conn: psycopg.AsyncConnection, at: Mapping[str, int | None]) -> None:
    """Keep, by ticket, when the desk wants to be asked again."""
    if at:
        given = {
            "tickets": [storable(name) for name in at],
            "at": [when_any(moment) for moment in at.values()],
        }
        await conn.execute(sql("ticket_look_again_set"), given)


async def _existing(conn: psycopg.AsyncConnection, names: Sequence[str]) -> dict[str, Ticket]:
    if not names:
        return {}
    async with conn.cursor(row_factory=dict_row) as cur:
        rows = await (await cur.execute(sql("ticket_lock"), {"incidents": list(names)})).fetchall()
    return {row["incident_id"]: ticket_of(row) for row in rows}


async def save(conn: psycopg.AsyncConnection, step: TicketStep, *, new: bool) -> None:
    """Write one step with its messages, within the caller's transaction."""
    await conn.execute(sql("ticket_insert" if new else "ticket_update"), ticket_row(step.ticket))
    made = step.transition
    await conn.execute(
        sql("ticket_transition_insert"),
        {
            "ticket_id": storable(made.ticket),
            "revision": made.revision,
            "at": when(made.at),
            "action": storable(made.action),
            "from_state": made.from_state.value if made.from_state is not None else None,
            "to_state": made.to_state.value,
            "actor": storable(made.by),
            "reason": storable(made.reason),
        },
    )
    for message in step.deliveries:
        await conn.execute(
            sql("delivery_insert"),
            {
                "delivery_id": message.id,
                "ticket_id": storable(message.ticket),
                "revision": message.revision,
                "target": storable(message.target),
                "content_type": message.content_type,
                "body": message.body,
                "created_at": when(message.created_at),
            },
        )
