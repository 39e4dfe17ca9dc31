"""From the spool to the store and the detectors: one ordered stream, cut into transactions.

A stretch of the stream is given to every detector entry by entry; what they conclude is written in the same
transaction as the readings it rests on and the new position in the stream. After a crash the detectors are restored
from their last snapshot and fed again from there; what the database already has is not written a second time. The
time that detectors see is in the stream itself (ticks), so feeding again concludes the same.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from gateway.core import codec
from gateway.core.backoff import Backoff
from gateway.core.clock import DAY, MINUTE, SECOND
from gateway.core.errors import NotStorableError, RefusedError, UnavailableError
from gateway.core.model import (
    Batch,
    Commit,
    DeadLetter,
    Drill,
    Entry,
    Event,
    Incident,
    Instruction,
    Interruption,
    MeterEvent,
    PlannedOutage,
    Question,
    Signal,
    Suspicion,
    Tick,
)
from gateway.core.ports import Noting, Processor, Suspecting, TicketDesk
from gateway.metrics import PIPELINE_ENTRIES, PIPELINE_FAULTS, PIPELINE_LAG, PIPELINE_ROWS
from gateway.recovery import Adopting, announce, reconcile, restore
from gateway.spool import Item, Spool

log = logging.getLogger(__name__)

_BREATH_S = 0.02
_SPOOL_PAUSE_S = 5.0
_TELL_AGAIN = MINUTE
_PLANNED_BACK = 2 * DAY  # a window that ended so long ago may still say what an outage is that began in it


class Written(Protocol):
    """What a transaction changed; the store's own record has more."""

    @property
    def inserted(self) -> int: ...


class Store(Protocol):
    """What the pipeline needs of the database."""

    async def write(self, commit: Commit, desk: TicketDesk, spool: UUID) -> Written: ...

    async def position(self, spool: UUID) -> int: ...

    async def open_incidents(self) -> Sequence[Incident]: ...

    async def open_interruptions(self) -> Sequence[Interruption]: ...

    async def planned_outages(self, *, since: int) -> Sequence[PlannedOutage]: ...


@dataclass(slots=True)
class Step:
    """One entry with what the detectors concluded at it."""

    seq: int
    entry: Entry
    events: list[Event]
    notes: list[MeterEvent] = field(default_factory=list)


class Pipeline:
    """Runs until cancelled. `position` is how far the database is, `seq` how far the detectors are."""

    def __init__(
        self,
        spool: Spool,
        store: Store,
        processors: Sequence[Processor],
        desk: TicketDesk,
        *,
        ask: Callable[[Sequence[Question]], None] = lambda _: None,
        snapshot_s: float = 30.0,
        max_bytes: int = 8 << 20,
    ) -> None:
        self.spool = spool
        self.store = store
        self.processors = processors
        self.desk = desk
        self._ask = ask
        self.snapshot_every = round(snapshot_s * SECOND)
        self.max_bytes = max_bytes
        self.position = 0
        self.seq = 0
        # What a detector is does not change while it runs, and to ask costs more than a tick may.
        self._noting = [p if isinstance(p, Noting) else None for p in processors]
        self._suspecting = [p if isinstance(p, Suspecting) else None for p in processors]
        self._reached = [0] * len(processors)  # what each detector has seen already since the start
        self.at = 0  # stream time: the last tick that was taken
        self.stored_at = 0  # stream time up to which everything is in the database
        self.trouble = ""  # why nothing can be written now; empty when all is well
        self._met = False  # detectors and database have come to the same place since the start
        self._busy = asyncio.Lock()  # a stretch is being taken, or a snapshot
        self._snapshot_at = 0
        self._told_again: dict[str, int] = {}
        self._written = asyncio.Condition()

    @property
    def lag(self) -> int:
        """Entries that are in the spool and not yet in the database."""
        return self.spool.last - self.position

    async def run(self) -> None:
        await self._patiently(self._recover)
        while True:
            if self.seq >= self.position and not self._met:
                await self._patiently(self._reconcile)
                self._met = True
            try:
                items = await self.spool.read(self.seq, max_bytes=self.max_bytes)
            except UnavailableError as exc:
                log.error("stream stands still", extra={"error": str(exc)})  # noqa: TRY400
                await asyncio.sleep(_SPOOL_PAUSE_S)
                continue
            async with self._busy:
                await self._take(items)
            if self.at - self._snapshot_at >= self.snapshot_every:
                await self.snapshot()

    async def _patiently(self, work: Callable[[], Awaitable[None]]) -> None:
        """Repeat `work` until the database takes it; the field is heard meanwhile, and the spool keeps it."""
        backoff = Backoff(base_s=0.2, cap_s=15.0)
        while True:
            try:
                await work()
            except (UnavailableError, RefusedError) as exc:
                self.trouble = str(exc)
                level = logging.WARNING if exc.retry else logging.ERROR
                log.log(
                    level, "database is away; what arrives is kept in the spool", extra={"error": str(exc)}
                )
                await backoff.sleep()
            else:
                self.trouble = ""
                return

    async def drain(self) -> None:
        """Return when everything that is in the spool now is in the database."""
        goal = self.spool.last
        async with self._written:
            await self._written.wait_for(lambda: self.position >= goal)

    async def snapshot(self) -> None:
        """Keep the detectors' state and forget what lies before it in the spool."""
        async with self._busy:
            seq = min(self.seq, self.position)
            if seq != self.seq:
                return  # feeding again after a crash; the next one comes when the two have met
            self._snapshot_at = self.at
            try:
                for processor in self.processors:
                    state = processor.snapshot()
                    await asyncio.to_thread(self.spool.save_snapshot, processor.name, seq, state)
                await self.spool.trim(seq)
            except UnavailableError as exc:  # the former one is still good; the spool keeps what it lacks
                log.error("snapshot was not taken", extra={"error": str(exc)})  # noqa: TRY400

    async def _recover(self) -> None:
        self.position = await self.store.position(self.spool.id)
        planned = await self.store.planned_outages(since=self.spool.heard_at - _PLANNED_BACK)
        stands = restore(self.spool, self.processors)
        self._reached = [stand.seq for stand in stands]
        self.seq = min(self._reached, default=self.spool.first - 1)
        # What is fed again is to be judged as it was the first time.
        announce([p for p, stand in zip(self.processors, stands, strict=True) if stand.anew], planned)

    async def _reconcile(self) -> None:
        incidents = await self.store.open_incidents()
        since = min([self.spool.heard_at, *(incident.started_at for incident in incidents)]) - _PLANNED_BACK
        reconcile(
            self.processors,
            incidents,
            await self.store.open_interruptions(),
            await self.store.planned_outages(since=since),
        )

    async def _take(self, items: Sequence[Item]) -> None:
        steps: list[Step] = []
        breath = time.monotonic()
        for item in items:
            steps.append(self._feed(item.seq, item.entry))
            if time.monotonic() - breath > _BREATH_S:  # sockets want their turn too
                await asyncio.sleep(0)
                breath = time.monotonic()
        self.seq = items[-1].seq
        fresh = [step for step in steps if step.seq > self.position]
        if fresh:
            await self._write(fresh)
            self.stored_at = self.at

    def _feed(self, seq: int, entry: Entry) -> Step:
        """Give the entry to every detector that has not seen it. One that fails on it is counted and goes on with the
        next entry."""
        step = Step(seq, entry, [])
        detectors = zip(self.processors, self._noting, self._suspecting, self._reached, strict=True)
        for processor, noting, suspecting, reached in detectors:
            if seq <= reached:
                continue
            try:
                match entry:
                    case Batch():
                        processor.observe(entry)
                    case Signal():
                        processor.notice(entry)
                    case Tick():
                        step.events += processor.advance(entry.at)
                        if noting is not None:
                            step.notes += noting.notes()
                        self._ask(processor.questions())
                    case PlannedOutage():
                        processor.plan(entry)
                    case Instruction():
                        processor.instruct(entry)
                    case Drill():
                        processor.exercise(entry)
                    case Suspicion():
                        if suspecting is not None:
                            suspecting.suspect(entry)
                    case DeadLetter():
                        pass
            except Exception:  # a boundary: field data must not be able to stop detection
                PIPELINE_FAULTS.labels(processor.name).inc()
                log.exception("detector failed on an entry", extra={"processor": processor.name})
        if isinstance(entry, Tick):
            self.at = max(self.at, entry.at)
        return step

    async def _write(self, steps: Sequence[Step]) -> None:
        """Write until it is written: retry what may pass, halve what is refused until the one entry is found."""
        try:
            await self._commit(combine(steps))
        except NotStorableError as exc:
            if len(steps) > 1:
                middle = len(steps) // 2
                await self._write(steps[:middle])
                await self._write(steps[middle:])
                return
            await self._set_aside(steps[0], exc)
        async with self._written:
            self.position = steps[-1].seq
            self._written.notify_all()
        PIPELINE_ENTRIES.inc(len(steps))
        PIPELINE_ROWS.inc(sum(len(step.entry) for step in steps if isinstance(step.entry, Batch)))
        PIPELINE_LAG.set(self.lag)

    async def _commit(self, commit: Commit) -> None:
        """Raises NotStorableError."""

        async def write() -> None:
            await self.store.write(commit, self.desk, self.spool.id)

        await self._patiently(write)

    async def _set_aside(self, step: Step, cause: NotStorableError) -> None:
        """Keep what cannot be stored as dead letters: the entry, or of what was concluded at it the one that fails."""
        if not step.events and not step.notes:
            await self._keep_letter(step.seq, type(step.entry).__name__, codec.encode(step.entry), cause)
            return
        for event in step.events:
            try:
                await self._commit(Commit(events=[event], at=event.at))
            except NotStorableError as exc:
                await self._keep_letter(
                    step.seq, f"Event {event.incident.id}", codec.encode_event(event), exc
                )
                self._tell_again(event.incident.id)
        await self._write_notes(step.seq, step.notes)
        await self._write([Step(step.seq, step.entry, [])])

    async def _write_notes(self, seq: int, notes: Sequence[MeterEvent]) -> None:
        """Write what can be written of them; there may be many, and one that cannot be stored."""
        if not notes:
            return
        try:
            await self._commit(Commit(meter_events=list(notes)))
        except NotStorableError as exc:
            if len(notes) > 1:
                middle = len(notes) // 2
                await self._write_notes(seq, notes[:middle])
                await self._write_notes(seq, notes[middle:])
                return
            what = f"MeterEvent {notes[0].kind.value} of device {notes[0].device}"
            await self._keep_letter(seq, what, codec.encode_event(notes[0]), exc)

    def _tell_again(self, incident: str) -> None:
        """Have the detectors tell of it again, but not at every tick what is refused at every tick."""
        self._told_again = {i: at for i, at in self._told_again.items() if self.at - at < _TELL_AGAIN}
        if incident in self._told_again:
            return
        self._told_again[incident] = self.at
        for processor in self.processors:
            if isinstance(processor, Adopting):
                processor.republish([incident])

    async def _keep_letter(self, seq: int, what: str, payload: bytes, cause: NotStorableError) -> None:
        log.error("cannot be stored; kept as a dead letter", extra={"what": what, "error": str(cause)})
        letter = DeadLetter(
            received_at=self.at, source="pipeline", topic=what, payload=payload, reason=str(cause)
        )
        await self._commit(Commit(dead_letters=[letter], upto=seq))


def combine(steps: Iterable[Step]) -> Commit:
    """One transaction's worth of the stream."""
    commit = Commit()
    for step in steps:
        match step.entry:
            case Batch():
                commit.batches.append(step.entry)
            case Signal():
                commit.signals.append(step.entry)
            case DeadLetter():
                commit.dead_letters.append(step.entry)
            case PlannedOutage():
                commit.planned.append(step.entry)
            case Instruction():
                commit.instructions.append(step.entry)
            case Drill():
                commit.drills.append(step.entry)
            case Suspicion():
                commit.suspicions.append(step.entry)
            case Tick():
                commit.at = max(commit.at, step.entry.at)
        commit.events += step.events
        commit.meter_events += step.notes
        commit.upto = step.seq
    return commit
