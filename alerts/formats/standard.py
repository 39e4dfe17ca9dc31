"""The message of Standard Webhooks: type, timestamp, data. Described by `alerts/schema/ticket.v1.json`."""

from __future__ import annotations

import math
from urllib.parse import quote

import msgspec

from alerts.formats.notice import Message, Notice
from alerts.impact import impact
from alerts.tickets import Action
from gateway.core.clock import format_time
from gateway.core.model import Incident, IncidentKind, IncidentState, TicketState
from gateway.core.network import Network, NodeKind

VERSION = 1

TYPES = {
    Action.OPEN: "ticket.opened",
    Action.RESTORE: "ticket.restored",
    Action.CLOSE: "ticket.closed",
    Action.CANCEL: "ticket.cancelled",
    Action.MERGE: "ticket.merged",
    Action.REOPEN: "ticket.reopened",
}
UPDATED = "ticket.updated"


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    pass


class _Ticket(_Part, frozen=True, kw_only=True):
    id: str
    number: int
    revision: int
    state: TicketState
    previous_state: TicketState | None
    action: str
    reason: str
    severity: int
    title: str
    opened_at: str
    updated_at: str
    closed_at: str | None
    merged_into: str | None


class _Place(_Part, frozen=True, kw_only=True):
    id: str
    kind: str
    name: str


class _Location(_Part, frozen=True, kw_only=True):
    lat: float
    lon: float


class _Customers(_Part, frozen=True, kw_only=True):
    critical: int
    important: int
    ordinary: int


class _Incident(_Part, frozen=True, kw_only=True):
    id: str
    revision: int
    kind: IncidentKind
    state: IncidentState
    parent: str | None
    node: str
    path: list[_Place]
    location: _Location | None
    phases: str
    started_at: str
    detected_at: str
    restored_at: str | None
    ended_at: str | None
    customers: int
    customers_by_priority: _Customers
    confidence: float
    summary: str
    evidence: dict[str, int | float]
    devices: list[str]
    devices_total: int


class _Data(_Part, frozen=True, kw_only=True):
    version: int
    ticket: _Ticket
    incident: _Incident
    links: dict[str, str]


class _Envelope(_Part, frozen=True, kw_only=True):
    type: str
    timestamp: str
    data: _Data


_encode = msgspec.json.Encoder().encode


def standard(notice: Notice) -> Message:
    """The step as JSON. People are not named in it: device and place ids are all there is."""
    step, ticket = notice.transition, notice.ticket
    envelope = _Envelope(
        type=TYPES.get(Action(step.action), UPDATED),
        timestamp=format_time(step.at),
        data=_Data(
            version=VERSION,
            ticket=_Ticket(
                id=ticket.id,
                number=ticket.number,
                revision=ticket.revision,
                state=ticket.state,
                previous_state=step.from_state,
                action=step.action,
                reason=step.reason,
                severity=ticket.severity,
                title=ticket.title,
                opened_at=format_time(ticket.opened_at),
                updated_at=format_time(ticket.updated_at),
                closed_at=_time(ticket.closed_at),
                merged_into=notice.merged_into,
            ),
            incident=_incident(notice),
            links=_links(notice),
        ),
    )
    return Message(body=_encode(envelope))


def _incident(notice: Notice) -> _Incident:
    incident, inventory = notice.incident, notice.inventory
    touched = impact(incident, inventory)
    return _Incident(
        id=incident.id,
        revision=incident.revision,
        kind=incident.kind,
        state=incident.state,
        parent=incident.parent or None,
        node=incident.node,
        path=_path(incident.node, inventory.network),
        location=_location(incident.node, inventory.network),
        phases=incident.phases,
        started_at=format_time(incident.started_at),
        detected_at=format_time(incident.detected_at),
        restored_at=_time(incident.restored_at),
        ended_at=_time(incident.ended_at),
        customers=incident.customers,
        customers_by_priority=_Customers(
            critical=touched.critical_customers,
            important=touched.important_customers,
            ordinary=touched.ordinary_customers,
        ),
        confidence=incident.confidence,
        summary=incident.summary,
        evidence=_numbers(incident),
        devices=[inventory.ids[key] for key in incident.devices[: notice.max_devices]],
        devices_total=len(incident.devices),
    )


def _time(at: int | None) -> str | None:
    return None if at is None else format_time(at)


def _path(node_id: str, network: Network) -> list[_Place]:
    if node_id not in network:
        return []
    return [
        _Place(id=network.ids[i], kind=NodeKind(int(network.kind[i])).word, name=network.names[i])
        for i in network.path(network.index(node_id))
    ]


def _location(node_id: str, network: Network) -> _Location | None:
    """Of the node itself, or of the nearest one above it whose place is known."""
    if node_id not in network:
        return None
    for i in reversed(network.path(network.index(node_id))):
        lat, lon = float(network.lat[i]), float(network.lon[i])
        if math.isfinite(lat) and math.isfinite(lon):
            return _Location(lat=lat, lon=lon)
    return None


def _numbers(incident: Incident) -> dict[str, int | float]:
    """Counts only: free text and lists in the evidence may name more than a service system is to know."""
    return {
        name: value
        for name, value in incident.evidence.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    }


def _links(notice: Notice) -> dict[str, str]:
    if not notice.public_url:
        return {}
    base = notice.public_url.rstrip("/")
    return {
        "page": f"{base}/",
        "ticket": f"{base}/api/tickets/{notice.ticket.id}",
        "incident": f"{base}/api/incidents/{quote(notice.incident.id, safe='')}",
    }
