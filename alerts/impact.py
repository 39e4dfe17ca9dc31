"""Who an incident touches, and what to call it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gateway.core.inventory import PRIORITIES, Inventory
from gateway.core.model import Incident, IncidentKind
from gateway.core.network import NodeKind

TITLE_LENGTH = 160  # the shortest title field among service systems
DRILL = "DRILL: "

_HEADS = {
    IncidentKind.OUTAGE: "Outage",
    IncidentKind.MOMENTARY: "Momentary interruption",
    IncidentKind.PLANNED_OUTAGE: "Planned outage",
    IncidentKind.COMMUNICATIONS_LOSS: "No communication",
    IncidentKind.POWER_QUALITY: "Supply outside limits",
    IncidentKind.USAGE_ANOMALY: "Unusual usage",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """Members of an incident by priority: metering points (devices) and the customers they serve."""

    critical_points: int
    public_welfare_points: int
    important_points: int
    critical_customers: int
    public_welfare_customers: int
    important_customers: int
    ordinary_customers: int


def impact(incident: Incident, inventory: Inventory) -> Impact:
    members = np.asarray(incident.devices, dtype=np.int32)
    priority = inventory.priority[members]
    points = np.bincount(priority, minlength=len(PRIORITIES)).tolist()
    weights = inventory.customers[members]
    customers = np.bincount(priority, weights=weights, minlength=len(PRIORITIES)).astype(np.int64).tolist()
    by_points = dict(zip(PRIORITIES, points, strict=True))
    by_customers = dict(zip(PRIORITIES, customers, strict=True))
    return Impact(
        critical_points=by_points["critical"],
        public_welfare_points=by_points["public_welfare"],
        important_points=by_points["important"],
        critical_customers=by_customers["critical"],
        public_welfare_customers=by_customers["public_welfare"],
        important_customers=by_customers["important"],
        ordinary_customers=by_customers[""],
    )


def title(incident: Incident, inventory: Inventory) -> str:
    """One line, like "Outage below transformer T12 (Market Street), 48 customers"; at most 160 characters.

    It stands over the ticket for its whole life, so it says whom it is about and not whether they are off now. That of
    an exercise begins with `DRILL`.
    """
    if incident.kind is IncidentKind.PHASE_LOSS:
        head = f"Phase{'s' if len(incident.phases) > 1 else ''} {' and '.join(incident.phases)} lost"
    else:
        head = _HEADS[incident.kind]
    mark = DRILL if incident.drill else ""
    tail = f", {incident.customers} customer{'' if incident.customers == 1 else 's'}"
    return f"{mark}{head} {_place(incident.node, inventory)}"[: TITLE_LENGTH - len(tail)] + tail


def _place(node_id: str, inventory: Inventory) -> str:
    network = inventory.network
    if node_id not in network:
        return f"at {node_id}"
    node = network.index(node_id)
    kind, name = NodeKind(int(network.kind[node])), network.names[node]
    where = "at" if kind is NodeKind.SERVICE else "below"
    return f"{where} {kind.word} {node_id}" + (f" ({name})" if name != node_id else "")
