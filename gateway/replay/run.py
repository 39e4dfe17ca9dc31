"""The detector fed from a recording: a tick at each second of event time, runs of readings as batches in between."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from typing import NamedTuple

import numpy as np
from msgspec import structs

from gateway.core.clock import SECOND
from gateway.core.inventory import Inventory
from gateway.core.model import (
    GATEWAY,
    Incident,
    Interruption,
    PlannedOutage,
    Signal,
    SignalKind,
    SupplyState,
)
from gateway.replay.batches import batches
from gateway.replay.lines import Reader, Reading, Refused
from gateway.replay.order import Item, Order
from processors.outage.detector import OutageDetector
from processors.outage.settings import OutageSettings
from processors.outage.state import Flag

_QUIET = 10  # ticks at which nothing happened, before several are tried in one step
_DEVICES = 50  # that cost as much again: a step compares their state
_STRIDE = 16  # ticks to try first
_SHOWN = 5
_NEVER_S = 1e9
_BY_SILENCE = ("verify_max_s", "planned_grace_s")  # what passes when these are over is concluded from silence


class Fault(NamedTuple):
    """What was wrong with lines, and which were the first of them."""

    total: int
    lines: tuple[int, ...]
    example: str


class Replay:
    """Feed lines with `line`, then `finish` once; what was concluded is in the attributes.

    incidents: by id, the last revision;  interruptions: by (incident, device, step), void ones included;
    ignored: lines not taken, by reason;  reordered: lines that were put in their place;
    clock_faults: keys of devices whose own time was not believed;  at: the last tick, 0 before any.
    """

    def __init__(
        self,
        inventory: Inventory,
        settings: OutageSettings,
        *,
        planned: Iterable[PlannedOutage] = (),
        until: int | None = None,
        chunk: int = 10_000,
        restarts: Collection[int] = (),
        every_second: bool = False,
    ) -> None:
        """`until`: take nothing received later, and tick on to it. None of the others changes a result: `chunk` is the
        most rows of a batch, `restarts` are lines after which the detector is thrown away and restored from its
        snapshot, and with `every_second` no tick is left out in quiet stretches.
        """
        self.inventory = inventory
        self.settings = settings
        self.until = until
        self.chunk = chunk
        self.restarts = restarts
        self.every_second = every_second
        self.detector = OutageDetector(inventory, settings)
        self.reader = Reader(inventory)
        self.order = Order()
        self.incidents: dict[str, Incident] = {}
        self.interruptions: dict[tuple[str, int, int], Interruption] = {}
        self.clock_faults: set[int] = set()
        self.lines = 0
        self.readings = 0
        self.at = 0
        self.over = False  # `until` has been reached: no further line counts
        self._refused: dict[str, Fault] = {}
        self._announced = list(planned)
        self._windows: set[int] = set()  # when announced outages begin and end
        self._due = 0  # the next tick, 0 before the first line
        self._last = 0  # reception of the latest line
        self._run: list[Reading] = []
        self._received: list[int] = []
        self._heard = False  # something was fed since the last tick
        self._quiet = 0  # ticks in a row at which nothing happened
        self._patience = _QUIET + len(inventory) // _DEVICES
        self._stride = _STRIDE  # ticks to try in one step next

    # -- lines -----------------------------------------------------------------------------------------------------

    def line(self, raw: bytes) -> None:
        """Take the next line of the file."""
        self.lines += 1
        raw = raw.strip()
        if not raw:
            return
        found = self.reader.read(raw)
        if isinstance(found, Refused):
            self._refuse(found.reason, (self.lines,), found.message)
            return
        for item in self.order.put(Item(found[0], self.lines, raw, found[1])):
            self._take(item)

    def finish(self) -> None:
        """The file has ended: take what was held back, then go on until everything pending is concluded.

        Nobody could be heard after the last line, so silence does not count from there on: neither to lose supply nor
        to have it back with the others. With `until` the recording is taken to reach that far: silence counts, and what
        is pending then stays so.
        """
        for item in self.order.rest():
            self._take(item)
        if not self._due:
            return
        if self.until is not None:
            self._tick_before(self.until + 1)
            return
        self._flush()
        state, incidents, interruptions = (
            self.detector.snapshot(),
            dict(self.incidents),
            dict(self.interruptions),
        )
        at, due = self.at, self._due
        patient = self.settings.model_copy(update=dict.fromkeys(_BY_SILENCE, _NEVER_S))
        self._conclude(patient, state)
        if self._guessed(interruptions):
            self.incidents, self.interruptions, self.at, self._due = incidents, interruptions, at, due
            self._conclude(patient.model_copy(update={"remainder_s": _NEVER_S}), state)

    def _conclude(self, settings: OutageSettings, state: bytes) -> None:
        """Go on from a snapshot at the end of the recording while the gateway is away."""
        self.detector = OutageDetector(self.inventory, settings)
        self.detector.restore(state)
        self._feed(Signal(kind=SignalKind.GATEWAY_DOWN, device=GATEWAY, received_at=self._last))
        self._tick_before(self._last + self._tail())

    def _guessed(self, before: dict[tuple[str, int, int], Interruption]) -> bool:
        """Whether somebody is told to have supply again since then who has not shown it since losing it."""
        shown = self.detector.evidence.on_at
        return any(
            row.state is SupplyState.OFF
            and row.ended_at is not None
            and shown[row.device] <= row.started_at < row.ended_at
            for key, row in self.interruptions.items()
            if before.get(key) != row
        )

    @property
    def ignored(self) -> dict[str, Fault]:
        """What was not taken, by reason."""
        found = dict(self._refused)
        for reason, numbers, example in (
            ("impossible_time", self.order.impossible, "received_at is far from that of the lines around it"),
            ("out_of_order", self.order.lost, "received_at is before that of lines taken long ago"),
            ("duplicate", self.order.repeated, "the line is there already"),
        ):
            if numbers:
                before = found.get(reason, Fault(0, (), example))
                lines = sorted((*before.lines, *numbers))[:_SHOWN]
                found[reason] = Fault(before.total + len(numbers), tuple(lines), before.example)
        return dict(sorted(found.items()))

    def _refuse(self, reason: str, numbers: tuple[int, ...], example: str) -> None:
        before = self._refused.get(reason, Fault(0, (), example))
        lines = (*before.lines, *numbers)[:_SHOWN]
        self._refused[reason] = Fault(before.total + len(numbers), lines, before.example)

    def _take(self, item: Item) -> None:
        received = item.received_at
        if self.over or (self.until is not None and received > self.until):
            self.over = True
            return
        if received > self._due:
            self._begin(received)
            self._tick_before(received)
        self._last = received
        what = item.what
        if isinstance(what, Reading):
            self._run.append(what)
            self._received.append(received)
            if len(self._run) >= self.chunk:
                self._flush()
        else:
            self._flush()
            self._feed(what)
        if item.number in self.restarts:
            self._flush()
            state = self.detector.snapshot()
            self.detector = OutageDetector(self.inventory, self.settings)
            self.detector.restore(state)

    # -- the detector ----------------------------------------------------------------------------------------------

    def _begin(self, received: int) -> None:
        if not self._due:
            self._due = received // SECOND * SECOND
            for planned in self._announced:
                self._feed(structs.replace(planned, received_at=self._due))

    def _feed(self, what: Signal | PlannedOutage) -> None:
        self._heard = True
        if isinstance(what, Signal):
            self.detector.notice(what)
        else:
            self._windows.update((what.starts_at, what.ends_at))
            self.detector.plan(what)

    def _flush(self) -> None:
        """Hand over the run of readings: a batch of each source, rows in order."""
        if not self._run:
            return
        run, received, self._run, self._received = self._run, self._received, [], []
        self._heard = True
        self.readings += len(run)
        for batch in batches(run, received):
            self.detector.observe(batch)

    def _tick_before(self, end: int) -> None:
        """Tick at each whole second before `end`."""
        self._flush()
        while self._due < end:
            if self._quiet >= self._patience and not self.every_second and self._step(end):
                continue
            heard = self._heard
            if self._advance(self._due) or heard:
                self._quiet, self._stride = 0, _STRIDE
            else:
                self._quiet += 1
            self._due += SECOND

    def _advance(self, at: int) -> bool:
        """Whether anything was concluded."""
        detector = self.detector
        events = detector.advance(at)
        asked = detector.questions()  # nobody answers in a recording but who answered then
        self.at = at
        for event in events:
            self.incidents[event.incident.id] = event.incident
            for row in event.interruptions:
                self.interruptions[row.incident, row.device, row.step] = row
        if self._heard:
            self.clock_faults.update(np.flatnonzero(detector.evidence.flags & Flag.CLOCK).tolist())
            self._heard = False
        return bool(events or asked)

    def _step(self, end: int) -> bool:
        """Try several ticks of a quiet stretch in one; false when each is needed.

        What a detector concludes without hearing anything it concludes at some deadline. A later tick that leaves its
        state as it was has passed none, except for those that come and go: where announced outages begin and end.
        """
        last = (end - self._due - 1) // SECOND  # ticks left after this one
        bound = min((w for w in self._windows if w >= self._due), default=end)
        last = min(last, (bound - self._due - 1) // SECOND)
        stride = min(self._stride, last)
        detector, due = self.detector, self._due
        if self._stride < 2:  # something happens at the next tick
            self._quiet, self._stride = 0, _STRIDE
        if stride < 2:
            return False
        was, before = detector.at, detector.snapshot()
        to = due + stride * SECOND
        events, asked = detector.advance(to), detector.questions()
        at, detector.at = detector.at, was
        if events or asked or detector.snapshot() != before:
            detector.restore(before)
            self._stride = stride // 2
            return True
        detector.at = at
        self.at, self._due = to, to + SECOND
        self._stride = stride * 2
        return True

    def _tail(self) -> int:
        """How long what is pending at the end may take, when nothing more is heard and silence does not count: µs."""
        s = self.settings
        interval = float(self.inventory.interval_s.max(initial=0))
        seconds = 2 * s.collecting_s + max(s.remainder_s, 1.5 * interval) + s.verify_s + s.reclose_s + s.ask_s
        return math.ceil(seconds + 10) * SECOND
