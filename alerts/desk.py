"""What incidents, people and time mean for tickets. Pure: time and numbers are arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from alerts import asking, storm
from alerts.areas import Areas
from alerts.impact import DRILL, title
from alerts.news import BY, Wanted, concluded, contradicted_at, is_news, is_sure, reopened, wanted
from alerts.settings import AlertSettings
from alerts.severity import rises_at, severity
from alerts.sla import reminders
from alerts.telling import Teller, digest, message_id
from alerts.tickets import Action, Party, next_state
from gateway.core.clock import SECOND, format_time
from gateway.core.inventory import Inventory
from gateway.core.model import Incident, IncidentKind, IncidentState
from gateway.core.ports import TicketStep
from gateway.core.ticket import (
    ENDED,
    Delivery,
    Storm,
    Ticket,
    TicketLink,
    TicketRequest,
    TicketState,
    Transition,
)

CLOCK = "clock"

__all__ = ["BY", "CLOCK", "Desk", "message_id", "ticket_id"]


def ticket_id(incident_id: str) -> str:
    """The same for the same incident, so that opening twice cannot make two tickets."""
    return f"tkt-{digest(incident_id)}"


class Desk:
    """Follows incidents with tickets (`gateway.core.ports.TicketDesk`)."""

    def __init__(self, inventory: Inventory, settings: AlertSettings) -> None:
        self._inventory = inventory
        self._settings = settings
        self._rules = (settings.severity_1, settings.severity_2)
        self._areas = Areas(inventory, settings.sla.area)
        self._teller = Teller(inventory, settings)

    def due_at(self, incident: Incident) -> int | None:
        """When its ticket is due if it is open still; None when it gets none."""
        if incident.state is not IncidentState.OPEN or incident.kind not in self._settings.kinds:
            return None
        if incident.kind is IncidentKind.COMMUNICATIONS_LOSS:
            hold_off_s = self._settings.communications_hold_off_s
        else:
            hold_off_s = 0.0 if incident.direct else self._settings.hold_off_s
        return (incident.held_from or incident.detected_at) + round(hold_off_s * SECOND)

    def choose(self, due: Sequence[Incident], standing: Sequence[Ticket]) -> list[Incident]:
        """Which of these get their ticket now, most urgent first; what a standing ticket explains waits."""
        return storm.choose(due, standing, self._inventory, self._rules)

    def open(
        self,
        incident: Incident,
        *,
        number: int,
        at: int,
        split_from: Ticket | None = None,
        storming: bool = False,
    ) -> TicketStep:
        """The first step of its ticket; `number` is the one that people will call it by.

        split_from: the ticket of the incident that this one was part of.
        """
        state, reason = next_state(None, Action.OPEN), incident.summary
        if is_sure(incident, self._settings):
            state = next_state(state, Action.CONFIRM)
        ticket = Ticket(
            id=ticket_id(incident.id),
            number=number,
            incident=incident.id,
            kind=incident.kind,
            state=state,
            severity=self._severity(incident, at),
            node=incident.node,
            title=title(incident, self._inventory),
            customers=incident.customers,
            opened_at=at,
            updated_at=at,
            started_at=incident.started_at,
            incident_revision=incident.revision,
            area=self._areas.of(incident),
            drill=incident.drill,
            clocks_from=at,
        )
        links: tuple[TicketLink, ...] = ()
        if split_from is not None:
            links = (TicketLink(ticket=ticket.id, other=split_from.id, kind="split_from", at=at),)
            reason = f"split from ticket {split_from.number}: {reason.removeprefix(DRILL)}"
        return self._step(ticket, None, Action.OPEN, reason, incident, links=links, storming=storming)

    def follow(
        self, incident: Incident, ticket: Ticket, *, at: int, storming: bool = False
    ) -> TicketStep | None:
        """The step that the incident, as it now is, asks of its ticket; None when nothing is worth telling.

        Of an incident that was followed already as far as this, only what time alone makes of it is left: it has become
        more urgent, or shows that a person was wrong to call it over. One of before does nothing. Calling it again
        later with the same arguments is safe, and is how an update that came too soon after another one gets told.
        """
        if incident.revision < ticket.incident_revision:
            return None
        asked = wanted(incident, ticket, self._settings, at=at)
        if asked is None:
            return None
        changed = self._refreshed(incident, ticket, at)
        if asked.action is Action.UPDATE and not (
            asked.at_once or (_differs(ticket, changed) and at >= self._next_update_at(ticket))
        ):
            return None
        return self._moved(changed, ticket, asked, incident, at=at, storming=storming)

    def again_at(self, incident: Incident, ticket: Ticket) -> int | None:
        """When to call `follow` or `remind` again though nothing happens; None for never."""
        if incident.revision < ticket.incident_revision:
            return None
        times = [contradicted_at(incident, ticket, self._settings)]
        if ticket.state not in ENDED:
            times += [reminder.at for reminder in reminders(ticket, self._settings.sla)[:1]]
            times.append(self._telling_at(incident, ticket))
        return min((moment for moment in times if moment is not None), default=None)

    def remind(self, incident: Incident, ticket: Ticket, *, at: int) -> TicketStep | None:
        """The step that the ticket's clocks ask for at `at`; None when none does. To be called until it is None.

        A clock that was not warned of when it ran out is not warned of any more.
        """
        if ticket.state in ENDED:
            return None
        for reminder in reminders(ticket, self._settings.sla):
            if reminder.at > at or (reminder.action is Action.WARN and reminder.clock.due_at <= at):
                continue
            changed = msgspec.structs.replace(ticket, warned=(*ticket.warned, reminder.mark))
            reason = reminder.words(ticket, self._settings.sla)
            detail = {"clock": reminder.clock.name, "due_at": format_time(reminder.clock.due_at)}
            asked = Wanted(reminder.action, reason, by=CLOCK, origin=CLOCK, party=Party.CLOCK)
            return self._moved(changed, ticket, asked, incident, at=at, detail=detail)
        return None

    def act(self, incident: Incident, ticket: Ticket, request: TicketRequest, *, at: int) -> TicketStep:
        """What a person or a service system asks for.

        Raises:
            ImpossibleActionError: the ticket's state does not allow it; says what is possible.
            InvalidInputError: every field that is missing or wrong.
        """
        action, party = asking.check(request, at=at), asking.party_of(request)
        next_state(ticket.state, action, party)
        moment = max(at, ticket.updated_at)
        changed = asking.filled(ticket, action, request, at=moment)
        if changed.ended_by and incident.state is not IncidentState.OPEN:
            changed = msgspec.structs.replace(changed, ended_by=BY)
        if action is Action.REOPEN:  # what the incident says so far was known to whoever wants it open again
            revision = max(ticket.incident_revision, incident.revision)
            changed = msgspec.structs.replace(changed, incident_revision=revision)
        asked = Wanted(action, request.reason.strip(), by=request.by, origin=request.origin, party=party)
        return self._moved(changed, ticket, asked, incident, at=at, detail=asking.recorded(request))

    def weather(
        self, storm_now: Storm | None, standing: Sequence[Ticket], *, at: int
    ) -> tuple[Storm | None, tuple[Delivery, ...]]:
        """The storm as it is at `at` (None: there is none), and the summaries that are due."""
        return storm.weather(
            storm_now, standing, self._inventory, self._settings, self._teller.targets, at=at
        )

    def _telling_at(self, incident: Incident, ticket: Ticket) -> int | None:
        """When there is to be an update: one that was held back, or one that time brings."""
        next_at = self._next_update_at(ticket)
        if is_news(incident, ticket):
            asked = wanted(incident, ticket, self._settings, at=next_at)
            if asked is None or asked.action is not Action.UPDATE:
                return None
            if _differs(ticket, self._refreshed(incident, ticket, next_at)):
                return next_at
        if ticket.state is TicketState.RESTORED:
            return None
        rise = rises_at(incident, ticket.severity, self._rules)
        return None if rise is None else max(rise, next_at)

    def _severity(self, incident: Incident, at: int) -> int:
        return severity(incident, self._inventory, self._rules, at=at)

    def _refreshed(self, incident: Incident, ticket: Ticket, at: int) -> Ticket:
        """The ticket with what the incident now says.

        What an incident that is not open any more counts is not what the ticket was about, unless it counts someone.
        """
        if not is_news(incident, ticket):
            if incident.state is not IncidentState.OPEN:
                return ticket
            urgency = min(ticket.severity, self._severity(incident, at))
            return msgspec.structs.replace(ticket, severity=urgency)
        if incident.customers == 0 and incident.state is not IncidentState.OPEN:
            return msgspec.structs.replace(ticket, incident_revision=incident.revision)
        return msgspec.structs.replace(
            ticket,
            kind=incident.kind,
            severity=self._severity(incident, at),
            node=incident.node,
            title=title(incident, self._inventory),
            customers=incident.customers,
            started_at=incident.started_at,
            incident_revision=incident.revision,
            area=self._areas.of(incident),
        )

    def _next_update_at(self, ticket: Ticket) -> int:
        return ticket.updated_at + round(self._settings.update_s * SECOND)

    def _moved(
        self,
        changed: Ticket,
        ticket: Ticket,
        asked: Wanted,
        incident: Incident,
        *,
        at: int,
        storming: bool = False,
        detail: dict[str, Any] | None = None,
    ) -> TicketStep:
        """The step from `ticket` to what it has become; time does not run backwards in a ticket's life."""
        moment = max(at, ticket.updated_at)
        state = next_state(ticket.state, asked.action, asked.party)
        moved = msgspec.structs.replace(changed, state=state, updated_at=moment, revision=ticket.revision + 1)
        if asked.party is Party.DETECTOR:
            moved = concluded(moved, asked.action, incident, at=moment)
        if asked.action is Action.REOPEN:
            moved = reopened(moved, ticket, incident, at=moment)
        links: tuple[TicketLink, ...] = ()
        if asked.action is Action.MERGE and incident.parent:
            other = ticket_id(incident.parent)
            links = (TicketLink(ticket=ticket.id, other=other, kind="merged_into", at=moment),)
        return self._step(
            moved,
            ticket.state,
            asked.action,
            asked.reason,
            incident,
            by=asked.by,
            origin=asked.origin,
            detail=detail,
            links=links,
            storming=storming,
        )

    def _step(
        self,
        ticket: Ticket,
        before: TicketState | None,
        action: Action,
        reason: str,
        incident: Incident,
        *,
        by: str = BY,
        origin: str = BY,
        detail: dict[str, Any] | None = None,
        links: tuple[TicketLink, ...],
        storming: bool,
    ) -> TicketStep:
        transition = Transition(
            ticket=ticket.id,
            revision=ticket.revision,
            at=ticket.updated_at,
            action=action.value,
            from_state=before,
            to_state=ticket.state,
            by=by,
            reason=reason,
            origin=origin,
            detail=detail or {},
        )
        others = {link.kind: link.other for link in links}
        ticket, deliveries = self._teller.tell(
            ticket,
            transition,
            incident,
            storming=storming,
            merged_into=others.get("merged_into"),
            split_from=others.get("split_from"),
        )
        return TicketStep(ticket=ticket, transition=transition, deliveries=deliveries, links=links)


def _differs(ticket: Ticket, changed: Ticket) -> bool:
    """Whether a service desk would want to know: whom it hits, where, what, how badly, since when."""
    known = ticket.started_at is None or ticket.started_at == changed.started_at
    same = (ticket.title, ticket.node, ticket.customers, ticket.severity)
    return not known or same != (changed.title, changed.node, changed.customers, changed.severity)
