"""What the REST API lets everybody read who reaches it."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, HTTPException, Path, Query

from gateway.api import shapes
from gateway.api.paging import page
from gateway.api.parameters import IncidentPage, TicketPage, WindowChoice
from gateway.api.problems import within
from gateway.api.shared import Shared
from gateway.api.state import GatewayState
from gateway.core.clock import Clock, format_time
from gateway.core.model import IncidentState, TicketState
from gateway.store.accounts import Accounts, TargetState
from gateway.store.reports import Reports
from gateway.store.views import IncidentView, TicketView

SUMMARY_KEPT_S = 1.0
"""For how long a summary is good enough for the next viewer; pages ask every two seconds."""

TARGETS_KEPT_S = 15.0
"""The same for budgets: the rolling year is looked through for them."""

Id = Annotated[str, Path(min_length=1, max_length=200)]


def build(
    reports: Reports, accounts: Accounts, state: GatewayState, clock: Clock, zone: ZoneInfo
) -> APIRouter:
    api = APIRouter(prefix="/api")

    async def target_states() -> list[TargetState]:
        return await within(accounts.targets(clock.now()))

    shared_targets = Shared(target_states, keep_s=TARGETS_KEPT_S)

    @api.get("/incidents", summary="Incidents, newest first")
    async def incidents(asked: Annotated[IncidentPage, Query()]) -> shapes.IncidentsOut:
        only = IncidentState(asked.state) if asked.state not in ("any", "live") else None

        async def fetch(limit: int, before: int | None) -> list[IncidentView]:
            return await within(
                reports.incidents(only, live=asked.state == "live", limit=limit, before=before)
            )

        rows, following = await page(
            fetch,
            lambda view: view.incident.started_at,
            limit=asked.limit,
            before=asked.before,
            after=asked.after,
        )
        return shapes.IncidentsOut(incidents=[shapes.incident(row) for row in rows], next=_cursor(following))

    @api.get("/incidents/{incident_id}", summary="One incident")
    async def incident(incident_id: Id) -> shapes.IncidentOut:
        view = await within(reports.incident(_storable(incident_id)))
        if view is None:
            raise HTTPException(404, f"there is no incident {incident_id!r}")
        return shapes.incident(view)

    @api.get("/tickets", summary="Tickets with their transitions and deliveries, newest first")
    async def tickets(asked: Annotated[TicketPage, Query()]) -> shapes.TicketsOut:
        only = TicketState(asked.state) if asked.state not in ("any", "live") else None

        async def fetch(limit: int, before: int | None) -> list[TicketView]:
            return await within(reports.tickets(only, live=asked.state == "live", limit=limit, before=before))

        rows, following = await page(
            fetch,
            lambda view: view.ticket.opened_at,
            limit=asked.limit,
            before=asked.before,
            after=asked.after,
        )
        return shapes.TicketsOut(tickets=[shapes.ticket(row) for row in rows], next=_cursor(following))

    @api.get("/tickets/{ticket_id}", summary="One ticket")
    async def ticket(ticket_id: Id) -> shapes.TicketOut:
        view = await within(reports.ticket(_storable(ticket_id)))
        if view is None:
            raise HTTPException(404, f"there is no ticket {ticket_id!r}")
        return shapes.ticket(view)

    @api.get("/reliability", summary="Reliability indices of one window")
    async def reliability(asked: Annotated[WindowChoice, Query()]) -> shapes.ReliabilityOut:
        at = clock.now()
        window = asked.resolve(at, zone)
        account = await within(reports.reliability(window.low, window.high, at=at))
        return shapes.reliability(account, await shared_targets.get(), window, at)

    async def summarise() -> shapes.SummaryOut:
        at = clock.now()
        window = WindowChoice().resolve(at, zone)
        account = await within(reports.reliability(window.low, window.high, at=at))
        now = await within(reports.supply_now())
        reasons = state.ready()
        return shapes.SummaryOut(
            at=at,
            ready=not reasons,
            reasons=reasons,
            customers=shapes.customers(now),
            reliability=shapes.reliability(account, await shared_targets.get(), window, at),
            gateway=shapes.gateway(state.condition()),
        )

    shared_summary = Shared(summarise, keep_s=SUMMARY_KEPT_S)

    @api.get("/summary", summary="What the page shows on top")
    async def summary() -> shapes.SummaryOut:
        return await shared_summary.get()

    return api


def _cursor(following: int | None) -> str | None:
    return None if following is None else format_time(following)


def _storable(name: str) -> str:
    """PostgreSQL holds no NUL in text, so nothing has such a name."""
    if "\0" in name:
        raise HTTPException(404, "there is no such id")
    return name
