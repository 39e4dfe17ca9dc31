"""The outage detector: from readings and signals to incidents, by time that is handed in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gateway.core.inventory import Inventory
from gateway.core.model import (
    Batch,
    Event,
    Incident,
    IncidentKind,
    IncidentState,
    Interruption,
    Signal,
)
from processors.outage import snapshot
from processors.outage.book import Book
from processors.outage.evidence import Evidence
from processors.outage.follow import Follower
from processors.outage.open import Opener
from processors.outage.settings import OutageSettings
from processors.outage.silence import Silence
from processors.outage.state import Dark, Flag
from processors.outage.story import Story

_KINDS = (IncidentKind.OUTAGE, IncidentKind.COMMUNICATIONS_LOSS)
_STATES = (IncidentState.OPEN, IncidentState.RESTORED)


class OutageDetector:
    """A `gateway.core.ports.Processor`: a pure fold over the stream that concludes in `advance` only."""

    name = "outage"

    def __init__(self, inventory: Inventory, settings: OutageSettings) -> None:
        self.inventory = inventory
        self.settings = settings
        self._reset()

    def _reset(self) -> None:
        self.at = 0
        self.evidence = Evidence(self.inventory, self.settings)
        self.book = Book(self.inventory, self.evidence)
        self.opener = Opener(self.inventory, self.settings, self.evidence, self.book)
        self.silence = Silence(self.inventory, self.evidence, self.book, self.opener)
        self.follower = Follower(self.settings, self.evidence, self.book, self.opener)

    def observe(self, batch: Batch) -> None:
        self.evidence.observe(batch)

    def notice(self, signal: Signal) -> None:
        self.evidence.notice(signal)

    def advance(self, at: int) -> list[Event]:
        """What can be concluded at `at`; events are in the order in which they are to be applied."""
        at = self.at = max(at, self.at)
        evidence, book = self.evidence, self.book
        evidence.flush()
        evidence.overdue(at)
        touched = np.flatnonzero(evidence.touched)
        evidence.touched[touched] = False
        if len(touched):
            self.opener.sort(touched, at)
            self.silence.take_note(touched)
        self.follower.follow(touched, at)
        self.opener.conclude_direct(at)
        self.opener.conclude(at)
        self.silence.conclude(at)
        events, book.events = book.events, []
        return events

    def snapshot(self) -> bytes:
        return snapshot.save(self.at, self.evidence, self.book, self.opener, self.silence)

    def restore(self, state: bytes) -> None:
        """Raises ValueError for bytes that are not a snapshot of this detector and version."""
        self._reset()
        try:
            self.at = snapshot.load(state, self.evidence, self.book, self.opener, self.silence)
        except ValueError:
            self._reset()
            raise

    def adopt(self, incidents: Sequence[Incident], interruptions: Sequence[Interruption] = ()) -> None:
        """Take over open incidents that the database knows and no snapshot does; others are left alone.

        Members go off when the incident started unless `interruptions` tell better. Devices that are no longer
        listed are dropped.
        """
        rows = {(row.incident, row.device): row for row in sorted(interruptions, key=lambda row: row.step)}
        for incident in incidents:
            if incident.kind in _KINDS and incident.state in _STATES:
                self._adopt(incident, rows)

    def _adopt(self, incident: Incident, rows: dict[tuple[str, int], Interruption]) -> None:
        evidence, book = self.evidence, self.book
        listed = [d for d in incident.devices if 0 <= d < len(evidence.listed) and evidence.listed[d]]
        keys = np.array(sorted(d for d in listed if book.owner[d] < 0), np.int64)
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
            revision=incident.revision,
            settled_at=at if incident.restored_at else 0,
            returned_at=at if incident.restored_at else 0,
            published_at=at,
        )
        slot = book.add(story)
        known = [rows.get((incident.id, key)) for key in keys.tolist()]
        start = np.array([row.started_at if row else incident.started_at for row in known], np.int64)
        book.take_in(slot, keys, start)
        story.step[:] = [row.step if row else 0 for row in known]
        end = np.array([(row.ended_at if row else incident.restored_at) or 0 for row in known], np.int64)
        story.end[:] = end
        story.told[:] = end
        if story.communications:
            evidence.flags[keys[end == 0]] |= Flag.SILENT
        else:
            evidence.kinds[keys] = Dark.ADOPTED
            evidence.back_at[keys] = end
        story.signature = ()
        book.dirty.discard(slot)
