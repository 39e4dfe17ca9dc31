"""Tickets to drive: what people may do with them, one route per action."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, NamedTuple, Protocol, TypeAlias

from fastapi import APIRouter, Body, Depends, Header, Request, Response
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from alerts.asking import check
from alerts.tickets import RULES, Action, Party, possible
from gateway.api.access.gate import Gate
from gateway.api.cases.instruct import Instructor
from gateway.api.cases.shapes import TicketOut
from gateway.api.lookup import Finder, Id, expected, held, required, tag
from gateway.api.parameters import Time
from gateway.api.problems import DRIVEN, fault, within
from gateway.core.access import Actor, Role
from gateway.core.clock import Clock
from gateway.core.errors import ImpossibleError, InvalidInputError
from gateway.core.model import Order
from gateway.core.ports import TicketDesk
from gateway.core.ticket import TicketRequest, TicketState
from gateway.store.acts import TicketActs
from gateway.store.reports import Reports
from gateway.store.views import TicketView

ANY_REVISION = frozenset({Action.ACKNOWLEDGE, Action.COMMENT})
"""What holds whatever has happened meanwhile, so that no revision need be named."""

UNCONFIRMED = frozenset({TicketState.PREDICTED, TicketState.REOPENED})
_SUMMARIES = {
    Action.ACKNOWLEDGE: "Somebody has taken it up",
    Action.CONFIRM: "It is real: confirms its incident",
    Action.DISPATCH: "A crew is on its way",
    Action.ARRIVE: "The crew is on site",
    Action.ESTIMATE: "By when supply is to be back",
    Action.RESTORE: "Supply is back, to be verified",
    Action.CLOSE: "It is done",
    Action.CANCEL: "There is nothing to be done",
    Action.REOPEN: "It is not done after all",
    Action.COMMENT: "A word on record",
}


@dataclass(frozen=True, slots=True)
class Hands:
    """What tickets are moved with. `instructor` is for what moves their incidents."""

    acts: TicketActs
    desk: TicketDesk
    instructor: Instructor
    clock: Clock


IfMatch: TypeAlias = Annotated[str | None, Header(max_length=100)]


class ActIn(BaseModel):
    """What is said with an action; which of it an action needs or takes is told by a 422 that names it."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(max_length=4000)] = ""
    crew: Annotated[str, Field(max_length=200)] = ""
    cause: Annotated[str, Field(max_length=1000)] = ""
    restoration_estimated_at: Time | None = None


class Faulty(NamedTuple):
    """What was said, as far as it can be read; `wrong` names what cannot."""

    readable: ActIn
    wrong: frozenset[str]
    faults: tuple[str, ...]


def _read(said: object, handler: ValidatorFunctionWrapHandler) -> object:
    """What is wrong with the words is told together with what is wrong for the action."""
    try:
        return handler(said)
    except ValidationError as exc:
        if not isinstance(said, dict):
            raise
        found = exc.errors(include_url=False, include_input=False, include_context=False)
        wrong = frozenset(str(error["loc"][0]) for error in found if error["loc"])
        faults = tuple(
            fault(".".join(map(str, error["loc"])), error["type"], error["msg"]) for error in found
        )
        return Faulty(ActIn.model_validate({k: v for k, v in said.items() if k not in wrong}), wrong, faults)


Said: TypeAlias = Annotated[Annotated[ActIn, WrapValidator(_read)] | None, Body()]


def _understood(said: ActIn | Faulty | None, action: Action, actor: Actor, at: int) -> TicketRequest:
    """Raises InvalidInputError for what cannot be read, with everything else that is wrong too."""
    given = said.readable if isinstance(said, Faulty) else said or ActIn()
    asked = TicketRequest(
        action=action.value,
        by=actor.name,
        origin=actor.origin,
        reason=given.reason,
        crew=given.crew,
        cause=given.cause,
        restoration_estimated_at=given.restoration_estimated_at,
    )
    if isinstance(said, Faulty):
        try:
            if action is not Action.CONFIRM:  # which takes whatever is said
                check(asked, at=at)
        except InvalidInputError as exc:
            more = [text for text in exc.faults if text.partition(":")[0] not in said.wrong]
            raise InvalidInputError([*said.faults, *more]) from None
        raise InvalidInputError(said.faults)
    return asked


def possible_for(state: TicketState, actor: Actor) -> tuple[str, ...]:
    """What this actor may do with a ticket in that state. Confirming goes by its incident, which the ticket follows."""
    confirm = [Action.CONFIRM] if state in UNCONFIRMED else []
    actions = [*confirm, *possible(state, Party.PERSON)]
    return tuple(action.value for action in actions if actor.role >= RULES[action].role)


class Shown(Protocol):
    def __call__(self, view: TicketView, actor: Actor) -> TicketOut: ...


def build(
    reports: Reports,
    finder: Finder,
    hands: Hands,
    shown: Shown,
    gate: Gate,
) -> APIRouter:
    api = APIRouter(prefix="/api/tickets", tags=["tickets"])

    operator = Depends(gate.needs(Role.OPERATOR))

    def offer(action: Action) -> None:
        allowed = Depends(gate.needs(RULES[action].role))

        async def act(
            *,
            ticket_id: Id,
            request: Request,
            response: Response,
            said: Said = None,
            if_match: IfMatch = None,
            actor: Actor = allowed,
        ) -> TicketOut:
            asked = _understood(said, action, actor, hands.clock.now())
            view = await finder.ticket(ticket_id, request, actor)
            revision = expected(if_match) if action in ANY_REVISION else required(if_match)
            detail = {"revision": view.ticket.revision, "number": view.ticket.number}
            try:
                await within(
                    hands.acts.act(
                        view.ticket.id,
                        asked,
                        hands.desk,
                        at=hands.clock.now(),
                        revision=revision,
                        audit=gate.entry(
                            request, actor, f"ticket.{action}", view.ticket.id, outcome="done", detail=detail
                        ),
                        reaches=lambda node: actor.reaches(node, finder.network),
                    )
                )
            except ImpossibleError as exc:
                state = (await finder.ticket(ticket_id, request, actor)).ticket.state
                raise ImpossibleError(_instead(action, state, actor), possible_for(state, actor)) from exc
            return await answer(ticket_id, request, response, actor)

        api.add_api_route(
            f"/{{ticket_id}}/{action.value}",
            act,
            methods=["POST"],
            summary=_SUMMARIES[action],
            operation_id=f"{action.value}_ticket",
            responses=DRIVEN,
        )

    async def answer(ticket_id: str, request: Request, response: Response, actor: Actor) -> TicketOut:
        view = await finder.ticket(ticket_id, request, actor)
        tag(response, view.ticket.revision)
        return shown(view, actor)

    for action in _SUMMARIES:
        if action is not Action.CONFIRM:
            offer(action)

    @api.post(
        "/{ticket_id}/confirm",
        summary=_SUMMARIES[Action.CONFIRM],
        description="Answers 200 when the ticket has followed, 202 when that is still to come.",
        operation_id="confirm_ticket",
        responses=DRIVEN | {202: {"model": TicketOut, "description": "Taken; the ticket will follow"}},
    )
    async def confirm(
        *,
        ticket_id: Id,
        request: Request,
        response: Response,
        said: Said = None,
        if_match: IfMatch = None,
        actor: Actor = operator,
    ) -> TicketOut:
        asked = _understood(said, Action.CONFIRM, actor, hands.clock.now())
        found = await finder.ticket(ticket_id, request, actor)
        async with hands.instructor.alone(found.ticket.incident):
            view = await finder.ticket(ticket_id, request, actor)
            held(view.ticket.revision, required(if_match), f"ticket {ticket_id}")
            state = view.ticket.state
            incident = await within(reports.incident(view.ticket.incident))
            if state not in UNCONFIRMED or incident is None:
                raise ImpossibleError(_instead(Action.CONFIRM, state, actor), possible_for(state, actor))
            hands.instructor.check(incident.incident, Order.CONFIRM)
            word = hands.instructor.instruction(
                incident.incident, Order.CONFIRM, actor.name, reason=asked.reason
            )
            await hands.instructor.tell(word)
            detail = {"instruction": word.id}
            await gate.audit(request, actor, "ticket.confirm", view.ticket.id, detail=detail)
            done = await hands.instructor.followed(word, incident.incident)
        response.status_code = 200 if done else 202
        return await answer(ticket_id, request, response, actor)

    return api


def _instead(action: Action, state: TicketState, actor: Actor) -> str:
    can = ", ".join(possible_for(state, actor)) or "nothing"
    return f"{action.value} is not possible for a ticket that is {state.value}; possible: {can}"
