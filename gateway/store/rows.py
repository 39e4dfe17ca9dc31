"""Rows of the database as the core's records, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from gateway.core.clock import from_datetime, to_datetime
from gateway.core.errors import NotStorableError
from gateway.core.model import Delivery, Incident, IncidentKind, IncidentState, Ticket, TicketState
from gateway.store.text import storable, to_json

Row: TypeAlias = Mapping[str, Any]  # what psycopg's dict_row gives


def when(at: int) -> datetime:
    """Raises NotStorableError for a time outside the years 1 … 9999."""
    try:
        return to_datetime(at)
    except OverflowError as exc:
        raise NotStorableError(f"{at} µs since 1970 is not a time that can be stored") from exc


def when_any(at: int | None) -> datetime | None:
    return None if at is None else when(at)


def micros(moment: datetime | None) -> int | None:
    return None if moment is None else from_datetime(moment)


def incident_row(incident: Incident, ticket_due_at: int | None) -> dict[str, object]:
    """Parameters of `incident_upsert`."""
    return {
        "incident_id": storable(incident.id),
        "kind": incident.kind.value,
        "node_id": storable(incident.node),
        "phases": storable(incident.phases),
        "state": incident.state.value,
        "started_at": when(incident.started_at),
        "detected_at": when(incident.detected_at),
        "restored_at": when_any(incident.restored_at),
        "ended_at": when_any(incident.ended_at),
        "customers": incident.customers,
        "parent": storable(incident.parent),
        "confidence": incident.confidence,
        "direct": incident.direct,
        "summary": storable(incident.summary),
        "evidence": to_json(incident.evidence),
        "revision": incident.revision,
        "ticket_due_at": when_any(ticket_due_at),
    }


def incident_of(row: Row, devices: Sequence[int]) -> Incident:
    return Incident(
        id=row["incident_id"],
        kind=IncidentKind(row["kind"]),
        node=row["node_id"],
        phases=row["phases"],
        state=IncidentState(row["state"]),
        started_at=from_datetime(row["started_at"]),
        detected_at=from_datetime(row["detected_at"]),
        restored_at=micros(row["restored_at"]),
        ended_at=micros(row["ended_at"]),
        customers=row["customers"],
        devices=tuple(devices),
        parent=row["parent"],
        confidence=row["confidence"],
        direct=row["direct"],
        summary=row["summary"],
        evidence=row["evidence"],
        revision=row["revision"],
    )


def ticket_row(ticket: Ticket) -> dict[str, object]:
    """Parameters of `ticket_insert` and `ticket_update`."""
    return {
        "ticket_id": storable(ticket.id),
        "number": ticket.number,
        "incident_id": storable(ticket.incident),
        "state": ticket.state.value,
        "severity": ticket.severity,
        "node_id": storable(ticket.node),
        "title": storable(ticket.title),
        "customers": ticket.customers,
        "opened_at": when(ticket.opened_at),
        "updated_at": when(ticket.updated_at),
        "closed_at": when_any(ticket.closed_at),
        "started_at": when_any(ticket.started_at),
        "incident_revision": ticket.incident_revision,
        "revision": ticket.revision,
    }


def ticket_of(row: Row) -> Ticket:
    return Ticket(
        id=row["ticket_id"],
        number=row["number"],
        incident=row["incident_id"],
        state=TicketState(row["state"]),
        severity=row["severity"],
        node=row["node_id"],
        title=row["title"],
        customers=row["customers"],
        opened_at=from_datetime(row["opened_at"]),
        updated_at=from_datetime(row["updated_at"]),
        closed_at=micros(row["closed_at"]),
        started_at=micros(row["started_at"]),
        incident_revision=row["incident_revision"],
        revision=row["revision"],
    )


def delivery_of(row: Row) -> Delivery:
    return Delivery(
        id=row["delivery_id"],
        ticket=row["ticket_id"],
        revision=row["revision"],
        target=row["target"],
        created_at=from_datetime(row["created_at"]),
        body=bytes(row["body"]),
        content_type=row["content_type"],
        attempts=row["attempts"],
    )
