"""Exercises over HTTP: to hold one, to end it, and to see how long each step took."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from gateway.api.access.gate import Gate
from gateway.api.drill.exercises import Exercises, due_at, is_over
from gateway.api.lookup import Id, storable
from gateway.api.parameters import Name
from gateway.api.problems import BODY, FOUND, ImpossibleOut, Responses
from gateway.api.shapes import LastDrillOut, Shape, Time
from gateway.core.access import Actor, Role
from gateway.core.clock import SECOND, Clock
from gateway.core.model import IncidentState
from gateway.core.network import Network
from gateway.core.ticket import TicketState
from gateway.store.drills import DrillReport
from processors.drill.settings import DrillSettings

_FAR = 500  # exercises looked through for somebody who sees a part of the network


class DrillIn(BaseModel):
    """`duration_s`: until supply comes back; by default as configured."""

    model_config = ConfigDict(extra="forbid")

    node: Name
    duration_s: Annotated[float, Field(ge=10, le=14400)] | None = None
    reason: Annotated[str, Field(max_length=4000)] = ""


class DrillsAsked(BaseModel):
    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=100)] = 20


class DrillOut(LastDrillOut):
    reason: str


class DrillsOut(Shape):
    """`due`: the next one is due; `due_at`: since or from when, null where none was held."""

    drills: list[DrillOut]
    every_days: int
    due: bool
    due_at: Time | None


class ToldOut(Shape):
    """Messages for one target; `delay_s`: from the start to the delivery of the first."""

    target: str
    messages: int
    delivered: int
    first_delivered_at: Time | None
    delay_s: float | None
    last_error: str | None


class DelaysOut(Shape):
    """Seconds from the start of the exercise; null for what has not happened. `delivered`: to the first target."""

    detected: float | None
    ticket: float | None
    delivered: float | None
    acknowledged: float | None
    closed: float | None


class DrillReportOut(DrillOut):
    """How far an exercise has come. `state`: "over" when nothing more will come of it, but for messages; `done`: it was
    detected, got its ticket, and a message about it was delivered to every target that was to hear of it."""

    state: Literal["running", "over"]
    done: bool
    asked_at: Time
    incident: str | None
    incident_state: IncidentState | None
    customers: int
    detected_at: Time | None
    ended_at: Time | None
    ticket: str | None
    ticket_number: int | None
    ticket_state: TicketState | None
    opened_at: Time | None
    acknowledged_at: Time | None
    acknowledged_by: str | None
    closed_at: Time | None
    ended_by: str
    delays_s: DelaysOut
    targets: list[ToldOut]


_CONFLICT: Responses = {409: {"model": ImpossibleOut, "description": "Something else stands in the way"}}


def build(
    exercises: Exercises, settings: DrillSettings, clock: Clock, network: Network, gate: Gate
) -> APIRouter:
    api = APIRouter(prefix="/api/drills", tags=["drills"])
    viewer, engineer = Depends(gate.needs(Role.VIEWER)), Depends(gate.needs(Role.ENGINEER))

    async def find(drill_id: str, request: Request, actor: Actor) -> DrillReport:
        report = await exercises.report(storable(drill_id, "drill"))
        gate.reach(request, actor, report.drill.node, network, f"there is no drill {drill_id!r}")
        return report

    @api.get("", summary="Exercises, latest first, and when the next one is due")
    async def drills(asked: Annotated[DrillsAsked, Query()], actor: Actor = viewer) -> DrillsOut:
        found = await exercises.recent(_FAR if actor.below else asked.limit)
        due = due_at(found[0] if found else None, settings.every_days)
        theirs = [drill for drill in found if actor.reaches(drill.node, network)]
        return DrillsOut(
            drills=[DrillOut.model_validate(drill) for drill in theirs[: asked.limit]],
            every_days=settings.every_days,
            due=due is None or clock.now() >= due,
            due_at=due,
        )

    @api.get("/{drill_id}", summary="How far an exercise has come", responses=FOUND)
    async def drill(drill_id: Id, request: Request, actor: Actor = viewer) -> DrillReportOut:
        return _report(await find(drill_id, request, actor), clock.now())

    @api.post("", summary="Hold an exercise", status_code=202, responses=BODY | _CONFLICT)
    async def begin(asked: DrillIn, request: Request, actor: Actor = engineer) -> DrillReportOut:
        node = asked.node
        if not actor.reaches(node, network):
            gate.deny(request, "area", actor, action="drill.begin", thing=node)
            raise HTTPException(403, f"this token is not for {node}")
        length = round((asked.duration_s or settings.duration_s) * SECOND)
        drill = await exercises.begin(node, length=length, by=actor.name, reason=asked.reason)
        detail = {"node": node, "duration_s": length / SECOND, "reason": asked.reason[:500]}
        await gate.audit(request, actor, "drill.begin", drill.id, detail=detail)
        return _report(DrillReport(drill=drill), clock.now())

    @api.delete(
        "/{drill_id}", summary="Let supply come back now", status_code=202, responses=FOUND | _CONFLICT
    )
    async def end(drill_id: Id, request: Request, actor: Actor = engineer) -> DrillReportOut:
        report = await find(drill_id, request, actor)
        await exercises.end(report)
        await gate.audit(request, actor, "drill.end", drill_id, detail={"node": report.drill.node})
        return _report(await exercises.report(drill_id), clock.now())

    return api


def _report(report: DrillReport, now: int) -> DrillReportOut:
    drill = report.drill
    told = _told(report)
    first = min((t.delay_s for t in told if t.delay_s is not None), default=None)
    return DrillReportOut(
        id=drill.id,
        node=drill.node,
        starts_at=drill.starts_at,
        ends_at=drill.ends_at,
        by=drill.by,
        reason=drill.reason,
        state="over" if is_over(report, now) else "running",
        done=bool(told) and all(t.delivered for t in told),
        asked_at=drill.received_at,
        incident=report.incident,
        incident_state=report.incident_state,
        customers=report.customers,
        detected_at=report.detected_at,
        ended_at=report.ended_at,
        ticket=report.ticket,
        ticket_number=report.ticket_number,
        ticket_state=report.ticket_state,
        opened_at=report.opened_at,
        acknowledged_at=report.acknowledged_at,
        acknowledged_by=report.acknowledged_by,
        closed_at=report.closed_at,
        ended_by=report.ended_by,
        delays_s=DelaysOut(
            detected=_since(drill.starts_at, report.detected_at),
            ticket=_since(drill.starts_at, report.opened_at),
            delivered=first,
            acknowledged=_since(drill.starts_at, report.acknowledged_at),
            closed=_since(drill.starts_at, report.closed_at),
        ),
        targets=told,
    )


def _told(report: DrillReport) -> list[ToldOut]:
    found = []
    for target in dict.fromkeys(message.target for message in report.deliveries):
        messages = [message for message in report.deliveries if message.target == target]
        times = [message.delivered_at for message in messages if message.delivered_at is not None]
        errors = [
            message.last_error for message in messages if message.last_error and not message.delivered_at
        ]
        first = min(times, default=None)
        found.append(
            ToldOut(
                target=target,
                messages=len(messages),
                delivered=len(times),
                first_delivered_at=first,
                delay_s=_since(report.drill.starts_at, first),
                last_error=errors[-1] if errors else None,
            )
        )
    return found


def _since(start: int, at: int | None) -> float | None:
    return None if at is None else round((at - start) / SECOND, 3)
