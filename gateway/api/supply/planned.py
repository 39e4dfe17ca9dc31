"""Announced outages over HTTP: to list, to announce, to withdraw."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request, Response
from msgspec import structs
from pydantic import Field

from gateway.api.access.gate import Gate
from gateway.api.paging import page
from gateway.api.parameters import Name, PlannedPage
from gateway.api.problems import within
from gateway.api.shapes import Shape, Time
from gateway.api.supply.announce import Announcer, Change, ChangeKind
from gateway.core.access import Actor, Role
from gateway.core.clock import Clock, format_time
from gateway.core.errors import InvalidInputError
from gateway.core.model import PlannedOutage
from gateway.core.network import Network
from gateway.plannedcsv import COLUMNS, OPTIONAL, check_csv, check_json
from gateway.store.reports import Reports
from gateway.store.views import PlannedOutageView

_NAMED = 20  # nodes that one answer or audit entry names
Who = Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")]
"""In whose name something is announced; the actor's own where nothing is said."""

_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "additionalProperties": False,
                        "required": list(COLUMNS),
                        "properties": {
                            name: {"type": "boolean" if name == "withdrawn" else "string"}
                            for name in (*COLUMNS, *OPTIONAL)
                        },
                    },
                }
            },
            "text/csv": {"schema": {"type": "string"}},
        },
    }
}


class WindowOut(Shape):
    reference: str
    node: str
    from_: Time = Field(serialization_alias="from")
    to: Time
    reason: str
    by: str
    received_at: Time


class PlannedOutageOut(WindowOut):
    node_name: str | None
    state: Literal["active", "upcoming", "past", "withdrawn"]
    revision: int


class PlannedOutagesOut(Shape):
    """`next` is the `before` of the page that follows; null on the last one."""

    planned_outages: list[PlannedOutageOut]
    next: str | None


class ChangeOut(Shape):
    change: ChangeKind
    window: WindowOut
    before: WindowOut | None


class ChangesOut(Shape):
    """What an announcement changes, and how many of each; `changes` leaves out what is the same."""

    dry_run: bool
    received_at: Time
    new: int
    changed: int
    same: int
    withdrawn: int
    changes: list[ChangeOut]


def build(reports: Reports, announcer: Announcer, clock: Clock, network: Network, gate: Gate) -> APIRouter:
    api = APIRouter(prefix="/api/planned-outages", tags=["planned outages"])
    viewer, operator = Depends(gate.needs(Role.VIEWER)), Depends(gate.needs(Role.OPERATOR))

    async def told_apart(request: Request, actor: Actor, action: str, changes: Sequence[Change]) -> None:
        """One entry for each reference: what becomes of each window is in the announcements themselves."""
        for reference in dict.fromkeys(change.planned.reference for change in changes):
            of = [change for change in changes if change.planned.reference == reference]
            nodes = [change.planned.node for change in of[:_NAMED]]
            changed = sum(change.kind is not ChangeKind.SAME for change in of)
            detail = {"windows": len(of), "changed": changed, "nodes": nodes, "by": of[0].planned.by}
            await gate.audit(request, actor, action, reference, detail=detail)

    @api.get("", summary="Announced outages, latest start first")
    async def planned_outages(
        asked: Annotated[PlannedPage, Query()], actor: Actor = viewer
    ) -> PlannedOutagesOut:
        now = clock.now()
        state = None if asked.state == "any" else asked.state

        async def fetch(limit: int, before: int | None) -> list[PlannedOutageView]:
            return await within(
                reports.planned_outages(
                    state,
                    at=now,
                    reference=asked.reference,
                    node=asked.node,
                    below=actor.below or None,
                    limit=limit,
                    before=before,
                )
            )

        rows, following = await page(
            fetch,
            lambda view: view.planned.starts_at,
            limit=asked.limit,
            before=asked.before,
            after=asked.after,
        )
        return PlannedOutagesOut(
            planned_outages=[_listed(row, now) for row in rows],
            next=None if following is None else format_time(following),
        )

    @api.post("", summary="Announce outages, all or none", status_code=202, openapi_extra=_BODY)
    async def announce(
        request: Request,
        response: Response,
        dry_run: bool = False,
        by: Annotated[Who | None, Query()] = None,
        actor: Actor = operator,
    ) -> ChangesOut:
        media = request.headers.get("content-type", "").split(";")[0].strip().lower()
        if media not in ("application/json", "text/csv"):
            raise HTTPException(415, "send a list as application/json or a table as text/csv")
        data = await request.body()
        # Not in the loop's own thread: a large table takes a while, and sockets want their turn.
        windows, faults = await asyncio.to_thread(
            check_csv if media == "text/csv" else check_json, data, "body", network
        )
        if faults:
            raise InvalidInputError(faults)
        if beyond := sorted({w.node for w in windows if not actor.reaches(w.node, network)}):
            gate.deny(request, "area", actor, action="planned_outage.announce", thing=beyond[0])
            raise HTTPException(403, f"this token is not for {', '.join(beyond[:_NAMED])}")
        named = [w if w.by else structs.replace(w, by=by or actor.name) for w in windows]
        at, changes = await announcer.announce(named, dry_run=dry_run)
        if dry_run:
            response.status_code = 200
        else:
            await told_apart(request, actor, "planned_outage.announce", changes)
        return _told(at, changes, dry_run=dry_run)

    @api.delete("/{reference:path}", summary="Withdraw the windows of a reference", status_code=202)
    async def withdraw(
        reference: Annotated[str, Path(min_length=1, max_length=200)],
        request: Request,
        node: Annotated[Name | None, Query()] = None,
        by: Annotated[Who | None, Query()] = None,
        actor: Actor = operator,
    ) -> ChangesOut:
        def theirs(window: PlannedOutage) -> bool:
            if not (reached := actor.reaches(window.node, network)):
                gate.deny(request, "area", actor, action="planned_outage.withdraw", thing=reference)
            return reached

        at, changes = await announcer.withdraw(reference, node, by or actor.name, theirs)
        if not changes:
            where = f" at node {node!r}" if node is not None else ""
            raise HTTPException(404, f"there is no planned outage {reference!r}{where}")
        await told_apart(request, actor, "planned_outage.withdraw", changes)
        return _told(at, changes, dry_run=False)

    return api


def _listed(view: PlannedOutageView, now: int) -> PlannedOutageOut:
    return PlannedOutageOut(
        **dict(_window(view.planned)),
        node_name=view.node_name,
        state=_state(view.planned, now),
        revision=view.revision,
    )


def _state(window: PlannedOutage, now: int) -> Literal["active", "upcoming", "past", "withdrawn"]:
    if window.withdrawn:
        return "withdrawn"
    if window.ends_at <= now:
        return "past"
    return "upcoming" if window.starts_at > now else "active"


def _window(window: PlannedOutage) -> WindowOut:
    return WindowOut(
        reference=window.reference,
        node=window.node,
        from_=window.starts_at,
        to=window.ends_at,
        reason=window.reason,
        by=window.by,
        received_at=window.received_at,
    )


def _told(at: int, changes: Sequence[Change], *, dry_run: bool) -> ChangesOut:
    kinds = [change.kind for change in changes]
    return ChangesOut(
        dry_run=dry_run,
        received_at=at,
        new=kinds.count(ChangeKind.NEW),
        changed=kinds.count(ChangeKind.CHANGED),
        same=kinds.count(ChangeKind.SAME),
        withdrawn=kinds.count(ChangeKind.WITHDRAWN),
        changes=[
            ChangeOut(
                change=change.kind,
                window=_window(change.planned),
                before=_window(change.before) if change.before is not None else None,
            )
            for change in changes
            if change.kind is not ChangeKind.SAME
        ],
    )
