"""Notes of meters and suspicions in the pipeline: handed to those who want them, and never lost in silence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from gateway.core.errors import NotStorableError
from gateway.core.model import (
    Commit,
    Event,
    Incident,
    Interruption,
    MeterEvent,
    MeterEventKind,
    PlannedOutage,
    Suspicion,
    Tick,
)
from gateway.core.ports import TicketDesk
from gateway.spool import Spool
from tests.integration.test_pipeline import SECOND, Counting, Result, rows, running


@dataclass
class PickyStore:
    """Takes no commit with a note of these devices, or with a suspicion of them."""

    refused: tuple[int, ...] = ()
    commits: list[Commit] = field(default_factory=list)
    tries: int = 0
    at: int = 0

    async def write(self, commit: Commit, desk: TicketDesk, spool: UUID) -> Result:
        self.tries += 1
        said = {note.device for note in commit.meter_events} | {s.device for s in commit.suspicions}
        if said & set(self.refused):
            raise NotStorableError("refused for the test")
        self.commits.append(commit)
        self.at = max(self.at, commit.upto)
        return Result()

    async def position(self, spool: UUID) -> int:
        return self.at

    async def open_incidents(self) -> Sequence[Incident]:
        return []

    async def open_interruptions(self) -> Sequence[Interruption]:
        return []

    async def planned_outages(self, *, since: int) -> Sequence[PlannedOutage]:
        return []

    @property
    def notes(self) -> list[int]:
        return sorted(note.device for commit in self.commits for note in commit.meter_events)

    @property
    def letters(self) -> list[str]:
        return [letter.topic for commit in self.commits for letter in commit.dead_letters]


class Watching(Counting):
    """Notes so many meters at each tick, and hears suspicions."""

    name = "watching"

    def __init__(self, notes: int = 0, events: bool = False) -> None:
        super().__init__()
        self.many = notes
        self.events = events
        self.suspected: list[Suspicion] = []
        self._at = 0

    def advance(self, at: int) -> list[Event]:
        self._at = at
        return super().advance(at) if self.events else []

    def notes(self) -> list[MeterEvent]:
        return [
            MeterEvent(device=device, kind=MeterEventKind.OVERLOAD, started_at=self._at)
            for device in range(self.many)
        ]

    def suspect(self, suspicion: Suspicion) -> None:
        self.suspected.append(suspicion)


def suspicion(device: int) -> Suspicion:
    return Suspicion(device=device, received_at=5, since=0, until=5, score=0.5, reasons=())


async def test_notes_and_suspicions_reach_the_database_and_who_wants_them(tmp_path: Path) -> None:
    store, watching, deaf = PickyStore(), Watching(notes=2), Counting()
    async with Spool(tmp_path) as spool, running(spool, store, watching, deaf) as pipeline:  # type: ignore[arg-type]
        await spool.put([suspicion(4), Tick(at=SECOND), rows(1)])
        await pipeline.drain()
    assert watching.suspected == [suspicion(4)]
    assert [s for commit in store.commits for s in commit.suspicions] == [suspicion(4)]
    assert store.notes == [0, 1]
    assert store.letters == []


async def test_a_note_that_cannot_be_stored_is_kept_as_a_dead_letter_and_the_others_are_stored(
    tmp_path: Path,
) -> None:
    store, watching = PickyStore(refused=(300,)), Watching(notes=512, events=True)
    async with Spool(tmp_path) as spool, running(spool, store, watching) as pipeline:  # type: ignore[arg-type]
        await spool.put([rows(1), Tick(at=SECOND), rows(2)])
        await pipeline.drain()
    assert store.notes == [device for device in range(512) if device != 300]
    assert store.letters == ["MeterEvent overload of device 300"]
    assert len([event for commit in store.commits for event in commit.events]) == 1
    assert [int(at) for c in store.commits for b in c.batches for at in b.measured_at] == [1, 2]
    assert store.at == 3
    assert store.tries < 60, "many good notes beside a bad one are not written one by one"


async def test_a_suspicion_that_cannot_be_stored_is_kept_as_a_dead_letter(tmp_path: Path) -> None:
    store, watching = PickyStore(refused=(9,)), Watching()
    async with Spool(tmp_path) as spool, running(spool, store, watching) as pipeline:  # type: ignore[arg-type]
        await spool.put([suspicion(4), suspicion(9), suspicion(5)])
        await pipeline.drain()
    assert [s.device for commit in store.commits for s in commit.suspicions] == [4, 5]
    assert store.letters == ["Suspicion"]
    assert store.at == 3
