"""The outage detector: from readings and signals to incidents, by time that is handed in."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence

import numpy as np
from msgspec import structs

from gateway.core.clock import parse_time
from gateway.core.inventory import Inventory
from gateway.core.model import (
    Batch,
    Drill,
    Event,
    Incident,
    IncidentKind,
    IncidentState,
    Instruction,
    Interruption,
    PlannedOutage,
    Question,
    Signal,
)
from processors.outage import snapshot
from processors.outage.announced import Announced
from processors.outage.asking import Asking
from processors.outage.book import Book
from processors.outage.direct import Direct
from processors.outage.evidence import Evidence
from processors.outage.follow import Follower
from processors.outage.instructed import Instructed
from processors.outage.metrics import FAULTS, UNKNOWN_WINDOWS
from processors.outage.open import Opener
from processors.outage.settings import OutageSettings
from processors.outage.silence import Silence
from processors.outage.state import Dark, Flag
from processors.outage.story import Story

log = logging.getLogger(__name__)

_KINDS = (
    IncidentKind.OUTAGE,
    IncidentKind.PHASE_LOSS,
    IncidentKind.PLANNED_OUTAGE,
    IncidentKind.COMMUNICATIONS_LOSS,
)
_STATES = (IncidentState.OPEN, IncidentState.RESTORED)


class OutageDetector:
    """A `gateway.core.ports.Processor`: a pure fold over the stream that concludes in `advance` only."""

    name = "outage"

    def __init__(self, inventory: Inventory, settings: OutageSettings) -> None:
        self.inventory = inventory
        self.settings = settings
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.at = 0
        self.evidence = Evidence(self.inventory, self.settings)
        self.book = Book(self.inventory, self.evidence)
        self.opener = Opener(self.inventory, self.settings, self.evidence, self.book)
        self.silence = Silence(self.inventory, self.evidence, self.book, self.opener)
        self.follower = Follower(self.settings, self.evidence, self.book, self.opener)
        self.announced = Announced(self.settings, self.evidence, self.book, self.opener, self.follower)
        self.asking = Asking(self.settings, self.evidence, self.book, self.opener)
        self.instructed = Instructed(self.evidence, self.book, self.opener, self.silence)
        self.direct = Direct(self.evidence, self.book, self.opener, self.follower)

    def observe(self, batch: Batch) -> None:
        self.evidence.observe(batch)

    def notice(self, signal: Signal) -> None:
        self.evidence.notice(signal)
        self.asking.notice(signal)

    def plan(self, planned: PlannedOutage) -> None:
        """Take note of an announced outage; one of an unknown node is kept aside and counted."""
        if not self.book.plans.put(planned):
            UNKNOWN_WINDOWS.inc()
            log.warning(
                "announced outage of an unknown node",
                extra={"reference": planned.reference, "node": planned.node},
            )

    def instruct(self, instruction: Instruction) -> None:
        """Take a person's word about an incident of ours; it takes effect at the next tick."""
        self.instructed.waiting.append(instruction)

    def exercise(self, drill: Drill) -> None:
        """Exercises are no business of what watches the real network."""

    def questions(self) -> list[Question]:
        """Who is to be asked now, by what `advance` concluded; each question is handed out once."""
        questions, self.asking.questions = self.asking.questions, []
        return questions

    def advance(self, at: int) -> list[Event]:
        """What can be concluded at `at`; events are in the order in which they are to be applied."""
        at = self.at = max(at, self.at)
        evidence, book = self.evidence, self.book
        evidence.flush()
        evidence.overdue(at)
        self._step("announced", lambda: self.announced.turn(at))
        self._step("instruct", lambda: self.instructed.conclude(at))
        touched = np.flatnonzero(evidence.touched)
        evidence.touched[touched] = False
        if len(touched):
            self._step("sort", lambda: self.opener.sort(touched, at))
            self._step("announced", lambda: self.announced.sort(touched, at))
            self._step("silent", lambda: self.silence.take_note(touched))
        self._step("follow", lambda: self.follower.follow(touched, at))
        self._step("announced", lambda: self.announced.conclude(at))
        self._step("direct", lambda: self.direct.conclude(at))
        self._step("judge", lambda: self.opener.conclude(at))
        self._step("silence", lambda: self.silence.conclude(at))
        self._step("ask", lambda: self.asking.conclude(at))
        events, book.events = book.events, []
        return events

    @staticmethod
    def _step(name: str, step: Callable[[], None]) -> None:
        """A boundary: what is wrong with one kind of conclusion must not keep the others from being drawn."""
        try:
            step()
        except Exception:
            FAULTS.labels(name).inc()
            log.exception("a step of outage detection failed", extra={"step": name})

    def clock_faults(self) -> list[str]:
        """Ids of the devices whose own time was not believed the last time."""
        faulty = np.flatnonzero((self.evidence.flags & Flag.CLOCK > 0) & self.evidence.listed)
        return [self.inventory.ids[key] for key in faulty.tolist()]

    def open_ids(self) -> frozenset[str]:
        """Incidents that are followed: open, or restored and not closed yet."""
        return frozenset(story.id for story in self.book.stories.values())

    def republish(self, incidents: Collection[str]) -> None:
        """Tell of these again at the next tick, with every interruption, as a new revision; others are left alone."""
        for slot, story in self.book.stories.items():
            if story.id in incidents:
                story.untell()
                self.book.dirty.add(slot)

    def _parts(self) -> snapshot.Parts:
        return snapshot.Parts(
            self.evidence,
            self.book,
            self.opener,
            self.silence,
            self.announced,
            self.asking,
            self.instructed,
        )

    def snapshot(self) -> bytes:
        return snapshot.save(self.at, self._parts())

    def restore(self, state: bytes) -> None:
        """Raises ValueError for bytes that are not a snapshot of this detector and version."""
        self.reset()
        try:
            self.at = snapshot.load(state, self._parts())
        except ValueError:
            self.reset()
            raise

    def adopt(self, incidents: Sequence[Incident], interruptions: Sequence[Interruption] = ()) -> None:
        """Take over open incidents that the database knows and no snapshot does; others are left alone.

        Members go off when the incident started unless `interruptions` tell better. Those who belong to an incident
        already stay there; whoever is not listed any more leaves at the next tick. Exercises are left alone.
        """
        rows: dict[str, list[Interruption]] = {}
        for row in sorted(interruptions, key=lambda row: (row.device, row.step)):
            rows.setdefault(row.incident, []).append(row)
        held = self.open_ids()
        for incident in incidents:
            ours = incident.kind in _KINDS and not incident.drill
            if ours and incident.state in _STATES and incident.id not in held:
                self._adopt(incident, rows.get(incident.id, []))

    def _adopt(self, incident: Incident, rows: Sequence[Interruption]) -> None:
        evidence, book = self.evidence, self.book
        at = max(self.at, incident.restored_at or incident.detected_at)
        story = Story(
            id=incident.id,
            kind=incident.kind,
            node=incident.node,
            phases=incident.phases,
            state=incident.state,
            started_at=incident.started_at,
            detected_at=incident.detected_at,
            restored_at=incident.restored_at or 0,
            parent=incident.parent,
            confidence=incident.confidence,
            path=str(incident.evidence.get("path", "")),
            direct_by=str(incident.evidence.get("direct", "")).partition(":")[0],
            alone="alone" in incident.evidence,
            confirmed_by=incident.confirmed_by,
            split_from=str(incident.evidence.get("split_from", "")),
            reference=str(incident.evidence.get("reference", "")),
            planned_node=str(incident.evidence.get("planned_node", "")),
            planned_from=_time(incident, "planned_from"),
            planned_to=_time(incident, "planned_to"),
            revision=incident.revision,
            settled_at=at if incident.restored_at else 0,
            returned_at=at if incident.restored_at else 0,
            published_at=at,
        )
        here = book.at_node.get(incident.node, -1)  # a place cannot lose its supply twice at once
        double = (
            here >= 0 and not (story.communications or story.planned) and incident.state is IncidentState.OPEN
        )
        known = [device for device in incident.devices if 0 <= device < len(book.owner)]
        members = [] if double else sorted(device for device in known if book.owner[device] < 0)
        last = {row.device: row for row in rows}
        story.past = [row for row in rows if row is not last[row.device]]
        story.untold = len(story.past)
        for device in sorted(set(known).difference(members)):
            if device in last:  # the time belongs to where the device is
                story.past.append(structs.replace(last[device], ended_at=last[device].started_at))
        slot = book.add(story)
        keys = np.array(members, np.int64)
        told = [last.get(device) for device in members]
        start = np.array([row.started_at if row else incident.started_at for row in told], np.int64)
        end = np.array([(row.ended_at if row else incident.restored_at) or 0 for row in told], np.int64)
        book.take_in(slot, keys, start)
        story.step[:] = [row.step if row else 0 for row in told]
        story.end[:] = end
        story.told[:] = [stop if row else -1 for row, stop in zip(told, end.tolist(), strict=True)]
        if story.communications:
            evidence.flags[keys[end == 0]] |= Flag.SILENT
        else:
            evidence.kinds[keys] = Dark.ADOPTED
            evidence.lost[keys] = self.inventory.phases[keys] & np.uint8(book.mask(slot))
            evidence.back_at[keys] = end
        if len(members) == len(incident.devices) > 0 and evidence.listed[keys].all():
            book.dirty.discard(slot)


def _time(incident: Incident, name: str) -> int:
    """A time that the incident's evidence names, 0 for none."""
    try:
        return parse_time(str(incident.evidence[name]))
    except (KeyError, ValueError):
        return 0
