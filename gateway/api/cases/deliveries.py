"""What is sent to service systems: messages to look through, dead ones to send once more, targets to take up again."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator

from alerts.settings import AlertSettings
from gateway.api.access.gate import Gate
from gateway.api.access.scope import narrowed, whole
from gateway.api.lookup import Finder, Id, storable
from gateway.api.parameters import Cursor, Name, cursor
from gateway.api.problems import BODY, FOUND, ImpossibleOut, Responses, within
from gateway.api.shapes import Shape, Time
from gateway.core.access import Actor, Role
from gateway.core.clock import SECOND, Clock, format_time
from gateway.core.errors import ImpossibleError, InvalidInputError, NotFoundError
from gateway.store.deliveries import Deliveries, ListedDelivery
from gateway.store.targets import TargetState, TargetStates

_IMPOSSIBLE: Responses = {409: {"model": ImpossibleOut, "description": "Not possible as things are"}}


class DeliveryPage(BaseModel):
    """Newest first; `before` is the `next` of the page before."""

    model_config = ConfigDict(extra="forbid")

    state: Literal["pending", "delivered", "dead"] | None = None
    target: Name | None = None
    ticket: Name | None = None
    below: Name | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 100
    before: Cursor | None = None


class ListedOut(Shape):
    """A message without its body. `ticket` is null for summaries of storms and for alarms."""

    id: str
    subject: str
    ticket: str | None
    ticket_number: int | None
    node: str | None
    revision: int
    target: str
    state: str
    attempts: int
    status: int | None
    last_error: str | None
    created_at: Time
    next_at: Time
    delivered_at: Time | None
    replayed_at: Time | None
    replayed_by: str


class DeliveriesOut(Shape):
    """`next` is the `before` of the page that follows; null on the last one."""

    deliveries: list[ListedOut]
    next: str | None


class ReplayIn(BaseModel):
    """All dead letters of a target, of a ticket (by its id or number), or of both."""

    model_config = ConfigDict(extra="forbid")

    target: Name | None = None
    ticket: Name | None = None

    @model_validator(mode="after")
    def _something(self) -> ReplayIn:
        if self.target is None and self.ticket is None:
            raise ValueError("target: name a target, a ticket or both")
        return self


class ReplayedOut(Shape):
    replayed: int


class TargetOut(Shape):
    """`late`: of the pending, those older than the alarm allows; `late_since`: since when the alarm stands. With the
    state `dead_letters` it is sent to, but what was given up waits for somebody to send it again.

    `configured` is false for one that is only remembered: nothing is sent to it.
    """

    name: str
    configured: bool
    format: str | None
    state: Literal["sending", "dead_letters", "late", "disabled"]
    pending: int
    late: int
    dead: int
    oldest_pending_at: Time | None
    disabled_at: Time | None
    reason: str
    late_since: Time | None
    changed_at: Time | None
    changed_by: str


class TargetsOut(Shape):
    targets: list[TargetOut]


class EnableIn(BaseModel):
    """`dead_too`: what could not be sent meanwhile is sent first."""

    model_config = ConfigDict(extra="forbid")

    dead_too: Annotated[bool, Field(strict=True)] = True


class EnabledOut(Shape):
    target: TargetOut
    replayed: int


class Sending:
    """How sending to each target stands now."""

    def __init__(self, states: TargetStates, alerts: AlertSettings, clock: Clock) -> None:
        self.states = states
        self.formats = {target.name: target.format for target in alerts.targets}
        self.late_after = round(alerts.retry.late_after_s * SECOND)
        self.clock = clock

    async def __call__(self) -> list[TargetState]:
        return await within(
            self.states.states(at=self.clock.now(), late_after=self.late_after, names=[*self.formats])
        )


def build_deliveries(deliveries: Deliveries, sending: Sending, finder: Finder, gate: Gate) -> APIRouter:
    api = APIRouter(prefix="/api/deliveries", tags=["deliveries"])
    viewer, engineer = Depends(gate.needs(Role.VIEWER)), Depends(gate.needs(Role.ENGINEER))

    @api.get("", summary="Messages, newest first", operation_id="list_deliveries")
    async def listed(
        request: Request, asked: Annotated[DeliveryPage, Query()], actor: Actor = viewer
    ) -> DeliveriesOut:
        ticket = asked.ticket and (await finder.ticket(asked.ticket, request, actor)).ticket.id
        rows = await within(
            deliveries.page(
                state=asked.state,
                target=asked.target,
                ticket=ticket,
                below=narrowed(actor, asked.below, finder.network),
                before=cursor(asked.before) if asked.before is not None else None,
                limit=asked.limit + 1,
            )
        )
        shown = rows[: asked.limit]
        last = shown[-1] if len(rows) > asked.limit else None
        return DeliveriesOut(
            deliveries=[ListedOut.model_validate(row) for row in shown],
            next=f"{format_time(last.created_at)}_{last.id}" if last else None,
        )

    @api.post(
        "/replay",
        summary="Send all dead letters of a target or ticket once more",
        operation_id="replay_deliveries",
        responses=FOUND | BODY,
    )
    async def replay_all(request: Request, said: ReplayIn, actor: Actor = engineer) -> ReplayedOut:
        ticket = said.ticket and (await finder.ticket(said.ticket, request, actor)).ticket.id
        if ticket is None:
            whole(gate, request, actor, "the messages of a target are about the whole network; name a ticket")
        if said.target is not None and said.target not in (names := [one.target for one in await sending()]):
            others = "" if actor.below else f"; there are: {', '.join(names) or 'none'}"
            raise InvalidInputError([f"target: there is no target {said.target!r}{others}"])
        named = " ".join(name for name in (said.target, ticket) if name)
        count = await within(
            deliveries.replay(
                at=sending.clock.now(),
                by=actor.name,
                target=said.target,
                ticket=ticket,
                audit=gate.entry(request, actor, "deliveries.replay", named, outcome="done"),
            )
        )
        return ReplayedOut(replayed=count)

    @api.get("/{delivery_id}", summary="One message", operation_id="get_delivery", responses=FOUND)
    async def one(delivery_id: Id, request: Request, actor: Actor = viewer) -> ListedOut:
        return ListedOut.model_validate(await find(delivery_id, request, actor))

    @api.post(
        "/{delivery_id}/replay",
        summary="Send a dead letter once more",
        operation_id="replay_delivery",
        responses=FOUND | _IMPOSSIBLE,
    )
    async def replay(delivery_id: Id, request: Request, actor: Actor = engineer) -> ListedOut:
        found = await find(delivery_id, request, actor)
        if found.state != "dead":
            raise ImpossibleError(f"delivery {delivery_id} is {found.state}; only dead ones are replayed")
        entry = gate.entry(request, actor, "delivery.replay", found.id, outcome="done")
        done = await within(
            deliveries.replay(at=sending.clock.now(), by=actor.name, delivery=found.id, audit=entry)
        )
        if not done:
            raise ImpossibleError(f"target {found.target} is disabled; enable it first", ["enable"])
        return ListedOut.model_validate(await within(deliveries.one(found.id)))

    async def find(delivery_id: str, request: Request, actor: Actor) -> ListedDelivery:
        found = await within(deliveries.one(storable(delivery_id, "delivery")))
        missing = f"there is no delivery {delivery_id!r}"
        if found.node is not None:
            gate.reach(request, actor, found.node, finder.network, missing)
        elif actor.below:
            raise NotFoundError(missing)
        return found

    return api


def build_targets(sending: Sending, gate: Gate) -> APIRouter:
    api = APIRouter(prefix="/api/targets", tags=["deliveries"])
    viewer, engineer = Depends(gate.needs(Role.VIEWER)), Depends(gate.needs(Role.ENGINEER))

    async def all_of() -> dict[str, TargetOut]:
        return {state.target: _target(state, sending.formats.get(state.target)) for state in await sending()}

    @api.get("", summary="Targets and what waits for each", operation_id="list_targets")
    async def targets(request: Request, actor: Actor = viewer) -> TargetsOut:
        whole(gate, request, actor, "targets are told of the whole network")
        return TargetsOut(targets=[*(await all_of()).values()])

    @api.post(
        "/{name}/enable",
        summary="Send to a disabled target again",
        operation_id="enable_target",
        responses=FOUND | BODY | _IMPOSSIBLE,
    )
    async def enable(
        name: Id, request: Request, said: EnableIn | None = None, actor: Actor = engineer
    ) -> EnabledOut:
        whole(gate, request, actor, "a target is for the whole network")
        if name not in await all_of():
            raise NotFoundError(f"there is no target {name!r}")
        replayed = await within(
            sending.states.enable(
                name,
                at=sending.clock.now(),
                by=actor.name,
                dead_too=(said or EnableIn()).dead_too,
                audit=gate.entry(request, actor, "target.enable", name, outcome="done"),
            )
        )
        if replayed is None:
            raise ImpossibleError(f"target {name} is not disabled")
        return EnabledOut(target=(await all_of())[name], replayed=replayed)

    return api


def _sent_to(state: TargetState) -> Literal["sending", "dead_letters", "late", "disabled"]:
    if state.disabled_at is not None:
        return "disabled"
    if state.late_since is not None or state.late:
        return "late"
    return "dead_letters" if state.dead else "sending"


def _target(state: TargetState, form: str | None) -> TargetOut:
    return TargetOut(
        name=state.target,
        configured=form is not None,
        format=form,
        state=_sent_to(state),
        pending=state.pending,
        late=state.late,
        dead=state.dead,
        oldest_pending_at=state.oldest_pending_at,
        disabled_at=state.disabled_at,
        reason=state.reason,
        late_since=state.late_since,
        changed_at=state.changed_at,
        changed_by=state.changed_by,
    )
