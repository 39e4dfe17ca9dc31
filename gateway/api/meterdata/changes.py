"""What was changed of meters, as people register it, and what of that was a mistake."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from gateway.api.bodies import described, read
from gateway.api.meterdata import shapes
from gateway.api.meterdata.asked import ChangeIn, ChangePage, WithdrawIn
from gateway.api.meterdata.scope import IMPOSSIBLE, Scope
from gateway.api.problems import FOUND, Responses, within
from gateway.core.access import Actor, Role
from gateway.core.clock import format_time
from gateway.core.errors import ImpossibleError, InvalidInputError, NotFoundError
from gateway.core.meterdata import ChangeOf, MeterChange
from gateway.store.meterchanges import ChangeView
from gateway.store.meterdata import MeterData

_ALREADY: Responses = {200: {"model": shapes.ChangedOut, "description": "It was on record already"}}


def build(book: MeterData, scope: Scope) -> APIRouter:
    api = APIRouter(prefix="/api/meter-data", tags=["meter data"])
    viewer, operator = Depends(scope.gate.needs(Role.VIEWER)), Depends(scope.gate.needs(Role.OPERATOR))

    @api.get(
        "/changes",
        summary="What was changed of a meter, as registered",
        operation_id="list_meter_changes",
        responses=FOUND,
    )
    async def changes(
        asked: Annotated[ChangePage, Query()], request: Request, actor: Actor = viewer
    ) -> shapes.ChangesOut:
        device = await scope.known(asked.device, book, request, actor)
        found = await within(book.changes_told(device, frm=asked.after))
        return shapes.ChangesOut(device=asked.device, changes=[shapes.change(view) for view in found])

    @api.post(
        "/changes",
        summary="Register an exchange, a multiplier, a clock that was set or a reset",
        operation_id="register_meter_change",
        status_code=201,
        openapi_extra=described(ChangeIn),
        responses=FOUND | IMPOSSIBLE | _ALREADY,
    )
    async def register(request: Request, response: Response, actor: Actor = operator) -> shapes.ChangedOut:
        now = scope.clock.now()
        given = await read(request, ChangeIn, "change", context={"now": now})
        device = scope.device(given.device, request, actor)
        made = MeterChange(
            device=device,
            at=given.at,
            of=ChangeOf(given.of),
            before=given.before,
            after=given.after,
            by=given.by or actor.name,
            reason=given.reason,
        )
        detail = given.model_dump() | {"by": made.by, "at": format_time(made.at)}
        entry = scope.gate.entry(request, actor, "meter.change", given.device, outcome="done", detail=detail)
        try:
            new = await within(book.record_change(made, at=now, audit=entry))
        except InvalidInputError as exc:  # its words are right: another one is on record
            known = [_named(view) for view in await _like(made) if view.withdrawn is None]
            raise ImpossibleError("; ".join(exc.faults), known) from exc
        if not new:
            response.status_code = 200
        return _changed(given.device, (await _like(made))[-1], new=new)

    @api.post(
        "/changes/withdrawals",
        summary="Withdraw a change of a meter that was registered by mistake",
        operation_id="withdraw_meter_change",
        status_code=201,
        openapi_extra=described(WithdrawIn),
        responses=FOUND | _ALREADY,
    )
    async def withdraw(request: Request, response: Response, actor: Actor = operator) -> shapes.ChangedOut:
        given = await read(request, WithdrawIn, "withdrawal")
        missing = NotFoundError(f"there is no change {given.change}")
        known = await within(book.changes_told(number=given.change))
        if not known or known[0].change.device < 0:
            raise missing
        device = scope.name_of(known[0].change.device, request, actor, str(missing))
        by = given.by or actor.name
        detail = {"change": given.change, "reason": given.reason, "by": by}
        entry = scope.gate.entry(request, actor, "meter.change", device, outcome="done", detail=detail)
        new = await within(
            book.withdraw_change(given.change, by=by, reason=given.reason, at=scope.clock.now(), audit=entry)
        )
        if not new:
            response.status_code = 200
        (view,) = await within(book.changes_told(number=given.change))
        return _changed(device, view, new=new)

    async def _like(made: MeterChange) -> list[ChangeView]:
        """Those of its kind and time, the latest last."""
        found = await within(book.changes_told(made.device, frm=made.at, till=made.at + 1))
        return [view for view in found if view.change.of == made.of]

    return api


def _changed(device: str, view: ChangeView, *, new: bool) -> shapes.ChangedOut:
    return shapes.ChangedOut(new=new, device=device, change=shapes.change(view))


def _named(view: ChangeView) -> str:
    known = view.change
    figures = f"before {known.before}, after {known.after}, by {known.by}"
    return f"the one on record: {figures}; or withdraw it first: it is change {view.number}"
