"""Puts time into the stream: a tick each period, and the gateway's own absences as signals.

Detectors judge silence by ticks. When the gateway itself could not hear (it was down, suspended, or held back by a
full spool), silence meanwhile says nothing; a `gateway_down` and a `gateway_up` around the gap tell them so.
"""

from __future__ import annotations

import asyncio
import logging

from gateway.core.clock import SECOND, Clock
from gateway.core.model import GATEWAY, Entry, Signal, SignalKind, Tick
from gateway.core.ports import Sink
from gateway.metrics import ABSENCES

log = logging.getLogger(__name__)


class Timekeeper:
    """`last` is the last tick known from the stream, 0 for a new one."""

    def __init__(
        self, clock: Clock, *, last: int = 0, period_s: float = 1.0, absent_after_s: float = 5.0
    ) -> None:
        self.clock = clock
        self.last = last
        self.period = round(period_s * SECOND)
        self.absent_after = round(absent_after_s * SECOND)

    async def run(self, sink: Sink) -> None:
        while True:
            await sink.put(self.entries(self.clock.now()))
            await asyncio.sleep((self.period - self.clock.now() % self.period) / SECOND)

    def entries(self, now: int) -> list[Entry]:
        """What to put into the stream at `now`; a clock that was set back repeats the latest tick."""
        before, self.last = self.last, max(self.last, now)
        if not before or self.last - before <= self.absent_after:
            return [Tick(at=self.last)]
        ABSENCES.inc()
        log.warning("gateway was absent", extra={"seconds": (self.last - before) // SECOND})
        return [
            Signal(kind=SignalKind.GATEWAY_DOWN, device=GATEWAY, received_at=self.last, occurred_at=before),
            Signal(kind=SignalKind.GATEWAY_UP, device=GATEWAY, received_at=self.last, occurred_at=self.last),
            Tick(at=self.last),
        ]
