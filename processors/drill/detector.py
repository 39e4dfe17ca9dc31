"""Exercises in the stream: an outage that is none, seen and told by the same code as a real one."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence

import msgspec
from msgspec import structs

from gateway.core.clock import MINUTE
from gateway.core.inventory import Inventory
from gateway.core.model import (
    Batch,
    Change,
    Drill,
    Event,
    Incident,
    IncidentState,
    Instruction,
    Interruption,
    PlannedOutage,
    Question,
    Signal,
)
from processors.drill.exercise import MARK, Exercise
from processors.drill.metrics import DRILLS
from processors.drill.settings import DrillSettings
from processors.outage.settings import OutageSettings

log = logging.getLogger(__name__)

MAGIC = b"feederline-drill-1\n"
_FRESH = MINUTE  # an exercise is in the stream at once; its early end may come any time
_LIVE = (IncidentState.OPEN, IncidentState.RESTORED)


class _State(msgspec.Struct, frozen=True, kw_only=True):
    at: int
    coming: Drill | None = None
    running: Drill | None = None
    last: int = 0
    inner: bytes = b""
    left: list[Incident] = []
    told: list[Incident] = []


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_State).decode


class DrillDetector:
    """A `gateway.core.ports.Processor`. Between exercises it holds nothing and does nothing; in one it holds a
    detector for the feeder in question. One at a time: a further exercise takes the place of the one before."""

    name = "drill"

    def __init__(self, inventory: Inventory, outage: OutageSettings, settings: DrillSettings) -> None:
        self.inventory = inventory
        self.outage = outage
        self.settings = settings
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.at = 0
        self.coming: Drill | None = None
        self.running: Exercise | None = None
        self._left: list[Incident] = []  # to be withdrawn at the next tick: nobody plays them any more
        self._told: dict[str, Incident] = {}  # live ones, as told last

    def observe(self, batch: Batch) -> None:
        """What is real is no business of an exercise."""

    def notice(self, signal: Signal) -> None:
        """As `observe`."""

    def plan(self, planned: PlannedOutage) -> None:
        """As `observe`."""

    def instruct(self, instruction: Instruction) -> None:
        if self.running is not None:
            self.running.instruct(instruction)

    def exercise(self, drill: Drill) -> None:
        """Take note of an exercise; the same id again may end it earlier."""
        if self.running is not None and self.running.drill.id == drill.id:
            self.running.end_at(drill.ends_at)
        elif drill.node not in self.inventory.network:
            DRILLS.labels("unknown_node").inc()
            log.warning("exercise at an unknown node", extra={"drill": drill.id, "node": drill.node})
        elif self.at > drill.starts_at + _FRESH and (self.coming is None or self.coming.id != drill.id):
            DRILLS.labels("forgotten").inc()  # begun now, its outage would be told a second time
            log.warning("end of an exercise that nothing is known of any more", extra={"drill": drill.id})
        elif drill.starts_at < drill.ends_at:
            self.coming = drill

    def questions(self) -> list[Question]:
        """None: an exercise answers its own, and no device is asked."""
        return []

    def advance(self, at: int) -> list[Event]:
        at = self.at = max(at, self.at)
        if self.coming is not None and at >= self.coming.starts_at:
            self._break_off()
            self.running, self.coming = self._begin(self.coming), None
        events: list[Event] = []
        if self.running is not None:
            events = self.running.advance(at)
            self._keep(events)
            if self.running.over:
                DRILLS.labels("over").inc()
                log.info("exercise is over", extra=_fields(self.running.drill))
                self.running = None
                self._told.clear()
            elif self.running.endless:
                self._break_off()
        left, self._left = self._left, []
        return [*events, *(_withdrawn(incident, at) for incident in left)]

    def _begin(self, drill: Drill) -> Exercise:
        DRILLS.labels("begun").inc()
        log.info("exercise begins", extra=_fields(drill))
        return Exercise(drill, self.inventory, self.outage, self.settings)

    def _keep(self, events: Sequence[Event]) -> None:
        for event in events:
            self._told.pop(event.incident.id, None)
            if event.incident.state in _LIVE:
                self._told[event.incident.id] = event.incident

    def _break_off(self) -> None:
        """Nothing more is played; what was told as open is withdrawn."""
        if self.running is not None:
            DRILLS.labels("broken_off").inc()
            log.warning("exercise is broken off", extra=_fields(self.running.drill))
            self._left += self._told.values()
            self.running = None
            self._told = {}

    def open_ids(self) -> frozenset[str]:
        """Incidents of the exercise that are followed, and such as are still to be withdrawn."""
        left = frozenset(incident.id for incident in self._left)
        return left if self.running is None else left | self.running.open_ids()

    def republish(self, incidents: Collection[str]) -> None:
        if self.running is not None:
            self.running.republish(incidents)

    def adopt(self, incidents: Sequence[Incident], _: Sequence[Interruption] = ()) -> None:
        """Go on with open incidents of the running exercise that the database knows; those of an exercise that nothing
        is known of any more are withdrawn at the next tick."""
        held = self.open_ids()
        found = [i for i in incidents if i.drill and i.state in _LIVE and i.id not in held]
        running = self.running
        mine = [i for i in found if running is not None and i.drill == running.drill.id]
        if running is not None and mine:
            running.adopt(mine)
            self._told |= {incident.id: incident for incident in mine}
        if lost := [incident for incident in found if incident not in mine]:
            DRILLS.labels("broken_off").inc()
            self._left += lost

    def snapshot(self) -> bytes:
        running = self.running
        state = _State(
            at=self.at,
            coming=self.coming,
            running=running.drill if running else None,
            last=running.last if running else 0,
            inner=running.snapshot() if running else b"",
            left=self._left,
            told=list(self._told.values()),
        )
        return MAGIC + _encode(state)

    def restore(self, state: bytes) -> None:
        """Raises ValueError for bytes that are not a snapshot of this detector and version."""
        self.reset()
        if not state.startswith(MAGIC):
            raise ValueError("not a snapshot of the drill detector, or of another version of it")
        try:
            saved = _decode(memoryview(state)[len(MAGIC) :])
        except msgspec.DecodeError as exc:
            raise ValueError(f"damaged snapshot of the drill detector: {exc}") from exc
        running = None
        if saved.running is not None and saved.running.node in self.inventory.network:
            running = Exercise(saved.running, self.inventory, self.outage, self.settings)
            running.restore(saved.last, saved.inner)
        self.at, self.coming, self.running = saved.at, saved.coming, running
        self._left = list(saved.left)
        if running is None:
            self._left += saved.told
        else:
            self._told = {incident.id: incident for incident in saved.told}


def _fields(drill: Drill) -> dict[str, str]:
    return {"drill": drill.id, "node": drill.node}


def _withdrawn(incident: Incident, at: int) -> Event:
    summary = f"{MARK}the exercise was broken off; it says nothing about supply."
    ended = structs.replace(
        incident,
        state=IncidentState.CANCELLED,
        ended_at=at,
        summary=summary,
        revision=incident.revision + 1,
    )
    return Event(at=at, change=Change.CANCELLED, incident=ended)
