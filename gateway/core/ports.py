"""The seams: what each part offers the others. Implementations live elsewhere; tests may stand in here only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gateway.core.model import (
    Batch,
    Delivery,
    Entry,
    Event,
    Incident,
    PlannedOutage,
    Question,
    Record,
    Signal,
    Ticket,
    Transition,
)


class Sink(Protocol):
    """Where drivers put what they read."""

    async def put(self, entries: Sequence[Entry]) -> None:
        """Return when the entries are durable; the source may be acknowledged then.

        Waits while the spool is full: this is how back-pressure reaches the source.
        """
        ...


class Driver(Protocol):
    """A long-running reader of one protocol. `run` ends only by cancellation or by a failure it cannot mend."""

    name: str

    async def run(self, sink: Sink) -> None: ...

    @property
    def trouble(self) -> str:
        """Why nothing can be read at present, in a few words; empty when all is well."""
        ...

    async def stop(self) -> None:
        """Take up nothing new; return when everything already read has been put into the sink."""
        ...

    def can_ask(self, device: int) -> bool:
        """Whether this driver has a way to ask the device now."""
        ...

    async def ask(self, device: int, sink: Sink) -> None:
        """Ask the device now; return when its answer, or that there was none, is in the sink.

        An answer is a reading or PING_OK; no answer is PING_FAILED, or TARGET_FAILED where what stands in between says
        so. Raises nothing but cancellation; a device that cannot be asked is left alone.
        """
        ...


class Processor(Protocol):
    """A detector: a pure fold over the stream. It concludes in `advance` only; no clock, no I/O.

    The same entries and ticks give the same events, however they are cut into batches, and with any number of
    snapshots and restores in between.
    """

    name: str

    def observe(self, batch: Batch) -> None: ...

    def notice(self, signal: Signal) -> None: ...

    def plan(self, planned: PlannedOutage) -> None: ...

    def advance(self, at: int) -> list[Event]:
        """Time is now `at`; never goes backwards (an earlier time is taken as the latest one)."""
        ...

    def questions(self) -> list[Question]:
        """Whom to ask, as concluded since the last call; whoever cannot be asked is simply not answered for."""
        ...

    def reset(self) -> None:
        """Forget everything."""
        ...

    def snapshot(self) -> bytes: ...

    def restore(self, state: bytes) -> None:
        """Raises ValueError for bytes that are not a snapshot of this processor and version."""
        ...


class Outbox(Protocol):
    """Deliveries waiting in the database, for the dispatcher."""

    async def claim(self, *, at: int, lease: int, limit: int) -> list[Delivery]:
        """Take up to `limit` due deliveries for `lease` µs; no two callers get the same one.

        Only the oldest undelivered one of each (ticket, target) is given, so order per ticket holds.
        """
        ...

    async def delivered(self, delivery: Delivery, *, at: int, status: int) -> None: ...

    async def failed(self, delivery: Delivery, *, at: int, next_at: int | None, error: str) -> None:
        """Try again at `next_at`, or never (None): the delivery becomes a dead letter that a person may replay."""
        ...

    async def wait(self, timeout_s: float) -> None:
        """Return when something was added, or after the timeout."""
        ...


class TicketStep(Record, frozen=True, kw_only=True):
    """One step of a ticket with the messages that tell the targets about it; written in one transaction."""

    ticket: Ticket
    transition: Transition
    deliveries: tuple[Delivery, ...]


class TicketDesk(Protocol):
    """Decides what an incident means for its ticket. Pure: everything it needs is in the arguments."""

    def due_at(self, incident: Incident) -> int | None:
        """When a ticket is to be opened for it if it is still open then; None for never."""
        ...

    def open(self, incident: Incident, *, number: int, at: int) -> TicketStep: ...

    def follow(self, incident: Incident, ticket: Ticket, *, at: int) -> TicketStep | None:
        """What the incident, as it now is, does to its existing ticket; None when nothing worth telling."""
        ...

    def again_at(self, incident: Incident, ticket: Ticket) -> int | None:
        """When to call `follow` again because it held something back; None when it did not."""
        ...
