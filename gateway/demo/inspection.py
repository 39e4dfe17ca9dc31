"""The second thread of the story: one thief found by energy balance, with reasons, and a vacancy left alone."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import msgspec
from rich.markup import escape

from gateway.core.clock import DAY
from gateway.core.errors import UnavailableError
from gateway.core.model import Incident, IncidentKind
from gateway.demo.lookout import Lookout
from gateway.demo.past import Past
from gateway.demo.processes import DemoError
from gateway.demo.story import Story
from gateway.store.views import CaseFilter, IncidentView
from simulator.receiver import Received

_LOOK_S = 0.5
_MOST_REASONS = 5


class Inspected(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. theft: the incident of the thief, None while there is none;  accused: other meters with one;
    awaited: there was time enough to find it."""

    past: Past
    theft: Incident | None = None
    ticket: int | None = None
    accused: tuple[str, ...] = ()
    collection_rate: float | None = None
    awaited: bool = False

    @property
    def vacancy_left_alone(self) -> bool | None:
        """None where nobody has moved out."""
        return self.past.vacant not in self.accused if self.past.vacant else None

    def figures(self) -> dict[str, Any]:
        """For the last line of `--json`."""
        theft = self.theft and {
            "device": self.past.thief,
            "score": round(self.theft.confidence, 3),
            "reasons": reasons(self.theft),
            "incident": self.theft.id,
            "ticket": self.ticket,
        }
        return {
            "history_readings": self.past.rows,
            "theft": theft,
            "vacancy_left_alone": self.vacancy_left_alone,
            "accused": list(self.accused),
            "collection_rate": self.collection_rate,
        }

    def faults(self) -> list[str]:
        """Promises that were not kept."""
        faults = [f"{name} is accused of theft, and is none" for name in self.accused]
        if not self.awaited or not self.past.thief:
            return faults
        if self.theft is None:
            faults.append(f"the theft at {self.past.thief} was not found")
        elif self.ticket is None:
            faults.append(f"no inspection was asked for at {self.past.thief}")
        return faults


class Inspection:
    """Watches what the gateway makes of usage. `found` is the state as last seen."""

    def __init__(self, lookout: Lookout, past: Past) -> None:
        self._look = lookout
        self._past = past
        self.found = Inspected(past=past)
        self._awaited = False

    async def watch(self, story: Story) -> None:
        """Tell once of the theft, when it is found. A database that is going down ends it quietly."""
        while True:
            with contextlib.suppress(UnavailableError):
                await self.look()
            if self.found.theft is not None and self.found.ticket is not None:
                self._tell(story, self.found.theft)
                return
            await asyncio.sleep(_LOOK_S)

    async def settled(self) -> None:
        """Wait until the thief is found, or patience ends; where there is none, not at all."""
        self._awaited = True
        with contextlib.suppress(DemoError):
            if self._past.thief:
                await self._look.until(self._seen, "the theft to be found")

    async def _seen(self) -> bool | None:
        return True if self.found.ticket is not None else None

    async def look(self) -> None:
        """See what there is now."""
        past, reports = self._past, self._look.store.reports
        only = CaseFilter(kind=IncidentKind.USAGE_ANOMALY, drill=False)
        views = await reports.incidents(limit=100, only=only)
        of_thief = [view for view in views if past.thief in view.devices]
        others = {name for view in views if view not in of_thief for name in view.devices}
        rates = await self._look.store.meterdata.collection(past.until - 8 * DAY, past.until)
        told = await self._ticket(of_thief)
        self.found = Inspected(
            past=past,
            theft=of_thief[0].incident if of_thief else None,
            ticket=told.body["data"]["ticket"]["number"] if told else None,
            accused=tuple(sorted(others)),
            collection_rate=rates[0].rate if rates else None,
            awaited=self._awaited,
        )

    async def _ticket(self, views: list[IncidentView]) -> Received | None:
        for message in self._look.inspectors.messages if views else ():
            told = message.body["data"].get("incident", {})
            if message.type == "ticket.opened" and told.get("id") == views[0].incident.id:
                return message
        return None

    def _tell(self, story: Story, theft: Incident) -> None:
        story.tell(
            f"[yellow]Ticket {self.found.ticket}[/yellow] goes to those who inspect meters, not to repair: "
            f"{self._past.thief}, with a probability of {theft.confidence:.0%}. Why we think so:"
        )
        for reason in reasons(theft):
            story.tell(f"   {escape(reason)}")
        if self._past.vacant and self.found.vacancy_left_alone:
            story.tell(
                f"   {self._past.vacant} fell to nothing as well, and is left alone: nobody lives there, and its "
                "transformer supplies less by as much."
            )


def reasons(incident: Incident) -> list[str]:
    """The evidence in words, strongest first."""
    told = incident.evidence.get("reasons")
    if not isinstance(told, list):
        return [incident.summary]
    words = [one.get("words", "") if isinstance(one, dict) else str(one) for one in told]
    return [text for text in words if text][:_MOST_REASONS]
