"""When each device of one endpoint is asked. Pure: time is an argument.

Polls fall on whole multiples of the device's interval plus a phase of its own, so load is spread and stays spread
over restarts. A poll that comes late skips the ticks it missed; it never makes two. A device that keeps failing is
asked less often, and only when no healthy one is due, so what a dead device costs its neighbours is one timeout.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

from gateway.core.clock import SECOND


@dataclass(slots=True, eq=False)
class Turn:
    """One device's place in the schedule.

    interval, phase: µs.  due: its next tick.  ready: when it is asked next, which after a failure is another time.
    failures: polls missed in a row.  taken: when it was last taken.
    """

    key: int
    unit: int
    interval: int
    phase: int
    due: int = 0
    ready: int = 0
    failures: int = 0
    taken: int = 0


def phase_of(name: str, interval: int) -> int:
    """A stable place within the interval, in µs, from the hash of a name."""
    return crc32(name.encode()) * interval >> 32


def next_tick(now: int, interval: int, phase: int) -> int:
    """The first tick after `now`: a multiple of the interval, plus the phase."""
    return ((now - phase) // interval + 1) * interval + phase


class Schedule:
    """Turns of one endpoint: take one with `take`, give it back with `done`."""

    def __init__(self, turns: Sequence[Turn], now: int, *, breaker_after: int, max_backoff_s: float) -> None:
        self._latest = now
        self._breaker_after = breaker_after
        self._max_backoff = int(max_backoff_s * SECOND)
        self._healthy: list[tuple[int, int, Turn]] = []
        self._failing: list[tuple[int, int, Turn]] = []
        self._failing_free_at = 0
        for turn in turns:
            turn.failures = 0
            self._plan(turn, now)

    def take(self, now: int) -> Turn | None:
        """A turn that is due: the longest waiting healthy one, and a failing one when no healthy one is due.

        A failing one that has waited for `max_backoff_s` beyond its time goes first, as long as failing ones
        together take no more than a fifth of the time.
        """
        healthy, failing = (bool(heap) and heap[0][0] <= now for heap in (self._healthy, self._failing))
        overdue = failing and self._failing[0][0] + self._max_backoff <= now and now >= self._failing_free_at
        if not healthy and not failing:
            return None
        turn = heapq.heappop(self._failing if overdue or not healthy else self._healthy)[2]
        turn.taken = now
        return turn

    def next_at(self) -> int | None:
        """When the next turn is due; None while all are taken."""
        return min((heap[0][0] for heap in (self._healthy, self._failing) if heap), default=None)

    def done(self, turn: Turn, now: int, *, answered: bool, jitter: float) -> int:
        """Give a turn back at `now`; returns the number of ticks that it skipped. `jitter` is in [0, 1)."""
        skipped = (now - turn.due) // turn.interval if now > turn.due else 0
        turn.due = turn.ready = next_tick(now, turn.interval, turn.phase)
        if answered:
            turn.failures = 0
        else:
            if turn.failures:
                self._failing_free_at = now + 4 * (now - turn.taken)
            turn.failures += 1
            backoff = self._backoff(turn, jitter)
            breaks = turn.failures >= self._breaker_after
            turn.ready = now + backoff if breaks else min(turn.due, now + backoff)
        self._push(turn)
        return skipped

    def interrupted(self, turn: Turn, now: int) -> None:
        """Give a turn back whose poll the end of the connection cut short: once more at once, then as a failure."""
        if turn.failures:
            self.done(turn, now, answered=False, jitter=0.0)
        else:
            turn.failures = 1
            turn.ready = now
            self._push(turn)

    def forgive(self, now: int) -> None:
        """A new connection is a new chance for everyone: what was put off is asked again at its next tick."""
        put_off, self._failing = self._failing, []
        for _, _, turn in put_off:
            turn.failures = 0
            self._plan(turn, now)

    def heed(self, now: int) -> None:
        """Plan anew when the clock was put back: ticks that lie far ahead would let everyone wait for them."""
        if now < self._latest - SECOND:
            waiting = [turn for _, _, turn in (*self._healthy, *self._failing)]
            self._healthy, self._failing, self._failing_free_at = [], [], 0
            for turn in waiting:
                self._plan(turn, now)
            self._latest = now
        self._latest = max(self._latest, now)

    def _plan(self, turn: Turn, now: int) -> None:
        turn.due = turn.ready = next_tick(now, turn.interval, turn.phase)
        self._push(turn)

    def _backoff(self, turn: Turn, jitter: float) -> int:
        """From the interval on it doubles with each failure up to the cap, less up to a fifth of it by chance."""
        doublings = max(0, min(turn.failures - self._breaker_after + 1, 30))
        return int(min(turn.interval << doublings, self._max_backoff) * (1 - 0.2 * jitter))

    def _push(self, turn: Turn) -> None:
        heapq.heappush(self._failing if turn.failures else self._healthy, (turn.ready, turn.key, turn))
