"""Incidents to read: which there are, who is part of one, and what happened to it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from gateway.api.access.gate import Gate
from gateway.api.access.scope import narrowed
from gateway.api.cases import shapes as caseshapes
from gateway.api.cases.instruct import possible_for
from gateway.api.cases.shapes import IncidentOut, IncidentsOut, MembersOut, TimelineOut
from gateway.api.lookup import Finder, Id, tag
from gateway.api.paging import page
from gateway.api.parameters import IncidentPage, MemberPage
from gateway.api.problems import FOUND, within
from gateway.core.access import Actor, Role
from gateway.core.clock import Clock, format_time
from gateway.core.model import IncidentState
from gateway.store.reports import Reports
from gateway.store.views import CaseFilter, IncidentView


def build(reports: Reports, finder: Finder, clock: Clock, gate: Gate) -> APIRouter:
    api = APIRouter(prefix="/api/incidents", tags=["incidents"])
    reader = Depends(gate.needs(Role.VIEWER))

    def out(view: IncidentView, actor: Actor) -> IncidentOut:
        return caseshapes.incident(view, possible_for(view.incident, actor), actor.below)

    @api.get("", summary="Incidents, newest first", operation_id="list_incidents")
    async def incidents(asked: Annotated[IncidentPage, Query()], actor: Actor = reader) -> IncidentsOut:
        only = CaseFilter(
            kind=asked.kind,
            drill=asked.drill,
            text=asked.text,
            parent=asked.parent,
            below=narrowed(actor, asked.below, finder.network),
        )
        state = IncidentState(asked.state) if asked.state not in ("any", "live") else None

        async def fetch(limit: int, before: int | None) -> list[IncidentView]:
            return await within(
                reports.incidents(
                    state,
                    live=asked.state == "live",
                    limit=limit,
                    before=before,
                    only=only,
                    at=clock.now(),
                )
            )

        rows, following = await page(
            fetch,
            lambda view: view.incident.started_at,
            limit=asked.limit,
            before=asked.before,
            after=asked.after,
        )
        return IncidentsOut(
            incidents=[out(row, actor) for row in rows],
            next=None if following is None else format_time(following),
        )

    @api.get("/{incident_id}", summary="One incident", operation_id="get_incident", responses=FOUND)
    async def incident(
        incident_id: Id, request: Request, response: Response, actor: Actor = reader
    ) -> IncidentOut:
        view = await finder.incident(incident_id, request, actor)
        tag(response, view.incident.revision)
        return out(view, actor)

    @api.get(
        "/{incident_id}/members",
        summary="Every member, by device id",
        operation_id="list_members",
        responses=FOUND,
    )
    async def members(
        incident_id: Id, request: Request, asked: Annotated[MemberPage, Query()], actor: Actor = reader
    ) -> MembersOut:
        view = await finder.incident(incident_id, request, actor)
        rows = await within(reports.members(view.incident.id, limit=asked.limit + 1, after=asked.after))
        shown = rows[: asked.limit]
        return MembersOut(
            members=[caseshapes.member(row) for row in shown],
            next=shown[-1].device if len(rows) > asked.limit else None,
        )

    @api.get(
        "/{incident_id}/timeline",
        summary="What happened, latest first",
        operation_id="incident_timeline",
        responses=FOUND,
    )
    async def timeline(incident_id: Id, request: Request, actor: Actor = reader) -> TimelineOut:
        view = await finder.incident(incident_id, request, actor)
        found = await within(reports.timeline(view.incident.id))
        return TimelineOut(timeline=[caseshapes.happening(row) for row in found])

    return api
