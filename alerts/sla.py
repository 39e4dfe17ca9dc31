"""The clocks of a ticket: by when somebody has to have answered, be there, and have supply back.

The limits are those of `alerts.settings.SlaSettings`, by the ticket's severity and area.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from alerts.formats.notice import Clock
from alerts.settings import SlaSettings
from alerts.tickets import Action
from alerts.work import work_of
from gateway.core.clock import MINUTE, format_clock
from gateway.core.ticket import Ticket

BREACHED = "!"  # what `Ticket.warned` adds to the name of a clock that ran out


def clocks(ticket: Ticket, settings: SlaSettings) -> tuple[Clock, ...]:
    """Its clocks in the order in which they should stop; those without a limit are left out.

    They run from its opening or, once supply had been back, from its reopening. One stops when what it asks for is
    done, or else when the ticket is restored or ends.
    """
    since, work = _since(ticket), work_of(ticket.kind)
    over = _first(ticket.restored_at, ticket.closed_at)
    reached = {
        "response": _first(ticket.acknowledged_at, ticket.dispatched_at, ticket.arrived_at),
        "arrival": ticket.arrived_at,
        "arrival_limit": ticket.arrived_at,
        "restoration": None,
    }
    return tuple(
        Clock(name=name, due_at=since + round(minutes * MINUTE), stopped_at=_first(done, over))
        for name, done in reached.items()
        if (minutes := settings.limit(name, severity=ticket.severity, area=ticket.area, work=work))
        is not None
    )


class Reminder(NamedTuple):
    """What a clock asks for: `action` is WARN or ESCALATE, from `at` on."""

    at: int
    clock: Clock
    action: Action

    @property
    def mark(self) -> str:
        return self.clock.name + (BREACHED if self.action is Action.ESCALATE else "")

    def words(self, ticket: Ticket, settings: SlaSettings) -> str:
        minutes = (self.clock.due_at - _since(ticket)) / MINUTE
        name = self.clock.name.replace("_", " ")
        limit = f"{minutes:g} min (severity {ticket.severity}, {ticket.area or settings.area})"
        if self.action is Action.ESCALATE:
            return f"{name}: {limit} ran out at {format_clock(self.clock.due_at)}"
        return f"{name}: {limit} run out at {format_clock(self.clock.due_at)}"


def reminders(ticket: Ticket, settings: SlaSettings) -> list[Reminder]:
    """What its running clocks will ask for or do so already, and have not yet; earliest first.

    A clock that has run out is not warned of any more.
    """
    return sorted(_pending(ticket, settings), key=lambda reminder: reminder.at)


def _pending(ticket: Ticket, settings: SlaSettings) -> Iterator[Reminder]:
    since = _since(ticket)
    for clock in clocks(ticket, settings):
        if clock.stopped_at is not None or clock.name + BREACHED in ticket.warned:
            continue
        if clock.name not in ticket.warned:
            warn_at = since + round((clock.due_at - since) * settings.warn_at)
            yield Reminder(warn_at, clock, Action.WARN)
        yield Reminder(clock.due_at, clock, Action.ESCALATE)


def _since(ticket: Ticket) -> int:
    return ticket.opened_at if ticket.clocks_from is None else ticket.clocks_from


def _first(*times: int | None) -> int | None:
    return min((at for at in times if at is not None), default=None)
