"""From the spool to the store and the detectors: one ordered stream, cut into transactions.

A stretch of the stream is given to every detector entry by entry; what they conclude is written in the same
transaction as the readings it rests on and the new position in the stream. After a crash the detectors are restored
from their last snapshot and fed again from there; what the database already has is not written a second time. The
time that detectors see is in the stream itself (ticks), so feeding again concludes the same.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable
from uuid import UUID

from gateway.core import codec
from gateway.core.backoff import Backoff
from gateway.core.clock import SECOND
from gateway.core.errors import NotStorableError, UnavailableError
from gateway.core.model import Batch, Commit, DeadLetter, Entry, Event, Incident, Signal, Tick
from gateway.core.ports import Processor, TicketDesk
from gateway.metrics import PIPELINE_ENTRIES, PIPELINE_FAULTS, PIPELINE_LAG, PIPELINE_ROWS
from gateway.spool import Item, Spool

log = logging.getLogger(__name__)


class Written(Protocol):
    """What a transaction changed; the store's own record has more."""

    @property
    def inserted(self) -> int: ...


class Store(Protocol):
    """What the pipeline needs of the database."""

    async def write(self, commit: Commit, desk: TicketDesk, spool: UUID) -> Written: ...

    async def position(self, spool: UUID) -> int: ...

    async def open_incidents(self) -> Sequence[Incident]: ...


@runtime_checkable
class Adopting(Protocol):
    """A detector that can take over incidents which it has no memory of."""

    def adopt(self, incidents: Sequence[Incident]) -> None: ...


@dataclass(slots=True)
class Step:
    """One entry with what the detectors concluded at it."""

    seq: int
    entry: Entry
    events: list[Event]


class Pipeline:
    """Runs until cancelled. `position` is how far the database is, `seq` how far the detectors are."""

    def __init__(
        self,
        spool: Spool,
        store: Store,
        processors: Sequence[Processor],
        desk: TicketDesk,
        *,
        snapshot_s: float = 30.0,
        max_bytes: int = 8 << 20,
    ) -> None:
        self.spool = spool
        self.store = store
        self.processors = processors
        self.desk = desk
        self.snapshot_every = round(snapshot_s * SECOND)
        self.max_bytes = max_bytes
        self.position = 0
        self.seq = 0
        self.at = 0  # stream time: the last tick that was taken
        self._snapshot_at = 0
        self._written = asyncio.Condition()

    @property
    def lag(self) -> int:
        """Entries that are in the spool and not yet in the database."""
        return self.spool.last - self.position

    async def run(self) -> None:
        backoff = Backoff(base_s=0.5, cap_s=15.0)
        while True:
            try:
                await self._recover()
                break
            except UnavailableError as exc:
                log.warning("database is away; the spool keeps what arrives", extra={"error": str(exc)})
                await backoff.sleep()
        while True:
            items = await self.spool.read(self.seq, max_bytes=self.max_bytes)
            await self._take(items)
            if self.at - self._snapshot_at >= self.snapshot_every:
                await self.snapshot()

    async def drain(self) -> None:
        """Return when everything that is in the spool now is in the database."""
        goal = self.spool.last
        async with self._written:
            await self._written.wait_for(lambda: self.position >= goal)

    async def snapshot(self) -> None:
        """Keep the detectors' state and forget what lies before it in the spool."""
        seq = min(self.seq, self.position)
        if seq != self.seq:
            return  # feeding again after a crash; the next one comes when the two have met
        for processor in self.processors:
            state = processor.snapshot()
            await asyncio.to_thread(self.spool.save_snapshot, processor.name, seq, state)
        self._snapshot_at = self.at
        await self.spool.trim(seq)

    async def _recover(self) -> None:
        self.position = await self.store.position(self.spool.id)
        start = self.spool.first - 1
        restored: list[int] = []
        for processor in self.processors:
            kept = self.spool.load_snapshot(processor.name)
            if kept is None or kept[0] < start:
                continue
            try:
                processor.restore(kept[1])
            except ValueError as exc:
                log.error("snapshot cannot be used", extra={"processor": processor.name, "error": str(exc)})  # noqa: TRY400
            else:
                restored.append(kept[0])
        if len(restored) == len(self.processors) and len(set(restored)) == 1:
            self.seq = restored[0]
            return
        self.seq = start
        if start > 0 or self.position == 0:
            # Nothing in reach tells how these began: take them over as the database knows them.
            incidents = await self.store.open_incidents()
            for processor in self.processors:
                if incidents and isinstance(processor, Adopting):
                    processor.adopt(incidents)

    async def _take(self, items: Sequence[Item]) -> None:
        steps = [Step(item.seq, item.entry, self._feed(item.entry)) for item in items]
        self.seq = items[-1].seq
        fresh = [step for step in steps if step.seq > self.position]
        if fresh:
            await self._write(fresh)

    def _feed(self, entry: Entry) -> list[Event]:
        """Give the entry to every detector. One that fails on it is counted and goes on with the next entry."""
        events: list[Event] = []
        for processor in self.processors:
            try:
                match entry:
                    case Batch():
                        processor.observe(entry)
                    case Signal():
                        processor.notice(entry)
                    case Tick():
                        events += processor.advance(entry.at)
                    case DeadLetter():
                        pass
            except Exception:  # a boundary: field data must not be able to stop detection
                PIPELINE_FAULTS.labels(processor.name).inc()
                log.exception("detector failed on an entry", extra={"processor": processor.name})
        if isinstance(entry, Tick):
            self.at = max(self.at, entry.at)
        return events

    async def _write(self, steps: Sequence[Step]) -> None:
        """Write until it is written: retry what may pass, set aside the one entry that never will."""
        backoff = Backoff(base_s=0.2, cap_s=15.0)
        while True:
            try:
                await self.store.write(combine(steps), self.desk, self.spool.id)
                break
            except UnavailableError as exc:
                log.warning("database is away; the spool keeps what arrives", extra={"error": str(exc)})
                await backoff.sleep()
            except NotStorableError as exc:
                if len(steps) > 1:
                    middle = len(steps) // 2
                    await self._write(steps[:middle])
                    await self._write(steps[middle:])
                    return
                log.error("entry cannot be stored; kept as a dead letter", extra={"error": str(exc)})  # noqa: TRY400
                steps = [Step(steps[0].seq, _set_aside(steps[0], self.at, str(exc)), [])]
        async with self._written:
            self.position = steps[-1].seq
            self._written.notify_all()
        PIPELINE_ENTRIES.inc(len(steps))
        PIPELINE_ROWS.inc(sum(len(step.entry) for step in steps if isinstance(step.entry, Batch)))
        PIPELINE_LAG.set(self.lag)


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
            case Tick():
                commit.at = max(commit.at, step.entry.at)
        commit.events += step.events
        commit.upto = step.seq
    return commit


def _set_aside(step: Step, at: int, reason: str) -> DeadLetter:
    """The entry, and what was concluded at it, kept whole for a person to look at."""
    payload = codec.encode(step.entry) + b"".join(codec.encode_event(event) for event in step.events)
    return DeadLetter(
        received_at=at, source="pipeline", topic=type(step.entry).__name__, payload=payload, reason=reason
    )
