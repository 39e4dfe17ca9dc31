"""Rows of the database as the core's records, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from gateway.core.clock import from_datetime, to_datetime
from gateway.core.errors import NotStorableError
from gateway.core.model import Incident, IncidentKind, IncidentState
from gateway.core.ticket import Delivery, Storm, Ticket, TicketState, Transition
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
        "held_from": when_any(incident.held_from),
        "relapsed_at": when_any(incident.relapsed_at),
        "confirmed_by": storable(incident.confirmed_by),
        "ended_by": storable(incident.ended_by),
        "ended_reason": storable(incident.ended_reason),
        "drill": storable(incident.drill),
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
        held_from=micros(row["held_from"]),
        relapsed_at=micros(row["relapsed_at"]),
        confirmed_by=row["confirmed_by"],
        ended_by=row["ended_by"],
        ended_reason=row["ended_reason"],
        drill=row["drill"],
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
        "area": storable(ticket.area),
        "drill": storable(ticket.drill),
        "clocks_from": when_any(ticket.clocks_from),
        "acknowledged_at": when_any(ticket.acknowledged_at),
        "dispatched_at": when_any(ticket.dispatched_at),
        "arrived_at": when_any(ticket.arrived_at),
        "restored_at": when_any(ticket.restored_at),
        "restoration_estimated_at": when_any(ticket.restoration_estimated_at),
        "crew": storable(ticket.crew),
        "cause": storable(ticket.cause),
        "ended_by": storable(ticket.ended_by),
        "told": [storable(name) for name in ticket.told],
        "warned": [storable(name) for name in ticket.warned],
        "revision": ticket.revision,
    }


def ticket_of(row: Row) -> Ticket:
    return Ticket(
        id=row["ticket_id"],
        number=row["number"],
        incident=row["incident_id"],
        kind=IncidentKind(row["kind"]) if row.get("kind") else None,
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
        area=row["area"],
        drill=row["drill"],
        clocks_from=micros(row["clocks_from"]),
        acknowledged_at=micros(row["acknowledged_at"]),
        dispatched_at=micros(row["dispatched_at"]),
        arrived_at=micros(row["arrived_at"]),
        restored_at=micros(row["restored_at"]),
        restoration_estimated_at=micros(row["restoration_estimated_at"]),
        crew=row["crew"],
        cause=row["cause"],
        ended_by=row["ended_by"],
        told=tuple(row["told"]),
        warned=tuple(row["warned"]),
        revision=row["revision"],
    )


def transition_row(made: Transition) -> dict[str, object]:
    """Parameters of `ticket_transition_insert`."""
    return {
        "ticket_id": storable(made.ticket),
        "revision": made.revision,
        "at": when(made.at),
        "action": storable(made.action),
        "from_state": made.from_state.value if made.from_state is not None else None,
        "to_state": made.to_state.value,
        "actor": storable(made.by),
        "reason": storable(made.reason),
        "origin": storable(made.origin),
        "detail": to_json(made.detail),
    }


def storm_row(storm: Storm) -> dict[str, object]:
    """Parameters of `storm_upsert`."""
    return {
        "storm_id": storable(storm.id),
        "began_at": when(storm.began_at),
        "summaries": storm.summaries,
        "told_at": when_any(storm.told_at),
        "ended_at": when_any(storm.ended_at),
    }


def storm_of(row: Row) -> Storm:
    return Storm(
        id=row["storm_id"],
        began_at=from_datetime(row["began_at"]),
        summaries=row["summaries"],
        told_at=micros(row["told_at"]),
        ended_at=micros(row["ended_at"]),
    )


def delivery_row(message: Delivery) -> dict[str, object]:
    """Parameters of `delivery_insert`."""
    return {
        "delivery_id": message.id,
        "subject": storable(message.subject),
        "ticket_id": None if message.ticket is None else storable(message.ticket),
        "revision": message.revision,
        "target": storable(message.target),
        "content_type": message.content_type,
        "body": message.body,
        "created_at": when(message.created_at),
    }


def delivery_of(row: Row) -> Delivery:
    return Delivery(
        id=row["delivery_id"],
        subject=row["subject"],
        ticket=row["ticket_id"],
        revision=row["revision"],
        target=row["target"],
        created_at=from_datetime(row["created_at"]),
        body=bytes(row["body"]),
        content_type=row["content_type"],
        attempts=row["attempts"],
        attempts_before=row["attempts_before"],
        reference=row.get("reference") or "",
    )


def delivery_fields(row: Row) -> dict[str, Any]:
    """What every account of a message tells of it, by the names of `gateway.store.views.DeliveryView`."""
    return {
        "id": row["delivery_id"],
        "revision": row["revision"],
        "target": row["target"],
        "state": row["state"],
        "attempts": row["attempts"],
        "status": row["status"],
        "last_error": row["last_error"],
        "created_at": from_datetime(row["created_at"]),
        "next_at": from_datetime(row["next_at"]),
        "delivered_at": micros(row["delivered_at"]),
    }
