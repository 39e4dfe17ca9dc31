"""What the API answers about incidents and tickets."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeAlias

from alerts.formats.notice import Clock
from gateway.api.shapes import PlaceOut, Shape, Time
from gateway.core.ticket import Ticket
from gateway.store.views import IncidentView, MemberView, TicketView, TimelineView

Clocks: TypeAlias = Callable[[Ticket], Sequence[Clock]]
"""The clocks of a ticket, by the limits that are configured."""


class IncidentOut(Shape):
    """`devices` names the first hundred members at most; `device_count` is the full number.

    `places`: from the uppermost node that may be seen down to the incident's. `customers_off`, `customers_unknown`:
    whose interruption in it goes on; `customer_minutes`: off in it so far. `severity`, `ticket_state`, `crew`,
    `restoration_estimated_at` and `late` are its ticket's; `late`: a clock ran out and still runs.
    `possible`: what whoever asks may tell the gateway to make of it now.
    """

    id: str
    kind: str
    node: str
    node_name: str | None
    path: str | None
    phases: str
    state: str
    started_at: Time
    detected_at: Time
    restored_at: Time | None
    ended_at: Time | None
    customers: int
    device_count: int
    devices: tuple[str, ...]
    parent: str
    confidence: float
    direct: bool
    confirmed_by: str
    ended_by: str
    ended_reason: str
    drill: str
    summary: str
    evidence: dict[str, Any]
    revision: int
    places: list[PlaceOut]
    customers_off: int
    customers_unknown: int
    customer_minutes: float
    ticket: str | None
    ticket_number: int | None
    ticket_state: str | None
    severity: int | None
    crew: str
    restoration_estimated_at: Time | None
    late: bool
    possible: list[str]


class IncidentsOut(Shape):
    """`next` is the `before` of the page that follows; null on the last one."""

    incidents: list[IncidentOut]
    next: str | None


class MemberOut(Shape):
    """`supply` is `off` or `unknown` by its last interruption in this incident, over when `ended_at` is there."""

    device: str
    kind: str
    node: str | None
    node_name: str | None
    phases: str
    customers: int
    priority: str
    supply: str | None
    step: int | None
    started_at: Time | None
    ended_at: Time | None


class MembersOut(Shape):
    """`next` is the `after` of the page that follows; null on the last one."""

    members: list[MemberOut]
    next: str | None


class HappeningOut(Shape):
    at: Time
    what: str
    by: str
    said: str


class TimelineOut(Shape):
    """Latest first, the last thousand at most."""

    timeline: list[HappeningOut]


class TransitionOut(Shape):
    revision: int
    at: Time
    action: str
    from_state: str | None
    to_state: str
    by: str
    origin: str
    reason: str
    detail: dict[str, Any]


class DeliveryOut(Shape):
    id: str
    revision: int
    target: str
    state: str
    attempts: int
    status: int | None
    last_error: str | None
    created_at: Time
    next_at: Time
    delivered_at: Time | None


class ClockOut(Shape):
    """`late`: it ran out before it was stopped, or has run out and is running still."""

    name: str
    due_at: Time
    stopped_at: Time | None
    late: bool


class LinkOut(Shape):
    """`kind`: merged_into, merged_from, split_from or split_into, seen from this ticket."""

    kind: str
    ticket: str
    number: int
    at: Time


class TicketOut(Shape):
    """`possible`: what whoever asks may do with it now; `priority_customers`: of its incident, by priority;
    `references`: what service systems themselves call it, by target."""

    id: str
    number: int
    incident: str
    kind: str
    state: str
    severity: int
    area: str
    drill: str
    node: str
    node_name: str | None
    title: str
    summary: str
    customers: int
    priority_customers: dict[str, int]
    opened_at: Time
    updated_at: Time
    closed_at: Time | None
    acknowledged_at: Time | None
    dispatched_at: Time | None
    arrived_at: Time | None
    restored_at: Time | None
    restoration_estimated_at: Time | None
    crew: str
    cause: str
    ended_by: str
    revision: int
    clocks: list[ClockOut]
    links: list[LinkOut]
    references: dict[str, str]
    possible: list[str]
    transitions: list[TransitionOut]
    deliveries: list[DeliveryOut]


class TicketsOut(Shape):
    """`next` is the `before` of the page that follows, or its `skip` where tickets are ranked; null on the last."""

    tickets: list[TicketOut]
    next: str | None


def incident(view: IncidentView, possible: Sequence[str], below: Collection[str]) -> IncidentOut:
    """`below`: the part of the network that whoever asks may see; everything where there is none."""
    of = view.incident
    top = next((i for i, place in enumerate(view.places) if place.id in below), 0)
    shown = view.places[top:]
    return IncidentOut(
        id=of.id,
        kind=of.kind,
        node=of.node,
        node_name=view.node_name,
        path="/".join(place.id for place in shown) if below and shown else view.path,
        phases=of.phases,
        state=of.state,
        started_at=of.started_at,
        detected_at=of.detected_at,
        restored_at=of.restored_at,
        ended_at=of.ended_at,
        customers=of.customers,
        device_count=view.device_count,
        devices=view.devices,
        parent=of.parent,
        confidence=of.confidence,
        direct=of.direct,
        confirmed_by=of.confirmed_by,
        ended_by=of.ended_by,
        ended_reason=of.ended_reason,
        drill=of.drill,
        summary=of.summary,
        evidence=of.evidence,
        revision=of.revision,
        places=[PlaceOut.model_validate(place) for place in shown],
        customers_off=view.customers_off,
        customers_unknown=view.customers_unknown,
        customer_minutes=view.customer_minutes,
        ticket=view.ticket,
        ticket_number=view.ticket_number,
        ticket_state=view.ticket_state,
        severity=view.severity,
        crew=view.crew,
        restoration_estimated_at=view.restoration_estimated_at,
        late=view.late,
        possible=[*possible],
    )


def member(view: MemberView) -> MemberOut:
    return MemberOut.model_validate(view)


def happening(view: TimelineView) -> HappeningOut:
    return HappeningOut.model_validate(view)


def ticket(view: TicketView, possible: Sequence[str], clocks: Sequence[Clock], at: int) -> TicketOut:
    of = view.ticket
    return TicketOut(
        id=of.id,
        number=of.number,
        incident=of.incident,
        kind=view.kind,
        state=of.state,
        severity=of.severity,
        area=of.area,
        drill=of.drill,
        node=of.node,
        node_name=view.node_name,
        title=of.title,
        summary=view.summary,
        customers=of.customers,
        priority_customers=dict(view.priorities),
        opened_at=of.opened_at,
        updated_at=of.updated_at,
        closed_at=of.closed_at,
        acknowledged_at=of.acknowledged_at,
        dispatched_at=of.dispatched_at,
        arrived_at=of.arrived_at,
        restored_at=of.restored_at,
        restoration_estimated_at=of.restoration_estimated_at,
        crew=of.crew,
        cause=of.cause,
        ended_by=of.ended_by,
        revision=of.revision,
        clocks=[_clock(clock, at) for clock in clocks],
        links=[
            LinkOut(kind=v.link.kind, ticket=v.link.other, number=v.number, at=v.link.at) for v in view.links
        ],
        references=dict(view.references),
        possible=[*possible],
        transitions=[TransitionOut.model_validate(step) for step in view.transitions],
        deliveries=[DeliveryOut.model_validate(message) for message in view.deliveries],
    )


def _clock(clock: Clock, at: int) -> ClockOut:
    ended = at if clock.stopped_at is None else clock.stopped_at
    return ClockOut(
        name=clock.name, due_at=clock.due_at, stopped_at=clock.stopped_at, late=ended > clock.due_at
    )
