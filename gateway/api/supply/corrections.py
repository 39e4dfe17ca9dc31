"""Corrections of interruptions over HTTP: to make, and the trail of those made."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.api.access.gate import Gate
from gateway.api.bodies import described, read
from gateway.api.lookup import Id, storable
from gateway.api.paging import page
from gateway.api.parameters import Name, Page
from gateway.api.parameters import Time as TimeGiven
from gateway.api.problems import FOUND, Responses, within
from gateway.api.shapes import Shape, Time
from gateway.core.access import Actor, Role
from gateway.core.clock import Clock, format_time
from gateway.core.network import Network
from gateway.store.corrections import Correction, Corrections, CorrectionView

Text = Annotated[str, Field(min_length=1, max_length=2000)]


class TermsIn(BaseModel):
    """What to correct of an incident: all of it, one of its devices, or one interruption (`step`) of that device."""

    model_config = ConfigDict(extra="forbid")

    device: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    step: Annotated[int, Field(ge=0, lt=1 << 31, strict=True)] | None = None
    started_at: TimeGiven | None = None
    ended_at: TimeGiven | None = None
    voided: Annotated[bool, Field(strict=True)] | None = None
    kind: Literal["fault", "planned"] | None = None
    cause: Annotated[str, Field(max_length=2000)] | None = None
    as_detected: Annotated[bool, Field(strict=True)] = False
    reason: Text
    by: Annotated[str, Field(min_length=1, max_length=200)] | None = None


class CorrectionIn(TermsIn):
    """The same, with the incident."""

    incident: Annotated[str, Field(min_length=1, max_length=200)]


class CorrectionPage(Page):
    incident: Name | None = None


class StateOut(Shape):
    started_at: Time
    ended_at: Time | None
    kind: str
    voided: bool


class EffectOut(Shape):
    device: str
    step: int
    before: StateOut
    after: StateOut


class CorrectionOut(Shape):
    """`effects` names the first hundred interruptions at most; `changed` is the full number."""

    number: int
    made_at: Time
    by: str
    reason: str
    incident: str
    device: str | None
    step: int | None
    started_at: Time | None
    ended_at: Time | None
    voided: bool | None
    kind: str | None
    cause: str | None
    as_detected: bool
    changed: int
    effects: list[EffectOut]


class MadeOut(Shape):
    dry_run: bool
    correction: CorrectionOut


class CorrectionsOut(Shape):
    """`next` is the `before` of the page that follows; null on the last one."""

    corrections: list[CorrectionOut]
    next: str | None


_MADE: Responses = {
    200: {"model": MadeOut, "description": "A dry run: nothing was changed"},
    404: FOUND[404],
}


def build(corrections: Corrections, clock: Clock, gate: Gate, network: Network) -> APIRouter:
    api = APIRouter(prefix="/api", tags=["reliability"])
    viewer, operator = Depends(gate.needs(Role.VIEWER)), Depends(gate.needs(Role.OPERATOR))

    @api.get(
        "/interruptions/corrections",
        summary="What operators corrected, newest first",
        operation_id="list_corrections",
    )
    async def trail(asked: Annotated[CorrectionPage, Query()], actor: Actor = viewer) -> CorrectionsOut:
        async def fetch(limit: int, before: int | None) -> list[CorrectionView]:
            return await within(
                corrections.trail(asked.incident, limit=limit, before=before, below=actor.below or None)
            )

        rows, following = await page(
            fetch, lambda view: view.made_at, limit=asked.limit, before=asked.before, after=asked.after
        )
        return CorrectionsOut(
            corrections=[_out(row) for row in rows],
            next=None if following is None else format_time(following),
        )

    @api.post(
        "/interruptions/corrections",
        summary="Correct interruptions, for good and on record",
        operation_id="correct_interruptions",
        status_code=201,
        openapi_extra=described(CorrectionIn),
        responses=_MADE,
    )
    async def correct(
        request: Request,
        response: Response,
        dry_run: bool = False,
        actor: Actor = operator,
    ) -> MadeOut:
        given = await read(request, CorrectionIn, "correction")
        return await make(given.incident, given, request, response, actor, dry_run=dry_run)

    @api.post(
        "/incidents/{incident_id}/corrections",
        summary="Correct the interruptions of one incident, for good and on record",
        operation_id="correct_incident",
        status_code=201,
        openapi_extra=described(TermsIn),
        responses=_MADE,
    )
    async def correct_incident(
        incident_id: Id,
        request: Request,
        response: Response,
        dry_run: bool = False,
        actor: Actor = operator,
    ) -> MadeOut:
        given = await read(request, TermsIn, "correction")
        return await make(storable(incident_id, "incident"), given, request, response, actor, dry_run=dry_run)

    async def make(
        incident: str, given: TermsIn, request: Request, response: Response, actor: Actor, *, dry_run: bool
    ) -> MadeOut:
        terms = given.model_dump(exclude={"by", "incident"})
        said = Correction(**terms, incident=incident, by=given.by or actor.name)
        if actor.below:
            node = await within(corrections.node_of(said.incident))
            gate.reach(request, actor, node or "", network, f"there is no incident {said.incident!r}")
        detail = {"by": said.by, "reason": said.reason}
        entry = gate.entry(
            request, actor, "interruption.correct", said.incident, outcome="done", detail=detail
        )
        made = await within(corrections.make(said, at=clock.now(), dry_run=dry_run, audit=entry))
        if dry_run:
            response.status_code = 200
        return MadeOut(dry_run=dry_run, correction=_out(made))

    return api


def _out(view: CorrectionView) -> CorrectionOut:
    said = view.correction
    return CorrectionOut(
        number=view.number,
        made_at=view.made_at,
        by=said.by,
        reason=said.reason,
        incident=said.incident,
        device=said.device,
        step=said.step,
        started_at=said.started_at,
        ended_at=said.ended_at,
        voided=said.voided,
        kind=said.kind,
        cause=said.cause,
        as_detected=said.as_detected,
        changed=view.changed,
        effects=[EffectOut.model_validate(effect) for effect in view.effects],
    )
