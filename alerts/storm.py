"""Very many tickets at once: which come first, and summaries in place of mere updates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import replace

import msgspec

from alerts.formats import Format, StormNotice
from alerts.impact import impact
from alerts.settings import AlertSettings, SeverityRule
from alerts.severity import severity
from alerts.targets import About, TargetSettings
from alerts.telling import digest, message_id, path_of
from alerts.work import Work, work_of
from gateway.core.clock import SECOND
from gateway.core.inventory import Inventory
from gateway.core.model import Incident, IncidentKind
from gateway.core.ticket import ENDED, Delivery, Storm, Ticket, TicketState

_OVER = ENDED | {TicketState.RESTORED}


def choose(
    due: Sequence[Incident],
    standing: Sequence[Ticket],
    inventory: Inventory,
    rules: Sequence[SeverityRule],
) -> list[Incident]:
    """Which incidents get their ticket now: by severity, then priority customers, then customers.

    Silence at or below a place whose outage has a ticket and goes on waits until that is over: no supply, no answer. An
    outage never waits. What is part of another one by now is merged into it by the detector; one of its own below a
    place that is off is a fault of its own, or what a person split off.
    """
    off = {
        (ticket.node, ticket.drill)
        for ticket in standing
        if ticket.kind is IncidentKind.OUTAGE and ticket.state not in _OVER
    }
    return sorted(
        (incident for incident in due if not _explained(incident, off, inventory)),
        key=lambda incident: _urgency(incident, inventory, rules),
    )


def _explained(incident: Incident, off: Set[tuple[str, str]], inventory: Inventory) -> bool:
    """off: nodes without supply, each with the exercise that says so, if it is one."""
    return incident.kind is IncidentKind.COMMUNICATIONS_LOSS and any(
        (node, incident.drill) in off for node in path_of(incident.node, inventory)
    )


def _urgency(
    incident: Incident, inventory: Inventory, rules: Sequence[SeverityRule]
) -> tuple[int, int, int, int, int, int, str]:
    touched = impact(incident, inventory)
    return (
        severity(incident, inventory, rules, at=None, touched=touched),
        -touched.critical_customers,
        -touched.public_welfare_customers,
        -touched.important_customers,
        -incident.customers,
        incident.detected_at,
        incident.id,
    )


def weather(
    storm: Storm | None,
    standing: Sequence[Ticket],
    inventory: Inventory,
    settings: AlertSettings,
    targets: Sequence[tuple[TargetSettings, Format]],
    *,
    at: int,
) -> tuple[Storm | None, tuple[Delivery, ...]]:
    """The storm as it is at `at`, and the summaries that are due: one as it begins, one every so often, one at its end.

    standing: tickets that live, and those that ended since the last summary. Exercises do not count, nor what
    is no repair.
    """
    real = [t for t in standing if not t.drill and work_of(t.kind) is Work.REPAIR]
    window = round(settings.storm.window_s * SECOND)
    fresh = sum(ticket.opened_at > at - window for ticket in real)
    if storm is None or storm.ended_at is not None:
        if fresh < settings.storm.tickets:
            return storm, ()
        storm, since = Storm(id=f"storm-{digest(str(at))}", began_at=at), at - window
    else:
        over = 2 * fresh < settings.storm.tickets
        since = storm.began_at if storm.told_at is None else storm.told_at
        if not over and at - since < settings.storm.summary_s * SECOND:
            return storm, ()
        storm = msgspec.structs.replace(storm, ended_at=at if over else None)
    storm = msgspec.structs.replace(storm, summaries=storm.summaries + 1, told_at=at)
    notice = StormNotice(
        storm=storm,
        tickets=sorted((ticket for ticket in real if ticket.state not in ENDED), key=_rank),
        opened=0,
        ended=0,
        inventory=inventory,
        public_url=settings.public_url,
        at=at,
    )
    gone = [ticket for ticket in real if ticket.state in ENDED]
    return storm, tuple(_summaries(notice, gone, since, targets))


def _rank(ticket: Ticket) -> tuple[int, int, int, int]:
    return ticket.severity, -ticket.customers, ticket.opened_at, ticket.number


def _summaries(
    notice: StormNotice,
    gone: Sequence[Ticket],
    since: int,
    targets: Sequence[tuple[TargetSettings, Format]],
) -> Iterator[Delivery]:
    """One for each target that takes them and has tickets in it; that it is over concerns all."""
    storm = notice.storm
    for target, form in targets:
        if About.STORM not in target.about:
            continue
        living = [ticket for ticket in notice.tickets if _concerns(target, ticket, notice.inventory)]
        past = [ticket for ticket in gone if _concerns(target, ticket, notice.inventory)]
        if not living and not past and storm.ended_at is None:
            continue
        message = form.storm(
            replace(
                notice,
                tickets=living,
                opened=sum(ticket.opened_at > since for ticket in [*living, *past]),
                ended=sum(ticket.closed_at is not None and ticket.closed_at > since for ticket in past),
                options=target.options,
            )
        )
        if message is not None:
            yield Delivery(
                id=message_id(storm.id, storm.summaries, target.name),
                subject=storm.id,
                ticket=None,
                revision=storm.summaries,
                target=target.name,
                created_at=notice.at,
                body=message.body,
                content_type=message.content_type,
            )


def _concerns(target: TargetSettings, ticket: Ticket, inventory: Inventory) -> bool:
    if target.name in ticket.told:
        return True
    anything = target.kinds[0] if target.kinds else IncidentKind.OUTAGE  # where its kind was not read along
    return target.wants(
        kind=ticket.kind or anything,
        severity=ticket.severity,
        area=ticket.area,
        path=path_of(ticket.node, inventory),
        drill=False,
    )
