"""A step, a summary or an alarm in words: the names that templates may use, and texts for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from alerts.formats import facts
from alerts.formats.notice import AlarmNotice, Notice, StormNotice
from alerts.impact import DRILL
from alerts.tickets import Action
from alerts.work import OVER, Work, work_of
from gateway.core.clock import format_time

Words: TypeAlias = Mapping[str, str | int | float]

_DONE = {
    "open": "opened",
    "update": "updated",
    "acknowledge": "acknowledged",
    "confirm": "confirmed",
    "dispatch": "crew dispatched",
    "arrive": "crew on site",
    "estimate": "restoration estimated",
    "restore": "supply restored, to be verified",
    "close": "closed",
    "cancel": "cancelled",
    "merge": "merged",
    "reopen": "reopened",
    "comment": "comment",
    "warn": "a clock is about to run out",
    "escalate": "a clock has run out",
}


def mark(notice: Notice) -> str:
    """How every note about this step begins: by it a step is known that was told already."""
    return f"{_drill(notice)}Ticket {notice.ticket.number}, step {notice.ticket.revision}:"


def note(notice: Notice) -> str:
    """The step in a few lines, such as "Ticket 1017, step 3: crew on site. …"."""
    ticket, action = notice.ticket, notice.transition.action
    done = _DONE.get(action, action)
    if action == Action.RESTORE and (work := work_of(notice.incident.kind)) is not Work.REPAIR:
        done = f"{OVER[work]}, to be verified"
    told = [f"{mark(notice)} {done}"]
    told += [notice.transition.reason] if notice.transition.reason else []
    told += [f"Severity {ticket.severity}, {_customers(notice)}."]
    if ticket.restoration_estimated_at is not None:
        told.append(f"Restoration estimated for {format_time(ticket.restoration_estimated_at)}.")
    if ticket.crew:
        told.append(f"Crew: {ticket.crew}.")
    if ticket.cause:
        told.append(f"Cause: {ticket.cause}.")
    if late := [clock.name for clock in notice.clocks if facts.is_late(clock, notice.transition.at)]:
        told.append(f"Late: {', '.join(late)}.")
    if notice.merged_into:
        told.append(f"Goes on as {notice.merged_into}.")
    return "\n".join(told)


def description(notice: Notice) -> str:
    """Everything that those who take the ticket up have to know, a line each."""
    ticket, incident = notice.ticket, notice.incident
    names = words(notice)
    lines = [
        facts.heading(ticket),
        f"Where: {names['path'] or incident.node}" + (f", {ticket.area}" if ticket.area else ""),
        f"Location: {names['lat']}, {names['lon']}" if names["lat"] != "" else "",
        f"Since: {names['started_at']}",
        f"Customers: {_customers(notice)}",
        f"First of all: {names['priority_devices']}" if names["priority_devices"] else "",
        f"Evidence: {incident.summary} (confidence {incident.confidence:.0%})",
        f"Due: {names['clocks']}" if names["clocks"] else "",
        f"Split from: {notice.split_from}" if notice.split_from else "",
        f"Look further: {names['ticket_url']}" if names["ticket_url"] else "",
        "",
        note(notice),
    ]
    return "\n".join(line for i, line in enumerate(lines) if line or i == len(lines) - 2)


def words(notice: Notice) -> dict[str, str | int | float]:
    """What templates may name of a ticket's step. Times are ISO 8601 in UTC; what is not known is empty."""
    ticket, step, incident = notice.ticket, notice.transition, notice.incident
    network = notice.inventory.network
    where = facts.location(incident.node, network)
    customers = facts.customers_by_priority(incident, notice.inventory)
    found = facts.links(notice.public_url, ticket)
    ranked = facts.priority_devices(incident, notice.inventory, notice.max_devices)
    return {
        "type": facts.message_type(notice),
        "at": format_time(step.at),
        "ticket_id": ticket.id,
        "number": ticket.number,
        "revision": ticket.revision,
        "state": ticket.state.value,
        "previous_state": "" if step.from_state is None else step.from_state.value,
        "action": step.action,
        "party": facts.party(step.origin).value,
        "reason": step.reason,
        "severity": ticket.severity,
        "area": ticket.area,
        "title": facts.heading(ticket),
        "drill": "true" if ticket.drill else "false",
        "crew": ticket.crew,
        "cause": ticket.cause,
        "opened_at": _time(ticket.opened_at),
        "updated_at": _time(ticket.updated_at),
        "acknowledged_at": _time(ticket.acknowledged_at),
        "dispatched_at": _time(ticket.dispatched_at),
        "arrived_at": _time(ticket.arrived_at),
        "restored_at": _time(ticket.restored_at),
        "restoration_estimated_at": _time(ticket.restoration_estimated_at),
        "closed_at": _time(ticket.closed_at),
        "clocks": "; ".join(f"{clock.name} by {format_time(clock.due_at)}" for clock in notice.clocks),
        "merged_into": notice.merged_into or "",
        "split_from": notice.split_from or "",
        "incident_id": incident.id,
        "kind": incident.kind.value,
        "work": work_of(incident.kind).value,
        "node": incident.node,
        "path": " / ".join(name for _, _, name in facts.path(incident.node, network)),
        "lat": "" if where is None else where[0],
        "lon": "" if where is None else where[1],
        "phases": incident.phases,
        "started_at": _time(incident.started_at),
        "customers": incident.customers,
        "critical_customers": customers["critical"],
        "public_welfare_customers": customers["public_welfare"],
        "important_customers": customers["important"],
        "ordinary_customers": customers["ordinary"],
        "priority_devices": "; ".join(f"{device} ({priority})" for device, priority, _ in ranked),
        "devices": ", ".join(facts.device_ids(incident, notice.inventory, notice.max_devices)),
        "devices_total": len(incident.devices),
        "confidence": incident.confidence,
        "evidence": incident.summary,
        "page_url": found.get("page", ""),
        "ticket_url": found.get("ticket", ""),
        "incident_url": found.get("incident", ""),
        "text": text(notice),
    }


def storm_words(notice: StormNotice) -> dict[str, str | int | float]:
    severities = facts.by_severity(notice.tickets)
    return {
        "type": "storm.summary",
        "at": format_time(notice.at),
        "storm_id": notice.storm.id,
        "began_at": format_time(notice.storm.began_at),
        "ended_at": _time(notice.storm.ended_at),
        "summary": notice.storm.summaries,
        "opened": notice.opened,
        "ended": notice.ended,
        "standing": len(notice.tickets),
        "severity_1": severities["1"],
        "severity_2": severities["2"],
        "severity_3": severities["3"],
        "customers": sum(ticket.customers for ticket in notice.tickets),
        "page_url": facts.links(notice.public_url).get("page", ""),
        "text": storm_text(notice),
    }


def alarm_words(notice: AlarmNotice) -> dict[str, str | int | float]:
    return {
        "type": "delivery.alarm" if notice.count else "delivery.alarm_cleared",
        "at": format_time(notice.at),
        "target": notice.late_target,
        "count": notice.count,
        "oldest_at": format_time(notice.oldest_at),
        "error": notice.error,
        "page_url": facts.links(notice.public_url).get("page", ""),
        "text": alarm_text(notice),
    }


def text(notice: Notice) -> str:
    """The step in one plain paragraph with its heading."""
    lines = [note(notice), facts.heading(notice.ticket)]
    found = facts.links(notice.public_url, notice.ticket)
    return "\n".join([*lines, found["ticket"]] if found else lines)


def storm_text(notice: StormNotice) -> str:
    severities = facts.by_severity(notice.tickets)
    ended = notice.storm.ended_at is not None
    head = f"Storm: {len(notice.tickets)} tickets, {sum(t.customers for t in notice.tickets)} customers"
    lines = [
        head + (", over; messages of single tickets go on" if ended else ""),
        f"Since the last summary {notice.opened} opened, {notice.ended} ended.",
        "By severity: " + ", ".join(f"{level}: {count}" for level, count in severities.items()),
        *(f"{ticket.number}: {facts.heading(ticket)}, {ticket.state}" for ticket in notice.tickets[:10]),
    ]
    return "\n".join(lines)


def alarm_text(notice: AlarmNotice) -> str:
    if not notice.count:
        return f"Messages to {notice.late_target} get through again."
    many = f"{notice.count} message{'' if notice.count == 1 else 's'}"
    return (
        f"{many} to {notice.late_target} not delivered, "
        f"the oldest since {format_time(notice.oldest_at)}: {notice.error}"
    )


def _drill(notice: Notice) -> str:
    return DRILL if notice.ticket.drill else ""


def _customers(notice: Notice) -> str:
    total = notice.incident.customers
    by = facts.customers_by_priority(notice.incident, notice.inventory)
    ranked = [
        f"{count} {name.replace('_', ' ')}" for name, count in by.items() if count and name != "ordinary"
    ]
    told = f"{total} customer{'' if total == 1 else 's'}"
    return f"{told} ({', '.join(ranked)})" if ranked else told


def _time(at: int | None) -> str:
    return "" if at is None else format_time(at)
