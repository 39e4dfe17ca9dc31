"""What an incident means for its ticket, and what the targets are told. Pure: time and numbers are arguments."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import msgspec

from alerts.formats import FORMATS, Notice
from alerts.impact import Impact, impact, title
from alerts.settings import AlertSettings, SeverityRule
from alerts.tickets import ENDED, Action, next_state
from gateway.core.clock import SECOND, format_clock
from gateway.core.inventory import Inventory
from gateway.core.model import (
    Delivery,
    Incident,
    IncidentKind,
    IncidentState,
    Storm,
    Ticket,
    TicketRequest,
    TicketState,
    Transition,
)
from gateway.core.ports import TicketStep

BY = "detector"

_UNCONFIRMED = frozenset({TicketState.PREDICTED, TicketState.REOPENED})


def ticket_id(incident_id: str) -> str:
    """The same for the same incident, so that opening twice cannot make two tickets."""
    return f"tkt-{_digest(incident_id)}"


def message_id(ticket: str, revision: int, target: str) -> str:
    """The webhook-id: the same however often the message is made or sent."""
    return f"msg_{_digest(f'{ticket}/{revision}/{target}')}"


class Desk:
    """Follows incidents with tickets (`gateway.core.ports.TicketDesk`)."""

    def __init__(self, inventory: Inventory, settings: AlertSettings) -> None:
        self._inventory = inventory
        self._settings = settings
        self._formats = [(target.name, FORMATS.get(target.format)) for target in settings.targets]

    def due_at(self, incident: Incident) -> int | None:
        """When its ticket is due if it is open still; None when it gets none."""
        if incident.state is not IncidentState.OPEN or incident.kind not in self._settings.kinds:
            return None
        if incident.kind is IncidentKind.COMMUNICATIONS_LOSS:
            hold_off_s = self._settings.communications_hold_off_s
        else:
            hold_off_s = 0.0 if incident.direct else self._settings.hold_off_s
        return (incident.held_from or incident.detected_at) + round(hold_off_s * SECOND)

    def choose(self, due: Sequence[Incident], standing: Sequence[Ticket]) -> list[Incident]:  # noqa: ARG002
        return list(due)

    def remind(self, incident: Incident, ticket: Ticket, *, at: int) -> TicketStep | None:  # noqa: ARG002
        return None

    def act(self, incident: Incident, ticket: Ticket, request: TicketRequest, *, at: int) -> TicketStep:
        raise NotImplementedError

    def weather(
        self,
        storm: Storm | None,
        standing: Sequence[Ticket],  # noqa: ARG002
        *,
        at: int,  # noqa: ARG002
    ) -> tuple[Storm | None, tuple[Delivery, ...]]:
        return storm, ()

    def open(
        self,
        incident: Incident,
        *,
        number: int,
        at: int,
        split_from: Ticket | None = None,  # noqa: ARG002
        storming: bool = False,  # noqa: ARG002
    ) -> TicketStep:
        """The first step of its ticket; `number` is the one that people will call it by."""
        state, reason = next_state(None, Action.OPEN), incident.summary
        if self._is_sure(incident):
            state = next_state(state, Action.CONFIRM)
        ticket = Ticket(
            id=ticket_id(incident.id),
            number=number,
            incident=incident.id,
            state=state,
            severity=self._severity(incident),
            node=incident.node,
            title=title(incident, self._inventory),
            customers=incident.customers,
            opened_at=at,
            updated_at=at,
            started_at=incident.started_at,
            incident_revision=incident.revision,
        )
        return self._step(ticket, None, Action.OPEN, reason, incident)

    def follow(
        self,
        incident: Incident,
        ticket: Ticket,
        *,
        at: int,
        storming: bool = False,  # noqa: ARG002
    ) -> TicketStep | None:
        """The step that the incident, as it now is, asks of its ticket; None when nothing is worth telling.

        None too for an incident that was followed already as far as this or further. Calling it again later with
        the same arguments is safe, and is how an update that came too soon after another one gets told.
        """
        if ticket.incident_revision and incident.revision <= ticket.incident_revision:
            return None
        action, reason = self._wanted(incident, ticket)
        changed = self._refreshed(incident, ticket)
        if action is None or (action is Action.UPDATE and not self._worth_telling(ticket, changed, at)):
            return None
        state = next_state(ticket.state, action)
        closed_at = at if state in ENDED else None
        moved = msgspec.structs.replace(
            changed, state=state, updated_at=at, closed_at=closed_at, revision=ticket.revision + 1
        )
        return self._step(moved, ticket.state, action, reason, incident)

    def again_at(self, incident: Incident, ticket: Ticket) -> int | None:
        """When to call `follow` again, because it held an update back; None when it did not."""
        if ticket.incident_revision and incident.revision <= ticket.incident_revision:
            return None
        action, _ = self._wanted(incident, ticket)
        if action is Action.UPDATE and _differs(ticket, self._refreshed(incident, ticket)):
            return self._next_update_at(ticket)
        return None

    def _wanted(self, incident: Incident, ticket: Ticket) -> tuple[Action | None, str]:
        """The action that brings the ticket where the incident is, with the reason in words."""
        ended = ticket.state in ENDED
        match incident.state:
            case IncidentState.CLOSED:
                return (None, "") if ended else (Action.CLOSE, f"supply is back: {incident.summary}")
            case IncidentState.CANCELLED:
                return (None, "") if ended else (Action.CANCEL, f"withdrawn: {incident.summary}")
            case IncidentState.MERGED:
                return (None, "") if ended else (Action.MERGE, f"part of incident {incident.parent}")
        if incident.kind not in self._settings.kinds:
            if ended:
                return None, ""
            if incident.kind is IncidentKind.MOMENTARY:
                return Action.CLOSE, f"it was momentary: {incident.summary}"
            return Action.CANCEL, f"it is a {incident.kind.value.replace('_', ' ')}: {incident.summary}"
        if incident.state is IncidentState.RESTORED:
            if ended:
                return None, ""
            if ticket.state is TicketState.RESTORED:
                return Action.UPDATE, incident.summary
            return Action.RESTORE, f"{_since(incident.restored_at)}, to be verified: {incident.summary}"
        # The incident is open. An ended ticket comes back only for news: without knowing how far the incident has
        # been followed, an old change could not be told from a relapse.
        if ticket.state is TicketState.RESTORED or (ended and ticket.incident_revision):
            return Action.REOPEN, f"off again: {incident.summary}"
        if ended:
            return None, ""
        if ticket.state in _UNCONFIRMED and self._is_sure(incident):
            return Action.CONFIRM, incident.summary
        return Action.UPDATE, incident.summary

    def _is_sure(self, incident: Incident) -> bool:
        return incident.direct or incident.confidence >= self._settings.confirm_confidence

    def _refreshed(self, incident: Incident, ticket: Ticket) -> Ticket:
        """The ticket with what the incident now says.

        What an incident that is not open any more counts is not what the ticket was about, unless it counts someone.
        """
        if incident.customers == 0 and incident.state is not IncidentState.OPEN:
            return msgspec.structs.replace(ticket, incident_revision=incident.revision)
        return msgspec.structs.replace(
            ticket,
            severity=self._severity(incident),
            node=incident.node,
            title=title(incident, self._inventory),
            customers=incident.customers,
            started_at=incident.started_at,
            incident_revision=incident.revision,
        )

    def _worth_telling(self, ticket: Ticket, changed: Ticket, at: int) -> bool:
        return _differs(ticket, changed) and at >= self._next_update_at(ticket)

    def _next_update_at(self, ticket: Ticket) -> int:
        return ticket.updated_at + round(self._settings.update_s * SECOND)

    def _severity(self, incident: Incident) -> int:
        touched = impact(incident, self._inventory)
        rules = (self._settings.severity_1, self._settings.severity_2)
        return next(
            (level for level, rule in enumerate(rules, 1) if _reached(rule, incident, touched)),
            len(rules) + 1,
        )

    def _step(
        self, ticket: Ticket, before: TicketState | None, action: Action, reason: str, incident: Incident
    ) -> TicketStep:
        transition = Transition(
            ticket=ticket.id,
            revision=ticket.revision,
            at=ticket.updated_at,
            action=action.value,
            from_state=before,
            to_state=ticket.state,
            by=BY,
            reason=reason,
        )
        notice = Notice(
            ticket=ticket,
            transition=transition,
            incident=incident,
            inventory=self._inventory,
            public_url=self._settings.public_url,
            max_devices=self._settings.max_devices,
            merged_into=ticket_id(incident.parent) if action is Action.MERGE and incident.parent else None,
        )
        return TicketStep(ticket=ticket, transition=transition, deliveries=self._deliveries(notice))

    def _deliveries(self, notice: Notice) -> tuple[Delivery, ...]:
        deliveries = []
        for target, form in self._formats:
            message = form.ticket(notice)
            if message is None:
                continue
            deliveries.append(
                Delivery(
                    id=message_id(notice.ticket.id, notice.ticket.revision, target),
                    subject=notice.ticket.id,
                    ticket=notice.ticket.id,
                    revision=notice.ticket.revision,
                    target=target,
                    created_at=notice.transition.at,
                    body=message.body,
                    content_type=message.content_type,
                )
            )
        return tuple(deliveries)


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=12).hexdigest()


def _differs(ticket: Ticket, changed: Ticket) -> bool:
    """Whether a service desk would want to know: whom it hits, where, what, how badly, since when."""
    known = ticket.started_at is None or ticket.started_at == changed.started_at
    same = (ticket.title, ticket.node, ticket.customers, ticket.severity)
    return not known or same != (changed.title, changed.node, changed.customers, changed.severity)


def _reached(rule: SeverityRule, incident: Incident, touched: Impact) -> bool:
    pairs = (
        (rule.customers, incident.customers),
        (rule.critical, touched.critical_points),
        (rule.important, touched.important_points),
    )
    return any(threshold is not None and count >= threshold for threshold, count in pairs)


def _since(at: int | None) -> str:
    return "supply is back" if at is None else f"supply is back since {format_clock(at)}"
