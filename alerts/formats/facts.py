"""What formats have to say in common: who and where an incident touches, whose step it was, where to look further."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum
from urllib.parse import quote

import numpy as np

from alerts.formats.notice import Clock, Notice
from alerts.impact import DRILL, TITLE_LENGTH, impact
from gateway.core.inventory import PRIORITIES, Inventory
from gateway.core.model import Incident
from gateway.core.network import Network, NodeKind
from gateway.core.ticket import Ticket

TYPES = {
    "open": "ticket.opened",
    "acknowledge": "ticket.acknowledged",
    "dispatch": "ticket.dispatched",
    "arrive": "ticket.arrived",
    "estimate": "ticket.estimated",
    "restore": "ticket.restored",
    "close": "ticket.closed",
    "cancel": "ticket.cancelled",
    "merge": "ticket.merged",
    "reopen": "ticket.reopened",
    "comment": "ticket.commented",
    "warn": "ticket.warning",
    "escalate": "ticket.breached",
}
"""Message types by action; every other action updates."""

OPENED, UPDATED = "ticket.opened", "ticket.updated"
TICKET_TYPES = (*TYPES.values(), UPDATED)

CALLBACK = "callback "
"""How the origin of a step begins that a service system asked for; the name of its target follows."""


class Party(StrEnum):
    """Who took a step, as far as service systems are told: people are not named to them."""

    DETECTOR = "detector"
    CLOCK = "clock"
    OPERATOR = "operator"
    SERVICE_SYSTEM = "service_system"


def message_type(notice: Notice) -> str:
    """A target that has not heard of the ticket yet is told of it as new, whatever the step is."""
    return OPENED if notice.first else TYPES.get(notice.transition.action, UPDATED)


def party(origin: str) -> Party:
    if origin.startswith(CALLBACK):
        return Party.SERVICE_SYSTEM
    if origin in ("", Party.DETECTOR):
        return Party.DETECTOR
    return Party.CLOCK if origin == Party.CLOCK else Party.OPERATOR


def service_system(origin: str) -> str | None:
    """Name of the target that asked for the step, None when none did."""
    return origin.removeprefix(CALLBACK) if origin.startswith(CALLBACK) else None


def heading(ticket: Ticket) -> str:
    """Its title on one line of at most 160 characters; an exercise says so before anything else."""
    title = " ".join(ticket.title.split())
    marked = ticket.drill and not title.startswith(DRILL)
    return (DRILL * bool(marked) + title)[:TITLE_LENGTH]


def is_late(clock: Clock, at: int) -> bool:
    """Whether what the clock limits came, or is still to come, after its time."""
    return at >= clock.due_at if clock.stopped_at is None else clock.stopped_at > clock.due_at


def path(node_id: str, network: Network) -> list[tuple[str, str, str]]:
    """(id, kind, name) from the substation down to the node; empty when the network does not have it any more."""
    if node_id not in network:
        return []
    return [
        (network.ids[i], NodeKind(int(network.kind[i])).word, network.names[i])
        for i in network.path(network.index(node_id))
    ]


def location(node_id: str, network: Network) -> tuple[float, float] | None:
    """Latitude and longitude of the node itself, or of the nearest one above it whose place is known."""
    if node_id not in network:
        return None
    for i in reversed(network.path(network.index(node_id))):
        lat, lon = float(network.lat[i]), float(network.lon[i])
        if math.isfinite(lat) and math.isfinite(lon):
            return lat, lon
    return None


def customers_by_priority(incident: Incident, inventory: Inventory) -> dict[str, int]:
    """Customers of the metering points concerned, those first whose supply is guaranteed first."""
    touched = impact(incident, inventory)
    return {
        "critical": touched.critical_customers,
        "public_welfare": touched.public_welfare_customers,
        "important": touched.important_customers,
        "ordinary": touched.ordinary_customers,
    }


def priority_devices(incident: Incident, inventory: Inventory, limit: int) -> list[tuple[str, str, int]]:
    """(id, priority, customers) of members that have a priority, those first whose supply is guaranteed first."""
    members = np.asarray(incident.devices, dtype=np.int32)
    ranked = members[np.argsort(-inventory.priority[members].astype(np.int64), kind="stable")][:limit]
    return [
        (inventory.ids[key], PRIORITIES[int(inventory.priority[key])], int(inventory.customers[key]))
        for key in ranked.tolist()
        if inventory.priority[key]
    ]


def device_ids(incident: Incident, inventory: Inventory, limit: int) -> list[str]:
    return [inventory.ids[key] for key in incident.devices[:limit]]


def numbers(incident: Incident) -> dict[str, int | float]:
    """Counts only: free text and lists in the evidence may name more than a service system is to know."""
    return {
        name: value
        for name, value in incident.evidence.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    }


def links(public_url: str, ticket: Ticket | None = None) -> dict[str, str]:
    """Where to look further; empty when the gateway has no public address."""
    if not public_url:
        return {}
    base = public_url.rstrip("/")
    found = {"page": f"{base}/"}
    if ticket is not None:
        found["ticket"] = f"{base}/api/tickets/{quote(ticket.id, safe='')}"
        found["incident"] = f"{base}/api/incidents/{quote(ticket.incident, safe='')}"
        found["actions"] = found["ticket"] + "/"
    return found


def by_severity(tickets: Sequence[Ticket]) -> dict[str, int]:
    return {str(level): sum(ticket.severity == level for ticket in tickets) for level in (1, 2, 3)}
