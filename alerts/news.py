"""What an incident, as it now is, asks of its ticket."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from alerts.impact import DRILL
from alerts.settings import AlertSettings
from alerts.tickets import Action, Party
from alerts.work import AGAIN, OVER, Work, work_of
from gateway.core.clock import SECOND, format_clock
from gateway.core.model import Incident, IncidentKind, IncidentState
from gateway.core.ticket import ENDED, Ticket, TicketState

BY = "detector"
INCIDENT = "incident"
"""Origin of a step that follows what a person said of the incident."""

_UNCONFIRMED = frozenset({TicketState.PREDICTED, TicketState.REOPENED})


class Wanted(NamedTuple):
    """An action with the reason in words, and who wants it. `at_once`: however soon after the last step it comes."""

    action: Action
    reason: str
    by: str = BY
    origin: str = BY
    party: Party = Party.DETECTOR
    at_once: bool = False


def is_sure(incident: Incident, settings: AlertSettings) -> bool:
    return bool(
        incident.direct or incident.confirmed_by or incident.confidence >= settings.confirm_confidence
    )


def is_news(incident: Incident, ticket: Ticket) -> bool:
    """Whether the ticket has not followed the incident as far as this."""
    return not ticket.incident_revision or incident.revision > ticket.incident_revision


def contradicted_at(incident: Incident, ticket: Ticket, settings: AlertSettings) -> int | None:
    """When it will have shown that the person was wrong who called it over; None where nobody did, or it does not.

    Whoever was there to inspect, or to see to the voltage, is believed: what was measured before goes on for a while.
    Off again after supply had been back, it does so at once. Otherwise what was closed or called restored is given
    some time, and what was cancelled stays so.
    """
    since = ticket.restored_at if ticket.closed_at is None else ticket.closed_at
    if not _by_person(ticket) or since is None or work_of(incident.kind) is not Work.REPAIR:
        return None
    if incident.state is not IncidentState.OPEN or incident.kind not in settings.kinds:
        return None
    if _off_again(incident, since):
        return incident.relapsed_at
    if ticket.state is TicketState.CANCELLED:
        return None
    return since + round(settings.reopen_after_s * SECOND)


def wanted(incident: Incident, ticket: Ticket, settings: AlertSettings, *, at: int) -> Wanted | None:
    """The action that brings the ticket where the incident is; None for none."""
    contradicted = contradicted_at(incident, ticket, settings)
    if contradicted is not None and at >= contradicted:
        return Wanted(Action.REOPEN, _contradiction(incident, ticket, settings))
    ended = ticket.state in ENDED
    if not is_news(incident, ticket):
        if ended or ticket.state is TicketState.RESTORED:
            return None
        return Wanted(Action.UPDATE, f"more urgent as time goes by: {_why(incident)}")
    if incident.state is IncidentState.OPEN and incident.kind in settings.kinds:
        return _of_open(incident, ticket, settings)
    if ended:
        return None
    match incident.state:
        case IncidentState.CLOSED:
            return Wanted(Action.CLOSE, f"{_over(incident)}: {_why(incident)}")
        case IncidentState.CANCELLED:
            return _ended(Action.CANCEL, "withdrawn", incident, settings)
        case IncidentState.MERGED:
            return _ended(Action.MERGE, f"part of incident {incident.parent}", incident, settings)
    if incident.kind is IncidentKind.MOMENTARY:
        return Wanted(Action.CLOSE, f"it was momentary: {_why(incident)}")
    if incident.kind not in settings.kinds:
        what = incident.kind.value.replace("_", " ")
        return Wanted(Action.CANCEL, f"it is a {what}: {_why(incident)}")
    if ticket.state is TicketState.RESTORED:
        return Wanted(Action.UPDATE, incident.summary, at_once=_by_person(ticket))
    return Wanted(Action.RESTORE, f"{_back(incident)}, to be verified: {_why(incident)}")


def _ended(action: Action, words: str, incident: Incident, settings: AlertSettings) -> Wanted:
    """A person's word about the incident is that person's step, with their reason."""
    if incident.ended_by:
        by = f"{words} by {_unnamed(incident.ended_by, settings)}"
        reason = f"{by}: {incident.ended_reason.strip()}" if incident.ended_reason.strip() else by
        return Wanted(action, reason, by=incident.ended_by, origin=INCIDENT)
    return Wanted(action, f"{words}: {_why(incident)}" if action is Action.CANCEL else words)


def _of_open(incident: Incident, ticket: Ticket, settings: AlertSettings) -> Wanted | None:
    """An ended ticket comes back only for news: without knowing how far the incident has been followed, an old change
    could not be told from a relapse. What a person called over is not contradicted yet."""
    over = ticket.state in ENDED
    if over or ticket.state is TicketState.RESTORED:
        if _by_person(ticket):
            return None if over else Wanted(Action.UPDATE, incident.summary)
        if over and not ticket.incident_revision:
            return None
        return Wanted(Action.REOPEN, f"{AGAIN[work_of(incident.kind)]}: {_why(incident)}")
    if ticket.state in _UNCONFIRMED and is_sure(incident, settings):
        who = _unnamed(incident.confirmed_by, settings)
        by = f"confirmed by {who}: " if incident.confirmed_by else ""
        return Wanted(Action.CONFIRM, by + _why(incident))
    return Wanted(Action.UPDATE, incident.summary)


def concluded(ticket: Ticket, action: Action, incident: Incident, *, at: int) -> Ticket:
    """The ticket after a step of the detector's, with who said that it is over, and when supply was back."""
    back = incident.restored_at if incident.state is not IncidentState.OPEN else None
    match action:
        case Action.RESTORE:
            return msgspec.structs.replace(ticket, restored_at=back or at, ended_by=BY)
        case Action.UPDATE if (
            ticket.state is TicketState.RESTORED and incident.state is IncidentState.RESTORED
        ):
            return msgspec.structs.replace(ticket, restored_at=back or ticket.restored_at, ended_by=BY)
        case Action.CLOSE:
            return msgspec.structs.replace(
                ticket, closed_at=at, restored_at=ticket.restored_at or back, ended_by=BY
            )
        case Action.CANCEL | Action.MERGE:
            return msgspec.structs.replace(ticket, closed_at=at, ended_by=incident.ended_by or BY)
    return ticket


def reopened(after: Ticket, before: Ticket, incident: Incident, *, at: int) -> Ticket:
    """The ticket as it is once it was opened again.

    Where supply had been back, its clocks run anew and somebody has to be sent again. Where a person was wrong to call
    it over, they run on: for those without supply nothing has changed.
    """
    after = msgspec.structs.replace(after, closed_at=None, restored_at=None, ended_by="")
    since = before.restored_at if before.closed_at is None else before.closed_at
    still_off = incident.state is IncidentState.OPEN and not _off_again(incident, since)
    if _by_person(before) and still_off:
        return after
    return msgspec.structs.replace(
        after,
        clocks_from=at,
        acknowledged_at=None,
        dispatched_at=None,
        arrived_at=None,
        restoration_estimated_at=None,
        warned=(),
    )


def _by_person(ticket: Ticket) -> bool:
    return ticket.ended_by not in ("", BY)


def _off_again(incident: Incident, since: int | None) -> bool:
    return incident.relapsed_at is not None and since is not None and incident.relapsed_at > since


def _unnamed(by: str, settings: AlertSettings) -> str:
    """Who it was as far as service systems are told: a target is named, people are not."""
    return by if any(by == target.name for target in settings.targets) else "an operator"


def _contradiction(incident: Incident, ticket: Ticket, settings: AlertSettings) -> str:
    since = ticket.restored_at if ticket.closed_at is None else ticket.closed_at
    if _off_again(incident, since):
        return f"off again: {_why(incident)}"
    off = incident.evidence.get("customers_off")
    count = off if isinstance(off, int) and off > 0 else incident.customers
    customers = "1 customer is" if count == 1 else f"{count} customers are"
    lack = "unheard" if incident.kind is IncidentKind.COMMUNICATIONS_LOSS else "without supply"
    by = _unnamed(ticket.ended_by, settings)
    return f"{ticket.state.value} by {by}, but {customers} still {lack}: {_why(incident)}"


def _over(incident: Incident) -> str:
    """Nobody may have seen supply within its limits again: who measured it may be gone."""
    work = work_of(incident.kind)
    if work is Work.QUALITY and incident.restored_at is None:
        return "nothing is measured outside its limits any more"
    return OVER[work]


def _back(incident: Incident) -> str:
    over, at = OVER[work_of(incident.kind)], incident.restored_at
    return over if at is None else f"{over} since {format_clock(at)}"


def _why(incident: Incident) -> str:
    """The evidence within other words: of an exercise the title says so already."""
    return incident.summary.removeprefix(DRILL)
