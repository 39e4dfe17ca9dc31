"""What people and programs may ask the database: incidents, tickets, the account of supply."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Literal

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from gateway.core.clock import from_datetime
from gateway.core.model import IncidentState, PlannedOutage, TicketState, Transition
from gateway.store.errors import boundary
from gateway.store.planned import planned_of
from gateway.store.queries import sql
from gateway.store.rows import Row, incident_of, micros, ticket_of, when, when_any
from gateway.store.text import storable
from gateway.store.views import (
    DailyReliability,
    DeliveryView,
    IncidentView,
    Indices,
    OpenInterruptions,
    PlannedOutageView,
    Reliability,
    SupplyNow,
    TicketView,
    Totals,
)

MAX_MEMBERS = 100
"""How many members of an incident are named; `device_count` has the full number."""


class Reports:
    """Reads only. Every method raises UnavailableError while the database is away. Times are µs UTC."""

    def __init__(self, pool: AsyncConnectionPool[psycopg.AsyncConnection]) -> None:
        self._pool = pool

    async def incidents(
        self,
        state: IncidentState | None = None,
        *,
        live: bool = False,
        limit: int = 100,
        before: int | None = None,
        incident: str | None = None,
    ) -> list[IncidentView]:
        """Newest first. `live`: open or to be verified; `before`: only those that started before that time."""
        given = {
            "state": state.value if state is not None else None,
            "live": live,
            "limit": limit,
            "before": when_any(before),
            "incident": incident,
            "members": MAX_MEMBERS,
        }
        return [_incident(row) for row in await self._all("report_incidents", given)]

    async def incident(self, incident: str) -> IncidentView | None:
        found = await self.incidents(incident=incident, limit=1)
        return found[0] if found else None

    async def tickets(
        self,
        state: TicketState | None = None,
        *,
        live: bool = False,
        limit: int = 100,
        before: int | None = None,
        ticket: str | None = None,
    ) -> list[TicketView]:
        """Newest first, with every transition and delivery. `live`: not closed, merged or cancelled."""
        given = {
            "state": state.value if state is not None else None,
            "live": live,
            "limit": limit,
            "before": when_any(before),
            "ticket": ticket,
        }
        rows = await self._all("report_tickets", given)
        names = {"tickets": [row["ticket_id"] for row in rows]}
        made = _grouped(await self._all("report_transitions", names)) if rows else {}
        sent = _grouped(await self._all("report_deliveries", names)) if rows else {}
        return [
            TicketView(
                ticket=ticket_of(row),
                node_name=row["node_name"],
                transitions=tuple(_transition(r) for r in made.get(row["ticket_id"], ())),
                deliveries=tuple(_delivery(r) for r in sent.get(row["ticket_id"], ())),
            )
            for row in rows
        ]

    async def ticket(self, ticket: str) -> TicketView | None:
        found = await self.tickets(ticket=ticket, limit=1)
        return found[0] if found else None

    async def planned_outages(
        self,
        state: Literal["active", "upcoming", "past", "withdrawn"] | None = None,
        *,
        at: int,
        reference: str | None = None,
        node: str | None = None,
        limit: int = 100,
        before: int | None = None,
    ) -> list[PlannedOutageView]:
        """Announced windows as they were last announced, latest start first. `state` is that at the moment `at`;
        `before`: only those that start before that time."""
        given = {
            "state": state,
            "at": when(at),
            "reference": storable(reference) if reference is not None else None,
            "node": storable(node) if node is not None else None,
            "limit": limit,
            "before": when_any(before),
        }
        return [
            PlannedOutageView(
                planned=planned_of(row),
                revision=row["revision"],
                node_name=row["node_name"],
                path=row["path"],
            )
            for row in await self._all("report_planned_outages", given)
        ]

    async def planned_of(self, references: Collection[str]) -> list[PlannedOutage]:
        """Every window under these references, as last announced; withdrawn ones too."""
        given = {"references": [storable(reference) for reference in references]}
        return [planned_of(row) for row in await self._all("planned_outage_known", given)]

    async def reliability(self, frm: int, to: int, *, at: int) -> Reliability:
        """Indices (IEEE 1366) of the interruptions that started in [frm, to), as known at `at`; the window ends
        there where `to` is later. See the SQL function of the same name for the rules of the account."""
        bounds = {"frm": when(frm), "to": when(to), "at": when(at)}
        kinds = {row["of"]: row for row in await self._all("report_reliability", bounds)}
        row = kinds["all"]
        return Reliability(
            window_from=from_datetime(row["window_from"]),
            window_to=from_datetime(row["window_to"]),
            served=row["served"],
            all=_indices(row),
            fault=_indices(kinds["fault"]),
            planned=_indices(kinds["planned"]),
            unknown_customer_minutes=row["unknown_customer_minutes"],
            unknown_share=row["unknown_share"],
            threshold_s=row["threshold_s"],
            comparator=row["comparator"],
            asai_target=row["asai_target"],
            saidi_target_minutes=row["saidi_target_minutes"],
        )

    async def reliability_daily(self, frm: int, to: int, *, at: int) -> list[DailyReliability]:
        """The indices of all interruptions day by day, in the time zone of the settings."""
        rows = await self._all("report_reliability_daily", {"frm": when(frm), "to": when(to), "at": when(at)})
        return [
            DailyReliability(
                day=from_datetime(row["day"]),
                served=row["served"],
                customer_interruptions=row["customer_interruptions"],
                customer_minutes=row["customer_minutes"],
                saifi=row["saifi"],
                saidi_minutes=row["saidi_minutes"],
                asai=row["asai"],
                open=OpenInterruptions(
                    customers=row["open_customers"], customer_minutes=row["open_customer_minutes"]
                ),
                unknown_customer_minutes=row["unknown_customer_minutes"],
                unknown_share=row["unknown_share"],
            )
            for row in rows
        ]

    async def supply_now(self) -> SupplyNow:
        """Customers by supply state at this moment."""
        row = (await self._all("report_supply_now", {}))[0]
        return SupplyNow(
            served=row["served"], on=row["supplied"], off=row["off_now"], unknown=row["unknown_now"]
        )

    async def totals(self) -> Totals:
        """How much is stored; counts the whole reading table, so not for a page that refreshes."""
        row = (await self._all("report_totals", {}))[0]
        return Totals(**row)

    async def _all(self, query: str, given: Mapping[str, object]) -> list[Row]:
        with boundary("reading reports"):
            async with self._pool.connection() as conn, conn.cursor(row_factory=dict_row) as cur:
                return [*await (await cur.execute(sql(query), given)).fetchall()]


def _grouped(rows: Sequence[Row]) -> dict[str, list[Row]]:
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
        ticket=row["ticket_id"],
        ticket_number=row["number"],
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
    )


def _delivery(row: Row) -> DeliveryView:
    return DeliveryView(
        id=row["delivery_id"],
        revision=row["revision"],
        target=row["target"],
        state=row["state"],
        attempts=row["attempts"],
        status=row["status"],
        last_error=row["last_error"],
        created_at=from_datetime(row["created_at"]),
        next_at=from_datetime(row["next_at"]),
        delivered_at=micros(row["delivered_at"]),
    )


def _indices(row: Row) -> Indices:
    return Indices(
        customer_interruptions=row["customer_interruptions"],
        customer_minutes=row["customer_minutes"],
        saifi=row["saifi"],
        saidi_minutes=row["saidi_minutes"],
        caidi_minutes=row["caidi_minutes"],
        asai=row["asai"],
        maifi=row["maifi"],
        maifi_e=row["maifi_e"],
        caifi=row["caifi"],
        cemi={format(row["cemi_interruptions"], "g"): row["cemi"]},
        celid_s={format(row["celid_single_hours"], "g"): row["celid_single"]},
        celid_t={format(row["celid_total_hours"], "g"): row["celid_total"]},
        open=OpenInterruptions(
            customers=row["open_customers"], customer_minutes=row["open_customer_minutes"]
        ),
    )
