"""Messages of Standard Webhooks that are about no single ticket: `alerts/schema/storm.v1.json` and `alarm.v1.json`."""

from __future__ import annotations

import msgspec

from alerts.formats import facts
from alerts.formats.notice import AlarmNotice, Message, StormNotice
from alerts.formats.standard import VERSION, Part
from gateway.core.clock import format_time
from gateway.core.ticket import Ticket, TicketState

STORM, ALARM, CLEARED = "storm.summary", "delivery.alarm", "delivery.alarm_cleared"
LISTED = 100
"""Tickets named in one summary at most."""


class Storm(Part, frozen=True, kw_only=True):
    id: str
    began_at: str
    ended_at: str | None
    summary: int


class Line(Part, frozen=True, kw_only=True):
    id: str
    number: int
    state: TicketState
    severity: int
    area: str
    title: str
    drill: bool
    node: str
    customers: int
    crew: str
    opened_at: str
    restoration_estimated_at: str | None


class StormData(Part, frozen=True, kw_only=True):
    version: int
    storm: Storm
    opened: int
    ended: int
    standing: int
    by_severity: dict[str, int]
    customers: int
    tickets: list[Line]
    links: dict[str, str]


class StormEnvelope(Part, frozen=True, kw_only=True):
    type: str
    timestamp: str
    data: StormData


class AlarmData(Part, frozen=True, kw_only=True):
    version: int
    target: str
    count: int
    oldest_at: str
    error: str
    links: dict[str, str]


class AlarmEnvelope(Part, frozen=True, kw_only=True):
    type: str
    timestamp: str
    data: AlarmData


_encode = msgspec.json.Encoder().encode


def storm(notice: StormNotice) -> Message:
    """The tickets that live, most urgent first, as given: no more than a hundred of them are named."""
    told = notice.storm
    return Message(
        body=_encode(
            StormEnvelope(
                type=STORM,
                timestamp=format_time(notice.at),
                data=StormData(
                    version=VERSION,
                    storm=Storm(
                        id=told.id,
                        began_at=format_time(told.began_at),
                        ended_at=None if told.ended_at is None else format_time(told.ended_at),
                        summary=told.summaries,
                    ),
                    opened=notice.opened,
                    ended=notice.ended,
                    standing=len(notice.tickets),
                    by_severity=facts.by_severity(notice.tickets),
                    customers=sum(ticket.customers for ticket in notice.tickets),
                    tickets=[_line(ticket) for ticket in notice.tickets[:LISTED]],
                    links=facts.links(notice.public_url),
                ),
            )
        )
    )


def alarm(notice: AlarmNotice) -> Message:
    return Message(
        body=_encode(
            AlarmEnvelope(
                type=ALARM if notice.count else CLEARED,
                timestamp=format_time(notice.at),
                data=AlarmData(
                    version=VERSION,
                    target=notice.late_target,
                    count=notice.count,
                    oldest_at=format_time(notice.oldest_at),
                    error=notice.error,
                    links=facts.links(notice.public_url),
                ),
            )
        )
    )


def _line(ticket: Ticket) -> Line:
    estimated = ticket.restoration_estimated_at
    return Line(
        id=ticket.id,
        number=ticket.number,
        state=ticket.state,
        severity=ticket.severity,
        area=ticket.area,
        title=facts.heading(ticket),
        drill=bool(ticket.drill),
        node=ticket.node,
        customers=ticket.customers,
        crew=ticket.crew,
        opened_at=format_time(ticket.opened_at),
        restoration_estimated_at=None if estimated is None else format_time(estimated),
    )
