"""What the demo shows, step by step: supply normal, a transformer fails, its ticket's way to the end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from rich.console import Console
from rich.markup import escape

from gateway.core.clock import SECOND, Clock, format_clock
from gateway.core.errors import FeederlineError
from gateway.core.model import IncidentKind, IncidentState, TicketState
from gateway.demo.processes import DemoError, District
from gateway.store import Store
from gateway.store.views import IncidentView, TicketView
from simulator.receiver import Received, Receiver

T = TypeVar("T")

_PATIENCE_S = 60.0  # a step that takes longer has failed
_LOOK_S = 0.2


@dataclass(slots=True)
class Outcome:
    """What the outages of the run came to."""

    closed: int = 0
    detect_seconds: list[float] = field(default_factory=list)


class Story:
    def __init__(
        self,
        console: Console,
        clock: Clock,
        *,
        district: District,
        receiver: Receiver,
        store: Store,
        started_at: int,
    ) -> None:
        self.console = console
        self.clock = clock
        self.district = district
        self.receiver = receiver
        self.store = store
        self.started_at = started_at
        self.outcome = Outcome()

    def tell(self, text: str) -> None:
        """One line with the time; `text` may carry rich's markup, what it quotes is escaped by the caller."""
        self.console.print(f"[dim]{format_clock(self.clock.now())}[/dim]  {text}", highlight=False)

    async def supply_normal(self, devices: int) -> None:
        """Wait until every device has been heard."""
        await self._until(lambda: self._heard(devices), "every device to be heard")
        totals = await self.store.reports.totals()
        self.tell(
            f"[green]Supply normal.[/green] All {devices} meters and terminals are heard; "
            f"{totals.readings} readings stored."
        )

    async def outage(self, transformer: str, dark_s: float) -> None:
        """Take a transformer's supply for at least `dark_s` seconds and follow its ticket to the end."""
        fault = await self.district.ask("fault", node=transformer)
        self.tell(f"[red]A fault[/red] at transformer {transformer}: everything below it is dark.")
        found = await self._until(
            lambda: self._incident(transformer, fault["at"]), "the outage to be detected"
        )
        incident = found.incident
        seconds = (incident.detected_at - fault["at"]) / SECOND
        self.outcome.detect_seconds.append(seconds)
        self.tell(
            f"[red]Detected[/red] after {seconds:.1f} s at {escape(found.node_name or incident.node)}: "
            f"{incident.customers} customers off. Why we think so:"
        )
        self.tell(f"   {escape(incident.summary)}")
        opened = await self._until(
            lambda: self._message(incident.id, "ticket.opened"), "the ticket to be delivered"
        )
        ticket = opened.body["data"]["ticket"]
        self.tell(
            f"[yellow]Ticket {ticket['number']}[/yellow] delivered to the service desk, signature verified: "
            f"{escape(ticket['title'])}"
        )
        await asyncio.sleep(max(0.0, dark_s - (self.clock.now() - fault["at"]) / SECOND))
        await self.district.ask("restore", node=transformer)
        self.tell(f"The crew has repaired transformer {transformer}; meters come back.")
        await self._until(
            lambda: self._ticket(incident.id, TicketState.RESTORED, TicketState.CLOSED), "restoration"
        )
        self.tell(
            f"[yellow]Ticket {ticket['number']}[/yellow]: supply restored; verifying with readings of the members."
        )
        closed = await self._until(
            lambda: self._message(incident.id, "ticket.closed"), "the ticket to be closed"
        )
        self.outcome.closed += 1
        self.tell(
            f"[green]Ticket {ticket['number']} closed[/green]: {escape(closed.body['data']['incident']['summary'])}"
        )
        await self.reliability()

    async def reliability(self) -> None:
        """What it did to the account of supply since the demo began."""
        now = self.clock.now()
        account = await self.store.reports.reliability(self.started_at, now, at=now)
        indices = account.all
        self.tell(
            f"The {(now - self.started_at) / SECOND:.0f} s since the demo began: "
            f"ASAI {_percent(indices.asai)} against {account.asai_target:.1%} "
            f"(interruptions longer than {account.threshold_s:g} s), SAIDI {_number(indices.saidi_minutes)} min, "
            f"{indices.customer_interruptions} customer interruptions, "
            f"unknown {_percent(account.unknown_share)} of the time."
        )

    async def line(self) -> str:
        """The progress line."""
        totals = await self.store.reports.totals()
        supply = await self.store.reports.supply_now()
        state = f"{supply.on} on, {supply.off} off, {supply.unknown} unknown"
        return (
            f"{totals.readings} readings, {totals.signals} signals; customers: {state}; "
            f"{self.receiver.counts.received} webhooks"
        )

    # -- looking ----------------------------------------------------------------------------------------------

    async def _until(self, look: Callable[[], Awaitable[T | None]], what: str) -> T:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                while True:
                    if (found := await look()) is not None:
                        return found
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            raise DemoError(f"waited {_PATIENCE_S:.0f} s in vain for {what}") from None

    async def _heard(self, devices: int) -> bool | None:
        return True if await self.store.devices_heard() >= devices else None

    async def _incident(self, node: str, since: int) -> IncidentView | None:
        for found in await self.store.reports.incidents(limit=20):
            incident = found.incident
            if (
                incident.node == node
                and incident.kind is IncidentKind.OUTAGE
                and incident.detected_at >= since
            ):
                return None if incident.state is IncidentState.CANCELLED else found
        return None

    async def _ticket(self, incident: str, *states: TicketState) -> TicketView | None:
        for found in await self.store.reports.tickets(limit=20):
            if found.ticket.incident == incident and found.ticket.state in states:
                return found
        return None

    async def _message(self, incident: str, kind: str) -> Received | None:
        for message in self.receiver.messages:
            if message.type == kind and message.body["data"]["incident"]["id"] == incident:
                return message
        return None


async def keep_line(story: Story, show: Callable[[str], None]) -> None:
    """Refresh the progress line until cancelled; a database that is going down ends it quietly."""
    with contextlib.suppress(FeederlineError):
        while True:
            show(await story.line())
            await asyncio.sleep(0.5)


def _percent(share: float | None) -> str:
    return "—" if share is None else f"{share:.3%}"


def _number(value: float | None) -> str:
    return "—" if value is None else f"{value:.3f}"


def pick_transformers(about: dict[str, Any]) -> list[str]:
    """Transformers for the story: those with polled meters first, so that both protocols tell of the outage."""
    polled = list(about["polled_transformers"])
    return polled + [node for node in about["transformers"] if node not in polled]
