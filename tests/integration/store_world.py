"""A small world for tests of the store: three transformers, meters on services, and a desk that writes tickets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import ClassVar
from uuid import UUID

import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from gateway.core.clock import MINUTE, SECOND, parse_time
from gateway.core.errors import ImpossibleError, InvalidInputError
from gateway.core.inventory import Device, Inventory
from gateway.core.model import (
    Batch,
    Change,
    Event,
    Incident,
    IncidentKind,
    IncidentState,
    Interruption,
    SupplyState,
)
from gateway.core.network import Network
from gateway.core.ports import TicketStep
from gateway.core.ticket import Delivery, Storm, Ticket, TicketLink, TicketRequest, TicketState, Transition
from gateway.store import DatabaseSettings, Store

T0 = parse_time("2026-03-01T08:00:00Z")
SPOOL = UUID("00000000-0000-0000-0000-000000000001")


def small_network(transformers: int = 3) -> Network:
    names = [f"T{i}" for i in range(transformers)]
    return Network(
        ["S", "F", *names],
        ["", "S", *["F"] * transformers],
        ["substation", "feeder", *["transformer"] * transformers],
    )


def small_inventory(
    meters: int = 6, *, customers: Sequence[int] | None = None, known: Sequence[str] = (), without: int = 0
) -> Inventory:
    """`meters` meters M0 … on transformers T0, T1, T2 in turn; the last `without` of them are not listed."""
    devices = [
        Device(id=f"M{i}", node=f"T{i % 3}", customers=customers[i] if customers else 1)
        for i in range(meters - without)
    ]
    return Inventory(devices, small_network(), known=known)


def settings_for(url: str, **changes: object) -> DatabaseSettings:
    given = {k: str(v) for k, v in conninfo_to_dict(url).items() if v is not None and k != "password"}
    return DatabaseSettings.model_validate(
        {"url": make_conninfo(**given), "pool_min": 1, "pool_max": 4, "connect_timeout_s": 5, **changes}
    )


@asynccontextmanager
async def ready_store(
    url: str, inventory: Inventory | None = None, **changes: object
) -> AsyncIterator[Store]:
    """A migrated store that knows its devices."""
    async with Store.open(settings_for(url, **changes)) as store:
        await store.migrate()
        await store.sync_inventory(inventory if inventory is not None else small_inventory())
        yield store


async def rows(url: str, query: str) -> list[tuple[object, ...]]:
    """What the superuser sees."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
        await conn.execute("set search_path = feederline")
        return await (await conn.execute(query.encode())).fetchall()


def voltages(devices: Sequence[int], at: int, volts: Sequence[float]) -> Batch:
    return Batch.of(("voltage_a",), devices, [at] * len(devices), [[v] for v in volts])


def outage(
    name: str = "I1",
    *,
    revision: int = 1,
    state: IncidentState = IncidentState.OPEN,
    kind: IncidentKind = IncidentKind.OUTAGE,
    node: str = "T0",
    devices: tuple[int, ...] = (0, 3),
    at: int = T0,
    ended_at: int | None = None,
    started_at: int = T0,
    supply: SupplyState = SupplyState.OFF,
    step: int = 0,
    summary: str = "two meters dark",
    evidence: dict[str, object] | None = None,
    parent: str = "",
    drill: str = "",
    confirmed_by: str = "",
    ended_by: str = "",
    ended_reason: str = "",
    held_from: int | None = None,
    relapsed_at: int | None = None,
) -> Event:
    """An incident as it is at `at`, with one interruption per member."""
    incident = Incident(
        id=name,
        kind=kind,
        node=node,
        phases="ABC",
        state=state,
        started_at=started_at,
        detected_at=started_at + 5 * SECOND,
        ended_at=ended_at,
        customers=len(devices),
        devices=devices,
        parent=parent,
        confidence=0.9,
        held_from=held_from,
        relapsed_at=relapsed_at,
        confirmed_by=confirmed_by,
        ended_by=ended_by,
        ended_reason=ended_reason,
        drill=drill,
        summary=summary,
        evidence=evidence or {"gasps": 2},
        revision=revision,
    )
    parts = tuple(
        Interruption(
            incident=name, device=d, step=step, state=supply, started_at=started_at, ended_at=ended_at
        )
        for d in devices
    )
    change = Change.OPENED if revision == 1 else Change.UPDATED
    return Event(at=at, change=change, incident=incident, interruptions=parts)


class PlainDesk:
    """Opens a ticket a minute after detection, tells one target of every change, closes with the incident.

    remind_after: its one clock runs out that long after a ticket opened, which it says once.  storm_of: so many
    tickets that live are a storm.  acted: what people may do.
    """

    acted: ClassVar[dict[str, TicketState]] = {
        "acknowledge": TicketState.CONFIRMED,
        "comment": TicketState.CONFIRMED,
        "dispatch": TicketState.DISPATCHED,
        "close": TicketState.CLOSED,
    }

    def __init__(
        self, hold_off: int = MINUTE, *, remind_after: int | None = None, storm_of: int | None = None
    ) -> None:
        self.hold_off = hold_off
        self.remind_after = remind_after
        self.storm_of = storm_of

    def due_at(self, incident: Incident) -> int | None:
        return incident.detected_at + self.hold_off

    def choose(self, due: Sequence[Incident], standing: Sequence[Ticket]) -> list[Incident]:
        return list(due)

    def open(
        self,
        incident: Incident,
        *,
        number: int,
        at: int,
        split_from: Ticket | None = None,
        storming: bool = False,
    ) -> TicketStep:
        ticket = Ticket(
            id=f"tkt-{incident.id}",
            number=number,
            incident=incident.id,
            state=TicketState.CONFIRMED,
            severity=2,
            node=incident.node,
            title=incident.summary,
            customers=incident.customers,
            opened_at=at,
            updated_at=at,
            started_at=incident.started_at,
            incident_revision=incident.revision,
            drill=incident.drill,
            clocks_from=at,
            told=("desk",),
        )
        links = (
            ()
            if split_from is None
            else (TicketLink(ticket=ticket.id, other=split_from.id, kind="split_from", at=at),)
        )
        return _step(ticket, None, "open", at, links=links, told=not storming)

    def follow(
        self, incident: Incident, ticket: Ticket, *, at: int, storming: bool = False
    ) -> TicketStep | None:
        if incident.revision <= ticket.incident_revision:
            return None
        state, action = _ENDS.get(incident.state, (ticket.state, "update"))
        moved = msgspec.structs.replace(
            ticket,
            state=state,
            updated_at=at,
            closed_at=at if state != ticket.state else None,
            customers=incident.customers,
            incident_revision=incident.revision,
            revision=ticket.revision + 1,
        )
        links: tuple[TicketLink, ...] = ()
        if action == "merge":
            links = (TicketLink(ticket=ticket.id, other=f"tkt-{incident.parent}", kind="merged_into", at=at),)
        return _step(moved, ticket.state, action, at, links=links, told=not storming or action != "update")

    def again_at(self, incident: Incident, ticket: Ticket) -> int | None:
        if self.remind_after is None or "clock!" in ticket.warned or ticket.state == TicketState.CLOSED:
            return None
        return ticket.opened_at + self.remind_after

    def remind(self, incident: Incident, ticket: Ticket, *, at: int) -> TicketStep | None:
        due = self.again_at(incident, ticket)
        if due is None or at < due:
            return None
        moved = msgspec.structs.replace(
            ticket, warned=(*ticket.warned, "clock!"), updated_at=at, revision=ticket.revision + 1
        )
        return _step(moved, ticket.state, "escalate", at)

    def act(
        self,
        incident: Incident,
        ticket: Ticket,
        request: TicketRequest,
        *,
        at: int,
    ) -> TicketStep:
        if request.action not in self.acted:
            raise InvalidInputError([f"action: {request.action} is none"])
        if ticket.state == TicketState.CLOSED:
            raise ImpossibleError("it is closed", ["reopen"])
        state = self.acted[request.action]
        moved = msgspec.structs.replace(
            ticket,
            state=state,
            crew=request.crew or ticket.crew,
            acknowledged_at=at if request.action == "acknowledge" else ticket.acknowledged_at,
            ended_by=request.by if state == TicketState.CLOSED else "",
            closed_at=at if state == TicketState.CLOSED else None,
            updated_at=at,
            revision=ticket.revision + 1,
        )
        return _step(
            moved,
            ticket.state,
            request.action,
            at,
            by=request.by,
            origin=request.origin,
            detail={"crew": request.crew} if request.crew else {},
        )

    def weather(
        self, storm: Storm | None, standing: Sequence[Ticket], *, at: int
    ) -> tuple[Storm | None, tuple[Delivery, ...]]:
        if self.storm_of is None:
            return None, ()
        if len(standing) < self.storm_of:
            return None if storm is None else msgspec.structs.replace(storm, ended_at=at), ()
        if storm is not None:
            return storm, ()
        begun = Storm(id=f"storm-{at}", began_at=at, summaries=1, told_at=at)
        summary = Delivery(
            id=f"msg-{begun.id}-1",
            subject=begun.id,
            ticket=None,
            revision=1,
            target="desk",
            created_at=at,
            body=str(len(standing)).encode(),
        )
        return begun, (summary,)


_ENDS = {
    IncidentState.CLOSED: (TicketState.CLOSED, "close"),
    IncidentState.MERGED: (TicketState.MERGED, "merge"),
    IncidentState.CANCELLED: (TicketState.CANCELLED, "cancel"),
}


def _step(
    ticket: Ticket,
    before: TicketState | None,
    action: str,
    at: int,
    *,
    by: str = "detector",
    origin: str = "detector",
    detail: dict[str, object] | None = None,
    links: tuple[TicketLink, ...] = (),
    told: bool = True,
) -> TicketStep:
    message = Delivery(
        id=f"msg-{ticket.id}-{ticket.revision}",
        subject=ticket.id,
        ticket=ticket.id,
        revision=ticket.revision,
        target="desk",
        created_at=at,
        body=b'{"n": 1}',
    )
    return TicketStep(
        ticket=ticket,
        transition=Transition(
            ticket=ticket.id,
            revision=ticket.revision,
            at=at,
            action=action,
            from_state=before,
            to_state=ticket.state,
            by=by,
            reason=ticket.title,
            origin=origin,
            detail=detail or {},
        ),
        deliveries=(message,) if told else (),
        links=links,
    )
