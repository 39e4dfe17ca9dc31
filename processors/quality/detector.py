"""The detector of supply quality: from means by the clock to incidents of kind `power_quality`."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence

import numpy as np

from gateway.core.clock import SECOND
from gateway.core.inventory import Inventory
from gateway.core.model import (
    GATEWAY,
    Batch,
    Change,
    Drill,
    Event,
    Incident,
    IncidentKind,
    IncidentState,
    Instruction,
    Interruption,
    Order,
    PlannedOutage,
    Question,
    Signal,
    SignalKind,
)
from processors.quality import snapshot
from processors.quality.book import Book
from processors.quality.conditions import Condition
from processors.quality.metrics import FAULTS, INCIDENTS
from processors.quality.settings import QualitySettings
from processors.quality.stories import Story
from processors.quality.windows import Windows

log = logging.getLogger(__name__)


class QualityDetector:
    """A `gateway.core.ports.Processor`. Means are judged when their window is over and `grace_s` has passed."""

    name = "quality"

    def __init__(self, inventory: Inventory, settings: QualitySettings) -> None:
        self.inventory = inventory
        self.settings = settings
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.at = 0
        self.judged = -1  # the first window that is still to be judged, −1 before the first tick
        self.windows = Windows(self.inventory, self.settings)
        self.book = Book(self.inventory, self.settings, self.windows)
        self.instructions: list[Instruction] = []
        self.again: set[str] = set()  # ids of incidents to be told of again

    def observe(self, batch: Batch) -> None:
        self.windows.observe(batch)

    def notice(self, signal: Signal) -> None:
        """Supply that fails is no matter of limits; and who is away himself hears nothing of anybody."""
        at = signal.received_at
        if signal.occurred_at is not None:
            at = min(at, signal.occurred_at)
        match signal.kind:
            case SignalKind.LAST_GASP | SignalKind.POWER_RESTORED if 0 <= signal.device < len(self.inventory):
                self.windows.interrupt(signal.device, at)
            case SignalKind.GATEWAY_DOWN:
                self.windows.leave("", at)
            case SignalKind.GATEWAY_UP:  # its sessions begin anew
                for source in list(self.windows.absences):
                    self.windows.back(source, signal.received_at)
            case SignalKind.CONNECTION_LOST if signal.device == GATEWAY:
                self.windows.leave(signal.source, at)
            case SignalKind.CONNECTION_MADE if signal.device == GATEWAY:
                self.windows.back(signal.source, signal.received_at)
            case _:
                pass

    def plan(self, planned: PlannedOutage) -> None:
        """Supply that is off is no business of its quality."""

    def instruct(self, instruction: Instruction) -> None:
        """Take a person's word about an incident of ours; it takes effect at the next tick."""
        self.instructions.append(instruction)

    def exercise(self, drill: Drill) -> None:
        """Exercises are outages."""

    def questions(self) -> list[Question]:
        """None: readings come by themselves."""
        return []

    def advance(self, at: int) -> list[Event]:
        at = self.at = max(at, self.at)
        try:
            self._conclude(at)
        except (
            Exception
        ):  # a boundary: what is wrong with one window must not keep the next from being judged
            FAULTS.inc()
            log.exception("judging supply quality failed")
        events, self.book.events = self.book.events, []
        for event in events:
            INCIDENTS.labels(event.change.value).inc()
        return events

    def _conclude(self, at: int) -> None:
        waiting, self.instructions = self.instructions, []
        for instruction in waiting:
            self._follow(instruction, at)
        due = (at - round(self.settings.grace_s * SECOND)) // self.windows.length
        if due > self.judged:
            first, self.judged = self.judged < 0, due
            self.windows.close_before(due)
            if first:
                self.windows.remember(at)
            elif "" not in self.windows.absences:
                self.book.conclude(at)
        if self.again:
            again, self.again = self.again, set()
            for story in [self.book.stories[place] for place in sorted(self.book.stories)]:
                if story.id in again:
                    self.book.tell(story, at, Change.UPDATED)

    def _follow(self, said: Instruction, at: int) -> None:
        book = self.book
        story = next((story for story in book.stories.values() if story.id == said.incident), None)
        if story is None:
            return
        other = next((each for each in book.stories.values() if each.id == said.into), None)
        if said.order is Order.CONFIRM:
            story.confirmed_by = said.by
            book.tell(story, at, Change.UPDATED)
        elif said.order is Order.CANCEL:
            book.muted.add(story.place)
            book.end(story, at, Change.CANCELLED, "withdrawn by an operator", by=said.by, reason=said.reason)
        elif said.order is Order.MERGE and other is not None and other is not story:
            book.muted.add(story.place)
            over = "made part of another incident by an operator"
            book.end(story, at, Change.MERGED, over, parent=other.id, by=said.by, reason=said.reason)

    # -- what the database knows -----------------------------------------------------------------------------------

    def open_ids(self) -> frozenset[str]:
        """Incidents that are followed."""
        return frozenset(story.id for story in self.book.stories.values())

    def republish(self, incidents: Collection[str]) -> None:
        """Tell of these again at the next tick, as a new revision; others are left alone."""
        self.again |= self.open_ids() & set(incidents)

    def adopt(self, incidents: Sequence[Incident], _: Sequence[Interruption] = ()) -> None:
        """Go on with open incidents that the database knows: their members count as out of limits until means say
        otherwise, or nothing is heard of them."""
        held = self.open_ids()
        for incident in incidents:
            ours = incident.kind is IncidentKind.POWER_QUALITY and not incident.drill
            if ours and incident.state is IncidentState.OPEN and incident.id not in held:
                self._adopt(incident)

    def _adopt(self, incident: Incident) -> None:
        word = str(incident.evidence.get("condition", ""))
        condition = next((each for each in Condition if each.word == word), None)
        if condition is None:
            log.warning("incident of an unknown condition is left alone", extra={"incident": incident.id})
            return
        windows = self.windows
        members = [key for key in incident.devices if 0 <= key < len(self.inventory)]
        story = Story(
            id=incident.id,
            condition=condition,
            group=str(incident.evidence.get("group", incident.node)),
            node=incident.node,
            whole=bool(incident.evidence.get("whole", 0)),
            phases=incident.phases,
            started_at=incident.started_at,
            detected_at=incident.detected_at,
            members=members,
            observed=int(incident.evidence.get("observed", 0)),
            customers=incident.customers,
            worst=float(incident.evidence.get("worst", np.nan)),
            worst_by=str(incident.evidence.get("worst_by", "")),
            limit=float(incident.evidence.get("limit", np.nan)),
            confirmed_by=incident.confirmed_by,
            revision=incident.revision,
        )
        other = self.book.stories.setdefault(story.place, story)
        if other is not story:
            self.book.absorb(story, other, max(self.at, incident.detected_at))
            return
        if condition is Condition.FREQUENCY:
            self.book.frequencies.runs[story.group] = self.settings.hold_windows
            return
        keys = np.array(members, np.int64)
        keys = keys[windows.listed[keys]]
        windows.out[keys, condition] = True
        windows.run[keys, condition] = 1
        windows.since[keys, condition] = incident.started_at
        windows.judged_at[keys, condition] = max(self.at, incident.detected_at)

    # -- state -----------------------------------------------------------------------------------------------------

    def snapshot(self) -> bytes:
        return snapshot.save(self)

    def restore(self, state: bytes) -> None:
        """Raises ValueError for bytes that are not a snapshot of this detector and version."""
        self.reset()
        try:
            snapshot.load(state, self)
        except ValueError:
            self.reset()
            raise
