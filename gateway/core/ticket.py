"""The work order that follows an incident: its fields, its steps, and the messages that tell of them.

Times are integer microseconds since 1970 in UTC.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from gateway.core.model import IncidentKind, Record


class TicketState(StrEnum):
    PREDICTED = "predicted"
    CONFIRMED = "confirmed"
    DISPATCHED = "dispatched"
    ON_SITE = "on_site"
    ESTIMATED = "estimated"  # restoration time estimated
    RESTORED = "restored"  # to be verified
    CLOSED = "closed"
    MERGED = "merged"
    CANCELLED = "cancelled"
    REOPENED = "reopened"


ENDED = frozenset({TicketState.CLOSED, TicketState.MERGED, TicketState.CANCELLED})
"""States in which a ticket lives no more, though it may be reopened."""


class Ticket(Record, frozen=True, kw_only=True):
    """The work order that follows an incident. `number` is given by the database, 0 before."""

    id: str
    number: int = 0
    incident: str
    kind: IncidentKind | None = None  # of the incident; None where it was not read along
    state: TicketState
    severity: int  # 1 highest … 3
    node: str
    title: str
    customers: int
    opened_at: int
    updated_at: int
    closed_at: int | None = None
    started_at: int | None = None  # of the incident, as the targets were last told
    incident_revision: int = 0  # up to which the incident has been followed; 0 when unknown
    area: str = ""  # urban, rural, remote: which limits its clocks have
    drill: str = ""  # id of the exercise that it belongs to; empty for what is real
    clocks_from: int | None = None  # since when its clocks run: its opening, or the last reopening
    acknowledged_at: int | None = None
    dispatched_at: int | None = None
    arrived_at: int | None = None
    restored_at: int | None = None
    restoration_estimated_at: int | None = None  # for when people were promised their supply back
    crew: str = ""
    cause: str = ""  # as those on site found it
    ended_by: str = ""  # on whose word it is over (restored or ended); empty while it goes on
    told: tuple[str, ...] = ()  # targets that know of it, and so hear of it to its end
    warned: tuple[str, ...] = ()  # clocks that were warned of ("arrival") and that ran out ("arrival!")
    revision: int = 1


class Transition(Record, frozen=True, kw_only=True):
    """One step in a ticket's life; append-only. `revision` is the ticket's after the step."""

    ticket: str
    revision: int
    at: int
    action: str  # "open", "update", "confirm", "restore", "close", "cancel", "reopen", …
    from_state: TicketState | None
    to_state: TicketState
    by: str
    reason: str
    origin: str = ""  # from where: "detector", "clock", "api", "page", "callback desk", …
    detail: dict[str, Any] = msgspec.field(default_factory=dict)  # what the action records: crew, cause, …


class TicketRequest(Record, frozen=True, kw_only=True):
    """What a person or a service system wants done with a ticket. Which fields an action needs is in its table."""

    action: str
    by: str
    origin: str
    reason: str = ""
    crew: str = ""
    cause: str = ""
    restoration_estimated_at: int | None = None


class TicketLink(Record, frozen=True, kw_only=True):
    """Two tickets that belong together because their incidents do; append-only."""

    ticket: str
    other: str
    kind: str  # "merged_into", "split_from"
    at: int


class Storm(Record, frozen=True, kw_only=True):
    """A time of so many tickets that targets are sent summaries. `summaries` counts those, `told_at` is the last."""

    id: str
    began_at: int
    summaries: int = 0
    told_at: int | None = None
    ended_at: int | None = None


class Delivery(Record, frozen=True, kw_only=True):
    """One webhook message for one target. `id` is the webhook-id: the same on every try.

    Messages of one `subject` (the ticket's id, a storm's, an alarm's) reach a target in the order of `revision`.
    """

    id: str
    subject: str
    ticket: str | None  # that it is about; None for a summary or an alarm
    revision: int
    target: str
    created_at: int
    body: bytes
    content_type: str = "application/json"
    attempts: int = 0
    attempts_before: int = 0  # those of before it was replayed
    reference: str = ""  # what the target itself calls the ticket, once it said so
