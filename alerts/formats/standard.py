"""The message of Standard Webhooks: type, timestamp, data. Described by `alerts/schema/ticket.v1.json`."""

from __future__ import annotations

import msgspec

from alerts.formats import facts
from alerts.formats.notice import Message, Notice
from alerts.work import Work, work_of
from gateway.core.clock import format_time
from gateway.core.model import IncidentKind, IncidentState
from gateway.core.ticket import TicketState

VERSION = 1


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Base of the parts of a message: every field is written, none is left out."""


class Clock(Part, frozen=True, kw_only=True):
    name: str
    due_at: str
    stopped_at: str | None
    late: bool


class Ticket(Part, frozen=True, kw_only=True):
    id: str
    number: int
    revision: int
    state: TicketState
    previous_state: TicketState | None
    action: str
    party: facts.Party
    service_system: str | None
    reason: str
    clock: str | None
    work: Work
    severity: int
    area: str
    title: str
    drill: bool
    crew: str
    cause: str
    opened_at: str
    updated_at: str
    acknowledged_at: str | None
    dispatched_at: str | None
    arrived_at: str | None
    restored_at: str | None
    restoration_estimated_at: str | None
    closed_at: str | None
    clocks: list[Clock]
    merged_into: str | None
    split_from: str | None


class Place(Part, frozen=True, kw_only=True):
    id: str
    kind: str
    name: str


class Location(Part, frozen=True, kw_only=True):
    lat: float
    lon: float


class PriorityDevice(Part, frozen=True, kw_only=True):
    id: str
    priority: str
    customers: int


class Incident(Part, frozen=True, kw_only=True):
    id: str
    revision: int
    kind: IncidentKind
    state: IncidentState
    parent: str | None
    node: str
    path: list[Place]
    location: Location | None
    phases: str
    started_at: str
    detected_at: str
    restored_at: str | None
    ended_at: str | None
    customers: int
    customers_by_priority: dict[str, int]
    priority_devices: list[PriorityDevice]
    confidence: float
    direct: bool
    confirmed: bool
    summary: str
    evidence: dict[str, int | float]
    devices: list[str]
    devices_total: int


class Data(Part, frozen=True, kw_only=True):
    version: int
    ticket: Ticket
    incident: Incident
    links: dict[str, str]


class Envelope(Part, frozen=True, kw_only=True):
    type: str
    timestamp: str
    data: Data


_encode = msgspec.json.Encoder().encode


def standard(notice: Notice) -> Message:
    """The step as JSON. People are not named in it: device and place ids are all there is."""
    return Message(body=_encode(envelope(notice)))


def envelope(notice: Notice) -> Envelope:
    return Envelope(
        type=facts.message_type(notice),
        timestamp=format_time(notice.transition.at),
        data=Data(
            version=VERSION,
            ticket=_ticket(notice),
            incident=_incident(notice),
            links=facts.links(notice.public_url, notice.ticket),
        ),
    )


def _ticket(notice: Notice) -> Ticket:
    ticket, step = notice.ticket, notice.transition
    clock = step.detail.get("clock")
    return Ticket(
        id=ticket.id,
        number=ticket.number,
        revision=ticket.revision,
        state=ticket.state,
        previous_state=step.from_state,
        action=step.action,
        party=facts.party(step.origin),
        service_system=facts.service_system(step.origin),
        reason=step.reason,
        clock=clock if isinstance(clock, str) else None,
        work=work_of(notice.incident.kind),
        severity=ticket.severity,
        area=ticket.area,
        title=facts.heading(ticket),
        drill=bool(ticket.drill),
        crew=ticket.crew,
        cause=ticket.cause,
        opened_at=format_time(ticket.opened_at),
        updated_at=format_time(ticket.updated_at),
        acknowledged_at=_time(ticket.acknowledged_at),
        dispatched_at=_time(ticket.dispatched_at),
        arrived_at=_time(ticket.arrived_at),
        restored_at=_time(ticket.restored_at),
        restoration_estimated_at=_time(ticket.restoration_estimated_at),
        closed_at=_time(ticket.closed_at),
        clocks=[
            Clock(
                name=clock.name,
                due_at=format_time(clock.due_at),
                stopped_at=_time(clock.stopped_at),
                late=facts.is_late(clock, step.at),
            )
            for clock in notice.clocks
        ],
        merged_into=notice.merged_into,
        split_from=notice.split_from,
    )


def _incident(notice: Notice) -> Incident:
    incident, inventory = notice.incident, notice.inventory
    where = facts.location(incident.node, inventory.network)
    return Incident(
        id=incident.id,
        revision=incident.revision,
        kind=incident.kind,
        state=incident.state,
        parent=incident.parent or None,
        node=incident.node,
        path=[
            Place(id=node, kind=kind, name=name)
            for node, kind, name in facts.path(incident.node, inventory.network)
        ],
        location=None if where is None else Location(lat=where[0], lon=where[1]),
        phases=incident.phases,
        started_at=format_time(incident.started_at),
        detected_at=format_time(incident.detected_at),
        restored_at=_time(incident.restored_at),
        ended_at=_time(incident.ended_at),
        customers=incident.customers,
        customers_by_priority=facts.customers_by_priority(incident, inventory),
        priority_devices=[
            PriorityDevice(id=device, priority=priority, customers=customers)
            for device, priority, customers in facts.priority_devices(incident, inventory, notice.max_devices)
        ],
        confidence=incident.confidence,
        direct=incident.direct,
        confirmed=bool(incident.confirmed_by),
        summary=incident.summary,
        evidence=facts.numbers(incident),
        devices=facts.device_ids(incident, inventory, notice.max_devices),
        devices_total=len(incident.devices),
    )


def _time(at: int | None) -> str | None:
    return None if at is None else format_time(at)
