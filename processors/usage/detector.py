"""Anomalous usage in the stream: what the daily look and the readings say becomes incidents for inspection."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from gateway.core.inventory import Inventory
from gateway.core.model import (
    Batch,
    Drill,
    Event,
    Incident,
    Instruction,
    Interruption,
    PlannedOutage,
    Question,
    Signal,
    Suspicion,
)
from processors.usage.settings import UsageSettings


class UsageDetector:
    """A `gateway.core.ports.Suspecting`: a pure fold over the stream that concludes in `advance` only."""

    name = "usage"

    def __init__(self, inventory: Inventory, settings: UsageSettings) -> None:
        self.inventory = inventory
        self.settings = settings
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        raise NotImplementedError

    def observe(self, batch: Batch) -> None:
        raise NotImplementedError

    def notice(self, signal: Signal) -> None:
        """Nothing in signals is evidence of use."""

    def plan(self, planned: PlannedOutage) -> None:
        """Announced outages are no business of usage: days with gaps are left out anyway."""

    def exercise(self, drill: Drill) -> None:
        """Exercises are left alone."""

    def suspect(self, suspicion: Suspicion) -> None:
        raise NotImplementedError

    def instruct(self, instruction: Instruction) -> None:
        raise NotImplementedError

    def questions(self) -> list[Question]:
        """None."""
        return []

    def advance(self, at: int) -> list[Event]:
        raise NotImplementedError

    def open_ids(self) -> frozenset[str]:
        raise NotImplementedError

    def republish(self, incidents: Collection[str]) -> None:
        raise NotImplementedError

    def adopt(self, incidents: Sequence[Incident], interruptions: Sequence[Interruption] = ()) -> None:
        raise NotImplementedError

    def snapshot(self) -> bytes:
        raise NotImplementedError

    def restore(self, state: bytes) -> None:
        raise NotImplementedError
