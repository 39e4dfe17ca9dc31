"""How urgent an incident is, in three levels, by rules that a site may set."""

from __future__ import annotations

from collections.abc import Sequence

from alerts.impact import Impact, impact
from alerts.settings import SeverityRule
from alerts.work import Work, work_of
from gateway.core.clock import MINUTE
from gateway.core.inventory import Inventory
from gateway.core.model import Incident, IncidentState
from gateway.core.network import NODE_KINDS


def severity(
    incident: Incident,
    inventory: Inventory,
    rules: Sequence[SeverityRule],
    *,
    at: int | None,
    touched: Impact | None = None,
) -> int:
    """The place, from 1, of the first rule that it reaches; one more than there are rules where it reaches none.

    An inspection has the lowest: nobody is without supply. How long it lasts makes a repair more urgent, nothing else.

    at: time of the judgement; None leaves out for how long it has lasted.  touched: its impact, if known already.
    """
    if work_of(incident.kind) is Work.INSPECTION:
        return len(rules) + 1
    touched = touched or impact(incident, inventory)
    return next(
        (
            level
            for level, rule in enumerate(rules, 1)
            if _hits(rule, incident, touched)
            or _high_enough(rule, incident, inventory)
            or _long_enough(rule, incident, at)
        ),
        len(rules) + 1,
    )


def rises_at(incident: Incident, level: int, rules: Sequence[SeverityRule]) -> int | None:
    """When it will be more urgent than `level` for no reason but time; None for never."""
    if incident.state is not IncidentState.OPEN or work_of(incident.kind) is not Work.REPAIR:
        return None
    minutes = [rule.minutes for rule in rules[: level - 1] if rule.minutes is not None]
    return incident.started_at + round(min(minutes) * MINUTE) if minutes else None


def _hits(rule: SeverityRule, incident: Incident, touched: Impact) -> bool:
    pairs = (
        (rule.customers, incident.customers),
        (rule.critical, touched.critical_points),
        (rule.public_welfare, touched.public_welfare_points),
        (rule.important, touched.important_points),
    )
    return any(threshold is not None and count >= threshold for threshold, count in pairs)


def _high_enough(rule: SeverityRule, incident: Incident, inventory: Inventory) -> bool:
    network = inventory.network
    if rule.level is None or incident.node not in network:
        return False
    return int(network.kind[network.index(incident.node)]) <= NODE_KINDS[rule.level]


def _long_enough(rule: SeverityRule, incident: Incident, at: int | None) -> bool:
    if rule.minutes is None or at is None or work_of(incident.kind) is not Work.REPAIR:
        return False
    until = at if incident.state is IncidentState.OPEN else incident.restored_at or incident.ended_at or at
    return until - incident.started_at >= round(rule.minutes * MINUTE)
