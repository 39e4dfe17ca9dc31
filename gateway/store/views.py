"""What reports answer with. Times are µs UTC; minutes are minutes; shares are between 0 and 1."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.core.model import Incident, IncidentKind, PlannedOutage, Record
from gateway.core.ticket import Ticket, TicketLink, TicketState, Transition


class CaseFilter(Record, frozen=True, kw_only=True):
    """Which incidents or tickets are wanted; None is every one.

    below: at or below one of these nodes, so that an empty one is nothing at all.  text: part of a name, a title or
    the evidence, or a ticket's number.  severities, area, late: of tickets.  parent: of incidents.
    """

    severities: tuple[int, ...] | None = None
    area: str | None = None
    kind: IncidentKind | None = None
    drill: bool | None = None
    late: bool | None = None  # with a clock that ran out and still runs
    text: str | None = None
    parent: str | None = None
    below: tuple[str, ...] | None = None


class Place(Record, frozen=True, kw_only=True):
    """A node as people know it."""

    id: str
    kind: str
    name: str


class IncidentView(Record, frozen=True, kw_only=True):
    """`incident.devices` is empty here; `devices` names the first members and `device_count` says how many.

    `places`: from the root down to the incident's node, empty where that is not listed. `customers_off`,
    `customers_unknown`: whose interruption in it goes on; `customer_minutes`: off in it so far. What follows is its
    ticket's; `late`: a clock ran out and still runs.
    """

    incident: Incident
    node_name: str | None
    path: str | None
    device_count: int
    devices: tuple[str, ...]
    places: tuple[Place, ...] = ()
    customers_off: int = 0
    customers_unknown: int = 0
    customer_minutes: float = 0.0
    ticket: str | None
    ticket_number: int | None
    ticket_state: TicketState | None = None
    severity: int | None = None
    crew: str = ""
    restoration_estimated_at: int | None = None
    late: bool = False


class MemberView(Record, frozen=True, kw_only=True):
    """A device that an incident has as its member. `supply` and what follows are its last interruption's there."""

    device: str
    kind: str
    node: str | None
    node_name: str | None
    phases: str
    customers: int
    priority: str
    supply: str | None
    step: int | None
    started_at: int | None
    ended_at: int | None


class TimelineView(Record, frozen=True, kw_only=True):
    at: int
    what: str  # "incident.detected", "instruction.confirm", "ticket.dispatch", "correction", …
    by: str
    said: str


class PlannedOutageView(Record, frozen=True, kw_only=True):
    """`planned` as it was last announced; `revision` counts its announcements from 1."""

    planned: PlannedOutage
    revision: int
    node_name: str | None
    path: str | None


class DeliveryView(Record, frozen=True, kw_only=True):
    id: str
    revision: int
    target: str
    state: str  # "pending", "delivered" or "dead"
    attempts: int
    status: int | None  # of HTTP, when delivered
    last_error: str | None
    created_at: int
    next_at: int
    delivered_at: int | None


class LinkView(Record, frozen=True, kw_only=True):
    """`kind` is seen from the ticket: merged_into, merged_from, split_from, split_into. `number`: the other one's."""

    link: TicketLink
    number: int


class TicketView(Record, frozen=True, kw_only=True):
    """`references`: what targets themselves call it, by target;  `priorities`: customers of each priority off."""

    ticket: Ticket
    kind: IncidentKind
    summary: str  # of the incident
    node_name: str | None
    transitions: tuple[Transition, ...]
    deliveries: tuple[DeliveryView, ...]
    links: tuple[LinkView, ...] = ()
    references: Mapping[str, str] = {}
    priorities: Mapping[str, int] = {}


class TicketCount(Record, frozen=True, kw_only=True):
    state: TicketState
    tickets: int
    late: int


class OpenInterruptions(Record, frozen=True, kw_only=True):
    """What has not ended: in SAIFI already, its minutes in SAIDI only when it ends."""

    customers: int
    customer_minutes: float


class Indices(Record, frozen=True, kw_only=True):
    """IEEE 1366. None where nobody is served, the window is empty, or (CAIDI, CAIFI) nobody was interrupted.

    cemi: share of customers with at least n interruptions, by n;  celid_s, celid_t: with one of at least s hours,
    with at least t hours in total, by these hours.
    """

    customer_interruptions: int
    customer_minutes: float
    saifi: float | None
    saidi_minutes: float | None
    caidi_minutes: float | None
    asai: float | None
    maifi: float | None
    maifi_e: float | None
    caifi: float | None
    cemi: dict[str, float | None]
    celid_s: dict[str, float | None]
    celid_t: dict[str, float | None]
    open: OpenInterruptions


class Reliability(Record, frozen=True, kw_only=True):
    """The account of one window, with and without planned interruptions, its basis and its targets.

    sustained means: length `comparator` `threshold_s`.  unknown_share: share of all customer time of the window in
    which nobody knew, the gateway's own absences among them; neither on nor off.
    """

    window_from: int
    window_to: int
    served: int
    all: Indices
    fault: Indices
    planned: Indices
    unknown_customer_minutes: float
    unknown_share: float | None
    threshold_s: float
    comparator: str
    asai_target: float
    saidi_target_minutes: float


class DailyReliability(Record, frozen=True, kw_only=True):
    day: int
    served: int
    customer_interruptions: int
    customer_minutes: float
    saifi: float | None
    saidi_minutes: float | None
    asai: float | None
    open: OpenInterruptions
    unknown_customer_minutes: float
    unknown_share: float | None


class SupplyNow(Record, frozen=True, kw_only=True):
    served: int
    on: int
    off: int
    unknown: int


class Totals(Record, frozen=True, kw_only=True):
    readings: int
    signals: int
    rejected_values: int
    dead_letters: int
    incidents: int
    tickets: int
    tickets_closed: int
    deliveries: int
    deliveries_delivered: int
    deliveries_dead: int
