"""Anomalous usage in the stream: what the daily look and the readings say becomes incidents for inspection."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence

import numpy as np
from msgspec import structs

from gateway.core.clock import DAY
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
    Order,
    PlannedOutage,
    Question,
    Signal,
    Suspicion,
)
from processors.usage import cases, snapshot
from processors.usage.cases import PREFIX, Case, Weighed, weigh
from processors.usage.live import Live
from processors.usage.metrics import IDLE_INSTRUCTIONS, SUSPICIONS
from processors.usage.rules import AREA_LOSS
from processors.usage.settings import UsageSettings

log = logging.getLogger(__name__)

_LIVE = (IncidentState.OPEN, IncidentState.RESTORED)


class UsageDetector:
    """A `gateway.core.ports.Suspecting`: a pure fold over the stream that concludes in `advance` only."""

    name = "usage"

    def __init__(self, inventory: Inventory, settings: UsageSettings) -> None:
        self.inventory = inventory
        self.settings = settings
        self.transformer = inventory.transformer()
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.at = 0
        self.live = Live(self.inventory, self.settings)
        self.cases: dict[int, Case] = {}
        self.touched: set[int] = set()  # devices to be judged at the next tick
        self.waiting: list[Instruction] = []
        self.left: list[Incident] = []  # of devices that are no longer listed

    def observe(self, batch: Batch) -> None:
        self.live.observe(batch)

    def notice(self, signal: Signal) -> None:
        """Nothing in signals is evidence of use."""

    def plan(self, planned: PlannedOutage) -> None:
        """Announced outages are no business of usage: days with gaps are left out anyway."""

    def exercise(self, drill: Drill) -> None:
        """Exercises are left alone."""

    def suspect(self, suspicion: Suspicion) -> None:
        """Take the daily look's word; that of an earlier day than the one known says nothing any more."""
        device = suspicion.device
        if not 0 <= device < len(self.inventory) or self.inventory.node[device] < 0:
            SUSPICIONS.labels("unlisted").inc()
            return
        case = self.cases.setdefault(device, Case(device=device))
        if case.suspicion is not None and suspicion.until < case.suspicion.until:
            SUSPICIONS.labels("late").inc()
            return
        SUSPICIONS.labels("told").inc()
        case.suspicion = suspicion
        self.touched.add(device)

    def instruct(self, instruction: Instruction) -> None:
        """Take a person's word about an incident of ours; it takes effect at the next tick."""
        if instruction.incident.startswith(PREFIX):
            self.waiting.append(instruction)

    def questions(self) -> list[Question]:
        """None: a meter cannot say whether all of what is used goes through it."""
        return []

    def advance(self, at: int) -> list[Event]:
        at = self.at = max(at, self.at)
        events = [self._gone(incident, at) for incident in self.left]
        self.left = []
        for instruction in self.waiting:
            events += self._follow(instruction, at)
        self.waiting = []
        touched = self.touched | self.live.touched
        self.touched, self.live.touched = set(), set()
        touched |= {case.device for case in self.cases.values() if 0 < case.due <= at}
        # Customers first: an area is only told of where none of them stands out.
        for device in sorted(touched, key=lambda key: (self._area(key), key)):
            events += self._conclude(device, at)
        return events

    def _area(self, device: int) -> bool:
        """Whether this measures what others use."""
        return not self.inventory.customers[device]

    def _conclude(self, device: int, at: int) -> list[Event]:
        live = self.live.reasons(device, at)
        case = self.cases.get(device)
        if case is None:
            if not live:
                return []
            case = self.cases[device] = Case(device=device)
        case.due = 0
        weighed = weigh(case.suspicion, live, self.settings, area=self._area(device))
        until = case.suspicion.until if case.suspicion else at
        if case.incident is not None:
            return self._go_on(case, weighed, at, until)
        case.due = self.live.fades_at(device, at)
        if case.rest_until > at:
            SUSPICIONS.labels("rests").inc()
            return []
        case.rest_until = 0
        self._let_go(case, live, at)
        if not weighed.opens or self._explained(case):
            return []
        SUSPICIONS.labels("opened").inc()
        since = min(self.live.began(device, at), case.suspicion.since if case.suspicion else at)
        event = cases.opened(case, weighed, self.inventory, at, since=since, until=until)
        self._look_again(case, weighed, at)
        return [event, *self._absorb(device, event.incident, at)]

    def _let_go(self, case: Case, live: Sequence[object], at: int) -> None:
        """Remember nothing of who was cleared."""
        if case.suspicion and case.suspicion.score < self.settings.tell_score and not live:
            case.suspicion = None
        if case.idle and not live and at >= case.rest_until:
            self.cases.pop(case.device, None)

    def _go_on(self, case: Case, weighed: Weighed, at: int, until: int) -> list[Event]:
        if case.suspicion is None and not weighed.reasons:  # adopted: nothing is known but that it is open
            return [cases.retold(case, None, self.inventory, at)] if case.untold else []
        if weighed.score >= self.settings.close_score:
            case.low_at = case.low_day = 0
        elif not case.low_at:
            case.low_at, case.low_day = at, until
        low = case.low_at and max(at - case.low_at, until - case.low_day)
        if case.low_at and low >= self.settings.close_days * DAY:
            days = self.settings.close_days
            words = (
                f"Nothing is left of what stood out at {self.inventory.ids[case.device]}, for {days} days."
            )
            return [cases.ended(case, IncidentState.CLOSED, at, words)]
        events = []
        if cases.differs(case, weighed):
            events.append(cases.retold(case, weighed, self.inventory, at, until=until))
        self._look_again(case, weighed, at)
        return events

    def _look_again(self, case: Case, weighed: Weighed, at: int) -> None:
        """When the score changes, or the incident ends, though nothing is heard."""
        times = [self.live.fades_at(case.device, at)]
        if case.low_at and weighed.score < self.settings.close_score:
            times.append(case.low_at + self.settings.close_days * DAY)
        case.due = min((time for time in times if time > at), default=0)

    def _explained(self, case: Case) -> bool:
        """Whether this only says that an area loses energy, and customers below it stand out."""
        if not (self._area(case.device) and case.suspicion and case.suspicion.reasons[:1]):
            return False
        place = self.transformer[case.device]
        return case.suspicion.reasons[0].rule == AREA_LOSS and any(
            other.incident is not None and not self._area(other.device)
            for other in self.cases.values()
            if self.transformer[other.device] == place
        )

    def _absorb(self, device: int, into: Incident, at: int) -> list[Event]:
        """A customer stands out: the loss of the area is looked for there."""
        place = self.transformer[device]
        if self._area(device) or place < 0:
            return []
        areas = [
            case
            for case in self.cases.values()
            if case.incident is not None
            and self._area(case.device)
            and self.transformer[case.device] == place
            and not case.incident.confirmed_by
            and case.suspicion is not None
            and case.suspicion.reasons[:1]
            and case.suspicion.reasons[0].rule == AREA_LOSS
        ]
        words = f"{self.inventory.ids[device]} stands out below this transformer."
        return [cases.ended(case, IncidentState.MERGED, at, words, parent=into.id) for case in areas]

    def _follow(self, said: Instruction, at: int) -> list[Event]:
        found = next((c for c in self.cases.values() if c.incident and c.incident.id == said.incident), None)
        if found is not None and found.incident is not None:
            if said.order is Order.CONFIRM and not found.incident.confirmed_by:
                return [cases.confirmed(found, said.by, at)]
            if said.order is Order.CANCEL:
                found.rest_until = said.received_at + self.settings.rest_days * DAY
                return [cases.ended(found, IncidentState.CANCELLED, at, "", said.by, said.reason)]
        IDLE_INSTRUCTIONS.labels(said.order).inc()
        log.warning(
            "instruction about unusual usage cannot be followed",
            extra={"instruction": said.id, "incident": said.incident, "order": said.order},
        )
        return []

    def _gone(self, incident: Incident, at: int) -> Event:
        case = Case(device=-1, incident=incident)
        return cases.ended(case, IncidentState.CLOSED, at, "The device is no longer listed.")

    def open_ids(self) -> frozenset[str]:
        """Incidents that are followed."""
        followed = [case.incident.id for case in self.cases.values() if case.incident is not None]
        return frozenset([*followed, *(incident.id for incident in self.left)])

    def republish(self, incidents: Collection[str]) -> None:
        """Tell of these again at the next tick, as a new revision; others are left alone."""
        for case in self.cases.values():
            if case.incident is not None and case.incident.id in incidents:
                case.untold = True
                self.touched.add(case.device)

    def adopt(self, incidents: Sequence[Incident], interruptions: Sequence[Interruption] = ()) -> None:  # noqa: ARG002
        """Take over open incidents that the database knows and no snapshot does; others are left alone."""
        held = self.open_ids()
        for incident in incidents:
            ours = incident.kind is IncidentKind.USAGE_ANOMALY and not incident.drill
            if not ours or incident.state not in _LIVE or incident.id in held:
                continue
            device = incident.devices[0] if incident.devices else -1
            if not 0 <= device < len(self.inventory) or self.inventory.node[device] < 0:
                self.left.append(incident)
                continue
            case = self.cases.setdefault(device, Case(device=device))
            if case.incident is None:
                case.incident, case.last_start = incident, incident.started_at
                case.suspicion = case.suspicion or cases.recalled(incident, device)

    def snapshot(self) -> bytes:
        state = snapshot.State(
            at=self.at,
            ids=list(self.inventory.ids),
            live=snapshot.columns(self.live),
            live_touched=sorted(self.live.touched),
            touched=sorted(self.touched),
            waiting=self.waiting,
            cases=[self.cases[device] for device in sorted(self.cases)],
            left=self.left,
        )
        return snapshot.save(state)

    def restore(self, state: bytes) -> None:
        """Raises ValueError for bytes that are not a snapshot of this detector and version."""
        saved = snapshot.load(state)
        self.reset()
        rows = {name: row for row, name in enumerate(self.inventory.ids)}
        new = np.array([rows.get(name, -1) for name in saved.ids], np.int64)
        snapshot.fill(self.live, saved.live, new)
        self.at, self.waiting, self.left = saved.at, list(saved.waiting), list(saved.left)
        self.live.touched = {int(new[key]) for key in saved.live_touched if new[key] >= 0}
        self.touched = {int(new[key]) for key in saved.touched if new[key] >= 0}
        for case in saved.cases:
            key = int(new[case.device])
            if key < 0 or self.inventory.node[key] < 0:
                if case.incident is not None:
                    self.left.append(case.incident)
                continue
            case.device = key
            if case.suspicion is not None:
                case.suspicion = structs.replace(case.suspicion, device=key)
            if case.incident is not None:
                case.incident = structs.replace(case.incident, devices=(key,))
            self.cases[key] = case
        gone = {key for key in self.touched | self.live.touched if self.inventory.node[key] < 0}
        self.touched -= gone
        self.live.touched -= gone
