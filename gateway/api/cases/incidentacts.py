"""Incidents to drive: a person's word over the detectors', and corrections of their times."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.api.access.gate import Gate
from gateway.api.cases import shapes as caseshapes
from gateway.api.cases.instruct import Instructor, possible_for
from gateway.api.cases.shapes import IncidentOut
from gateway.api.cases.ticketacts import IfMatch
from gateway.api.lookup import Finder, Id, held, required, tag
from gateway.api.parameters import Name
from gateway.api.problems import DRIVEN, Responses
from gateway.api.shapes import Shape, Time
from gateway.core.access import Actor, Role
from gateway.core.errors import InvalidInputError
from gateway.core.model import Incident, Instruction, Order
from gateway.store.reports import Reports

Reason = Annotated[str, Field(max_length=4000)]


class _Said(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Reason = ""


class ConfirmIn(_Said):
    pass


class CancelIn(_Said):
    reason: Annotated[str, Field(min_length=1, max_length=4000)]


class MergeIn(_Said):
    """`into`: the incident that it is part of."""

    into: Name


class SplitIn(_Said):
    """`node`: its members at or below it become an incident of their own."""

    node: Name


class AskedOut(Shape):
    """What the gateway was told, and the incident as it is now; `done`: its effect can be seen in it."""

    instruction: str
    order: str
    received_at: Time
    by: str
    reason: str
    into: str
    node: str
    done: bool
    incident: IncidentOut


_TAKEN: Responses = DRIVEN | {202: {"model": AskedOut, "description": "Taken; the effect is still to come"}}
_TEXT = "Answers 200 when the incident has changed accordingly, 202 when that is still to come."


def build(reports: Reports, finder: Finder, instructor: Instructor, gate: Gate) -> APIRouter:
    api = APIRouter(prefix="/api/incidents", tags=["incidents"])
    operator = Depends(gate.needs(Role.OPERATOR))

    async def find(incident_id: str, request: Request, if_match: str | None, actor: Actor) -> Incident:
        view = await finder.incident(incident_id, request, actor)
        held(view.incident.revision, required(if_match), f"incident {incident_id}")
        return view.incident

    async def tell(
        incident: Incident, word: Instruction, request: Request, response: Response, actor: Actor
    ) -> AskedOut:
        await instructor.tell(word)
        said = {"reason": word.reason, "into": word.into, "node": word.node}
        detail: dict[str, Any] = {"instruction": word.id, **{k: v for k, v in said.items() if v}}
        await gate.audit(request, actor, f"incident.{word.order}", incident.id, detail=detail)
        done = await instructor.followed(word, incident)
        view = await finder.incident(incident.id, request, actor)
        tag(response, view.incident.revision)
        response.status_code = 200 if done else 202
        return AskedOut(
            instruction=word.id,
            order=word.order,
            received_at=word.received_at,
            by=word.by,
            reason=word.reason,
            into=word.into,
            node=word.node,
            done=done,
            incident=caseshapes.incident(view, possible_for(view.incident, actor), actor.below),
        )

    @api.post(
        "/{incident_id}/confirm",
        summary="It is real",
        description=_TEXT,
        operation_id="confirm_incident",
        responses=_TAKEN,
    )
    async def confirm(
        *,
        incident_id: Id,
        request: Request,
        response: Response,
        said: Annotated[ConfirmIn | None, Body()] = None,
        if_match: IfMatch = None,
        actor: Actor = operator,
    ) -> AskedOut:
        async with instructor.alone(incident_id):
            incident = await find(incident_id, request, if_match, actor)
            instructor.check(incident, Order.CONFIRM)
            reason = (said or ConfirmIn()).reason
            word = instructor.instruction(incident, Order.CONFIRM, actor.name, reason=reason)
            return await tell(incident, word, request, response, actor)

    @api.post(
        "/{incident_id}/cancel",
        summary="It is not real",
        description=_TEXT,
        operation_id="cancel_incident",
        responses=_TAKEN,
    )
    async def cancel(
        *,
        incident_id: Id,
        request: Request,
        response: Response,
        said: CancelIn,
        if_match: IfMatch = None,
        actor: Actor = operator,
    ) -> AskedOut:
        async with instructor.alone(incident_id):
            incident = await find(incident_id, request, if_match, actor)
            instructor.check(incident, Order.CANCEL)
            word = instructor.instruction(incident, Order.CANCEL, actor.name, reason=said.reason)
            return await tell(incident, word, request, response, actor)

    @api.post(
        "/{incident_id}/merge",
        summary="It is part of another one",
        description=_TEXT,
        operation_id="merge_incident",
        responses=_TAKEN,
    )
    async def merge(
        *,
        incident_id: Id,
        request: Request,
        response: Response,
        said: MergeIn,
        if_match: IfMatch = None,
        actor: Actor = operator,
    ) -> AskedOut:
        async with instructor.alone(incident_id):
            incident = await find(incident_id, request, if_match, actor)
            into = await finder.incident(said.into, request, actor)
            instructor.check(incident, Order.MERGE, into=into.incident)
            word = instructor.instruction(
                incident, Order.MERGE, actor.name, reason=said.reason, into=into.incident.id
            )
            return await tell(incident, word, request, response, actor)

    @api.post(
        "/{incident_id}/split",
        summary="Part of it is an incident of its own",
        description=_TEXT,
        operation_id="split_incident",
        responses=_TAKEN,
    )
    async def split(
        *,
        incident_id: Id,
        request: Request,
        response: Response,
        said: SplitIn,
        if_match: IfMatch = None,
        actor: Actor = operator,
    ) -> AskedOut:
        async with instructor.alone(incident_id):
            incident = await find(incident_id, request, if_match, actor)
            instructor.check(incident, Order.SPLIT, node=said.node)
            if not await reports.has_members_apart(incident.id, said.node):
                raise InvalidInputError(
                    [f"node: {said.node!r} has none of its members below it, or all of them"]
                )
            word = instructor.instruction(
                incident, Order.SPLIT, actor.name, reason=said.reason, node=said.node
            )
            return await tell(incident, word, request, response, actor)

    return api
