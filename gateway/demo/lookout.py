"""What the gateway makes of the district, seen from outside: its database's reports and the service desk's mail."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import TypeVar

from gateway.core.model import IncidentKind, IncidentState
from gateway.core.ticket import TicketState
from gateway.demo.processes import DemoError
from gateway.store import Store
from gateway.store.views import CaseFilter, IncidentView, TicketView
from simulator.receiver import Received, Receiver
from simulator.room import ChatRoom

T = TypeVar("T")

_LOOK_S = 0.2
_GONE = (IncidentState.CANCELLED, IncidentState.MERGED)


class Lookout:
    """inspectors: who is told of tickets for inspection;  patience_s: a step that takes longer has failed."""

    def __init__(
        self, store: Store, receiver: Receiver, room: ChatRoom, *, inspectors: Receiver, patience_s: float
    ) -> None:
        self.store = store
        self.receiver = receiver
        self.inspectors = inspectors
        self.room = room
        self.patience_s = patience_s

    async def until(self, look: Callable[[], Awaitable[T | None]], what: str) -> T:
        """What `look` finds at last. Raises DemoError when patience ends."""
        try:
            async with asyncio.timeout(self.patience_s):
                while True:
                    if (found := await look()) is not None:
                        return found
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            raise DemoError(
                f"waited {self.patience_s:.0f} s in vain for {what}; there is {await self._what_there_is()}"
            ) from None

    async def _what_there_is(self) -> str:
        found = [view.incident for view in await self.store.reports.incidents(limit=10)]
        return "; ".join(f"{i.kind} at {i.node}, {i.state}: {i.summary}" for i in found) or "no incident"

    async def heard(self, devices: Sequence[str], since: int) -> bool | None:
        return (
            True if len(await self.store.supply.last_readings(devices, since=since)) >= len(devices) else None
        )

    async def incident(self, node: str, kind: IncidentKind, since: int) -> IncidentView | None:
        """The incident at a node that was detected since then and stands; no drill of whoever tries the demo."""
        for found in await self.store.reports.incidents(limit=50, only=CaseFilter(drill=False)):
            incident = found.incident
            if (incident.node, incident.kind) == (node, kind) and incident.detected_at >= since:
                return None if incident.state in _GONE else found
        return None

    async def back(self, incident: str, count: int, *, slack: float) -> IncidentView | None:
        """The incident, once so many of its members have supply again; `slack` is the share of all that may lack."""
        found = await self.store.reports.incident(incident)
        if found is None or not (back := int(found.incident.evidence.get("back", 0))):
            return None
        return found if back + slack * found.device_count >= count else None

    async def in_state(self, incident: str, state: IncidentState) -> IncidentView | None:
        found = await self.store.reports.incident(incident)
        return found if found is not None and found.incident.state is state else None

    async def ticket(self, incident: str, states: Collection[TicketState]) -> TicketView | None:
        for found in await self.store.reports.tickets(limit=50):
            if found.ticket.incident == incident and found.ticket.state in states:
                return found
        return None

    async def message(self, incident: str, kind: str) -> Received | None:
        for message in self.receiver.messages:
            if message.type == kind and message.body["data"]["incident"]["id"] == incident:
                return message
        return None

    async def posts(self, ticket: int, last: str) -> list[str] | None:
        """What the chat room was told of a ticket, a line each, once the `last` step is among it."""
        lines = self.heard_in_room(ticket)
        return lines if lines and lines[-1].endswith(last) else None

    def heard_in_room(self, ticket: int) -> list[str]:
        heads = (post.text.partition("\n")[0] for post in self.room.posts)
        return [head for head in heads if head.startswith(f"Ticket {ticket}, ")]

    def opened(self, since: int) -> list[Received]:
        """Messages that opened a ticket since then, those of drills left out."""
        found = (m for m in self.receiver.messages if m.type == "ticket.opened" and m.at >= since)
        return [m for m in found if not m.body["data"]["ticket"]["drill"]]
