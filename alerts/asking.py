"""What a person or a service system may ask of a ticket, checked and written into it."""

from __future__ import annotations

from typing import Any

import msgspec

from alerts.formats.facts import CALLBACK
from alerts.tickets import RULES, Action, Party
from gateway.core.clock import DAY, format_time
from gateway.core.errors import InvalidInputError
from gateway.core.ticket import Ticket, TicketRequest

RESERVED = frozenset({"detector", "clock"})
"""Names that nobody who asks may have."""

_LONGEST = {"by": 200, "reason": 4000, "crew": 200, "cause": 1000}
_FARTHEST = 366 * DAY
_FIELDS = ("crew", "cause", "restoration_estimated_at")


def party_of(request: TicketRequest) -> Party:
    return Party.SYSTEM if request.origin.startswith(CALLBACK) else Party.PERSON


def check(request: TicketRequest, *, at: int) -> Action:
    """The action that is asked for.

    Raises:
        InvalidInputError: every field that is missing, wrong, too long or does not belong to the action.
    """
    faults = [
        f"{name}: has {len(getattr(request, name))} characters; {longest} are allowed"
        for name, longest in _LONGEST.items()
        if len(getattr(request, name)) > longest
    ]
    if not request.by.strip():
        faults.append("by: is missing")
    elif request.by in RESERVED:
        faults.append(f"by: {request.by!r} is the gateway itself")
    offered = [action.value for action, rule in RULES.items() if party_of(request) in rule.parties]
    if request.action not in offered:
        raise InvalidInputError(
            [f"action: {request.action[:50]!r} is not one of {', '.join(offered)}", *faults]
        )
    action = Action(request.action)
    rule = RULES[action]
    faults += [f"{name}: is needed to {action}" for name in rule.needs if _empty(request, name)]
    faults += [
        f"{name}: does not belong to {action}"
        for name in _FIELDS
        if name not in rule.needs + rule.may and not _empty(request, name)
    ]
    estimate = request.restoration_estimated_at
    if estimate is not None and not at < estimate <= at + _FARTHEST:
        faults.append(
            f"restoration_estimated_at: must be after {format_time(at)} and within {_FARTHEST // DAY} days"
        )
    if faults:
        raise InvalidInputError(faults)
    return action


def recorded(request: TicketRequest) -> dict[str, Any]:
    """What the transition keeps besides the reason."""
    found: dict[str, Any] = {
        name: text for name in ("crew", "cause") if (text := getattr(request, name).strip())
    }
    if request.restoration_estimated_at is not None:
        found["restoration_estimated_at"] = format_time(request.restoration_estimated_at)
    return found


def filled(ticket: Ticket, action: Action, request: TicketRequest, *, at: int) -> Ticket:
    """The ticket with what the request says. Times of what was done before stay: sending somebody is an answer too."""
    records = RULES[action].records
    changes: dict[str, Any] = {
        name: at
        for name in ("acknowledged_at", "dispatched_at", "arrived_at", "restored_at")
        if name in records and getattr(ticket, name) is None
    }
    changes |= {name: text for name in ("crew", "cause") if (text := getattr(request, name).strip())}
    if request.restoration_estimated_at is not None:
        changes["restoration_estimated_at"] = request.restoration_estimated_at
    if "closed_at" in records:
        changes["closed_at"] = at
    if "ended_by" in records:
        changes["ended_by"] = request.by
    return msgspec.structs.replace(ticket, **changes)


def _empty(request: TicketRequest, name: str) -> bool:
    value = getattr(request, name)
    return value is None or (isinstance(value, str) and not value.strip())
