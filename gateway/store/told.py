"""What an operator who follows the log is told: of each incident and ticket when it comes and when it ends."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from gateway.core.model import Change, Event
from gateway.core.ports import TicketStep
from gateway.core.ticket import ENDED, TicketState

log = logging.getLogger(__name__)

PER_SECOND = 20
"""Lines; what happens beyond that in the same second is counted in one line for each transaction."""

_INCIDENTS = {
    Change.OPENED: "incident opened",
    Change.RESTORED: "incident restored",
    Change.CLOSED: "incident closed",
    Change.CANCELLED: "incident cancelled",
    Change.MERGED: "incident merged into another",
}
_ENDS = {
    TicketState.CLOSED: "ticket closed",
    TicketState.CANCELLED: "ticket cancelled",
    TicketState.MERGED: "ticket merged into another",
}


class Happening(NamedTuple):
    """One line: a constant message, and fields that name no person."""

    message: str
    fields: dict[str, str | int]


def of_events(events: Iterable[Event]) -> list[Happening]:
    found = []
    for event in events:
        if (message := _INCIDENTS.get(event.change)) is None:
            continue
        incident = event.incident
        fields: dict[str, str | int] = {
            "incident": incident.id,
            "kind": incident.kind.value,
            "node": incident.node,
            "customers": incident.customers,
        }
        if incident.parent:
            fields["parent"] = incident.parent
        found.append(Happening(message, _marked(fields, incident.drill)))
    return found


def of_steps(steps: Iterable[TicketStep]) -> list[Happening]:
    found = []
    for step in steps:
        made, ticket = step.transition, step.ticket
        lived = made.from_state is not None and made.from_state not in ENDED
        if made.from_state is None:
            message = "ticket opened"
        elif lived and made.to_state in ENDED:
            message = _ENDS[made.to_state]
        elif made.to_state is TicketState.REOPENED and made.from_state is not made.to_state:
            message = "ticket reopened"
        else:
            continue
        fields: dict[str, str | int] = {
            "ticket": ticket.id,
            "number": ticket.number,
            "incident": ticket.incident,
            "node": ticket.node,
            "severity": ticket.severity,
            "customers": ticket.customers,
        }
        found.append(Happening(message, _marked(fields, ticket.drill)))
    return found


class Teller:
    """Writes the lines, after what they tell of is in the database."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._since = float("-inf")
        self._left = 0

    def tell(self, happened: Sequence[Happening]) -> None:
        if (now := self._now_s()) - self._since >= 1.0:
            self._since, self._left = now, PER_SECOND
        for message, fields in happened[: self._left]:
            log.info(message, extra=fields)
        rest = happened[self._left :]
        self._left -= len(happened) - len(rest)
        if rest:
            counts = Counter(message.replace(" ", "_") for message, _ in rest)
            log.info("more happened than is told one by one", extra=dict(counts))


def _marked(fields: dict[str, str | int], drill: str) -> dict[str, str | int]:
    return fields | {"drill": drill} if drill else fields
