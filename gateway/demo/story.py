"""What the demo shows: a fuse blows while elsewhere a concentrator is not heard, and the two are told apart."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from rich.console import Console
from rich.markup import escape

from gateway.core.clock import MINUTE, SECOND, Clock, format_clock, format_time
from gateway.core.model import Incident, IncidentKind, IncidentState
from gateway.core.ticket import TicketState
from gateway.demo.desk import ServiceDesk
from gateway.demo.figures import reliability
from gateway.demo.lookout import Lookout
from gateway.demo.past import Past
from gateway.demo.plot import Plot
from gateway.demo.processes import District
from gateway.demo.told import STEPS, Told
from simulator.receiver import Received

_OVER = (TicketState.RESTORED, TicketState.CLOSED)
_TENTH = 0.1  # of the members: an incident is told again for each that is back
_PERSON, _CREW = "Chen Yu", "Crew 7"
_PROMISE = 2 * MINUTE


class Story:
    """steps: what happened so far;  faults: what should not have;  detect_seconds: of each outage."""

    def __init__(
        self,
        console: Console,
        clock: Clock,
        *,
        district: District,
        lookout: Lookout,
        desk: ServiceDesk,
        room_of: str,
        page: str,
        example: Callable[[str], str],
        started_at: int,
    ) -> None:
        """`room_of`: the feeder whose tickets the chat room is told of; `page`: its address; `example`: what to
        try, by a ticket's id."""
        self.console = console
        self.clock = clock
        self.district = district
        self.lookout = lookout
        self.desk = desk
        self.room_of = room_of
        self._page = page
        self._example = example
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

    def offer(self, text: str) -> None:
        """One line by itself that is never broken, so that it can be copied."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    async def supply_normal(self, past: Past) -> None:
        """Wait until every device has been heard since the past ended."""
        look = self.lookout
        await look.until(lambda: look.heard(past.heard, past.until), "every device to be heard")
        totals = await self.store.reports.totals()
        self.tell(
            f"[green]Supply normal.[/green] All {len(past.heard)} meters and terminals are heard; "
            f"{totals.readings - past.rows} readings stored."
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
        await self._taken_up(outage, opened)
        lost = await self._lost(plot, cut["at"])
        promised_at = await self._at_work(outage, opened, dark_s / 10)
        await asyncio.sleep(max(0.0, dark_s - (self.clock.now() - fault["at"]) / SECOND))
        await self._restore(plot, outage, opened)
        await self.district.ask("mend_comms", device=plot.concentrator)
        await self._end(plot, outage, opened, promised_at)
        await self._mended(lost)
        await self._room(plot, opened)
        self.tell(await reliability(self.store, self.started_at, self.clock.now()))

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
        if len(self.detect_seconds) == 1:
            self.tell(
                "   On the page, with what speaks for it and against it, its meters, and who works on it:"
            )
            self.offer(f"{self._page}/#/incident/{incident.id}")
        opened = await look.until(
            lambda: look.message(incident.id, "ticket.opened"), "the ticket to be delivered"
        )
        ticket = opened.body["data"]["ticket"]
        self.tell(
            f"[yellow]Ticket {ticket['number']}[/yellow] delivered to the service desk, signature verified: "
            f"{escape(ticket['title'])}"
        )
        self._keep("fuse_outage", incident, opened)
        if len(self.detect_seconds) == 1:
            self.tell("   Put your own word on its record:")
            self.offer(self._example(opened.ticket))
        return incident, opened

    async def _taken_up(self, outage: Incident, opened: Received) -> None:
        seconds = await self.desk.ask("acknowledge", opened.ticket, by=_PERSON)
        self._done("acknowledged", outage, opened, seconds, f"{_PERSON} of the service desk has taken it up")

    async def _at_work(self, outage: Incident, opened: Received, pause_s: float) -> int:
        """Send a crew, be there, promise a time, which is returned."""
        ticket = opened.ticket
        await asyncio.sleep(pause_s)
        seconds = await self.desk.ask("dispatch", ticket, by=_PERSON, crew=_CREW)
        self._done("dispatched", outage, opened, seconds, f"{_CREW} is on its way")
        await asyncio.sleep(pause_s)
        seconds = await self.desk.ask("arrive", ticket, by=_PERSON, crew=_CREW)
        self._done("on_site", outage, opened, seconds, f"{_CREW} is there")
        await asyncio.sleep(pause_s)
        promised_at = (self.clock.now() + _PROMISE) // SECOND * SECOND
        seconds = await self.desk.ask(
            "estimate",
            ticket,
            by=_PERSON,
            cause="fuse blown",
            restoration_estimated_at=format_time(promised_at),
        )
        words = f"a blown fuse; supply is promised for {format_clock(promised_at)}"
        self._done("estimated", outage, opened, seconds, words)
        return promised_at

    def _done(self, step: str, outage: Incident, opened: Received, seconds: float | None, words: str) -> None:
        """Tell what the service desk did, and how soon its callback had taken effect."""
        if seconds is None:
            self.tell(
                f"The service desk is late: somebody else has moved the ticket on ({step.replace('_', ' ')})."
            )
            return
        self._keep(step, outage, opened, summary=words)
        told = self.steps[-1]
        self.tell(
            f"[yellow]Ticket {told.ticket}[/yellow] {step.replace('_', ' ')} after {told.seconds:.1f} s: {words}; "
            f"by the desk's signed callback, done in {seconds:.2f} s."
        )

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

    async def _end(self, plot: Plot, outage: Incident, opened: Received, promised_at: int) -> None:
        look, number = self.lookout, opened.body["data"]["ticket"]["number"]
        ticket = (await look.until(lambda: look.ticket(outage.id, _OVER), "restoration")).ticket
        back_at = ticket.restored_at or ticket.updated_at
        self.tell(
            f"[yellow]Ticket {number}[/yellow]: supply restored after {(back_at - self._fault_at) / SECOND:.1f} s"
            + (
                f", {(promised_at - back_at) / SECOND:.0f} s before it was promised"
                if back_at < promised_at
                else ""
            )
            + "; verifying with readings of the members."
        )
        now = await self.store.reports.incident(outage.id)
        self._keep("restored", outage if now is None else now.incident, opened, customers=0)
        closed = await look.until(lambda: look.message(outage.id, "ticket.closed"), "the ticket to be closed")
        summary = closed.body["data"]["incident"]["summary"]
        self._keep("closed", outage, opened, customers=0, summary=summary)
        self.tell(
            f"[green]Ticket {number} closed[/green] by the gateway after {self.steps[-1].seconds:.1f} s: "
            f"{escape(summary)}"
        )
        others = [  # one that was opened too early is part of the right one by now
            m
            for m in look.opened(self._fault_at)
            if m.ticket != opened.ticket
            and await look.message(m.body["data"]["incident"]["id"], "ticket.merged") is None
        ]
        if others:
            nodes = ", ".join(m.body["data"]["incident"]["node"] for m in others)
            self.faults.append(f"tickets were opened at {nodes} besides the one at {plot.fuse}")

    async def _mended(self, lost: Incident) -> None:
        look = self.lookout
        over = await look.until(
            lambda: look.in_state(lost.id, IncidentState.CLOSED), "communications to be back"
        )
        self.tell(f"[green]Communications back[/green]: {escape(over.incident.summary)}")
        self._keep("communications_restored", over.incident, None, customers=0)

    async def _room(self, plot: Plot, opened: Received) -> None:
        """The second target's filter: it is told of one feeder's tickets and of no mere updates."""
        look, number = self.lookout, opened.body["data"]["ticket"]["number"]
        if plot.feeder != self.room_of:
            if look.heard_in_room(number):
                self.faults.append(f"the chat room of {self.room_of} was told of a ticket at {plot.feeder}")
            self.tell(f"The chat room of feeder {self.room_of} heard nothing of it, by its filter.")
            return
        lines = await look.until(lambda: look.posts(number, "closed"), "the chat room to be told")
        steps = "; ".join(line.partition(": ")[2] for line in lines)
        self.tell(f"The chat room of feeder {self.room_of} was told as well, by its filter: {escape(steps)}.")

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
