"""Puts time into the stream: a tick each period, and the gateway's own absences as signals.

Detectors judge silence by ticks. When the gateway itself could not hear (it was down, suspended, or held back by a
full spool), silence meanwhile says nothing; a `gateway_down` and a `gateway_up` around the gap tell them so.

Time in the stream never goes back, so a wall clock that is ahead for a moment must not get into it: a jump ahead that
the steady clock does not share is believed only when it has lasted for a while (docs/decisions/time-in-the-stream.md).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from gateway.core.clock import SECOND, Clock
from gateway.core.model import GATEWAY, Entry, Signal, SignalKind, Tick
from gateway.core.ports import Sink
from gateway.metrics import ABSENCES

log = logging.getLogger(__name__)

_LATE = SECOND // 2


class Timekeeper:
    """`last` is the last tick known from the stream, 0 for a new one; `steady` gives seconds that never jump."""

    def __init__(
        self,
        clock: Clock,
        *,
        last: int = 0,
        period_s: float = 1.0,
        absent_after_s: float = 5.0,
        believe_after_s: float = 60.0,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self.clock = clock
        self.last = last
        self.pace(period_s, absent_after_s)
        self.believe_after = round(believe_after_s * SECOND)
        self._steady = steady
        self._ticked_at: int | None = None  # steady µs of the last tick in this run
        self._ahead_since: int | None = None  # steady µs since when the wall clock has been ahead
        self._behind = 0  # µs by which the wall clock is behind the stream

    def pace(self, period_s: float, absent_after_s: float) -> None:
        """Go on at another pace."""
        self.period = round(period_s * SECOND)
        self.absent_after = round(absent_after_s * SECOND)

    @property
    def trouble(self) -> str:
        """Why detectors cannot conclude now; empty when they can."""
        if self._behind <= self.absent_after:
            return ""
        return f"the clock was set back by {self._behind // SECOND} s; nothing is concluded until it has caught up"

    async def run(self, sink: Sink) -> None:
        while True:
            await sink.put(self.entries(self.clock.now()))
            await self._next()

    async def _next(self) -> None:
        """Return when the next tick is due, or at once when the clock is set back. Timers go by the steady clock, which
        may be there some microseconds before the wall clock: a tick so early would be the former one again."""
        now = self.clock.now()
        due = now - now % self.period + self.period
        while 0 < (left := due - self.clock.now()) <= self.period:  # noqa: ASYNC110 - time itself
            await asyncio.sleep(left / SECOND)

    def entries(self, wall: int) -> list[Entry]:
        """What to put into the stream when the wall clock shows `wall`."""
        before, starting = self.last, self._ticked_at is None
        now = self._believed(wall)
        self._mind(before - wall if before else 0)
        self.last = max(before, now)
        gap = self.last - before
        if not before or gap <= (0 if starting else self.absent_after):  # down is down, however shortly
            return [Tick(at=self.last)]
        ABSENCES.inc()
        log.warning("gateway was absent", extra={"seconds": gap // SECOND})
        return [
            Signal(kind=SignalKind.GATEWAY_DOWN, device=GATEWAY, received_at=self.last, occurred_at=before),
            Signal(kind=SignalKind.GATEWAY_UP, device=GATEWAY, received_at=self.last, occurred_at=self.last),
            Tick(at=self.last),
        ]

    def _believed(self, wall: int) -> int:
        """`wall`, or what the steady clock makes of the last tick while the wall clock has just jumped ahead."""
        steady = round(self._steady() * SECOND)
        ticked_at, self._ticked_at = self._ticked_at, steady
        if ticked_at is None:
            return wall
        expected = self.last + steady - ticked_at
        if wall - expected <= self.absent_after:
            self._ahead_since = None
            return self._on_time(wall)
        if self._ahead_since is None:
            self._ahead_since = steady
            log.warning(
                "clock jumped ahead; waiting whether it stays", extra={"seconds": (wall - expected) // SECOND}
            )
        if steady - self._ahead_since < self.believe_after:
            return expected
        self._ahead_since = None
        return wall

    def _on_time(self, wall: int) -> int:
        """When the tick was due, unless it ends an absence, or is so late that windows would be shortened by it.

        A tick comes some milliseconds late, and the tenth after it may come less late: a window of whole periods
        measured between the two would not quite be over, and be concluded a period later than it could be. But what
        was heard before a late tick is later than the tick says, and its window shorter by as much.
        """
        late = wall % self.period
        return wall if wall - self.last > self.absent_after or late > _LATE else wall - late

    def _mind(self, behind: int) -> None:
        if behind > self.absent_after >= self._behind:
            log.error(
                "clock was set back; detectors wait until it has caught up",
                extra={"seconds": behind // SECOND},
            )
        self._behind = max(0, behind)
