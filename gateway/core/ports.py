"""The seams: what each part offers the others. Implementations live elsewhere; tests may stand in here only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from gateway.core.model import (
    Batch,
    Drill,
    Entry,
    Event,
    Incident,
    Instruction,
    MeterEvent,
    PlannedOutage,
    Question,
    Record,
    Signal,
    Suspicion,
)
from gateway.core.ticket import Delivery, Storm, Ticket, TicketLink, TicketRequest, Transition


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


@runtime_checkable
class Recalling(Protocol):
    """A driver that can have a meter send again what it keeps in its load profile."""

    def can_recall(self, device: int) -> bool:
        """Whether the meter keeps a load profile, by its profile or mapping, and there is a way to ask for it."""
        ...

    async def recall(self, device: int, frm: int, till: int, sink: Sink) -> None:
        """Ask for the readings of [frm, till); return when what came is in the sink, or that nothing came is sure.

        They come as batches with the times they were measured at. Raises nothing but cancellation.
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

    def instruct(self, instruction: Instruction) -> None:
        """A person's word about an incident; one of another detector is left alone."""
        ...

    def exercise(self, drill: Drill) -> None: ...

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


@runtime_checkable
class Noting(Processor, Protocol):
    """A detector that finds conditions of meters beside incidents."""

    def notes(self) -> list[MeterEvent]:
        """What began, ended or grew worse, as concluded at the last `advance`."""
        ...


@runtime_checkable
class Suspecting(Processor, Protocol):
    """A detector that hears of what the daily look at meter data finds."""

    def suspect(self, suspicion: Suspicion) -> None: ...


class Outbox(Protocol):
    """Deliveries waiting in the database, for the dispatcher."""

    async def claim(self, *, at: int, lease: int, limit: int) -> list[Delivery]:
        """Take up to `limit` due deliveries for `lease` µs; no two callers get the same one.

        Only the oldest undelivered one of each (subject, target) is given, so order per ticket holds; nothing is
        given for a target that is disabled.
        """
        ...

    async def delivered(self, delivery: Delivery, *, at: int, status: int, reference: str = "") -> None:
        """`reference` is what the target calls the ticket from now on, where it said so; later deliveries carry it."""
        ...

    async def failed(self, delivery: Delivery, *, at: int, next_at: int | None, error: str) -> None:
        """Try again at `next_at`, or never (None): the delivery becomes a dead letter that a person may replay."""
        ...

    async def disable(self, target: str, *, at: int, reason: str) -> None:
        """The target wants no more: what is and will be for it waits as dead letters until a person enables it."""
        ...

    async def hurry(self, target: str, *, at: int) -> None:
        """The target answers again: what waits there for another try is due now."""
        ...

    async def wait(self, timeout_s: float) -> None:
        """Return when something was added, or after the timeout."""
        ...


class TicketStep(Record, frozen=True, kw_only=True):
    """One step of a ticket with the messages that tell the targets about it; written in one transaction."""

    ticket: Ticket
    transition: Transition
    deliveries: tuple[Delivery, ...]
    links: tuple[TicketLink, ...] = ()


class TicketDesk(Protocol):
    """Decides what an incident means for its ticket. Pure: everything it needs is in the arguments."""

    def due_at(self, incident: Incident) -> int | None:
        """When a ticket is to be opened for it if it is still open then; None for never."""
        ...

    def choose(self, due: Sequence[Incident], standing: Sequence[Ticket]) -> list[Incident]:
        """Which of these get their ticket now, most urgent first; what a standing ticket explains waits.

        standing: tickets that live, with those opened earlier in the same transaction.
        """
        ...

    def open(
        self,
        incident: Incident,
        *,
        number: int,
        at: int,
        split_from: Ticket | None = None,
        storming: bool = False,
    ) -> TicketStep:
        """`split_from`: the ticket of the incident that this one was part of."""
        ...

    def follow(
        self, incident: Incident, ticket: Ticket, *, at: int, storming: bool = False
    ) -> TicketStep | None:
        """What the incident, as it now is, does to its existing ticket; None when nothing worth telling.

        storming: targets that take summaries are not told of mere updates.
        """
        ...

    def again_at(self, incident: Incident, ticket: Ticket) -> int | None:
        """When to call `follow` or `remind` again though nothing happens: an update was held back, a severity rises
        with time, a clock is to be warned of or runs out. None when there is no such time."""
        ...

    def remind(self, incident: Incident, ticket: Ticket, *, at: int) -> TicketStep | None:
        """The step that the ticket's clocks ask for at `at`; None when none does. To be called until it is None."""
        ...

    def act(self, incident: Incident, ticket: Ticket, request: TicketRequest, *, at: int) -> TicketStep:
        """What a person or a service system asks for.

        Raises ImpossibleError (the ticket's state does not allow it; says what is possible), InvalidInputError
        (something that the action needs is missing or wrong).
        """
        ...

    def weather(
        self, storm: Storm | None, standing: Sequence[Ticket], *, at: int
    ) -> tuple[Storm | None, tuple[Delivery, ...]]:
        """The storm as it is at `at` (None: there is none), and the summaries that are due.

        storm: the last one that has not ended;  standing: tickets that live, and where there is a storm also those
        that ended since its last summary.
        """
        ...
