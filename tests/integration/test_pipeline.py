"""The pipeline on a real spool: one transaction per stretch, nothing twice after a crash, nothing can stop it.

The store and the detector are stand-ins at their seams: what the store was asked to write is what is checked.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from gateway.core.errors import NotStorableError, RefusedError, UnavailableError
from gateway.core.model import (
    Batch,
    Change,
    Commit,
    DeadLetter,
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
    SignalKind,
    Tick,
)
from gateway.core.ports import TicketDesk
from gateway.pipeline import Pipeline
from gateway.spool import Spool
from tests.waiting import until

SECOND = 1_000_000
DAY = 86_400 * SECOND


@dataclass
class Result:
    inserted: int = 0


@dataclass
class StandInStore:
    """Keeps commits as a database would: all or nothing, with the position in the stream."""

    commits: list[Commit] = field(default_factory=list)
    at: int = 0
    away: int = 0  # how many writes fail before one succeeds
    read_only: int = 0  # how many are refused as by a server that is read-only
    refuse_device: int | None = None
    refuse_incident: str = ""
    known: list[Incident] = field(default_factory=list)
    announced: list[PlannedOutage] = field(default_factory=list)

    async def write(self, commit: Commit, desk: TicketDesk, spool: UUID) -> Result:
        if self.away:
            self.away -= 1
            raise UnavailableError("no database")
        if self.read_only:
            self.read_only -= 1
            raise RefusedError("read-only")
        if any(event.incident.id == self.refuse_incident for event in commit.events):
            raise NotStorableError("refused for the test")
        if any(self.refuse_device in batch.device for batch in commit.batches):
            raise NotStorableError("refused for the test")
        self.commits.append(commit)
        self.at = max(self.at, commit.upto)
        return Result(sum(map(len, commit.batches)))

    async def position(self, spool: UUID) -> int:
        return self.at

    async def open_incidents(self) -> Sequence[Incident]:
        return self.known

    async def open_interruptions(self) -> Sequence[Interruption]:
        return []

    async def planned_outages(self, *, since: int) -> Sequence[PlannedOutage]:
        return [window for window in self.announced if window.ends_at > since]

    @property
    def rows(self) -> list[int]:
        return [int(at) for commit in self.commits for batch in commit.batches for at in batch.measured_at]

    @property
    def events(self) -> list[Event]:
        return [event for commit in self.commits for event in commit.events]


class Counting:
    """Concludes at each tick how many rows it has seen so far."""

    name = "counting"

    def __init__(self) -> None:
        self.rows = 0
        self.open: set[str] = set()
        self.adopted: list[Incident] = []
        self.told_again: list[str] = []
        self.planned: list[PlannedOutage] = []
        self.said: list[Instruction] = []
        self.drills: list[Drill] = []

    def observe(self, batch: Batch) -> None:
        if batch.source == "poison":
            raise RuntimeError("cannot digest this")
        self.rows += len(batch)

    def notice(self, signal: Signal) -> None:
        pass

    def plan(self, planned: PlannedOutage) -> None:
        self.planned.append(planned)

    def instruct(self, instruction: Instruction) -> None:
        self.said.append(instruction)

    def exercise(self, drill: Drill) -> None:
        self.drills.append(drill)

    def questions(self) -> list[Question]:
        return []

    def advance(self, at: int) -> list[Event]:
        incident = Incident(
            id=f"i{at}", kind=IncidentKind.OUTAGE, node="N", phases="ABC", state=IncidentState.OPEN, started_at=at,
            detected_at=at, customers=self.rows, devices=(), confidence=1.0, summary="",
        )  # fmt: skip
        return [Event(at=at, change=Change.OPENED, incident=incident)]

    def snapshot(self) -> bytes:
        return str(self.rows).encode()

    def restore(self, state: bytes) -> None:
        self.rows = int(state)

    def reset(self) -> None:
        self.rows = 0
        self.open = set()

    def open_ids(self) -> frozenset[str]:
        return frozenset(self.open)

    def adopt(self, incidents: Sequence[Incident], interruptions: Sequence[Interruption]) -> None:
        self.adopted += incidents

    def republish(self, incidents: Collection[str]) -> None:
        self.told_again += incidents


class NoDesk:
    """Nothing here opens tickets."""


@contextlib.asynccontextmanager
async def running(
    spool: Spool, store: StandInStore, detector: Counting, *others: Counting
) -> AsyncIterator[Pipeline]:
    pipeline = Pipeline(spool, store, [detector, *others], NoDesk(), snapshot_s=10)  # type: ignore[arg-type]
    task = asyncio.create_task(pipeline.run())
    try:
        yield pipeline
    finally:
        task.cancel()
        await asyncio.wait([task])


def rows(*at: int, device: int = 1, source: str = "") -> Batch:
    return Batch.of(("voltage_a",), [device] * len(at), list(at), [[1.0]] * len(at), source=source)


async def test_everything_is_written_in_order_with_its_position(tmp_path: Path) -> None:
    store = StandInStore()
    gasp = Signal(kind=SignalKind.LAST_GASP, device=1, received_at=5)
    letter = DeadLetter(received_at=6, source="s", topic="t", payload=b"x", reason="r")
    async with Spool(tmp_path) as spool, running(spool, store, Counting()) as pipeline:
        await spool.put([rows(1, 2), gasp, letter, Tick(at=SECOND), rows(3)])
        await pipeline.drain()
    assert store.rows == [1, 2, 3]
    assert [s for c in store.commits for s in c.signals] == [gasp]
    assert [d for c in store.commits for d in c.dead_letters] == [letter]
    assert [event.incident.customers for event in store.events] == [2]
    assert store.at == 5


async def test_an_absent_database_delays_and_loses_nothing(tmp_path: Path) -> None:
    store = StandInStore(away=2)
    async with Spool(tmp_path) as spool, running(spool, store, Counting()) as pipeline:
        await spool.put([rows(1), Tick(at=SECOND)])
        await pipeline.drain()
    assert store.rows == [1]
    assert len(store.events) == 1


async def test_one_entry_that_cannot_be_stored_is_set_aside_and_the_rest_is_stored(tmp_path: Path) -> None:
    store = StandInStore(refuse_device=13)
    async with Spool(tmp_path) as spool, running(spool, store, Counting()) as pipeline:
        await spool.put([rows(1), rows(2), rows(3, device=13), rows(4), Tick(at=SECOND)])
        await pipeline.drain()
    assert store.rows == [1, 2, 4]
    (letter,) = [letter for commit in store.commits for letter in commit.dead_letters]
    assert (letter.source, letter.topic, letter.reason) == ("pipeline", "Batch", "refused for the test")
    assert len(letter.payload) > 30
    assert len(store.events) == 1


async def test_a_conclusion_that_cannot_be_stored_is_kept_and_told_again_and_its_neighbours_are_stored(
    tmp_path: Path,
) -> None:
    store, first, second = StandInStore(refuse_incident="i1000000"), Counting(), Counting()
    second.name = "second"
    second.advance = lambda at: []  # type: ignore[method-assign]
    async with Spool(tmp_path) as spool:
        pipeline = Pipeline(spool, store, [first, second], NoDesk())  # type: ignore[arg-type]
        task = asyncio.create_task(pipeline.run())
        await spool.put([rows(1), Tick(at=SECOND), rows(2), Tick(at=2 * SECOND)])
        await pipeline.drain()
        task.cancel()
        await asyncio.wait([task])
    assert store.rows == [1, 2]
    assert [event.incident.id for event in store.events] == ["i2000000"]
    (letter,) = [letter for commit in store.commits for letter in commit.dead_letters]
    assert letter.topic == "Event i1000000"
    assert first.told_again == ["i1000000"]
    assert store.at == 4


async def test_a_database_that_refuses_for_now_stops_nothing(tmp_path: Path) -> None:
    store = StandInStore(read_only=2)
    async with Spool(tmp_path) as spool, running(spool, store, Counting()) as pipeline:
        await spool.put([rows(1), Tick(at=SECOND)])
        await until(lambda: pipeline.trouble == "read-only", what="the trouble to be told")
        await pipeline.drain()
        assert pipeline.trouble == ""
    assert store.rows == [1]


async def test_a_detector_whose_incidents_nobody_was_told_of_takes_over_the_databases(tmp_path: Path) -> None:
    known = Counting().advance(1)[0].incident
    store, detector = StandInStore(known=[known]), Counting()
    detector.open = {"another"}
    async with Spool(tmp_path) as spool, running(spool, store, detector) as pipeline:
        await spool.put([Tick(at=SECOND)])
        await pipeline.drain()
    assert detector.open == set()
    assert detector.adopted == [known]


async def test_two_snapshots_at_once_do_not_meet(tmp_path: Path) -> None:
    store = StandInStore()
    async with Spool(tmp_path) as spool, running(spool, store, Counting()) as pipeline:
        await spool.put([rows(1), Tick(at=SECOND)])
        await pipeline.drain()
        await asyncio.gather(*(pipeline.snapshot() for _ in range(5)))
        assert spool.load_snapshot("counting") == (2, b"1")


async def test_a_detector_that_fails_on_an_entry_goes_on_with_the_next(tmp_path: Path) -> None:
    store, detector = StandInStore(), Counting()
    async with Spool(tmp_path) as spool, running(spool, store, detector) as pipeline:
        await spool.put([rows(1, source="poison"), rows(2), Tick(at=SECOND)])
        await pipeline.drain()
    assert store.rows == [1, 2]
    assert detector.rows == 1


async def test_after_a_crash_the_detector_catches_up_and_nothing_is_written_twice(tmp_path: Path) -> None:
    store = StandInStore()
    async with Spool(tmp_path) as spool, running(spool, store, Counting()) as pipeline:
        await spool.put([rows(1), Tick(at=SECOND)])
        await pipeline.drain()
        await spool.put([rows(2), Tick(at=20 * SECOND)])  # enough stream time for a snapshot
        await until(lambda: spool.first == 5, what="a snapshot and the trim behind it")
        await spool.put([rows(3), Tick(at=21 * SECOND)])
        await pipeline.drain()  # then everything in memory is lost
    detector = Counting()
    async with Spool(tmp_path) as spool, running(spool, store, detector) as pipeline:
        await spool.put([rows(4), Tick(at=22 * SECOND)])
        await pipeline.drain()
        assert pipeline.seq == pipeline.position == 8
    assert store.rows == [1, 2, 3, 4]
    assert [event.incident.customers for event in store.events] == [1, 2, 3, 4]
    assert detector.rows == 4


async def test_without_a_snapshot_open_incidents_are_taken_over_from_the_database(tmp_path: Path) -> None:
    known = Counting().advance(1)[0].incident
    store, detector = StandInStore(known=[known]), Counting()
    async with Spool(tmp_path) as spool, running(spool, store, detector) as pipeline:
        await spool.put([Tick(at=SECOND)])
        await pipeline.drain()
    assert detector.adopted == [known]


async def test_a_snapshot_of_another_version_is_not_fatal(tmp_path: Path) -> None:
    store, detector = StandInStore(), Counting()
    async with Spool(tmp_path) as spool:
        await spool.put([rows(1), Tick(at=SECOND)])
        spool.save_snapshot("counting", 1, b"not a number")
        async with running(spool, store, detector) as pipeline:
            await pipeline.drain()
    assert store.rows == [1]
    assert detector.rows == 1


class Another(Counting):
    name = "another"


async def test_a_detector_that_is_new_takes_no_other_back_with_it(tmp_path: Path) -> None:
    store, detector, new = StandInStore(), Counting(), Another()
    async with Spool(tmp_path) as spool, running(spool, store, Counting()) as pipeline:
        await spool.put([rows(1), Tick(at=SECOND)])
        await pipeline.drain()
        await pipeline.snapshot()
        await spool.put([rows(2), Tick(at=2 * SECOND)])
        await pipeline.drain()
    async with Spool(tmp_path) as spool, running(spool, store, detector, new) as pipeline:
        await spool.put([rows(3)])
        await pipeline.drain()
    assert (detector.rows, new.rows) == (3, 2)
    assert store.rows == [1, 2, 3]


async def test_detectors_whose_snapshots_are_of_different_places_go_on_from_their_own(tmp_path: Path) -> None:
    """Killed while the snapshots were taken: one is the new one, the other still the former."""
    store, one, other = StandInStore(), Counting(), Another()
    async with Spool(tmp_path) as spool, running(spool, store, Counting(), Another()) as pipeline:
        await spool.put([rows(1), rows(2), rows(3)])
        await pipeline.drain()
        spool.save_snapshot("counting", 3, b"3")
        spool.save_snapshot("another", 1, b"1")
    async with Spool(tmp_path) as spool, running(spool, store, one, other) as pipeline:
        await spool.put([rows(4)])
        await pipeline.drain()
    assert (one.rows, other.rows) == (4, 4)
    assert store.rows == [1, 2, 3, 4]


def window(reference: str, ends_at: int, *, withdrawn: bool = False) -> PlannedOutage:
    return PlannedOutage(
        reference=reference, node="N", starts_at=0, ends_at=ends_at, received_at=1, withdrawn=withdrawn
    )


async def test_an_announcement_reaches_the_detectors_and_the_database_in_its_place(tmp_path: Path) -> None:
    store, detector = StandInStore(), Counting()
    first, second = window("WO1", 50 * SECOND), window("WO1", 60 * SECOND)
    async with Spool(tmp_path) as spool, running(spool, store, detector) as pipeline:
        await spool.put([rows(1), first, Tick(at=SECOND), second])
        await pipeline.drain()
    assert detector.planned == [first, second]
    assert [planned for commit in store.commits for planned in commit.planned] == [first, second]


async def test_a_persons_word_and_an_exercise_reach_the_detectors_and_the_database(tmp_path: Path) -> None:
    store, detector = StandInStore(), Counting()
    said = Instruction(id="ins-1", incident="i1", order=Order.CONFIRM, received_at=2, by="somebody")
    drill = Drill(id="d1", node="N", starts_at=3, ends_at=4, received_at=3, by="somebody")
    async with Spool(tmp_path) as spool, running(spool, store, detector) as pipeline:
        await spool.put([rows(1), said, Tick(at=SECOND), drill])
        await pipeline.drain()
    assert (detector.said, detector.drills) == ([said], [drill])
    assert [word for commit in store.commits for word in commit.instructions] == [said]
    assert [each for commit in store.commits for each in commit.drills] == [drill]


async def test_windows_that_the_spool_has_forgotten_come_from_the_database(tmp_path: Path) -> None:
    over, ahead, withdrawn = (
        window("over", 2 * DAY),
        window("ahead", 9 * DAY),
        window("back", 9 * DAY, withdrawn=True),
    )
    store = StandInStore(announced=[over, ahead, withdrawn])
    async with Spool(tmp_path) as spool:
        async with running(spool, store, Counting()) as pipeline:
            await spool.put([Tick(at=4 * DAY)])
            await pipeline.drain()
            await pipeline.snapshot()
            assert spool.first == 2  # nothing is left to be fed again
        detector = Counting()
        async with running(spool, store, detector) as pipeline:
            await spool.put([Tick(at=4 * DAY + SECOND)])
            await pipeline.drain()
    assert detector.planned == [ahead, withdrawn]


async def test_without_a_snapshot_the_windows_are_there_before_anything_is_fed_again(tmp_path: Path) -> None:
    store, order = StandInStore(announced=[window("ahead", 9 * DAY)]), list[str]()

    class Ordered(Counting):
        def plan(self, planned: PlannedOutage) -> None:
            order.append(planned.reference)

        def observe(self, batch: Batch) -> None:
            order.append("reading")

    async with Spool(tmp_path) as spool:
        async with running(spool, store, Counting()) as pipeline:
            await spool.put([rows(1), Tick(at=SECOND)])
            await pipeline.drain()
        async with running(spool, store, Ordered()) as pipeline:
            await spool.put([Tick(at=2 * SECOND)])
            await pipeline.drain()
    assert order == ["ahead", "reading", "ahead"]
