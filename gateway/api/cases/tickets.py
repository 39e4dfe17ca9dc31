"""Tickets to read."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from gateway.api.access.gate import Gate
from gateway.api.access.scope import narrowed
from gateway.api.cases import shapes as caseshapes
from gateway.api.cases.shapes import Clocks, TicketOut, TicketsOut
from gateway.api.cases.ticketacts import possible_for
from gateway.api.lookup import Finder, Id, tag
from gateway.api.paging import page
from gateway.api.parameters import TicketPage
from gateway.api.problems import FOUND, within
from gateway.core.access import Actor, Role
from gateway.core.clock import Clock, format_time
from gateway.core.ticket import TicketState
from gateway.store.reports import Reports
from gateway.store.views import CaseFilter, TicketView


class ShownTicket:
    """Tickets as answers, for whoever asks."""

    def __init__(self, clocks: Clocks, clock: Clock) -> None:
        self._clocks = clocks
        self._clock = clock

    def __call__(self, view: TicketView, actor: Actor) -> TicketOut:
        can = possible_for(view.ticket.state, actor)
        return caseshapes.ticket(view, can, self._clocks(view.ticket), self._clock.now())


def build(reports: Reports, finder: Finder, out: ShownTicket, gate: Gate) -> APIRouter:
    api = APIRouter(prefix="/api/tickets", tags=["tickets"])
    reader = Depends(gate.needs(Role.VIEWER))

    @api.get("", summary="Tickets, newest or most urgent first", operation_id="list_tickets")
    async def tickets(asked: Annotated[TicketPage, Query()], actor: Actor = reader) -> TicketsOut:
        only = CaseFilter(
            severities=asked.severity or None,
            area=asked.area,
            kind=asked.kind,
            drill=asked.drill,
            late=asked.late,
            text=asked.text,
            below=narrowed(actor, asked.below, finder.network),
        )
        state = TicketState(asked.state) if asked.state not in ("any", "live") else None
        if asked.order == "rank":
            ranked = await within(reports.ranked(state, limit=asked.limit + 1, skip=asked.skip, only=only))
            more = len(ranked) > asked.limit
            return TicketsOut(
                tickets=[out(view, actor) for view in ranked[: asked.limit]],
                next=str(asked.skip + asked.limit) if more else None,
            )

        async def fetch(limit: int, before: int | None) -> list[TicketView]:
            return await within(
                reports.tickets(state, live=asked.state == "live", limit=limit, before=before, only=only)
            )

        rows, following = await page(
            fetch,
            lambda view: view.ticket.opened_at,
            limit=asked.limit,
            before=asked.before,
            after=asked.after,
        )
        return TicketsOut(
            tickets=[out(row, actor) for row in rows],
            next=None if following is None else format_time(following),
        )

    @api.get("/{ticket_id}", summary="One ticket", operation_id="get_ticket", responses=FOUND)
    async def ticket(ticket_id: Id, request: Request, response: Response, actor: Actor = reader) -> TicketOut:
        view = await finder.ticket(ticket_id, request, actor)
        tag(response, view.ticket.revision)
        return out(view, actor)

    return api
