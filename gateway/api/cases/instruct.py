"""A person's word about an incident on its way into the stream, and what came of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from uuid import uuid4
from weakref import WeakValueDictionary

from fastapi import HTTPException

from gateway.api.problems import PATIENCE_S, within
from gateway.api.state import GatewayState
from gateway.api.stream import check_at_work, put
from gateway.core.access import Actor, Role
from gateway.core.clock import Clock
from gateway.core.errors import ImpossibleError, InvalidInputError, UnavailableError
from gateway.core.model import Incident, IncidentKind, IncidentState, Instruction, Order
from gateway.core.network import Network
from gateway.core.ports import Sink
from gateway.store.reports import Reports
from gateway.store.views import IncidentView

WAIT_S = 3.0
"""How long an answer waits for the detectors to do what was asked."""

_LOOK_S = 0.1
_LIVE = (IncidentState.OPEN, IncidentState.RESTORED)
_LOST = (IncidentKind.OUTAGE, IncidentKind.PHASE_LOSS)
_DRIVEN = (
    *_LOST,
    IncidentKind.COMMUNICATIONS_LOSS,
    IncidentKind.POWER_QUALITY,
    IncidentKind.USAGE_ANOMALY,
)


def possible_for(incident: Incident, actor: Actor) -> tuple[str, ...]:
    """What this actor may tell the gateway to make of the incident as it is."""
    if actor.role < Role.OPERATOR:
        return ()
    return tuple(order.value for order in possible(incident))


def possible(incident: Incident) -> tuple[Order, ...]:
    if incident.state not in _LIVE or incident.kind not in _DRIVEN:
        return ()
    orders = [] if incident.confirmed_by else [Order.CONFIRM]
    parts = (Order.MERGE, Order.SPLIT) if incident.kind in _LOST else ()
    return (*orders, Order.CANCEL, *parts)


class Instructor:
    """Puts instructions into the stream and watches for their effect."""

    def __init__(
        self, reports: Reports, sink: Sink, clock: Clock, state: GatewayState, network: Network
    ) -> None:
        self._reports = reports
        self._sink = sink
        self._clock = clock
        self._state = state
        self._network = network
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @contextlib.asynccontextmanager
    async def alone(self, incident: str) -> AsyncIterator[None]:
        """One word about an incident at a time: of two who have read the same revision the second finds another one
        when its turn comes. Raises HTTPException 503 when that takes too long."""
        lock = self._locks.setdefault(incident, asyncio.Lock())
        try:
            async with asyncio.timeout(PATIENCE_S):
                await lock.acquire()
        except TimeoutError:
            raise HTTPException(
                503, "others are telling of this incident now", headers={"retry-after": "2"}
            ) from None
        try:
            yield
        finally:
            lock.release()

    def check(
        self, incident: Incident, order: Order, *, node: str = "", into: Incident | None = None
    ) -> None:
        """Raises ImpossibleError where it cannot be done as things are, InvalidInputError for what makes no sense."""
        if order not in possible(incident):
            can = possible(incident)
            raise ImpossibleError(
                f"{order.value} is not possible for an incident that is {_named(incident)}; "
                f"possible: {', '.join(can) or 'nothing'}",
                can,
            )
        if order is Order.SPLIT:
            self._splits(incident, node)
        if order is Order.MERGE:
            assert into is not None
            self._merges(incident, into)

    def instruction(
        self, incident: Incident, order: Order, by: str, *, reason: str = "", into: str = "", node: str = ""
    ) -> Instruction:
        return Instruction(
            id=f"ins-{uuid4().hex}",
            incident=incident.id,
            order=order,
            received_at=self._clock.now(),
            by=by,
            reason=reason,
            into=into,
            node=node,
        )

    async def tell(self, word: Instruction) -> None:
        """It is durable in the stream when this returns. Raises HTTPException 503 when the spool takes nothing."""
        check_at_work(self._state)
        await put(self._sink, [word], "whether it took this is not known")

    async def followed(self, word: Instruction, before: Incident) -> bool:
        """Wait a little while; whether the effect of `word` on the incident as it was is in the database now."""
        effect = _effect(word.order)
        try:
            async with asyncio.timeout(WAIT_S):
                while True:
                    view: IncidentView | None = await within(self._reports.incident(before.id))
                    if view is not None and effect(before, view.incident):
                        return True
                    await asyncio.sleep(_LOOK_S)
        except (TimeoutError, UnavailableError):
            return False

    def _splits(self, incident: Incident, node: str) -> None:
        network = self._network  # the words are the same for a node elsewhere: it need not be theirs
        above = [network.ids[i] for i in network.path(network.index(node))] if node in network else []
        if incident.node not in above or node == incident.node:
            raise InvalidInputError(
                [f"node: {node!r} is no node below {incident.node!r}, the incident's node"]
            )

    def _merges(self, incident: Incident, into: Incident) -> None:
        if into.id == incident.id:
            raise InvalidInputError(["into: is the incident itself"])
        if into.kind not in _LOST or into.drill != incident.drill:
            raise InvalidInputError(
                [f"into: {into.id!r} is no loss of supply, or one of the two is an exercise"]
            )
        if missing := set(incident.phases) - set(into.phases):
            lost = ", ".join(sorted(missing))
            raise InvalidInputError([f"into: {into.id!r} has not lost phase {lost}"])
        if self._root(incident.node) != self._root(into.node):
            raise InvalidInputError([f"into: {into.id!r} is fed from elsewhere"])
        if into.state is not IncidentState.OPEN:
            raise ImpossibleError(
                f"merge is not possible into an incident that is {into.state.value}",
                [order for order in possible(incident) if order is not Order.MERGE],
            )

    def _root(self, node: str) -> int:
        return self._network.path(self._network.index(node))[0] if node in self._network else -1


def _effect(order: Order) -> Callable[[Incident, Incident], bool]:
    match order:
        case Order.CONFIRM:
            return lambda _, now: bool(now.confirmed_by)
        case Order.CANCEL:
            return lambda _, now: now.state is IncidentState.CANCELLED
        case Order.MERGE:
            return lambda _, now: now.state is IncidentState.MERGED
        case _:
            return lambda before, now: now.revision > before.revision


def _named(incident: Incident) -> str:
    if incident.kind not in _DRIVEN:
        return f"of kind {incident.kind.value}"
    return f"{incident.state.value}{' and confirmed' if incident.confirmed_by else ''}"
