"""What the demo shows: a fuse blows while elsewhere a concentrator is not heard, and the two are told apart."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import msgspec
from rich.console import Console
from rich.markup import escape

from gateway.core.clock import SECOND, Clock, format_clock, format_time
from gateway.core.errors import FeederlineError
from gateway.core.model import Incident, IncidentKind, IncidentState, TicketState
from gateway.demo.lookout import Lookout
from gateway.demo.plot import Plot
from gateway.demo.processes import District
from simulator.receiver import Received

_OVER = (TicketState.RESTORED, TicketState.CLOSED)
_TENTH = 0.1  # of the members: an incident is told again for each that is back

STEPS = (
    "fuse_outage", "communications_loss", "partial_restoration", "restored", "closed", "communications_restored",
)  # fmt: skip
"""What has to happen, by the names in the `story` of `--json`."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the story: when it was seen, at which node, of which incident, in the incident's words."""

    step: str
    at: int
    node: str
    incident: str
    ticket: int | None
    customers: int  # off, or unknown where communications are lost
    seconds: float  # since the fault
    summary: str

    def entry(self) -> dict[str, Any]:
        return {**msgspec.structs.asdict(self), "at": format_time(self.at), "seconds": round(self.seconds, 1)}


class Story:
    """steps: what happened so far;  faults: what should not have;  detect_seconds: of each outage."""

    def __init__(
        self, console: Console, clock: Clock, *, district: District, lookout: Lookout, started_at: int
    ) -> None:
        self.console = console
        self.clock = clock
        self.district = district
        self.lookout = lookout
        self.store = lookout.store
        self.started_at = started_at
        self.steps: list[Told] = []
        self.faults: list[str] = []
        self.detect_seconds: list[float] = []
        self._fault_at = 0

    @property
    def whole(self) -> bool:
        """Everything has happened at least once."""
        return {told.step for told in self.steps} >= set(STEPS)

    def tell(self, text: str) -> None:
        """One line with the time; `text` may carry rich's markup, what it quotes is escaped by the caller."""
        self.console.print(f"[dim]{format_clock(self.clock.now())}[/dim]  {text}", highlight=False)

    async def supply_normal(self, devices: int) -> None:
        """Wait until every device has been heard."""
        await self.lookout.until(lambda: self.lookout.heard(devices), "every device to be heard")
        totals = await self.store.reports.totals()
        self.tell(
            f"[green]Supply normal.[/green] All {devices} meters and terminals are heard; "
            f"{totals.readings} readings stored."
        )

    async def play(self, plot: Plot, dark_s: float) -> None:
        """A fuse blows for at least `dark_s` seconds while a concentrator elsewhere is cut off; both to the end."""
        fault = await self.district.ask("fault", node=plot.fuse)
        cut = await self.district.ask("cut_comms", device=plot.concentrator)
        self._fault_at = fault["at"]
        self.tell(
            f"[red]Two things go wrong.[/red] Fuse {plot.fuse} blows: {', '.join(plot.transformers)} are dark. "
            f"At the same time concentrator {plot.concentrator} at {plot.place} loses its line: its meters have supply "
            "and are not heard."
        )
        outage, opened = await self._outage(plot)
        lost = await self._lost(plot, cut["at"])
        await asyncio.sleep(max(0.0, dark_s - (self.clock.now() - fault["at"]) / SECOND))
        await self._restore(plot, outage, opened)
        await self.district.ask("mend_comms", device=plot.concentrator)
        await self._end(plot, outage, opened, lost)
        await self.reliability()

    async def _outage(self, plot: Plot) -> tuple[Incident, Received]:
        look = self.lookout
        found = await look.until(
            lambda: look.incident(plot.fuse, IncidentKind.OUTAGE, self._fault_at), "the outage to be detected"
        )
        incident = found.incident
        seconds = (incident.detected_at - self._fault_at) / SECOND
        self.detect_seconds.append(seconds)
        self.tell(
            f"[red]Outage[/red] detected after {seconds:.1f} s at {escape(found.node_name or incident.node)}: "
            f"{incident.customers} customers off. Why we think so:"
        )
        self.tell(f"   {escape(incident.summary)}")
        opened = await look.until(
            lambda: look.message(incident.id, "ticket.opened"), "the ticket to be delivered"
        )
        ticket = opened.body["data"]["ticket"]
        self.tell(
            f"[yellow]Ticket {ticket['number']}[/yellow] delivered to the service desk, signature verified: "
            f"{escape(ticket['title'])}"
        )
        self._keep("fuse_outage", incident, opened)
        return incident, opened

    async def _lost(self, plot: Plot, since: int) -> Incident:
        look = self.lookout
        found = await look.until(
            lambda: look.incident(plot.place, IncidentKind.COMMUNICATIONS_LOSS, since),
            "the loss of communications to be told",
        )
        incident = found.incident
        supply = await self.store.reports.supply_now()
        self.tell(
            f"[magenta]Communications loss[/magenta] at {escape(found.node_name or incident.node)}, not an outage: "
            f"{incident.customers} customers unknown, no repair crew. Why we think so:"
        )
        self.tell(f"   {escape(incident.summary)}")
        self.tell(f"   Now {supply.on} customers on, {supply.off} off, {supply.unknown} unknown.")
        if supply.unknown < incident.customers:
            self.faults.append(f"{supply.unknown} customers are unknown where {incident.customers} should be")
        self._keep("communications_loss", incident, None)
        return incident

    async def _restore(self, plot: Plot, outage: Incident, opened: Received) -> None:
        """One transformer first, fed from the other side; then the fuse."""
        look, first = self.lookout, plot.transformers[0]
        await self.district.ask("restore", node=first)
        others = plot.transformers[1:]
        self.tell(
            f"The crew feeds {first} from the other side; {', '.join(others)} "
            f"stay{'s' if len(others) == 1 else ''} dark."
        )
        found = await look.until(
            lambda: look.back(outage.id, plot.meters, slack=_TENTH), f"{first} to be seen with supply"
        )
        part = found.incident
        if part.state is not IncidentState.OPEN:
            self.faults.append(f"the outage was {part.state.value} when only {first} had its supply back")
        off = int(part.evidence.get("customers_off", 0))
        self.tell(
            f"[yellow]Restored in part[/yellow]: {part.evidence.get('back')} of {part.evidence.get('members')} meters "
            f"have supply again, {off} customers are off still; the incident goes on."
        )
        self._keep("partial_restoration", part, opened, node=first, customers=off)
        await self.district.ask("restore", node=plot.fuse)
        self.tell(f"The crew has replaced fuse {plot.fuse}; the others come back.")

    async def _end(self, plot: Plot, outage: Incident, opened: Received, lost: Incident) -> None:
        look, number = self.lookout, opened.body["data"]["ticket"]["number"]
        await look.until(lambda: look.ticket(outage.id, _OVER), "restoration")
        self.tell(
            f"[yellow]Ticket {number}[/yellow]: supply restored; verifying with readings of the members."
        )
        now = await self.store.reports.incident(outage.id)
        self._keep("restored", outage if now is None else now.incident, opened, customers=0)
        closed = await look.until(lambda: look.message(outage.id, "ticket.closed"), "the ticket to be closed")
        summary = closed.body["data"]["incident"]["summary"]
        self.tell(f"[green]Ticket {number} closed[/green]: {escape(summary)}")
        self._keep("closed", outage, opened, customers=0, summary=summary)
        over = await look.until(
            lambda: look.in_state(lost.id, IncidentState.CLOSED), "communications to be back"
        )
        self.tell(f"[green]Communications back[/green]: {escape(over.incident.summary)}")
        self._keep("communications_restored", over.incident, None, customers=0)
        others = [m for m in look.opened(self._fault_at) if m.ticket != opened.ticket]
        if others:
            nodes = ", ".join(m.body["data"]["incident"]["node"] for m in others)
            self.faults.append(f"tickets were opened at {nodes} besides the one at {plot.fuse}")

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
            f"{self.lookout.receiver.counts.received} webhooks"
        )

    def _keep(
        self,
        step: str,
        incident: Incident,
        opened: Received | None,
        *,
        node: str = "",
        customers: int | None = None,
        summary: str = "",
    ) -> None:
        now = self.clock.now()
        self.steps.append(
            Told(
                step=step,
                at=now,
                node=node or incident.node,
                incident=incident.id,
                ticket=opened.body["data"]["ticket"]["number"] if opened else None,
                customers=incident.customers if customers is None else customers,
                seconds=(now - self._fault_at) / SECOND,
                summary=summary or incident.summary,
            )
        )


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
