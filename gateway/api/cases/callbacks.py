"""Service systems calling back: closing a ticket there closes it here. Signed, not signed in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import JSONResponse
from msgspec import structs

from alerts.callbacks import Callback, Caller, ForgedError, is_there_already
from alerts.settings import AlertSettings
from alerts.tickets import Action, ImpossibleActionError, Party
from gateway.api.access.gate import Gate
from gateway.api.cases.ticketacts import UNCONFIRMED, Hands
from gateway.api.lookup import Id
from gateway.api.metrics import CALLBACKS
from gateway.api.problems import FaultsOut, ImpossibleOut, ProblemOut, Responses, within
from gateway.api.shapes import Shape
from gateway.core.access import Actor, AuditEntry, Role
from gateway.core.errors import ImpossibleError, InvalidInputError, NotFoundError
from gateway.core.model import Order
from gateway.core.network import Network
from gateway.core.ticket import ENDED, Ticket
from gateway.store.acts import BoundActs

_DESCRIPTION = """
The body is that of `/api/schemas/callback.v1.json`, or what ServiceNow and Jira send of their own accord. Signed as
Standard Webhooks say, with the target's `callback_secret`, within the last five minutes. The same `webhook-id` again is
answered the same and has no second effect.
"""
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"type": "object"}}},
    },
    "security": [],
    "parameters": [
        {"name": name, "in": "header", "required": False, "schema": {"type": "string"}}
        for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
    ],
}
_ANSWERS: Responses = {
    401: {"model": ProblemOut, "description": "Not signed by a target that may call back, or too long ago"},
    404: {"model": ProblemOut, "description": "There is no such ticket; may be sent again"},
    409: {"model": ImpossibleOut, "description": "The ticket's state does not allow that"},
    413: {"model": ProblemOut, "description": "The body is too large"},
    422: {"model": FaultsOut, "description": "The body cannot be understood, or lacks something"},
}
_NOT_THEIRS = "the signature, its time or the target is not good"


class CalledOut(Shape):
    """`done`: this changed the ticket; if not, it was where it was asked to be already, or nothing was asked."""

    done: bool
    action: str
    ticket: str
    state: str
    revision: int


@dataclass(frozen=True, slots=True)
class Desks:
    """Who may call back, and which part of the network each is for."""

    callers: Mapping[str, Caller]
    alerts: AlertSettings
    network: Network

    def actor(self, name: str, address: str = "") -> Actor:
        below = next(target.below for target in self.alerts.targets if target.name == name)
        origin = f"callback {name}"
        return Actor(name=name, role=Role.OPERATOR, below=below, origin=origin, address=address)

    def actor_reaches(self, name: str, node: str) -> bool:
        return self.actor(name).reaches(node, self.network)


def build(desks: Desks, hands: Hands, gate: Gate) -> APIRouter:
    api = APIRouter(prefix="/api/callbacks", tags=["callbacks"])

    @api.post(
        "/{target}",
        summary="A service system drives its ticket",
        description=_DESCRIPTION,
        operation_id="call_back",
        response_model=CalledOut,
        responses=_ANSWERS,
        openapi_extra=_BODY,
    )
    async def call(target: Id, request: Request) -> JSONResponse:
        body = await request.body()
        caller = desks.callers.get(target)
        try:
            if caller is None:
                raise ForgedError("there is no such target, or it may not call back")
            asked = caller.read(request.headers, body, now=hands.clock.now())
        except ForgedError as exc:
            CALLBACKS.labels("forged").inc()
            gate.deny(request, f"callback: {exc}", action="callback", thing=target)
            raise HTTPException(401, _NOT_THEIRS) from None
        except InvalidInputError:
            CALLBACKS.labels("refused").inc()
            actor = desks.actor(target, gate.identity.address(request))
            await gate.audit(request, actor, "callback", target, outcome="refused")
            raise
        actor = desks.actor(target, gate.identity.address(request))
        if asked.request is None:
            CALLBACKS.labels("nothing").inc()
            return JSONResponse({"done": False, "action": "", "ticket": "", "state": "", "revision": 0})
        action = f"ticket.{asked.request.action}"
        work = _Work(desks, hands, asked, gate.entry(request, actor, action, "", outcome="done"))
        try:
            answered = await within(hands.acts.once(target, asked.id, at=hands.clock.now(), work=work))
        except NotFoundError:
            CALLBACKS.labels("refused").inc()
            detail = {"message": asked.id, "named": work.named}
            await gate.audit(request, actor, action, outcome="refused", detail=detail)
            raise
        if answered.again:
            gate.deny(request, "callback: came again", actor, action="callback", thing=asked.id)
        CALLBACKS.labels("again" if answered.again else "done" if answered.status < 300 else "refused").inc()
        return JSONResponse(answered.body, status_code=answered.status)

    return api


class _Work:
    """What one callback does, within the transaction that keeps its answer."""

    def __init__(self, desks: Desks, hands: Hands, asked: Callback, entry: AuditEntry) -> None:
        assert asked.request is not None
        self.named = asked.ticket or asked.incident or asked.reference or f"number {asked.number}"
        self._hands = hands
        self._asked = asked
        self._request = asked.request
        self._entry = structs.replace(entry, detail={"message": asked.id, "by": asked.request.by})
        self._desks = desks

    async def __call__(self, bound: BoundActs) -> tuple[int, Mapping[str, Any]]:
        """Raises NotFoundError: that may be over soon, so it is no lasting answer. Its words are the same for a ticket
        that is not theirs."""
        try:
            return await self._done(bound, await self._find(bound))
        except NotFoundError:
            raise NotFoundError(f"there is no ticket {self.named}") from None

    async def _done(self, bound: BoundActs, ticket: str) -> tuple[int, Mapping[str, Any]]:
        try:
            if self._request.action == Action.CONFIRM:
                return await self._confirm(bound, ticket)
            step = await bound.act(
                ticket,
                self._request,
                self._hands.desk,
                at=self._entry.at,
                audit=structs.replace(self._entry, object=ticket),
                reaches=self._reaches,
            )
        except InvalidInputError as exc:
            await self._refused(bound, ticket, str(exc))
            return 422, {"detail": "; ".join(exc.faults), "faults": [*exc.faults]}
        except ImpossibleError as exc:
            if (
                isinstance(exc, ImpossibleActionError)
                and exc.state
                and is_there_already(exc.state, exc.action)
            ):
                return await self._as_it_is(bound, ticket)
            await self._refused(bound, ticket, str(exc))
            return 409, {"detail": str(exc), "possible": [*exc.possible]}
        return 200, _called(self._request.action, step.ticket, done=True)

    def _reaches(self, node: str) -> bool:
        return self._desks.actor_reaches(self._entry.actor, node)

    async def _find(self, bound: BoundActs) -> str:
        if self._asked.number is not None:
            return await bound.numbered(self._asked.number)
        return await bound.find(self.named, target=self._entry.actor)

    async def _confirm(self, bound: BoundActs, ticket: str) -> tuple[int, Mapping[str, Any]]:
        """A ticket follows its incident, so that is what is confirmed."""
        found, incident = await bound.case(ticket)
        if not self._reaches(found.node):
            raise NotFoundError(f"there is no ticket {self.named}")
        if found.state not in UNCONFIRMED:
            if is_there_already(found.state, Action.CONFIRM) or found.state not in ENDED:
                return 200, _called(Action.CONFIRM, found, done=False)
            raise ImpossibleActionError(found.state, Action.CONFIRM, Party.SYSTEM)
        self._hands.instructor.check(incident, Order.CONFIRM)
        word = self._hands.instructor.instruction(
            incident, Order.CONFIRM, self._request.by, reason=self._request.reason
        )
        await self._hands.instructor.tell(word)
        await bound.audit(structs.replace(self._entry, object=ticket))
        return 202, _called(Action.CONFIRM, found, done=False)

    async def _as_it_is(self, bound: BoundActs, ticket: str) -> tuple[int, Mapping[str, Any]]:
        found, _ = await bound.case(ticket)
        return 200, _called(self._request.action, found, done=False)

    async def _refused(self, bound: BoundActs, ticket: str, why: str) -> None:
        detail = {**self._entry.detail, "why": why[:500]}
        await bound.audit(structs.replace(self._entry, object=ticket, outcome="refused", detail=detail))


def _called(action: str, ticket: Ticket, *, done: bool) -> dict[str, Any]:
    return CalledOut(
        done=done, action=action, ticket=ticket.id, state=ticket.state, revision=ticket.revision
    ).model_dump()
