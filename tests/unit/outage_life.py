"""A small district to live through incidents in, driven by hand: seconds, readings, signals, announcements, answers.

F1 ─ U1 (fuse) ─ T1 (M0 … M5), T2 (M6 … M11);  F1 ─ T3 (M12 … M17);  F2 ─ T4 (M18 … M23), all by the broker `mqtt:b`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from gateway.core.clock import MINUTE, SECOND, parse_time
from gateway.core.inventory import Device, Inventory
from gateway.core.model import (
    Batch,
    Event,
    Incident,
    IncidentKind,
    IncidentState,
    Interruption,
    PlannedOutage,
    Question,
    Signal,
    SignalKind,
)
from gateway.core.network import Network
from processors.outage.detector import OutageDetector
from processors.outage.settings import OutageSettings

T0 = parse_time("2026-03-01T08:00:00Z")
METERS = 24
T1, T2, T3, T4 = range(6), range(6, 12), range(12, 18), range(18, 24)
NETWORK = Network(
    ["S", "F1", "U1", "T1", "T2", "T3", "F2", "T4", *(f"N{i}" for i in range(METERS))],
    ["", "S", "F1", "U1", "U1", "F1", "S", "F2", *(f"T{1 + i // 6}" for i in range(METERS))],
    ["substation", "feeder", "fuse", *["transformer"] * 3, "feeder", "transformer", *["service"] * METERS],
)
SETTINGS = OutageSettings(
    collecting_s=5, sustained_s=60, reclose_s=20, verify_s=10, remainder_s=30, verify_max_s=300, planned_early_s=60,
    planned_grace_s=30, ask_s=20, ask_again_s=100, last_gasp_wait_s=3,
)  # fmt: skip
LIVE = (IncidentState.OPEN, IncidentState.RESTORED)


def inventory(
    attributes: Callable[[int], dict[str, str]] = lambda _: {}, extra: Iterable[Device] = ()
) -> Inventory:
    meters = [
        Device(id=f"M{i}", node=f"N{i}", interval_s=10, attributes=attributes(i)) for i in range(METERS)
    ]
    return Inventory([*meters, *extra], NETWORK)


class Life:
    """`off`: keys that say nothing by themselves. The others report supply once in ten seconds, each in its turn."""

    def __init__(
        self,
        devices: Inventory | None = None,
        settings: OutageSettings = SETTINGS,
        *,
        restart_every: int = 0,
        chunk: int = METERS,
    ) -> None:
        self.inventory = devices or inventory()
        self.settings = settings
        self.detector = OutageDetector(self.inventory, settings)
        self.restart_every = restart_every
        self.chunk = chunk
        self.at = T0
        self.off: set[int] = set()
        self.events: list[Event] = []
        self.questions: list[Question] = []
        self.incidents: dict[str, Incident] = {}
        self.rows: dict[tuple[str, int, int], Interruption] = {}
        self.kinds: dict[tuple[str, int, int], IncidentKind] = {}
        self.answer: Callable[[Question], SignalKind | None] = lambda _: None

    def tick(self, seconds: int = 1) -> None:
        for _ in range(seconds):
            self.at += SECOND
            turn = (self.at - T0) // SECOND
            self.read(*(key for key in range(METERS) if key not in self.off and key % 10 == turn % 10))
            if self.restart_every and turn % self.restart_every == 0:
                self.restart()
            self._keep(self.detector.advance(self.at))
            if self.restart_every and turn % self.restart_every == 1:
                self.restart()
            asked = self.detector.questions()
            self.questions += asked
            for question in asked:
                if (kind := self.answer(question)) is not None:
                    self.say(kind, question.device)

    def restart(self) -> None:
        state = self.detector.snapshot()
        self.detector = OutageDetector(self.inventory, self.settings)
        self.detector.restore(state)

    def _keep(self, events: Sequence[Event]) -> None:
        self.events += events
        for event in events:
            held = self.incidents.get(event.incident.id)
            assert held is None or (held.state in LIVE and event.incident.revision == held.revision + 1)
            self.incidents[event.incident.id] = event.incident
            for row in event.interruptions:
                self.rows[row.incident, row.device, row.step] = row
                self.kinds[row.incident, row.device, row.step] = event.incident.kind

    def read(self, *devices: int, volts: float = 230.0, at: int | None = None) -> None:
        names = ("voltage_a", "voltage_b", "voltage_c")
        for i in range(0, len(devices), self.chunk):
            part = devices[i : i + self.chunk]
            when = [self.at if at is None else at] * len(part)
            self.detector.observe(Batch.of(names, part, when, [[volts] * 3] * len(part), source="mqtt:b"))

    def say(self, kind: SignalKind, *devices: int, source: str = "mqtt:b") -> None:
        own = kind in (SignalKind.LAST_GASP, SignalKind.POWER_RESTORED)
        for device in devices:
            self.detector.notice(
                Signal(
                    kind=kind,
                    device=device,
                    received_at=self.at,
                    occurred_at=self.at if own else None,
                    source=source,
                )
            )

    def lose(self, keys: Iterable[int], *, gasps: Iterable[int] | None = None) -> None:
        """Supply goes; `gasps` of them say so, all without it."""
        self.off |= set(keys)
        self.say(SignalKind.LAST_GASP, *(keys if gasps is None else gasps))

    def regain(self, keys: Iterable[int], *, told: bool = False) -> None:
        self.off -= set(keys)
        if told:
            self.say(SignalKind.POWER_RESTORED, *keys)
        else:
            self.read(*keys)

    def plan(
        self, reference: str, node: str, start: int, end: int, *, withdrawn: bool = False
    ) -> PlannedOutage:
        """Announce a window; `start` and `end` in minutes after 08:00."""
        planned = PlannedOutage(
            reference=reference, node=node, starts_at=T0 + start * MINUTE, ends_at=T0 + end * MINUTE,
            received_at=self.at, withdrawn=withdrawn,
        )  # fmt: skip
        self.detector.plan(planned)
        return planned

    def until(self, minutes: float) -> None:
        """Go on to so many minutes after 08:00."""
        self.tick(round((T0 + minutes * MINUTE - self.at) / SECOND))

    def of(self, kind: IncidentKind, *states: IncidentState) -> list[Incident]:
        return [i for i in self.incidents.values() if i.kind is kind and (not states or i.state in states)]

    def time(self, incident: Incident) -> dict[int, list[tuple[float, float | None]]]:
        """Minutes after 08:00 from when to when each member was off, void rows left out."""
        found: dict[int, list[tuple[float, float | None]]] = {}
        for (name, device, _), row in sorted(self.rows.items(), key=lambda item: item[0]):
            if name == incident.id and row.ended_at != row.started_at:
                end = None if row.ended_at is None else round((row.ended_at - T0) / MINUTE, 2)
                found.setdefault(device, []).append((round((row.started_at - T0) / MINUTE, 2), end))
        return found
