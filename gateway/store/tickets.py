"""Tickets move on in the transaction that moves their incidents, and with them the messages about it."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import msgspec
import psycopg
from psycopg.rows import dict_row

from gateway.core.clock import SECOND
from gateway.core.model import Event, Incident
from gateway.core.ports import TicketDesk, TicketStep
from gateway.core.ticket import ENDED, Delivery, Storm, Ticket, TicketLink, TicketState
from gateway.store import incidents
from gateway.store.devices import DeviceKeys
from gateway.store.queries import sql
from gateway.store.rows import (
    delivery_row,
    storm_of,
    storm_row,
    ticket_of,
    ticket_row,
    transition_row,
    when,
    when_any,
)
from gateway.store.text import storable
from gateway.store.told import Happening, of_steps

log = logging.getLogger(__name__)

SPLIT_FROM = "split_from"
"""Key in an incident's evidence: id of the incident that it was part of before it became one of its own."""

_MANY = 20  # opened at once: look whether that is a storm before opening the next
_LOOKED_AT = 500  # tickets at one tick for which nothing happened: after a start it may be the turn of all
_CHOOSE_AGAIN = 10 * SECOND  # until the desk is shown again what it did not choose
_MOST_REMINDERS = 100  # of one ticket at one tick: a desk that never rests must not stop the stream


class Steps(NamedTuple):
    opened: int = 0
    closed: int = 0
    happened: tuple[Happening, ...] = ()


async def advance(
    conn: psycopg.AsyncConnection,
    events: Sequence[Event],
    desk: TicketDesk,
    at: int,
    devices: DeviceKeys,
) -> Steps:
    """Let existing tickets follow `events` and those whose time has come by `at`; then open those due by `at`, and
    tell of the storm, if there is one (0: time did not move)."""
    if not events and not at:
        return Steps()
    moving = _Round(conn, desk, at, devices, await _storm(conn))
    await moving.follow(events)
    if at:
        await moving.open_due()
        await moving.look_at_weather()
    await moving.finish()
    return Steps(moving.opened, moving.closed, tuple(moving.happened))


async def save(conn: psycopg.AsyncConnection, steps: Sequence[TicketStep]) -> None:
    """Write steps, in this order, with their messages, within the caller's transaction; not their links."""
    if not steps:
        return
    opening = [ticket_row(step.ticket) for step in steps if step.transition.from_state is None]
    moving = [ticket_row(step.ticket) for step in steps if step.transition.from_state is not None]
    async with conn.cursor() as cur:
        if opening:
            await cur.executemany(sql("ticket_insert"), opening)
        if moving:
            await cur.executemany(sql("ticket_update"), moving)
        await cur.executemany(
            sql("ticket_transition_insert"), [transition_row(step.transition) for step in steps]
        )
    await save_deliveries(conn, [message for step in steps for message in step.deliveries])


async def save_deliveries(conn: psycopg.AsyncConnection, messages: Sequence[Delivery]) -> None:
    """Write messages and wake the dispatcher."""
    if messages:
        async with conn.cursor() as cur:
            await cur.executemany(sql("delivery_insert"), [delivery_row(message) for message in messages])
        await conn.execute(sql("outbox_notify"))


async def save_links(conn: psycopg.AsyncConnection, links: Sequence[TicketLink]) -> None:
    """Those between tickets that exist; a second time changes nothing."""
    if not links:
        return
    given = [
        {
            "ticket": storable(link.ticket),
            "other": storable(link.other),
            "kind": link.kind,
            "at": when(link.at),
        }
        for link in links
    ]
    async with conn.cursor() as cur:
        await cur.executemany(sql("ticket_link_insert"), given)


async def look_again(conn: psycopg.AsyncConnection, at: Mapping[str, int | None]) -> None:
    """Keep, by ticket, when the desk wants to be asked again."""
    if at:
        given = {
            "tickets": [storable(name) for name in at],
            "at": [when_any(moment) for moment in at.values()],
        }
        await conn.execute(sql("ticket_look_again_set"), given)


async def review(conn: psycopg.AsyncConnection, at: int) -> None:
    """Have the desk look at every ticket that lives, or whose incident does, at `at`: limits may have changed since it
    last said when it wants to."""
    await conn.execute(sql("ticket_review"), {"at": when(at)})


class _Round:
    """One stretch of the stream as it moves tickets on.

    All tickets that may move are locked first, in the order of their ids; what people do locks one ticket and then
    nothing that this waits for (`acts`). So neither can wait for the other in a circle.
    """

    def __init__(
        self,
        conn: psycopg.AsyncConnection,
        desk: TicketDesk,
        at: int,
        devices: DeviceKeys,
        storm: Storm | None,
    ) -> None:
        self.opened = 0
        self.closed = 0
        self.happened: list[Happening] = []
        self._conn = conn
        self._desk = desk
        self._at = at
        self._devices = devices
        self._storm = storm
        self._storming = storm is not None
        self._more = False  # more tickets live than before
        self._steps: list[TicketStep] = []  # not yet written
        self._again: dict[str, int | None] = {}
        self._links: list[TicketLink] = []

    async def follow(self, events: Sequence[Event]) -> None:
        news = [(event.incident, event.at) for event in events]
        if self._at:
            told = {incident.id for incident, _ in news}
            waiting = await incidents.select(
                self._conn, "ticket_look_again", {"at": when(self._at), "limit": _LOOKED_AT}, self._devices
            )
            news += [(incident, self._at) for incident in waiting if incident.id not in told]
        names = sorted({storable(incident.id) for incident, _ in news})
        tickets = await _tickets(self._conn, "ticket_lock", names)
        latest: dict[str, Incident] = {}
        for incident, moment in news:
            name = storable(incident.id)
            if name not in tickets:
                continue
            latest[name] = incident
            step = self._desk.follow(incident, tickets[name], at=moment, storming=self._storming)
            if step is not None:
                tickets[name] = self._take(step)
        for name, incident in latest.items():
            self._rest(incident, tickets[name])

    async def open_due(self) -> None:
        due = await incidents.select(self._conn, "incident_due", {"at": when(self._at)}, self._devices)
        if not due:
            return
        standing = await self._standing()
        chosen = self._desk.choose(due, standing)
        await self._put_off({incident.id for incident in due} - {incident.id for incident in chosen})
        parts = {incident.id: name for incident in chosen if (name := _split_from(incident))}
        wholes = await _tickets(self._conn, "ticket_of_incidents", sorted(set(parts.values())))
        numbers = await (await self._conn.execute(sql("ticket_number"), {"count": len(chosen)})).fetchall()
        for incident, (number,) in zip(chosen, numbers, strict=True):
            step = self._desk.open(
                incident,
                number=number,
                at=self._at,
                split_from=wholes.get(parts.get(incident.id, "")),
                storming=self._storming,
            )
            ticket = self._rest(incident, self._take(step))
            wholes[storable(incident.id)] = ticket
            self.opened += 1
            if not ticket.drill:
                standing.append(ticket)
            if not self._storming and self.opened % _MANY == 0:
                storm, _ = self._desk.weather(None, standing, at=self._at)
                self._storming = storm is not None and storm.ended_at is None
        await self._write()
        # Incidents that were absorbed before the one that absorbed them had its ticket.
        absorbing = {"incidents": [storable(incident.id) for incident in chosen], "at": when(self._at)}
        await self._conn.execute(sql("ticket_link_absorbed"), absorbing)

    async def _put_off(self, waiting: Collection[str]) -> None:
        """Very many may wait for hours, for what explains them: they are not read at every tick."""
        if waiting:
            names = [storable(name) for name in waiting]
            given = {"incidents": names, "again_at": when(self._at + _CHOOSE_AGAIN)}
            await self._conn.execute(sql("incident_due_again"), given)

    async def look_at_weather(self) -> None:
        """A storm can begin only when tickets came to live, and is looked after until it ends."""
        if self._storm is None and not self._more:
            return
        standing = await self._standing()
        storm, summaries = self._desk.weather(self._storm, standing, at=self._at)
        if storm is None and self._storm is not None:
            storm = msgspec.structs.replace(self._storm, ended_at=self._at)
        if storm is not None and storm != self._storm:
            await self._conn.execute(sql("storm_upsert"), storm_row(storm))
        await save_deliveries(self._conn, summaries)

    async def finish(self) -> None:
        await self._write()
        await look_again(self._conn, self._again)
        await save_links(self._conn, self._links)

    def _take(self, step: TicketStep) -> Ticket:
        self._steps.append(step)
        self.happened += of_steps([step])
        self._links += step.links
        made = step.transition
        self.closed += made.to_state == TicketState.CLOSED and made.from_state != TicketState.CLOSED
        lived = made.from_state is not None and made.from_state not in ENDED
        self._more |= not lived and made.to_state not in ENDED
        return step.ticket

    def _rest(self, incident: Incident, ticket: Ticket) -> Ticket:
        """Everything that the ticket's clocks ask for by now, and when they will ask for more."""
        if self._at:
            for _ in range(_MOST_REMINDERS):
                step = self._desk.remind(incident, ticket, at=self._at)
                if step is None:
                    break
                ticket = self._take(step)
            else:
                log.error("the clocks of a ticket do not come to rest", extra={"ticket": ticket.id})
        self._again[ticket.id] = self._desk.again_at(incident, ticket)
        return ticket

    async def _write(self) -> None:
        steps, self._steps = self._steps, []
        await save(self._conn, steps)

    async def _standing(self) -> list[Ticket]:
        """Tickets that live, and in a storm those that ended since its last summary; but none of exercises."""
        await self._write()
        storm = self._storm
        since = None if storm is None else (storm.told_at or storm.began_at)
        async with self._conn.cursor(row_factory=dict_row) as cur:
            found = await cur.execute(sql("ticket_standing"), {"ended_since": when_any(since)})
            return [ticket_of(row) async for row in found]


def _split_from(incident: Incident) -> str:
    part_of = incident.evidence.get(SPLIT_FROM)
    return storable(part_of) if isinstance(part_of, str) else ""


async def _storm(conn: psycopg.AsyncConnection) -> Storm | None:
    async with conn.cursor(row_factory=dict_row) as cur:
        row = await (await cur.execute(sql("storm_now"))).fetchone()
    return None if row is None else storm_of(row)


async def _tickets(conn: psycopg.AsyncConnection, query: str, names: Sequence[str]) -> dict[str, Ticket]:
    """What a named query finds of the tickets of these incidents, by incident."""
    if not names:
        return {}
    async with conn.cursor(row_factory=dict_row) as cur:
        rows = await (await cur.execute(sql(query), {"incidents": list(names)})).fetchall()
    return {row["incident_id"]: ticket_of(row) for row in rows}
