"""What people say of intervals."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import numpy as np
from fastapi import APIRouter, Depends, Header, Query, Request, Response

from gateway.api.bodies import described, read
from gateway.api.lookup import expected, tag
from gateway.api.meterdata import shapes
from gateway.api.meterdata.asked import EditIn, EditPage
from gateway.api.meterdata.scope import IMPOSSIBLE, Scope
from gateway.api.paging import page
from gateway.api.problems import FOUND, Responses, StaleOut, within
from gateway.core.access import Actor, Role
from gateway.core.clock import DAY, format_time
from gateway.core.errors import ImpossibleError, InvalidInputError
from gateway.core.meterdata import IntervalEdit
from gateway.store.meterdata import MeterData
from gateway.store.meterlists import MeterLists, SaidView

_NAMED = 100  # intervals that one answer names
_WIDEST = 2 * DAY  # no interval is longer
IfMatch: TypeAlias = Annotated[str | None, Header(max_length=100)]
_EDITED: Responses = (
    FOUND
    | IMPOSSIBLE
    | {
        200: {"model": shapes.EditedOut, "description": "A dry run: nothing was changed"},
        412: {"model": StaleOut, "description": "The stretch has changed since it was read"},
    }
)


def build(book: MeterData, lists: MeterLists, scope: Scope) -> APIRouter:
    api = APIRouter(prefix="/api/meter-data", tags=["meter data"])
    viewer, operator = Depends(scope.gate.needs(Role.VIEWER)), Depends(scope.gate.needs(Role.OPERATOR))

    @api.get(
        "/edits",
        summary="What people said of intervals, newest first",
        operation_id="list_interval_edits",
        responses=FOUND,
    )
    async def edits(
        asked: Annotated[EditPage, Query()], request: Request, actor: Actor = viewer
    ) -> shapes.EditsOut:
        if asked.device is not None:
            scope.device(asked.device, request, actor)
        below = scope.below(actor, asked.below)

        async def fetch(limit: int, before: int | None) -> list[SaidView]:
            return await within(lists.said(device=asked.device, below=below, before=before, limit=limit))

        rows, following = await page(
            fetch, lambda view: view.at, limit=asked.limit, before=asked.before, after=asked.after
        )
        return shapes.EditsOut(
            edits=[shapes.said(row) for row in rows],
            next=None if following is None else format_time(following),
        )

    @api.post(
        "/edits",
        summary="Put a person's value over intervals, for good and on record",
        operation_id="edit_intervals",
        status_code=201,
        openapi_extra=described(EditIn),
        responses=_EDITED,
    )
    async def edit(
        request: Request,
        response: Response,
        dry_run: bool = False,
        if_match: IfMatch = None,
        actor: Actor = operator,
    ) -> shapes.EditedOut:
        given = await read(request, EditIn, "edit")
        wanted = expected(if_match)
        device = scope.device(given.device, request, actor)
        said = IntervalEdit(
            device=device,
            quantity=given.quantity,
            start=given.start,
            end=given.end,
            value=given.value,
            by=given.by or actor.name,
            at=scope.clock.now(),
            reason=given.reason,
        )
        detail = given.model_dump() | {
            "by": said.by,
            "start": format_time(said.start),
            "end": format_time(said.end),
        }
        entry = scope.gate.entry(request, actor, "interval.edit", given.device, outcome="done", detail=detail)
        try:
            made = await within(book.edit(said, expected=wanted, dry_run=dry_run, audit=entry))
        except InvalidInputError as exc:  # its words are right: it is the intervals that do not allow it
            raise ImpossibleError("; ".join(exc.faults), await _whole(said)) from exc
        if dry_run:
            response.status_code = 200
            tag(response, made.revision)
        return shapes.EditedOut(
            dry_run=dry_run,
            number=made.number,
            device=given.device,
            quantity=said.quantity,
            start=said.start,
            end=said.end,
            value=said.value,
            at=said.at,
            by=said.by,
            reason=said.reason,
            revision=made.revision,
            changed=len(made.changed),
            effects=[shapes.effect(effect) for effect in made.changed[:_NAMED]],
        )

    async def _whole(said: IntervalEdit) -> list[str]:
        """The stretch of whole intervals that covers the one that was meant, where there is one."""
        found = await within(
            book.intervals(
                np.array([said.device], np.int32), said.quantity, said.start - _WIDEST, said.end + _WIDEST
            )
        )
        meant = (found.start < said.end) & (found.end > said.start)
        if not meant.any():
            return []
        start, end = int(found.start[meant].min()), int(found.end[meant].max())
        return [f"a value for {format_time(start)} to {format_time(end)}"]

    return api
