"""The detector of meter events: from readings, and from what meters tell of themselves."""

from __future__ import annotations

import math

import msgspec
import numpy as np

from gateway.core.clock import SECOND
from gateway.core.inventory import Inventory
from gateway.core.model import (
    Batch,
    Drill,
    Event,
    Instruction,
    Int64s,
    MeterEvent,
    PlannedOutage,
    Quality,
    Question,
    Signal,
)
from gateway.core.network import PHASES
from processors.meterevents.conditions import Found, judge
from processors.meterevents.facts import Facts
from processors.meterevents.metrics import EVENTS
from processors.meterevents.reported import Reported
from processors.meterevents.screen import screen
from processors.meterevents.settings import MeterEventSettings
from processors.meterevents.slots import COUNT, SLOTS
from processors.meterevents.table import COLUMNS, Keys, Note, Table

MAGIC = b"feederline-meter-events-1\n"


class _State(msgspec.Struct, frozen=True, kw_only=True):
    at: int
    ids: list[str]
    last_at: bytes
    busy: list[int]
    slots: int
    columns: dict[str, bytes]
    notes: list[tuple[bytes, ...]]
    open: list[MeterEvent]
    ended: list[MeterEvent]
    told: list[MeterEvent]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_State).decode
_NOTE: tuple[type[np.generic], ...] = (
    np.int64,
    np.int64,
    np.int64,
    np.int64,
    np.bool_,
    np.float64,
    np.float64,
)


class MeterEventDetector:
    """A `gateway.core.ports.Noting`: it makes no incidents, and tells what began, ended or grew severe once each."""

    name = "meter_events"

    def __init__(self, inventory: Inventory, settings: MeterEventSettings) -> None:
        self.inventory = inventory
        self.settings = settings
        self.facts = Facts.of(inventory, settings)
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        n = len(self.inventory)
        self.at = 0
        self.last_at: Int64s = np.full(n, np.iinfo(np.int64).min, np.int64)
        self.table = Table(n, round(self.settings.delay_s * SECOND), 100.0 * self.settings.unbalance_severe)
        self.reported = Reported()
        self._notes: list[MeterEvent] = []

    # -- entries ---------------------------------------------------------------------------------------------------

    def observe(self, batch: Batch) -> None:
        n = len(self.last_at)
        known = (batch.device >= 0) & (batch.device < n)
        rows = np.flatnonzero(known & (batch.quality & Quality.REDELIVERED == 0))  # when was it so?
        rows = rows[self.facts.judged[batch.device[rows]]]
        at = np.minimum(batch.measured_at[rows], batch.received_at[rows])
        fresh = at >= self.last_at[batch.device[rows]]
        rows, at = rows[fresh], at[fresh]
        if not len(rows):
            return
        device = batch.device[rows].astype(np.int64)
        stirred = self.table.row >= 0
        stirred[device[screen(batch, rows, self.facts, self.settings)]] = True
        here = np.flatnonzero(stirred[device])
        if len(here):
            found = judge(batch, rows[here], self.facts, self.settings)
            self._fold(device[here], at[here], found)
        np.maximum.at(self.last_at, device, at)

    def _fold(self, device: Keys, at: Int64s, found: Found) -> None:
        """Row by row of each device, in the order of the stream; what is older than the row before is late."""
        order = np.argsort(device, kind="stable")
        first = np.concatenate([[True], device[order][1:] != device[order][:-1]])
        place = np.arange(len(order))
        turn = place - np.maximum.accumulate(np.where(first, place, 0))
        for step in range(int(turn.max()) + 1):
            now = order[turn == step]
            now = now[at[now] >= self.last_at[device[now]]]
            keys = device[now]
            gap = at[now] - np.maximum(self.last_at[keys], 0) > self.facts.patience[keys]
            self.last_at[keys] = at[now]
            self.table.fold(keys, at[now], _rows_of(found, now), gap)

    def notice(self, signal: Signal) -> None:
        if 0 <= signal.device < len(self.last_at):
            self.reported.notice(signal)

    def plan(self, planned: PlannedOutage) -> None:
        """An outage is no event of a meter."""

    def instruct(self, instruction: Instruction) -> None:
        """There are no incidents here."""

    def exercise(self, drill: Drill) -> None:
        """Exercises are outages."""

    def questions(self) -> list[Question]:
        """None."""
        return []

    # -- conclusions -----------------------------------------------------------------------------------------------

    def advance(self, at: int) -> list[Event]:
        """No events; what was found since the last time is told by `notes`."""
        self.at = max(at, self.at)
        notes, self.table.notes = self.table.notes, []
        self._notes += [*self._told(notes), *self.reported.notes]
        self.reported.notes = []
        return []

    def notes(self) -> list[MeterEvent]:
        """By device, kind and time; each is handed out once."""
        notes, self._notes = self._notes, []
        for note in notes:
            EVENTS.labels(note.kind.value).inc()
        return notes

    def _told(self, notes: list[Note]) -> list[MeterEvent]:
        """The newest state of each event, in order."""
        if not notes:
            return []
        every = Note(*(np.concatenate(columns) for columns in zip(*notes, strict=True)))
        order = np.lexsort((every.since, every.slot, every.device))
        device, slot, since = every.device[order], every.slot[order], every.since[order]
        last = np.ones(len(order), np.bool_)
        last[:-1] = (device[1:] != device[:-1]) | (slot[1:] != slot[:-1]) | (since[1:] != since[:-1])
        return [self._event(*row) for row in zip(*(c[order[last]].tolist() for c in every), strict=True)]

    def _event(self, device: int, slot: int, *rest: float) -> MeterEvent:
        since, ended, severe, extreme, limit = rest
        kind, phase = SLOTS[slot]
        letters = self.inventory.phase_letters(device)
        of = "" if phase < 0 else letters if len(letters) == 1 else PHASES[phase]
        return MeterEvent(
            device=device,
            kind=kind,
            phase=of,
            started_at=int(since),
            ended_at=int(ended) or None,
            severe=bool(severe),
            extreme=None if math.isnan(extreme) else round(extreme, 3),
            limit=None if math.isnan(limit) else round(limit, 3),
        )

    # -- state -----------------------------------------------------------------------------------------------------

    def snapshot(self) -> bytes:
        table, busy = self.table, self.table.busy
        rows = table.row[busy]
        state = _State(
            at=self.at,
            ids=list(self.inventory.ids),
            last_at=self.last_at.tobytes(),
            busy=busy.tolist(),
            slots=COUNT,
            columns={name: getattr(table, name)[rows].tobytes() for name in COLUMNS},
            notes=[tuple(column.tobytes() for column in note) for note in table.notes],
            open=list(self.reported.open.values()),
            ended=[
                MeterEvent(device=device, kind=kind, phase=phase, started_at=at)
                for (device, kind, phase), at in self.reported.ended.items()
            ],
            told=[*self._notes, *self.reported.notes],
        )
        return MAGIC + _encode(state)

    def restore(self, state: bytes) -> None:
        """Raises ValueError for bytes that are not a snapshot of this detector and version."""
        self.reset()
        if not state.startswith(MAGIC):
            raise ValueError("not a snapshot of the meter event detector, or of another version of it")
        try:
            saved = _decode(memoryview(state)[len(MAGIC) :])
        except msgspec.DecodeError as exc:
            raise ValueError(f"damaged snapshot of the meter event detector: {exc}") from exc
        if saved.slots != COUNT:
            raise ValueError("not a snapshot of the meter event detector, or of another version of it")
        rows = {name: row for row, name in enumerate(self.inventory.ids)}
        new = np.array([rows.get(name, -1) for name in saved.ids], np.int64)
        old = np.flatnonzero(new >= 0)
        self.at = saved.at
        self.last_at[new[old]] = np.frombuffer(saved.last_at, np.int64)[old]
        self._restore_table(saved, new)
        self._restore_told(saved, new)

    def _restore_table(self, saved: _State, new: Keys) -> None:
        table = self.table
        busy = new[np.array(saved.busy, np.int64)] if saved.busy else np.empty(0, np.int64)
        known = np.flatnonzero(busy >= 0)
        table.take(busy[known])
        for name, dtype in COLUMNS.items():
            column = np.frombuffer(saved.columns[name], dtype).reshape(len(busy), COUNT)
            getattr(table, name)[table.row[busy[known]]] = column[known]
        for columns in saved.notes:
            note = Note(*(np.frombuffer(c, dtype) for c, dtype in zip(columns, _NOTE, strict=True)))
            here = np.flatnonzero(new[note.device] >= 0)
            table.notes.append(note.take(here)._replace(device=new[note.device[here]]))

    def _restore_told(self, saved: _State, new: Keys) -> None:
        def renamed(events: list[MeterEvent]) -> list[MeterEvent]:
            kept = [event for event in events if new[event.device] >= 0]
            return [msgspec.structs.replace(event, device=int(new[event.device])) for event in kept]

        reported = self.reported
        reported.open = {(e.device, e.kind, e.phase): e for e in renamed(saved.open)}
        reported.ended = {(e.device, e.kind, e.phase): e.started_at for e in renamed(saved.ended)}
        self._notes = renamed(saved.told)


def _rows_of(found: Found, rows: Keys) -> Found:
    return Found(found.holds[rows], found.over[rows], found.value[rows], found.limit[rows])
