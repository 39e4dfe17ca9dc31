"""One exercise under way: a detector of its own that hears nothing but the script."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from msgspec import structs

from gateway.core.clock import HOUR, SECOND
from gateway.core.inventory import Inventory
from gateway.core.model import Batch, Drill, Event, Incident, Instruction, Signal
from processors.drill.scope import Scope
from processors.drill.script import Script
from processors.drill.settings import DrillSettings
from processors.outage.detector import OutageDetector
from processors.outage.settings import OutageSettings

MARK = "DRILL: "
_STEP = 5 * SECOND  # what lies between two ticks further apart than this is played in steps
_ENDLESS = HOUR  # beyond what closing an outage may take


class Exercise:
    """`last`: up to when it has been played.

    Raises KeyError where the node is not there.
    """

    def __init__(
        self, drill: Drill, whole: Inventory, outage: OutageSettings, settings: DrillSettings
    ) -> None:
        self.drill = drill
        self.last = drill.starts_at - 1
        self._settings = settings
        self._scope = Scope(whole, drill.node)
        self._script = Script(drill, self._scope, delivery_rate=settings.delivery_rate)
        self._begun = False
        self._longest = round((outage.verify_max_s + outage.remainder_s) * SECOND) + _ENDLESS
        self.inner = OutageDetector(self._scope.inventory, outage)

    @property
    def over(self) -> bool:
        """Nothing more will come of it."""
        return self.last >= self._script.settled_at and not self.inner.open_ids()

    @property
    def endless(self) -> bool:
        return self.last > self.drill.ends_at + self._longest

    def end_at(self, ends_at: int) -> None:
        """End it earlier than was said, though not before what has been played."""
        ends_at = max(ends_at, self.last, self.drill.starts_at + 1)
        if ends_at < self.drill.ends_at:
            self.drill = structs.replace(self.drill, ends_at=ends_at)
            self._script = Script(self.drill, self._scope, delivery_rate=self._settings.delivery_rate)

    def advance(self, at: int) -> list[Event]:
        """Play up to `at`; what the detector concludes, marked as exercise."""
        if at <= self.last:
            return []
        if not self._begun:
            self._begun = True
            self.inner.observe(self._script.heard_before())
        events: list[Event] = []
        for moment in (*range(self.last + _STEP, at, _STEP), at):
            readings = self._script.readings(self.last, moment)
            if len(readings):
                self.inner.observe(readings)
            for signal in self._script.signals(self.last, moment):
                self.inner.notice(signal)
            events += self.inner.advance(moment)
            for question in self.inner.questions():
                self._hear(self._script.answer(question.device, moment))
            self.last = moment
        return [self._marked(event) for event in events]

    def instruct(self, instruction: Instruction) -> None:
        """A person's word about an incident of this exercise; any other is left alone."""
        incident, into = self._inside(instruction.incident), self._inside(instruction.into)
        if incident and (into or not instruction.into):
            self.inner.instruct(structs.replace(instruction, incident=incident, into=into))

    def open_ids(self) -> frozenset[str]:
        return frozenset(self._outside(name) for name in self.inner.open_ids())

    def republish(self, incidents: Collection[str]) -> None:
        self.inner.republish([inside for name in incidents if (inside := self._inside(name))])

    def adopt(self, incidents: Sequence[Incident]) -> None:
        """Go on with these incidents of this exercise, which the database knows."""
        local = {key: i for i, key in enumerate(self._scope.keys.tolist())}
        self.inner.adopt(
            [
                structs.replace(
                    incident,
                    id=self._inside(incident.id),
                    parent=self._inside(incident.parent),
                    drill="",
                    devices=tuple(local[key] for key in incident.devices if key in local),
                )
                for incident in incidents
                if self._inside(incident.id)
            ]
        )

    def snapshot(self) -> bytes:
        return self.inner.snapshot() if self._begun else b""

    def restore(self, last: int, state: bytes) -> None:
        """Raises ValueError for bytes that are not a snapshot of the detector."""
        self.last = last
        if state:
            self._begun = True
            self.inner.restore(state)

    def _hear(self, answer: Batch | Signal) -> None:
        if isinstance(answer, Batch):
            self.inner.observe(answer)
        else:
            self.inner.notice(answer)

    def _marked(self, event: Event) -> Event:
        incident, evidence = event.incident, dict(event.incident.evidence)
        if "split_from" in evidence:
            evidence["split_from"] = self._outside(evidence["split_from"])
        marked = structs.replace(
            incident,
            id=self._outside(incident.id),
            parent=self._outside(incident.parent),
            devices=tuple(self._scope.keys[np.array(incident.devices, np.int64)].tolist()),
            drill=self.drill.id,
            summary=MARK + incident.summary,
            evidence=evidence,
        )
        return structs.replace(event, incident=marked, interruptions=())

    def _outside(self, name: str) -> str:
        return f"{self.drill.id}:{name}" if name else ""

    def _inside(self, name: str) -> str:
        """The detector's own id of an incident; empty for one that is not of this exercise."""
        own = name.removeprefix(f"{self.drill.id}:")
        return "" if own == name else own
