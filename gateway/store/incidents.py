"""Incidents, their members and interruptions: each change once, however often the stream is fed again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import psycopg
from psycopg.rows import dict_row

from gateway.core.clock import from_datetime
from gateway.core.model import Event, Incident, IncidentKind, IncidentState, Interruption, SupplyState
from gateway.core.ports import TicketDesk
from gateway.store.devices import DeviceKeys
from gateway.store.queries import sql
from gateway.store.rows import incident_of, incident_row, micros, when, when_any
from gateway.store.text import storable

_TOGETHER = (
    20_000  # interruptions per statement: a town that comes back at once must not meet the statement timeout
)


async def write(
    conn: psycopg.AsyncConnection, events: Sequence[Event], desk: TicketDesk, devices: DeviceKeys
) -> tuple[list[Event], int]:
    """Write what is newer than the database knows.

    Returns those events, in order, and how many incidents were seen for the first time.
    """
    if not events:
        return [], 0
    known = await _known(conn, events)
    fresh = [e for e in events if e.incident.revision > known.get(storable(e.incident.id), 0)]
    latest = {event.incident.id: event.incident for event in fresh}
    # Ended ones go first: one that ends may make room for the next at the same place.
    given = [
        incident_row(incident, desk.due_at(incident) if incident.state == IncidentState.OPEN else None)
        for incident in sorted(latest.values(), key=lambda i: i.state == IncidentState.OPEN)
    ]
    async with conn.cursor() as cur:
        await cur.executemany(sql("incident_upsert"), given)
    await _members(conn, latest.values(), devices)
    await _interruptions(conn, fresh, devices)
    return fresh, sum(storable(name) not in known for name in latest)


async def _known(conn: psycopg.AsyncConnection, events: Sequence[Event]) -> Mapping[str, int]:
    """Revisions of those that exist, locked until the end of the transaction."""
    names = sorted({storable(event.incident.id) for event in events})
    rows = await (await conn.execute(sql("incident_lock"), {"incidents": names})).fetchall()
    return dict(rows)


async def _members(conn: psycopg.AsyncConnection, incidents: Iterable[Incident], devices: DeviceKeys) -> None:
    members = [{"incident": storable(i.id), "devices": devices.of(i.devices)} for i in incidents]
    async with conn.cursor() as cur:
        await cur.executemany(sql("incident_members_remove"), members)
        await cur.executemany(sql("incident_members_add"), members)


async def _interruptions(conn: psycopg.AsyncConnection, events: Sequence[Event], devices: DeviceKeys) -> None:
    latest: dict[tuple[str, int, int], tuple[Interruption, str]] = {}
    for event in events:
        if event.incident.drill:
            continue  # nobody was without supply
        planned = event.incident.kind == IncidentKind.PLANNED_OUTAGE
        for part in event.interruptions:
            latest[part.incident, part.device, part.step] = (part, "planned" if planned else "fault")
    if not latest:
        return
    told = list(latest.values())
    for first in range(0, len(told), _TOGETHER):
        some = told[first : first + _TOGETHER]
        given = {
            "incident": [storable(part.incident) for part, _ in some],
            "device": devices.of([part.device for part, _ in some]),
            "step": [part.step for part, _ in some],
            "kind": [kind for _, kind in some],
            "state": [part.state.value for part, _ in some],
            "started_at": [when(part.started_at) for part, _ in some],
            "ended_at": [when_any(part.ended_at) for part, _ in some],
            "customers": [int(devices.customers[part.device]) for part, _ in some],
        }
        await conn.execute(sql("interruption_upsert"), given)


async def live_interruptions(conn: psycopg.AsyncConnection, devices: DeviceKeys) -> list[Interruption]:
    """Every interruption, ended or not, of incidents that are open or restored; of devices known here only."""
    rows = await (await conn.execute(sql("interruption_live"))).fetchall()
    local = devices.local_or_none(row[1] for row in rows)
    return [
        Interruption(
            incident=incident,
            device=device,
            step=step,
            state=SupplyState(state),
            started_at=from_datetime(started_at),
            ended_at=micros(ended_at),
        )
        for device, (incident, _, step, state, started_at, ended_at) in zip(local, rows, strict=True)
        if device is not None
    ]


async def select(
    conn: psycopg.AsyncConnection, query: str, given: Mapping[str, object], devices: DeviceKeys
) -> list[Incident]:
    """The core's records for the rows of `incident` that a named query finds, members under local keys."""
    async with conn.cursor(row_factory=dict_row) as cur:
        rows = await (await cur.execute(sql(query), given)).fetchall()
    names = [row["incident_id"] for row in rows]
    if not names:
        return []
    found = await (await conn.execute(sql("incident_members"), {"incidents": names})).fetchall()
    members: Mapping[str, list[int]] = dict(found)
    return [incident_of(row, devices.local(members.get(row["incident_id"], []))) for row in rows]
