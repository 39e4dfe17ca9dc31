"""Incidents and tickets as people look for them: filtered, ranked, page by page."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

from gateway.core.clock import from_datetime
from gateway.core.model import IncidentKind, IncidentState
from gateway.core.ticket import TicketLink, TicketState, Transition
from gateway.store.reader import Reader
from gateway.store.rows import Row, delivery_fields, incident_of, micros, ticket_of, when_any
from gateway.store.text import storable
from gateway.store.views import (
    CaseFilter,
    DeliveryView,
    IncidentView,
    LinkView,
    MemberView,
    Place,
    TicketCount,
    TicketView,
    TimelineView,
)

T = TypeVar("T")

MAX_MEMBERS = 100
"""How many members of an incident are named; `device_count` has the full number."""

EVERYTHING = CaseFilter()


class Cases(Reader):
    async def incidents(
        self,
        state: IncidentState | None = None,
        *,
        live: bool = False,
        limit: int = 100,
        before: int | None = None,
        incident: str | None = None,
        only: CaseFilter = EVERYTHING,
        at: int | None = None,
    ) -> list[IncidentView]:
        """Newest first. `live`: open or to be verified; `before`: only those that started before that time; `at`:
        until when minutes of what goes on are counted, by default now."""
        given = _given(only) | {
            "state": state.value if state is not None else None,
            "live": live,
            "limit": limit,
            "before": when_any(before),
            "incident": _text(incident),
            "members": MAX_MEMBERS,
            "at": when_any(at),
        }
        return [_incident(row) for row in await self._all("report_incidents", given)]

    async def incident(self, incident: str, *, at: int | None = None) -> IncidentView | None:
        found = await self.incidents(incident=incident, limit=1, at=at)
        return found[0] if found else None

    async def members(self, incident: str, *, limit: int, after: str | None = None) -> list[MemberView]:
        """Members of an incident by device id, those behind `after` only, each with its last interruption."""
        given = {"incident": storable(incident), "limit": limit, "after": _text(after)}
        return [_member(row) for row in await self._all("report_members", given)]

    async def has_members_apart(self, incident: str, node: str) -> bool:
        """Whether some of its members lie at or below the node, and some do not."""
        given = {"incident": storable(incident), "node": storable(node)}
        row = (await self._all("report_split", given))[0]
        return bool(0 < row["below"] < row["members"])

    async def timeline(self, incident: str, *, limit: int = 1000) -> list[TimelineView]:
        """What happened to an incident, what people said of it and what became of its ticket; latest first."""
        rows = await self._all("report_timeline", {"incident": storable(incident), "limit": limit})
        return [
            TimelineView(at=from_datetime(r["at"]), what=r["what"], by=r["made_by"], said=r["said"])
            for r in rows
        ]

    async def tickets(
        self,
        state: TicketState | None = None,
        *,
        live: bool = False,
        limit: int = 100,
        before: int | None = None,
        ticket: str | None = None,
        only: CaseFilter = EVERYTHING,
    ) -> list[TicketView]:
        """Newest first, with every transition and delivery. `live`: not closed, merged or cancelled."""
        given = _given(only) | {
            "state": state.value if state is not None else None,
            "live": live,
            "limit": limit,
            "before": when_any(before),
            "ticket": _text(ticket),
        }
        return await self._whole(await self._all("report_tickets", given))

    async def ranked(
        self,
        state: TicketState | None = None,
        *,
        limit: int = 100,
        skip: int = 0,
        only: CaseFilter = EVERYTHING,
    ) -> list[TicketView]:
        """Tickets that live, most urgent first: severity, priority customers, customers off, age."""
        given = _given(only) | {
            "state": state.value if state is not None else None,
            "limit": limit,
            "skip": skip,
        }
        return await self._whole(await self._all("report_tickets_ranked", given))

    async def ticket(self, ticket: str) -> TicketView | None:
        found = await self.tickets(ticket=ticket, limit=1)
        return found[0] if found else None

    async def ticket_numbered(self, number: int) -> str | None:
        """Id of the ticket that people call by this number."""
        rows = await self._all("report_ticket_number", {"number": number})
        return str(rows[0]["ticket_id"]) if rows else None

    async def ticket_counts(self, below: Collection[str] | None = None) -> list[TicketCount]:
        """Tickets that live, by state, exercises apart; how many of each have a clock that ran out and still runs.
        `below`: only at or below these nodes."""
        tops = None if below is None else [storable(top) for top in below]
        return [
            TicketCount(state=TicketState(row["state"]), tickets=row["tickets"], late=row["late"])
            for row in await self._all("report_ticket_counts", {"below": tops})
        ]

    async def _whole(self, rows: Sequence[Row]) -> list[TicketView]:
        if not rows:
            return []
        names = {"tickets": [row["ticket_id"] for row in rows]}
        made = _grouped(await self._all("report_transitions", names))
        sent = _grouped(await self._all("report_deliveries", names))
        links = _grouped(await self._all("report_ticket_links", names))
        called = _grouped(await self._all("report_ticket_references", names))
        priorities = {row["ticket_id"]: row for row in await self._all("report_ticket_priorities", names)}
        return [
            TicketView(
                ticket=ticket_of(row),
                kind=IncidentKind(row["kind"]),
                summary=row["summary"],
                node_name=row["node_name"],
                transitions=tuple(_transition(r) for r in made.get(row["ticket_id"], ())),
                deliveries=tuple(_delivery(r) for r in sent.get(row["ticket_id"], ())),
                links=tuple(_link(r) for r in links.get(row["ticket_id"], ())),
                references={r["target"]: r["reference"] for r in called.get(row["ticket_id"], ())},
                priorities={
                    word: priorities[row["ticket_id"]][word] if row["ticket_id"] in priorities else 0
                    for word in ("critical", "public_welfare", "important")
                },
            )
            for row in rows
        ]


def _given(only: CaseFilter) -> dict[str, object]:
    return {
        "severities": list(only.severities) if only.severities is not None else None,
        "area": _text(only.area),
        "kind": only.kind.value if only.kind is not None else None,
        "drill": only.drill,
        "late": only.late,
        "text": _text(only.text),
        "parent": _text(only.parent),
        "below": [storable(node) for node in only.below] if only.below is not None else None,
    }


def _text(text: str | None) -> str | None:
    return None if text is None else storable(text)


def _grouped(rows: Sequence[Row]) -> Mapping[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row["ticket_id"], []).append(row)
    return groups


def _incident(row: Row) -> IncidentView:
    return IncidentView(
        incident=incident_of(row, ()),
        node_name=row["node_name"],
        path=row["path"],
        device_count=row["device_count"],
        devices=tuple(row["device_ids"] or ()),
        places=tuple(Place(**place) for place in row["places"] or ()),
        customers_off=row["customers_off"],
        customers_unknown=row["customers_unknown"],
        customer_minutes=row["customer_minutes"],
        ticket=row["ticket_id"],
        ticket_number=row["number"],
        ticket_state=TicketState(row["ticket_state"]) if row["ticket_state"] else None,
        severity=row["severity"],
        crew=row["crew"] or "",
        restoration_estimated_at=micros(row["restoration_estimated_at"]),
        late=row["late"],
    )


def _member(row: Row) -> MemberView:
    return MemberView(
        device=row["device_id"],
        kind=row["kind"],
        node=row["node_id"],
        node_name=row["node_name"],
        phases=row["phases"],
        customers=row["customers"],
        priority=row["priority"],
        supply=row["state"],
        step=row["step"],
        started_at=micros(row["started_at"]),
        ended_at=micros(row["ended_at"]),
    )


def _transition(row: Row) -> Transition:
    return Transition(
        ticket=row["ticket_id"],
        revision=row["revision"],
        at=from_datetime(row["at"]),
        action=row["action"],
        from_state=TicketState(row["from_state"]) if row["from_state"] else None,
        to_state=TicketState(row["to_state"]),
        by=row["actor"],
        reason=row["reason"],
        origin=row["origin"],
        detail=row["detail"],
    )


def _link(row: Row) -> LinkView:
    link = TicketLink(
        ticket=row["ticket_id"], other=row["other_id"], kind=row["kind"], at=from_datetime(row["at"])
    )
    return LinkView(link=link, number=row["number"])


def _delivery(row: Row) -> DeliveryView:
    return DeliveryView(**delivery_fields(row))
